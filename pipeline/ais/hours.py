"""What is left of a season's fixes once reception is the question: each ship once an hour.

"Hour" is `Settings.reception_bin_s` everywhere here; bins are counted from 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.bulk import Notes
from pipeline.ais.settings import Settings
from pipeline.ais.tracks import TrackSet, seconds, track_index
from pipeline.heard import Mark, Track


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShipHours:
    """Arrays (n,), sorted by track and hour."""

    track: NDArray[np.int64]
    """Index into `track_ids`."""
    hour: NDArray[np.int64]
    lon: NDArray[np.float64]
    """Of the hour's first fix."""
    lat: NDArray[np.float64]
    n_fixes: NDArray[np.int64]
    satellite: NDArray[np.bool_]
    """A satellite heard her in the hour."""
    track_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hour)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silences:
    """Longer than `Settings.gap_min_s`, arrays (n,): the fix before, and after where there is one.

    Where the silence is open `on_lon` and `on_lat` are NaN, and `on_s` is infinite: of any length,
    until `until` makes it the end of the data.
    """

    track: NDArray[np.int64]
    off_s: NDArray[np.float64]
    off_lon: NDArray[np.float64]
    off_lat: NDArray[np.float64]
    on_s: NDArray[np.float64]
    on_lon: NDArray[np.float64]
    on_lat: NDArray[np.float64]
    n_elsewhere: NDArray[np.int64]
    """Reports of the MMSI in the silence alone, from elsewhere or without a position."""

    def __len__(self) -> int:
        return len(self.off_s)


def ship_hours(fixes: pa.Table, settings: Settings) -> ShipHours:
    """Of a table of `TrackFix`, sorted by track and time, and `satellite` where that is known."""
    track, ids = track_index(fixes)
    hour = np.floor(seconds(fixes) / settings.reception_bin_s).astype(np.int64)
    first = np.flatnonzero(_changes(track) | _changes(hour))
    return ShipHours(
        track=track[first],
        hour=hour[first],
        lon=np.asarray(fixes.column("lon"))[first],
        lat=np.asarray(fixes.column("lat"))[first],
        n_fixes=np.diff(np.append(first, len(track))),
        satellite=_by_satellite(fixes, first),
        track_ids=ids,
    )


def _by_satellite(fixes: pa.Table, first: NDArray[np.int64]) -> NDArray[np.bool_]:
    if "satellite" not in fixes.column_names or len(first) == 0:
        return np.zeros(len(first), np.bool_)
    return np.logical_or.reduceat(np.asarray(fixes.column("satellite")), first)


def joined_hours(parts: Iterable[ShipHours]) -> ShipHours:
    """Parts that share no track as one."""
    parts = list(parts)
    starts = np.cumsum([0, *(len(part.track_ids) for part in parts)])
    track = [part.track + start for part, start in zip(parts, starts, strict=False)]
    empty = np.empty(0, np.int64)
    return ShipHours(
        track=np.concatenate([empty, *track]),
        hour=np.concatenate([empty, *(part.hour for part in parts)]),
        lon=np.concatenate([empty.astype(float), *(part.lon for part in parts)]),
        lat=np.concatenate([empty.astype(float), *(part.lat for part in parts)]),
        n_fixes=np.concatenate([empty, *(part.n_fixes for part in parts)]),
        satellite=np.concatenate([empty.astype(bool), *(part.satellite for part in parts)]),
        track_ids=tuple(name for part in parts for name in part.track_ids),
    )


def closed_silences(fixes: pa.Table, settings: Settings) -> Silences:
    """Between two fixes of one track; `track` counts tracks in the order of the table."""
    track, _ = track_index(fixes)
    time_s = seconds(fixes)
    before = np.flatnonzero((np.diff(track) == 0) & (np.diff(time_s) > settings.gap_min_s))
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    return Silences(
        track=track[before],
        off_s=time_s[before],
        off_lon=lon[before],
        off_lat=lat[before],
        on_s=time_s[before + 1],
        on_lon=lon[before + 1],
        on_lat=lat[before + 1],
        n_elsewhere=np.zeros(len(before), np.int64),
    )


