"""Clean fixes to tracks: one ship each, even where two ships send under one MMSI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.settings import Settings
from pipeline.clock import format_utc
from pipeline.geo import distance_m
from pipeline.records import Static, Track, TrackFix, content_id
from pipeline.tables import schema_of, to_records
from pipeline.units import mps_from_knots

MICROSECONDS = 1e6
LIVE_BRANCHES = 8
"""Ships told apart on one MMSI at a time; more are jamming or a test number, not ships."""
ORDER = ("mmsi", "sent_at", "lon", "lat", "sog_mps", "cog_deg", "heading_deg", "nav_status")
"""Every column that goes into a track, so that the files' order leaves no trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSet:
    """The season's tracks."""

    fixes: pa.Table
    """Of `TrackFix`, sorted by track and time."""
    tracks: list[Track]
    counts: Mapping[str, int]
    """What became of the fixes: clean, marked, repeated, splinters."""


def build_tracks(fixes: pa.Table, statics: pa.Table, *, settings: Settings) -> TrackSet:
    """Tracks from all feeds together.

    Args:
        fixes: of `Fix`, any order; rows with a mark are counted and left out.
        statics: of `Static`.
        settings: thresholds.
    """
    clean = fixes.filter(pc.is_null(fixes.column("mark")))
    clean = clean.sort_by([(name, "ascending") for name in ORDER])
    repeated = _repeated(clean, settings)
    once = clean.filter(pa.array(~repeated))
    branch = _branches(once, settings)
    labels, kept = _labels(once, branch, settings)
    table = _track_fixes(once, labels).filter(pa.array(kept))
    table = table.sort_by([("track_id", "ascending"), ("sent_at", "ascending")])
    return TrackSet(
        fixes=table,
        tracks=_tracks(table, to_records(Static, statics)),
        counts={
            "marked": fixes.num_rows - clean.num_rows,
            "repeated": int(repeated.sum()),
            "splinters": int((~kept).sum()),
            "clean": table.num_rows,
        },
    )


def seconds(fixes: pa.Table) -> NDArray[np.float64]:
    """(n,) POSIX seconds of the fixes."""
    return np.asarray(pc.cast(fixes.column("sent_at"), pa.int64())) / MICROSECONDS


def _repeated(fixes: pa.Table, settings: Settings) -> NDArray[np.bool_]:
    """(n,) True for a report that another feed, or the same, already gave.

    Compared with the last report kept, not the last one: reports a second apart are no chain.
    """
    repeated = np.zeros(fixes.num_rows, np.bool_)
    if fixes.num_rows > 1:
        mmsi, time_s = np.asarray(fixes.column("mmsi")), seconds(fixes)
        lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
        same = (np.diff(mmsi) == 0) & (np.abs(np.diff(time_s)) <= 1.0)
        index = np.flatnonzero(same)
        hop_m = distance_m(lon[index], lat[index], lon[index + 1], lat[index + 1])
        kept = -1
        for k in map(int, index[hop_m <= settings.duplicate_m]):
            if not repeated[k]:
                kept = k
            repeated[k + 1] = time_s[k + 1] - time_s[kept] <= 1.0
    return repeated


def _branches(fixes: pa.Table, settings: Settings) -> NDArray[np.int64]:
    """(n,) which of the ships on its MMSI sent each fix: 0 where there is only one."""
    mmsi, time_s = np.asarray(fixes.column("mmsi")), seconds(fixes)
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    branch = np.zeros(len(mmsi), np.int64)
    if len(mmsi) < 2:
        return branch
    jumps = (np.diff(mmsi) == 0) & ~_reachable(
        lon[:-1], lat[:-1], time_s[:-1], lon[1:], lat[1:], time_s[1:], settings
    )
    for ship in np.unique(mmsi[1:][jumps]):
        rows = slice(*np.searchsorted(mmsi, [ship, ship + 1]))
        branch[rows] = _split(lon[rows], lat[rows], time_s[rows], settings)
    return branch


