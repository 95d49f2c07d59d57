"""Port visits on the air, by a state machine with hysteresis, and how sure each is.

A ship comes into port nearer than one distance and leaves it beyond a larger one; she stops below
one speed and moves off above a higher one; a long silence in port is an event too. These are the
five events of Global Fishing Watch's anchorages pipeline, with its numbers:

  state      what is seen                    becomes    event
  at sea     within `port_enter_m`           in port    entry
  in port    not faster than `stop_kn`       stopped    stop begins
  stopped    not slower than `start_kn`      in port    stop ends
  in port    silent for `port_silence_s`     the same   silence
  in port    beyond `port_exit_m`            at sea     exit

The distance is to the nearest zone of the site that is drawn: a berth or an anchorage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from shapely import Geometry

from pipeline.ais.settings import Settings
from pipeline.ais.tracks import seconds, track_index
from pipeline.clock import format_utc, from_posix
from pipeline.geo import to_crs, utm_crs
from pipeline.heard import Lying, PortVisit
from pipeline.records import (
    Site,
    Zone,
    content_id,
)
from pipeline.units import mps_from_knots

AT_ANCHOR = 1
"""Navigational status, ITU-R M.1371-5, table 46."""
MARGIN_DEG = 0.2
"""Round a site's zones: more than the exit distance up to 75 degrees north or south."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Season:
    """Fixes as arrays (n,), sorted by track and time."""

    track: NDArray[np.int64]
    mmsi: NDArray[np.int64]
    time_s: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    sog_mps: NDArray[np.float64]
    """NaN where not told."""
    anchored: NDArray[np.bool_]
    ids: tuple[str, ...]


def find_port_visits(
    fixes: pa.Table, sites: tuple[Site, ...], settings: Settings
) -> list[PortVisit]:
    """Every visit to the sites, in the order of site, ship and time.

    Args:
        fixes: of `TrackFix`, sorted by track and time.
        sites: with their zones.
        settings: distances and speeds.
    """
    season = _arrays(fixes)
    return [visit for site in sites if site.zones for visit in _at(site, season, settings)]


def _arrays(fixes: pa.Table) -> _Season:
    track, ids = track_index(fixes)
    speed = pc.fill_null(fixes.column("sog_mps"), np.nan)
    return _Season(
        track=track,
        mmsi=np.asarray(fixes.column("mmsi")),
        time_s=seconds(fixes),
        lon=np.asarray(fixes.column("lon")),
        lat=np.asarray(fixes.column("lat")),
        sog_mps=np.asarray(speed, dtype=np.float64),
        anchored=np.asarray(pc.equal(pc.fill_null(fixes.column("nav_status"), 15), AT_ANCHOR)),
        ids=ids,
    )


def _at(site: Site, season: _Season, settings: Settings) -> Iterator[PortVisit]:
    zones = _Zones(site)
    near = zones.around(season.lon, season.lat)
    away_m = np.full(len(near), np.inf)
    away_m[near] = zones.distance_m(season.lon[near], season.lat[near])
    new = np.ones(len(near), np.bool_)
    new[1:] = np.diff(season.track) != 0
    inside = held(away_m <= settings.port_enter_m, away_m >= settings.port_exit_m, new)
    stopped = inside & held(
        season.sog_mps <= mps_from_knots(settings.stop_kn),
        season.sog_mps >= mps_from_knots(settings.start_kn),
        new | ~inside,
    )
    for first, last in runs(inside, new):
        yield _visit(site, zones, season, stopped, (first, last), settings)