def silences_of(built: TrackSet, notes: Notes, settings: Settings) -> Silences:
    """Every silence of some ships: between two fixes, and after each track's last."""
    closed, lasts = closed_silences(built.on_air, settings), last_fixes(built.on_air)
    return told_elsewhere(joined_silences([(0, closed), (0, lasts)]), built, notes)


def told_elsewhere(silences: Silences, built: TrackSet, notes: Notes) -> Silences:
    """With the reports of the same MMSI that no other ship explains.

    Where satellite navigation is disturbed a ship that goes on transmitting seems to leap away: her
    track falls silent while her number is heard from somewhere else, for as long and no longer.
    Another ship with the same number is there before and after as well. A ship that sends "position
    not available" is on the air as well.
    """
    jumps = built.set_aside.filter(pc.equal(built.set_aside["mark"], str(Mark.JUMP)))
    loose_mmsi, loose_s = np.asarray(jumps["mmsi"]), seconds(jumps)
    own: dict[int, list[Track]] = {}
    for track in built.tracks:
        own.setdefault(track.mmsi, []).append(track)
    found = np.zeros(len(silences), np.int64)
    for row, index in enumerate(silences.track.tolist()):
        mmsi = built.tracks[index].mmsi
        off_s, on_s = silences.off_s[row], silences.on_s[row]
        within = (loose_mmsi == mmsi) & (loose_s >= off_s) & (loose_s <= on_s)
        own_rows = slice(*np.searchsorted(notes.unplaced_mmsi, [mmsi, mmsi + 1]))
        unplaced_s = notes.unplaced_s[own_rows]
        n_unplaced = int(((unplaced_s > off_s) & (unplaced_s < on_s)).sum())
        found[row] = (
            n_unplaced
            + within.sum()
            + sum(
                track.n_fixes
                for track in own[mmsi]
                if off_s <= track.start_at.timestamp() and track.end_at.timestamp() <= on_s
            )
        )
    return replace(silences, n_elsewhere=found)


def last_fixes(fixes: pa.Table) -> Silences:
    """Each track's last fix as a silence without an end: `on_s` is infinite."""
    track, ids = track_index(fixes)
    last = np.flatnonzero(np.append(_changes(track)[1:], True)) if len(track) else track
    nowhere = np.full(len(ids), np.nan)
    return Silences(
        track=track[last],
        off_s=seconds(fixes)[last],
        off_lon=np.asarray(fixes.column("lon"))[last],
        off_lat=np.asarray(fixes.column("lat"))[last],
        on_s=np.full(len(ids), np.inf),
        on_lon=nowhere,
        on_lat=nowhere,
        n_elsewhere=np.zeros(len(ids), np.int64),
    )


def joined_silences(parts: Iterable[tuple[int, Silences]]) -> Silences:
    """Parts, each with the number of tracks before it, as one."""
    parts = list(parts)
    empty = np.empty(0)
    rows = {
        name: np.concatenate([empty, *(getattr(part, name) for _, part in parts)])
        for name in ("off_s", "off_lon", "off_lat", "on_s", "on_lon", "on_lat")
    }
    track = np.concatenate([empty, *(part.track + start for start, part in parts)])
    elsewhere = np.concatenate([empty, *(part.n_elsewhere for _, part in parts)])
    return Silences(track=track.astype(np.int64), n_elsewhere=elsewhere.astype(np.int64), **rows)


def until(silences: Silences, end_s: float, settings: Settings) -> Silences:
    """The closed ones, and those of the open that are long enough by the end of the data."""
    is_open = np.isinf(silences.on_s)
    keep = ~is_open | (end_s - silences.off_s > settings.gap_min_s)
    rows = {name: getattr(silences, name)[keep] for name in silences.__dataclass_fields__}
    return Silences(**{**rows, "on_s": np.where(is_open, end_s, silences.on_s)[keep]})


def _changes(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) True where a value differs from the one before; the first does."""
    changed = np.ones(len(values), np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed
