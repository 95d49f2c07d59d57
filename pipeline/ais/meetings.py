"""Ships that lie side by side at sea, and ships that loiter: a dark ship may load there too.

Encounters are Global Fishing Watch's: two ships within 500 m for two hours and more, slow, and far
from any coast where lying side by side is what ports are for. Loitering is a ship hardly moving
for hours, farther out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.ais.hours import ship_hours
from pipeline.ais.port_visits import runs
from pipeline.ais.settings import Settings
from pipeline.ais.tracks import seconds, track_index
from pipeline.clock import format_utc, from_posix
from pipeline.geo import EARTH_RADIUS_M, sphere_m
from pipeline.heard import (
    Encounter,
    Loitering,
    Track,
)
from pipeline.records import content_id
from pipeline.units import mps_from_knots

FarFromLand = Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.bool_]]
"""(lon, lat, m): is there no land within that distance?"""
APART_IN_TIME = 10.0
"""Earth radii between steps: ships of other times are never near."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlowSteps:
    """Where slow ships were at even times, arrays (n,)."""

    track: NDArray[np.int64]
    step: NDArray[np.int64]
    """Count of `encounter_step_s` since 1970."""
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    speed_mps: NDArray[np.float64]


def slow_steps(fixes: pa.Table, far: FarFromLand, settings: Settings) -> SlowSteps:
    """Of ships in a table of `TrackFix`, between fixes at most an hour apart, away from land."""
    track, _ = track_index(fixes)
    time_s, size_s = seconds(fixes), settings.encounter_step_s
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    apart_s = np.diff(time_s)
    speed = sphere_m(lon[:-1], lat[:-1], lon[1:], lat[1:]) / np.maximum(apart_s, 1.0)
    usable = (np.diff(track) == 0) & (apart_s <= settings.encounter_gap_s)
    usable &= speed < 2.0 * mps_from_knots(settings.encounter_kn)  # the median is asked later
    k = np.flatnonzero(usable)
    first, last = np.ceil(time_s[k] / size_s), np.ceil(time_s[k + 1] / size_s)
    n = np.maximum(last - first, 0).astype(np.int64)
    rows = np.repeat(k, n)
    step = np.repeat(first, n) + np.arange(len(rows)) - np.repeat(np.cumsum(n) - n, n)
    share = (step * size_s - time_s[rows]) / np.maximum(apart_s[rows], 1e-9)
    turn = (lon[rows + 1] - lon[rows] + 180.0) % 360.0 - 180.0 if len(rows) else share
    x = lon[rows] + share * turn
    y = lat[rows] + share * (lat[rows + 1] - lat[rows]) if len(rows) else share
    keep = far(x, y, settings.encounter_shore_m) if len(x) else np.zeros(0, np.bool_)
    return SlowSteps(
        track=track[rows][keep], step=step[keep].astype(np.int64), lon=x[keep], lat=y[keep],
        speed_mps=speed[rows][keep],
    )  # fmt: skip


def joined_steps(parts: Sequence[tuple[int, SlowSteps]]) -> SlowSteps:
    """Parts, each with the number of tracks before it, as one."""
    names = ("step", "lon", "lat", "speed_mps")
    columns = {
        name: np.concatenate([np.empty(0), *(getattr(part, name) for _, part in parts)])
        for name in names
    }
    track = np.concatenate([np.empty(0), *(part.track + start for start, part in parts)])
    return SlowSteps(
        track=track.astype(np.int64),
        **{**columns, "step": columns["step"].astype(np.int64)},
    )


def find_encounters(
    steps: SlowSteps, tracks: Sequence[Track], settings: Settings
) -> list[Encounter]:
    """Pairs of tracks near each other and slow for long enough, in order of time."""
    if len(steps.step) == 0:
        return []
    one, other = _near_pairs(steps, settings)
    pair = steps.track[one] * len(tracks) + steps.track[other]
    order = np.lexsort((steps.step[one], pair))
    one, other, pair = one[order], other[order], pair[order]
    step = steps.step[one]
    new = np.ones(len(pair), np.bool_)
    most = settings.encounter_merge_s / settings.encounter_step_s
    new[1:] = (np.diff(pair) != 0) | (np.diff(step) > most)
    found = []
    for first, last in runs(np.ones(len(pair), np.bool_), new):
        rows = slice(first, last + 1)
        lasts_s = float(step[last] - step[first]) * settings.encounter_step_s
        speed = np.concatenate([steps.speed_mps[one[rows]], steps.speed_mps[other[rows]]])
        slow = float(np.median(speed)) < mps_from_knots(settings.encounter_kn)
        if lasts_s >= settings.encounter_min_s and slow:
            found.append(_encounter(steps, one[rows], other[rows], tracks, settings))
    return sorted(found, key=lambda event: (event.start_at, event.encounter_id))