def _reachable(lon1, lat1, time1_s, lon2, lat2, time2_s, settings):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Could one ship have gone from 1 to 2? Arrays broadcast."""
    hop_m = distance_m(lon1, lat1, lon2, lat2)
    reach_m = mps_from_knots(settings.jump_kn) * np.abs(time2_s - time1_s)
    return hop_m <= np.maximum(reach_m, settings.jump_floor_m)


def _split(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    time_s: NDArray[np.float64],
    settings: Settings,
) -> NDArray[np.int64]:
    """Each fix goes to the nearest ship that can have been there, else to a new one.

    Fewer than `fragment_min_fixes` are no ship yet and must have been heard of late too: a single
    false fix ahead of a ship would else take over her track when she gets there.
    """
    branch = np.zeros(len(lon), np.int64)
    size = np.zeros(len(lon), np.int64)
    live: list[int] = []
    linger_mps = mps_from_knots(settings.linger_kn)
    for k in range(len(lon)):
        ends = np.array(live, np.int64)
        able = _reachable(lon[ends], lat[ends], time_s[ends], lon[k], lat[k], time_s[k], settings)
        if able.any():
            slight = size[branch[ends]] < settings.fragment_min_fixes
            cost_m = distance_m(lon[ends], lat[ends], lon[k], lat[k])
            cost_m += slight * linger_mps * (time_s[k] - time_s[ends])
            before = live.pop(int(np.argmin(np.where(able, cost_m, np.inf))))
            branch[k] = branch[before]
        else:
            branch[k] = branch[:k].max(initial=-1) + 1
        size[branch[k]] += 1
        live = [*live, k][-LIVE_BRANCHES:]
    return branch


def _labels(
    fixes: pa.Table, branch: NDArray[np.int64], settings: Settings
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Track ids of the fixes, and which belong to a track rather than a splinter."""
    mmsi = np.asarray(fixes.column("mmsi"))
    labels = np.empty(len(mmsi), dtype=object)
    kept = np.zeros(len(mmsi), np.bool_)
    sent_at = fixes.column("sent_at")
    for rows in _groups(mmsi, branch):
        first = sent_at[int(rows[0])].as_py()
        labels[rows] = content_id("t", int(mmsi[rows[0]]), format_utc(first), int(branch[rows[0]]))
        kept[rows] = len(rows) >= settings.fragment_min_fixes
    return labels, kept


def _groups(mmsi: NDArray[np.int64], branch: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Row numbers of each ship, in time order."""
    if len(mmsi) == 0:
        return
    order = np.lexsort((np.arange(len(mmsi)), branch, mmsi))
    edges = np.flatnonzero((np.diff(mmsi[order]) != 0) | (np.diff(branch[order]) != 0)) + 1
    yield from np.split(order, edges)


def _track_fixes(fixes: pa.Table, labels: NDArray[np.object_]) -> pa.Table:
    schema = schema_of(TrackFix)
    labelled = fixes.append_column("track_id", pa.array(list(labels), pa.string()))
    return labelled.select(schema.names).cast(schema)


def _tracks(fixes: pa.Table, statics: list[Static]) -> list[Track]:
    """One record a track, with what its MMSI mostly said of itself."""
    said: dict[int, list[Static]] = {}
    for static in statics:
        said.setdefault(static.mmsi, []).append(static)
    grouped = fixes.group_by(["track_id", "mmsi"], use_threads=False).aggregate(
        [("sent_at", "min"), ("sent_at", "max"), ("sent_at", "count")]
    )
    tracks = [_track(row, said.get(row["mmsi"], [])) for row in grouped.to_pylist()]
    return sorted(tracks, key=lambda track: (track.mmsi, track.start_at, track.track_id))


def _track(row: dict[str, object], own: list[Static]) -> Track:
    return Track(
        track_id=str(row["track_id"]),
        mmsi=int(str(row["mmsi"])),
        start_at=row["sent_at_min"],  # type: ignore[arg-type]
        end_at=row["sent_at_max"],  # type: ignore[arg-type]
        n_fixes=int(str(row["sent_at_count"])),
        imo=_mostly(own, "imo"),
        name=_mostly(own, "name"),
        ship_type=_mostly(own, "ship_type"),
        length_m=_mostly(own, "length_m"),
        width_m=_mostly(own, "width_m"),
    )


def _mostly(own: list[Static], name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """The value most reports carried; None where none did. Ties go to the smaller."""
    votes: dict[object, int] = {}
    for static in own:
        value = getattr(static, name)
        if value is not None:
            votes[value] = votes.get(value, 0) + static.n_reports
    return min(votes, key=lambda value: (-votes[value], str(value)), default=None)