def held(
    on: NDArray[np.bool_], off: NDArray[np.bool_], new: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n,) a state that `on` begins and `off` ends; between them it stays; off at each `new`."""
    index = np.arange(len(on))
    set_on = np.maximum.accumulate(np.where(on, index, -1))
    set_off = np.maximum.accumulate(np.where(off | (new & ~on), index, -1))
    return set_on > set_off


def runs(state: NDArray[np.bool_], new: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) rows of each stretch of a state within one track."""
    before = np.concatenate([[False], state[:-1]]) & ~new
    first = np.flatnonzero(state & ~before)
    goes_on = np.concatenate([state[1:] & ~new[1:], [False]])
    last = np.flatnonzero(state & ~goes_on)
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _visit(
    site: Site,
    zones: _Zones,
    season: _Season,
    stopped: NDArray[np.bool_],
    rows: tuple[int, int],
    settings: Settings,
) -> PortVisit:
    first, last = rows
    own = slice(first, last + 1)
    track = season.track[first]
    came = first > 0 and season.track[first - 1] == track
    left = last + 1 < len(season.track) and season.track[last + 1] == track
    silence_s = np.diff(season.time_s[first : last + 2 if left else last + 1])
    silent = bool((silence_s >= settings.port_silence_s).any())
    still = np.flatnonzero(stopped[own]) + first
    zone, lying = zones.lying(season, still)
    mmsi = int(season.mmsi[first])
    start = from_posix(season.time_s[first])
    return PortVisit(
        visit_id=content_id("v", site.site_id, mmsi, format_utc(start)),
        site_id=site.site_id,
        zone_id=None if zone is None else zone.zone_id,
        lying=str(lying),
        mmsi=mmsi,
        track_id=season.ids[track],
        first_at=start,
        last_at=from_posix(season.time_s[last]),
        entered=came,
        left=left,
        stopped_at=from_posix(season.time_s[still[0]]) if len(still) else None,
        moved_off_at=from_posix(season.time_s[still[-1]]) if len(still) else None,
        longest_silence_s=float(silence_s.max(initial=0.0)),
        confidence=confidence(entered=came, left=left, stayed=bool(len(still)) or silent),
    )


def confidence(*, entered: bool, left: bool, stayed: bool) -> int:
    """Global Fishing Watch's classes: 4 entry, exit and stay; 3 lacks one of the first; 2 a stay.

    1 is a passage: "largely false positives", their documentation says.
    """
    if not stayed:
        return 1
    return 2 + entered + left


class _Zones:
    """A site's zones on a plane of metres."""

    def __init__(self, site: Site) -> None:
        centre = shapely.union_all([zone.polygon for zone in site.zones]).centroid
        self._crs = utm_crs(centre.x, centre.y)
        self._centre = centre.x
        self._zones = site.zones
        self._flat: list[Geometry] = [to_crs(z.polygon, target=self._crs) for z in site.zones]
        boxes = np.array([zone.polygon.bounds for zone in site.zones])
        self._south, self._north = boxes[:, 1].min() - MARGIN_DEG, boxes[:, 3].max() + MARGIN_DEG
        self._half = max(abs(boxes[:, [0, 2]] - centre.x).max(), 0.0) + MARGIN_DEG

    def around(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) near enough to measure; also across the 180th meridian."""
        turn = (lon - self._centre + 180.0) % 360.0 - 180.0
        wide = self._half / np.cos(np.deg2rad(min(80.0, max(abs(self._south), abs(self._north)))))
        return np.asarray((np.abs(turn) <= wide) & (lat >= self._south) & (lat <= self._north))

    def distance_m(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) m to the nearest zone; 0 inside."""
        points = to_crs(shapely.points(lon, lat), target=self._crs)
        apart = [shapely.distance(points, zone) for zone in self._flat]
        return np.min(apart, axis=0) if len(lon) else np.zeros(0)

    def lying(self, season: _Season, rows: NDArray[np.int64]) -> tuple[Zone | None, Lying]:
        """Where most of a stop was spent: in which zone, or at anchor or adrift outside all."""
        if len(rows) == 0:
            return None, Lying.PASSING
        points = to_crs(shapely.points(season.lon[rows], season.lat[rows]), target=self._crs)
        share = [shapely.dwithin(points, flat, BESIDE_M).mean() for flat in self._flat]
        best = int(np.argmax(share))
        if share[best] > 0.5:
            zone = self._zones[best]
            return zone, Lying.AT_BERTH if zone.is_berth else Lying.AT_ANCHORAGE
        anchored = season.anchored[rows].mean() > 0.5
        return None, Lying.AT_ANCHOR if anchored else Lying.ADRIFT


BESIDE_M = 40.0
"""GPS and antenna, as for calls."""
