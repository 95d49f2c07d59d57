"""Silences, and what they are worth as evidence.

A gap counts only for the hours in which the ship cannot have gone far: after its last fix outward,
and before its next, at a tanker's greatest speed. Each of those hours asks the smallest cell that
holds everywhere she can have been; ships known to have been there and heard tell what silence is
worth. This needs no distance from the shore: it holds in a port as well as out at sea.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.ais.air import EDGE_M, LARGEST_ASKED, NO_CELL, RESOLUTIONS, Air, between, cell_of
from pipeline.ais.hours import Silences
from pipeline.ais.outages import Outages
from pipeline.ais.settings import Settings
from pipeline.clock import format_utc, from_posix
from pipeline.geo import sphere_m
from pipeline.heard import (
    Gap,
    GapVerdict,
    Track,
)
from pipeline.records import content_id
from pipeline.units import mps_from_knots

INTERVAL_SIGMA = 1.645
"""Half of the 90 % interval of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silent:
    """What the air says of each silence, arrays (n,)."""

    p: NDArray[np.float64]
    """P(silent | transmitting); 1 where no hour tells."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """90 % interval."""
    n_expected: NDArray[np.float64]
    """Reports expected in the hours that tell."""
    n_others: NDArray[np.int64]
    """Most ships known to have been there in one of those hours."""
    n_hours: NDArray[np.int64]
    """Hours that tell."""
    out: NDArray[np.bool_]
    """Receivers were out in an hour of the silence near its ends."""


def judge(silences: Silences, air: Air, outages: Outages, settings: Settings) -> Silent:
    """Every silence against what the receivers heard of others."""
    n = len(silences)
    log_p, variance, p_sum = np.zeros(n), np.zeros(n), np.zeros(n)
    n_hours, n_others = np.zeros(n, np.int64), np.zeros(n, np.int64)
    out = np.zeros(n, np.bool_)
    for cell, hour, level in _captive(silences, settings):
        asked = level > 0
        rows = np.flatnonzero(asked)
        track = silences.track[rows]
        lost = outages.cover(cell[rows], hour[rows])
        own = _own(silences, rows, hour[rows], settings)
        chance = air.chance_at(level[rows], cell[rows], hour[rows], track, own)
        tells = chance.known & ~lost
        p = np.where(tells, chance.p, 0.0)
        log_p[rows] += np.log1p(-p)
        variance[rows] += np.where(tells, (p * chance.sd_logit) ** 2, 0.0)
        p_sum[rows] += p
        n_hours[rows] += tells
        n_others[rows] = np.maximum(n_others[rows], chance.n_known)
        out[rows] |= lost
    own_sd = air.shift_sd[silences.track] if n else np.zeros(0)
    sd = np.sqrt(variance + (p_sum * own_sd) ** 2)
    rate = air.rate[silences.track] if n else np.zeros(0)
    return Silent(
        p=np.exp(log_p),
        low=np.exp(log_p - INTERVAL_SIGMA * sd),
        high=np.minimum(1.0, np.exp(log_p + INTERVAL_SIGMA * sd)),
        n_expected=p_sum * rate,
        n_others=n_others,
        n_hours=n_hours,
        out=out,
    )


def _own(
    silences: Silences, rows: NDArray[np.int64], hour: NDArray[np.int64], settings: Settings
) -> NDArray[np.bool_]:
    """(n,) is the silence itself among those that `air.known_hours` counts as missed?"""
    size_s = settings.reception_bin_s
    closed = np.isfinite(silences.on_lon[rows])
    before = np.floor(silences.off_s[rows] / size_s)
    after = np.floor(np.where(closed, silences.on_s[rows], np.inf) / size_s)
    hop_m = sphere_m(
        silences.off_lon[rows], silences.off_lat[rows], silences.on_lon[rows], silences.on_lat[rows]
    )
    return closed & between(hour - before, after - hour, hop_m, settings)


def _captive(
    silences: Silences, settings: Settings
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Rounds of (cell of the fix, hour, resolution; 0: nothing to ask), arrays (n,) each.

    Whole hours of the silence, those nearest to the fix before it first, then those nearest to the
    fix after it; an hour is asked of the end from which the ship can have gone less far.
    """
    size_s, v_mps = settings.reception_bin_s, mps_from_knots(settings.tanker_speed_max_kn)
    first = np.ceil(silences.off_s / size_s).astype(np.int64)
    beyond = np.floor(silences.on_s / size_s).astype(np.int64)
    from_off = cell_of(silences.off_lon, silences.off_lat, RESOLUTIONS[-1])
    from_on = cell_of(silences.on_lon, silences.on_lat, RESOLUTIONS[-1])
    closed = from_on != NO_CELL
    rounds = []
    for k in range(int(settings.reception_radius_m / (v_mps * size_s)) + 1):
        for cell, hour, is_off in ((from_off, first + k, True), (from_on, beyond - 1 - k, False)):
            gone_m = v_mps * ((hour + 1) * size_s - silences.off_s)
            to_go_m = np.where(closed, v_mps * (silences.on_s - hour * size_s), np.inf)
            nearer = (gone_m <= to_go_m) if is_off else closed & (to_go_m < gone_m)
            inside = (hour >= first) & (hour < beyond) & nearer
            level = _level(np.minimum(gone_m, to_go_m), settings)
            rounds.append((cell, hour, np.where(inside & (cell != NO_CELL), level, 0)))
    return rounds


