"""Clean fixes to tracks: one ship each, even where two ships send under one MMSI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.settings import Settings
from pipeline.clock import format_utc
from pipeline.geo import distance_m, sphere_m
from pipeline.heard import (
    Fix,
    Mark,
    Static,
    Track,
    TrackFix,
)
from pipeline.records import content_id
from pipeline.tables import schema_of
from pipeline.units import mps_from_knots

MICROSECONDS = 1e6
LIVE_BRANCHES = 8
"""Ships told apart on one MMSI at a time; more are jamming or a test number, not ships."""
STATIC_NEAR = timedelta(minutes=15)
"""gpsdio-segment joins what a ship says of herself to positions this near in time."""
SPHERE_SURE = 0.99
"""The sphere's distance is within 0.6 % of the ellipsoid's, and ten times as fast to get."""
STILL_DEG = 1e-5
"""A position this near to the last is the same: a metre, gpsdio-segment's grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSet:
    """Tracks of some ships."""

    fixes: pa.Table
    """Of `TrackFix`, sorted by MMSI, track and time."""
    tracks: list[Track]
    """In the order of `fixes`."""
    set_aside: pa.Table
    """Of `Fix`: those in no track, each with the mark that says why."""
    on_air: pa.Table
    """Of `TrackFix`: `fixes` and the zombies among them, which tell that a ship was on the air.

    With a column `satellite`, true where a satellite heard it.
    """
    counts: Mapping[str, int]
    """What became of the fixes: clean, and by mark."""


def build_tracks(
    clean: pa.Table, statics: Mapping[int, list[Static]], *, settings: Settings
) -> TrackSet:
    """Tracks of all the fixes of some MMSIs.

    Args:
        clean: `Fix` without its mark, in the order of `bulk.ORDER`.
        statics: by MMSI.
        settings: thresholds.
    """
    repeated = _repeated(clean, settings)
    once = clean.filter(pa.array(~repeated))
    branch = _branches(once, settings)
    labels, kept = _labels(once, branch, settings)
    order = _by_track(np.asarray(once.column("mmsi")), branch)
    on_air = _track_fixes(once, labels).take(order).filter(pa.array(kept[order]))
    zombie = _zombies(on_air, settings)
    fixes = on_air.filter(pa.array(~zombie))
    whole = once.append_column("label", labels).take(order).filter(pa.array(kept[order]))
    satellite = pc.equal(pc.cast(whole.column("receiver"), pa.string()), "satellite")
    on_air = on_air.append_column("satellite", pc.fill_null(satellite, False))
    aside = [
        _marked(clean.filter(pa.array(repeated)), Mark.REPEATED),
        _marked(once.filter(pa.array(~kept)), Mark.JUMP),
        _marked(whole.filter(pa.array(zombie)), Mark.ZOMBIE),
    ]
    return TrackSet(
        fixes=fixes,
        tracks=_tracks(fixes, _classes(whole), statics),
        set_aside=pa.concat_tables(aside),
        on_air=on_air,
        counts={
            "repeated": int(repeated.sum()),
            "splinters": int((~kept).sum()),
            "zombies": int(zombie.sum()),
            "clean": fixes.num_rows,
        },
    )


def by_mmsi(statics: Iterable[Static]) -> dict[int, list[Static]]:
    """Statics of each ship."""
    said: dict[int, list[Static]] = {}
    for static in statics:
        said.setdefault(static.mmsi, []).append(static)
    return said


def seconds(fixes: pa.Table) -> NDArray[np.float64]:
    """(n,) POSIX seconds of the fixes."""
    return np.asarray(pc.cast(fixes.column("sent_at"), pa.int64())) / MICROSECONDS


def track_index(fixes: pa.Table) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(n,) number of each fix's track in the order of appearance, and the ids."""
    encoded = pc.dictionary_encode(fixes.column("track_id")).combine_chunks()
    ids = tuple(encoded.dictionary.to_pylist())
    return np.asarray(encoded.indices).astype(np.int64), ids


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
    speed_m = mps_from_knots(settings.jump_kn) * np.abs(time2_s - time1_s)
    reach_m = np.maximum(speed_m, settings.jump_floor_m)
    able = np.asarray(sphere_m(lon1, lat1, lon2, lat2) <= SPHERE_SURE * reach_m)
    doubt = np.flatnonzero(~able)
    if len(doubt):
        a, b, c, d = (v[doubt] for v in np.broadcast_arrays(lon1, lat1, lon2, lat2))
        able[doubt] = distance_m(a, b, c, d) <= np.broadcast_to(reach_m, able.shape)[doubt]
    return able


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
    n_ships = 0
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
            branch[k] = n_ships
            n_ships += 1
        size[branch[k]] += 1
        live = [*live, k][-LIVE_BRANCHES:]
    return branch