def _near_pairs(
    steps: SlowSteps, settings: Settings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the same step and other ships, within the distance; each pair once."""
    lon, lat = np.deg2rad(steps.lon), np.deg2rad(steps.lat)
    places = np.stack(
        [
            np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat),
            APART_IN_TIME * (steps.step - steps.step.min()),
        ],
        axis=1,
    )  # fmt: skip
    pairs = KDTree(places).query_pairs(settings.encounter_m / EARTH_RADIUS_M, output_type="ndarray")
    one, other = steps.track[pairs[:, 0]], steps.track[pairs[:, 1]]
    pairs = np.where((one < other)[:, None], pairs, pairs[:, ::-1])[one != other]
    return pairs[:, 0], pairs[:, 1]


def _encounter(
    steps: SlowSteps,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    tracks: Sequence[Track],
    settings: Settings,
) -> Encounter:
    a, b = tracks[int(steps.track[one[0]])], tracks[int(steps.track[other[0]])]
    apart_m = sphere_m(steps.lon[one], steps.lat[one], steps.lon[other], steps.lat[other])
    size_s = settings.encounter_step_s
    start, end = (from_posix(steps.step[row] * size_s) for row in (one[0], one[-1]))
    middle = len(one) // 2
    speed = np.concatenate([steps.speed_mps[one], steps.speed_mps[other]])
    return Encounter(
        encounter_id=content_id("e", a.mmsi, b.mmsi, format_utc(start)),
        mmsi=a.mmsi, track_id=a.track_id, other_mmsi=b.mmsi, other_track_id=b.track_id,
        start_at=start, end_at=end, lon=float((steps.lon[one[middle]] + 180.0) % 360.0 - 180.0),
        lat=float(steps.lat[one[middle]]), median_distance_m=float(np.median(apart_m)),
        median_speed_mps=float(np.median(speed)), n_steps=len(one),
    )  # fmt: skip


def find_loitering(
    fixes: pa.Table, tracks: Sequence[Track], far: FarFromLand, settings: Settings
) -> list[Loitering]:
    """Hours in a row in which a ship made less than `loiter_kn`, far out, in order of the fixes."""
    hours = ship_hours(fixes, settings)
    way_m, way_s = _way_by_hour(fixes, settings)
    same = np.concatenate([[False], np.diff(hours.track) == 0]) if len(hours) else np.zeros(0, bool)
    follows = same & np.concatenate([[False], np.diff(hours.hour) == 1])[: len(hours)]
    slow = (way_s > 0) & (way_m < mps_from_knots(settings.loiter_kn) * way_s)
    slow &= far(hours.lon, hours.lat, settings.loiter_shore_m) if len(hours) else slow
    found = []
    for first, last in runs(slow, ~follows):
        size_s = settings.reception_bin_s
        lasts_s = float(hours.hour[last] + 1 - hours.hour[first]) * size_s
        if lasts_s < settings.loiter_min_s:
            continue
        track, rows = tracks[int(hours.track[first])], slice(first, last + 1)
        start, end = (
            from_posix(hours.hour[first] * size_s),
            from_posix((hours.hour[last] + 1) * size_s),
        )
        found.append(
            Loitering(
                loitering_id=content_id("l", track.mmsi, format_utc(start)), mmsi=track.mmsi,
                track_id=track.track_id, start_at=start, end_at=end,
                lon=float(hours.lon[(first + last) // 2]),
                lat=float(hours.lat[(first + last) // 2]),
                mean_speed_mps=float(way_m[rows].sum() / way_s[rows].sum()),
            )
        )  # fmt: skip
    return found


def _way_by_hour(
    fixes: pa.Table, settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n ship-hours,) m and s between the fixes that end in each hour, in `ship_hours`' order."""
    track, _ = track_index(fixes)
    if len(track) == 0:
        return np.zeros(0), np.zeros(0)
    time_s = seconds(fixes)
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    same = np.concatenate([[False], np.diff(track) == 0])
    hop_m, hop_s = np.zeros(len(track)), np.zeros(len(track))
    hop_m[1:] = sphere_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    hop_s[1:] = np.diff(time_s)
    usable = same & (hop_s <= settings.encounter_gap_s)
    hour = np.floor(time_s / settings.reception_bin_s)
    new = ~same | np.concatenate([[True], np.diff(hour) != 0])
    starts = np.flatnonzero(new)
    return (
        np.add.reduceat(np.where(usable, hop_m, 0.0), starts),
        np.add.reduceat(np.where(usable, hop_s, 0.0), starts),
    )
