"""Calls made on the air: a stop inside a berth or anchorage, with hysteresis by two distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from shapely import Geometry

from pipeline.calls.settings import Settings
from pipeline.geo import to_crs, utm_crs
from pipeline.heard import Track
from pipeline.records import Site, Zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fixes:
    """Track fixes as arrays, sorted by track and time; all are (n,)."""

    track: NDArray[np.object_]
    time_us: NDArray[np.int64]
    """Microseconds since 1970."""
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    sog_mps: NDArray[np.float64]
    """NaN where not told."""
    cog_deg: NDArray[np.float64]
    """NaN where not told."""
    rows: Mapping[str, slice]
    """Rows of each track."""

    @staticmethod
    def of(table: pa.Table) -> Fixes:
        """From a table of `TrackFix` in any order."""
        table = table.sort_by([("track_id", "ascending"), ("sent_at", "ascending")])

        def numbers(name: str) -> NDArray[np.float64]:
            return np.asarray(pc.fill_null(table.column(name), np.nan), np.float64)

        track = np.asarray(table.column("track_id").to_pylist(), dtype=object)
        starts = [0, *(np.flatnonzero(track[1:] != track[:-1]) + 1).tolist()] if len(track) else []
        ends = [*starts, len(track)][1:]
        return Fixes(
            track=track,
            rows={track[a]: slice(a, b) for a, b in zip(starts, ends, strict=True)},
            time_us=np.asarray(pc.cast(table.column("sent_at"), pa.int64())),
            lon=numbers("lon"),
            lat=numbers("lat"),
            sog_mps=numbers("sog_mps"),
            cog_deg=numbers("cog_deg"),
        )

    def instant(self, row: int) -> datetime:
        """Time of a fix."""
        return EPOCH + timedelta(microseconds=int(self.time_us[row]))

    def row_at(self, track_id: str, at: datetime) -> int | None:
        """Row of a track's fix at an instant; None where there is none."""
        own = self.rows.get(track_id, slice(0, 0))
        stamp = (at - EPOCH) // timedelta(microseconds=1)
        row = own.start + int(np.searchsorted(self.time_us[own], stamp))
        return row if row < own.stop and self.time_us[row] == stamp else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A stop of one track in one zone."""

    zone: Zone
    track: Track
    before_at: datetime | None
    """Last fix outside, before; None where the track begins inside."""
    first_at: datetime
    last_at: datetime
    after_at: datetime | None
    """First fix outside, after; None where the track ends inside."""


def find_visits(
    site: Site, fixes: Fixes, tracks: Mapping[str, Track], settings: Settings
) -> list[Visit]:
    """Every stop in the site's zones, in time; of zones that share a stop the one that holds it."""
    found: dict[str, list[tuple[float, Visit]]] = {}
    for zone in site.zones:
        near, far = _grown(zone.polygon, settings.enter_m), _grown(zone.polygon, settings.exit_m)
        lon = _beside(fixes.lon, zone.polygon)
        within = shapely.contains_xy(far, lon, fixes.lat)
        stopped = ~(fixes.sog_mps > settings.stop_begin_mps)
        begins = within & stopped & shapely.contains_xy(near, lon, fixes.lat)
        strictly = within & shapely.contains_xy(zone.polygon, lon, fixes.lat)
        for track_id in dict.fromkeys(fixes.track[begins]):
            own = fixes.rows[track_id]
            for first, last in _stops(begins[own], within[own]):
                visit = _visit(zone, tracks[track_id], fixes, own, (first, last))
                if (visit.last_at - visit.first_at).total_seconds() >= settings.visit_min_s:
                    share = float(strictly[own][first : last + 1].mean())
                    found.setdefault(track_id, []).append((share, visit))
    visits = [visit for own in found.values() for visit in _one_at_a_time(own)]
    return sorted(visits, key=lambda v: (v.first_at, v.zone.zone_id, v.track.track_id))


def _grown(polygon: Geometry, by_m: float) -> Geometry:
    crs = utm_crs(polygon.centroid.x, polygon.centroid.y)
    grown = to_crs(polygon, target=crs).buffer(by_m)
    area = to_crs(grown, source=crs, target="EPSG:4326")
    area = shapely.transform(area, lambda lon, lat: (_beside(lon, polygon), lat), interleaved=False)
    shapely.prepare(area)
    return area


def _beside(lon: NDArray[np.float64], polygon: Geometry) -> NDArray[np.float64]:
    """Longitudes within half a turn of a zone: one hard by the 180th meridian is not torn."""
    centre = polygon.centroid.x
    turns = np.round((lon - centre) / 360.0)
    return np.asarray(lon - 360.0 * turns, np.float64)


def _stops(begins: NDArray[np.bool_], within: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) rows of each stop: from a beginning to the last row before one outside."""
    starts, outside = np.flatnonzero(begins), np.flatnonzero(~within)
    stops: list[tuple[int, int]] = []
    end = -1
    for start in starts.tolist():
        if start <= end:
            continue
        after = int(np.searchsorted(outside, start))
        end = int(outside[after]) - 1 if after < len(outside) else len(within) - 1
        stops.append((start, end))
    return stops


def _visit(zone: Zone, track: Track, fixes: Fixes, own: slice, stop: tuple[int, int]) -> Visit:
    first, last = own.start + stop[0], own.start + stop[1]
    return Visit(
        zone=zone,
        track=track,
        before_at=fixes.instant(first - 1) if first > own.start else None,
        first_at=fixes.instant(first),
        last_at=fixes.instant(last),
        after_at=fixes.instant(last + 1) if last + 1 < own.stop else None,
    )


def _one_at_a_time(own: Sequence[tuple[float, Visit]]) -> list[Visit]:
    """A ship lies in one zone at a time: where buffers overlap, in the one that covers it most."""
    kept: list[Visit] = []
    for _, visit in sorted(own, key=lambda item: (-item[0], item[1].zone.zone_id)):
        if all(visit.last_at < one.first_at or visit.first_at > one.last_at for one in kept):
            kept.append(visit)
    return kept