def _level(reach_m: NDArray[np.float64], settings: Settings) -> NDArray[np.int64]:
    """(n,) the finest resolution whose cells are as large as the reach; 0 beyond all use."""
    level = np.zeros(len(reach_m), np.int64)
    for resolution, edge_m in EDGE_M.items():
        level = np.where(reach_m <= edge_m, resolution, level)
    largest = (level == 0) & (reach_m <= settings.reception_radius_m)
    return np.where(largest, LARGEST_ASKED, level)


def find_gaps(
    silences: Silences,
    tracks: Sequence[Track],
    *,
    air: Air,
    outages: Outages,
    data_end: datetime,
    settings: Settings,
) -> list[Gap]:
    """Every silence as a gap with its verdict, in the order of their beginning.

    Args:
        silences: closed and open ones; their `track` is an index into `tracks`.
        tracks: in the order of the ship-hours that `air` was learned from.
        air: reception.
        outages: hours in which receivers were out.
        data_end: the end of the AIS data.
        settings: thresholds.
    """
    silent = judge(silences, air, outages, settings)
    gaps = [
        _gap(row, silences, silent, tracks[int(silences.track[row])], data_end, settings)
        for row in range(len(silences))
    ]
    return sorted(gaps, key=lambda gap: (gap.off_at, gap.gap_id))


def _gap(
    row: int,
    silences: Silences,
    silent: Silent,
    track: Track,
    data_end: datetime,
    settings: Settings,
) -> Gap:
    off_at = from_posix(silences.off_s[row])
    off_lon, off_lat = float(silences.off_lon[row]), float(silences.off_lat[row])
    closed = bool(np.isfinite(silences.on_lon[row]))
    n_elsewhere = int(silences.n_elsewhere[row])
    verdict, reason = _verdict(row, silent, n_elsewhere, settings)
    return Gap(
        gap_id=content_id("g", track.mmsi, format_utc(off_at), off_lon, off_lat),
        mmsi=track.mmsi,
        track_id=track.track_id,
        off_at=off_at,
        off_lon=off_lon,
        off_lat=off_lat,
        on_at=from_posix(silences.on_s[row]) if closed else None,
        on_lon=float(silences.on_lon[row]) if closed else None,
        on_lat=float(silences.on_lat[row]) if closed else None,
        data_end_at=data_end,
        n_expected=float(silent.n_expected[row]),
        n_other_ships=int(silent.n_others[row]),
        n_elsewhere=n_elsewhere,
        n_hours=int(silent.n_hours[row]),
        p_silent_if_on=float(silent.p[row]),
        p_silent_low=float(silent.low[row]),
        p_silent_high=float(silent.high[row]),
        verdict=str(verdict),
        reason=reason,
    )


def _verdict(
    row: int, silent: Silent, n_elsewhere: int, settings: Settings
) -> tuple[GapVerdict, str]:
    """Off only where even the upper end of the interval makes the silence surprising."""
    p, low, high = silent.p[row], silent.low[row], silent.high[row]
    told = f"P(silent | transmitting) {p:.2g} ({low:.2g} to {high:.2g})"
    if silent.out[row]:
        return GapVerdict.NOT_HEARD, f"receivers were out; {told}"
    if n_elsewhere:
        meanwhile = (
            f"her MMSI sent {n_elsewhere} reports from elsewhere or nowhere meanwhile; {told}"
        )
        return GapVerdict.CANNOT_TELL, meanwhile
    if silent.n_hours[row] == 0:
        return GapVerdict.CANNOT_TELL, "no ship is known to have been near in those hours"
    heard = (
        f"{silent.n_hours[row]} h near its ends, up to {silent.n_others[row]} ships there; {told}"
    )
    if high <= settings.off_p_silent_max:
        return GapVerdict.LIKELY_OFF, heard
    if low >= settings.unheard_p_silent_min:
        return GapVerdict.NOT_HEARD, heard
    return GapVerdict.CANNOT_TELL, heard