def _labels(
    fixes: pa.Table, branch: NDArray[np.int64], settings: Settings
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Track ids of the fixes, and which belong to a track rather than a splinter."""
    mmsi = np.asarray(fixes.column("mmsi"))
    order = _by_track(mmsi, branch)
    begins = _begins(mmsi[order], branch[order])
    size = np.diff(np.append(begins, len(order)))
    number = np.empty(len(order), np.int64)
    number[order] = np.repeat(np.arange(len(begins)), size)
    first = fixes.column("sent_at").take(order[begins]).to_pylist()
    names = [
        content_id("t", int(mmsi[row]), format_utc(at), int(branch[row]))
        for row, at in zip(order[begins], first, strict=True)
    ]
    labels = pa.array(names, pa.string()).take(pa.array(number))
    return labels, size[number] >= settings.fragment_min_fixes


def _by_track(mmsi: NDArray[np.int64], branch: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) rows of fixes in time order, ship after ship."""
    if not branch.any():
        return np.arange(len(mmsi))
    return np.lexsort((np.arange(len(mmsi)), branch, mmsi))


def _begins(mmsi: NDArray[np.int64], branch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where another ship begins."""
    new = np.ones(len(mmsi), np.bool_)
    new[1:] = (np.diff(mmsi) != 0) | (np.diff(branch) != 0)
    return np.flatnonzero(new)


def _zombies(fixes: pa.Table, settings: Settings) -> NDArray[np.bool_]:
    """(n,) True where the speed says that she has moved and the position that she has not.

    A receiver of satellite navigation that has lost its satellites repeats its last position.
    gpsdio-segment drops every repeated position with a speed; here the distance must be plain.
    """
    zombie = np.zeros(fixes.num_rows, np.bool_)
    if fixes.num_rows > 1:
        track, _ = track_index(fixes)
        lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
        speed = np.asarray(pc.fill_null(fixes.column("sog_mps"), 0.0))
        went_m = np.minimum(speed[1:], speed[:-1]) * np.diff(seconds(fixes))
        still = (np.abs(np.diff(lon)) <= STILL_DEG) & (np.abs(np.diff(lat)) <= STILL_DEG)
        zombie[1:] = (np.diff(track) == 0) & still & (went_m >= settings.zombie_m)
    return zombie


def _track_fixes(fixes: pa.Table, labels: pa.Array) -> pa.Table:
    schema = schema_of(TrackFix)
    return fixes.append_column("track_id", labels).select(schema.names).cast(schema)


def _marked(fixes: pa.Table, mark: Mark) -> pa.Table:
    schema = schema_of(Fix)
    column = pa.array([str(mark)] * fixes.num_rows, pa.string())
    return fixes.append_column("mark", column).select(schema.names).cast(schema)


def _classes(whole: pa.Table) -> dict[str, str]:
    """The class that most fixes of each track were sent with; ties go to A."""
    votes: dict[str, Counter[str]] = {}
    grouped = whole.group_by(["label", "ais_class"], use_threads=False).aggregate(
        [("mmsi", "count")]
    )
    for row in grouped.to_pylist():
        if row["ais_class"] is not None:
            votes.setdefault(row["label"], Counter())[row["ais_class"]] = row["mmsi_count"]
    return {name: min(cast, key=lambda c: (-cast[c], c)) for name, cast in votes.items()}


def _tracks(
    fixes: pa.Table, classes: Mapping[str, str], statics: Mapping[int, list[Static]]
) -> list[Track]:
    """One record a track, in the order of the fixes, with what she mostly said of herself."""
    grouped = fixes.group_by(["track_id", "mmsi"], use_threads=False).aggregate(
        [("sent_at", "min"), ("sent_at", "max"), ("sent_at", "count")]
    )
    rows = {row["track_id"]: row for row in grouped.to_pylist()}  # in no order that is promised
    ids = pc.unique(fixes.column("track_id")).to_pylist()
    return [_track(rows[name], classes, statics.get(rows[name]["mmsi"], [])) for name in ids]


def _track(row: Mapping[str, Any], classes: Mapping[str, str], own: list[Static]) -> Track:
    start, end = row["sent_at_min"], row["sent_at_max"]
    votes = _in_time(own, start, end)
    return Track(
        track_id=row["track_id"],
        mmsi=row["mmsi"],
        start_at=start,
        end_at=end,
        n_fixes=row["sent_at_count"],
        ais_class=classes.get(row["track_id"]),
        imo=_mostly(votes, "imo"),
        name=_mostly(votes, "name"),
        ship_type=_mostly(votes, "ship_type"),
        length_m=_mostly(votes, "length_m"),
        width_m=_mostly(votes, "width_m"),
    )


def _in_time(own: list[Static], start: datetime, end: datetime) -> list[tuple[Static, float]]:
    """What was said while the track lasted, each with its weight; all there is if nothing was.

    The weight is the number of reports, shared out evenly over the time in which they were sent.
    """
    votes = []
    for static in own:
        first, last = (
            max(start - STATIC_NEAR, static.first_at),
            min(end + STATIC_NEAR, static.last_at),
        )
        if last >= first:
            span = static.last_at - static.first_at
            share = (last - first) / span if span else 1.0
            votes.append((static, static.n_reports * max(share, 1e-9)))
    return votes or [(static, float(static.n_reports)) for static in own]


def _mostly(votes: list[tuple[Static, float]], name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """The value most reports carried; None where none did. Ties go to the smaller."""
    sums: dict[object, float] = {}
    for static, weight in votes:
        value = getattr(static, name)
        if value is not None:
            sums[value] = sums.get(value, 0.0) + weight
    return min(sums, key=lambda value: (-sums[value], str(value)), default=None)
