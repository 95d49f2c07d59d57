"""Is a gap what it seems? Faults put into real tracks, and what was made of them.

Ships that were really heard without a break are given faults whose truth is known: stretches taken
out (a tracker switched off), receivers that miss a region for a while or hear it badly, a second
ship under one number, positions thrown far away, and a second receiver whose clock is off. Then
what the ordinary chain says of the tracks is compared with what was done to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CLONE_SHARE, JUMP_SHARE, OFF_SHARE = 0.12, 0.15, 0.35
"""Of the ships: with a second ship on their number, with false positions, switched off."""
OPEN_SHARE = 0.2
"""Of the trackers switched off: not switched on again."""
AWAY_DEG = 10.0
"""Half of the second ships are another sea's."""
BAD_HEARD = 0.12
"""Of the reports in a badly heard region, the share that comes through, bin by bin."""
BOTH_SHARE = 0.2
"""Of the reports taken out that receivers would have missed, beyond which both are the cause."""
SHIFT_S = 170.0
LEAST_RUN = 3
"""Reports before and after a silence, without which no ship is known to have been there."""


class Cause(IntEnum):
    """Why a ship was not heard."""

    OFF = 1
    RECEIVERS = 2
    NATURE = 3
    BOTH = 4
    """Switched off where she would not have been heard: nobody could tell."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reports:
    """Real reports, sorted by ship and time, arrays (n,)."""

    ship: Ints
    time_s: Floats
    lon: Floats
    lat: Floats
    sog_mps: Floats
    cog_deg: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Reports with faults in them, and the truth."""

    reports: Reports
    mmsi: Ints
    """(n,) the number each report is sent with."""
    false: NDArray[np.bool_]
    """(n,) thrown far away."""
    second: NDArray[np.bool_]
    """(n,) from the receiver whose clock is off."""
    gaps: tuple[TrueGap, ...]
    clones: tuple[tuple[int, int], ...]
    """Pairs of ships on one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueGap:
    """A silence of a ship, longer than asked; `on_s` None where she is not heard again."""

    ship: int
    mmsi: int
    off_s: float
    on_s: float | None
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGap:
    """A gap as the chain found it."""

    mmsi: int
    off_s: float
    on_s: float | None
    p_silent: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Times of the experiment, s."""

    bin_s: float
    gap_min_s: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AisScore:
    """What the worlds add up to."""

    worlds: int
    ships: int
    gaps_true: int
    gap_recall: float
    gap_precision: float
    clone_separation: float
    clone_separation_near: float
    clone_separation_far: float
    likely_off_auc: float
    switched_off: int
    not_received: int
    likely_off_recall: float
    """Of the trackers switched off, said to be likely off."""
    likely_off_wrong: float
    """Of the silences by receivers, said to be likely off."""

    def as_json(self) -> dict[str, Any]:
        """Figures by name; null where there was nothing to judge."""
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in asdict(self).items()
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure."""
        return [
            ("worlds, real ships heard without a break", f"{self.worlds}, {self.ships}"),
            ("true gaps", f"{self.gaps_true}"),
            ("of them found as they were", f"{self.gap_recall:.3f}"),
            ("gaps found that are true", f"{self.gap_precision:.3f}"),
            (
                "two ships on one MMSI, reports told apart",
                f"{self.clone_separation:.3f} (in one sea {self.clone_separation_near:.3f})",
            ),
            (
                "switched off or not received, AUC",
                f"{self.likely_off_auc:.3f} ({self.switched_off} off, {self.not_received} not)",
            ),
            ("switched off, said to be likely off", f"{self.likely_off_recall:.3f}"),
            ("not received, said to be likely off", f"{self.likely_off_wrong:.3f}"),
        ]


# --------------------------------------------------------------------------- faults


def make_world(real: Reports, *, scale: Scale, seed: int) -> World:
    """One world of faults out of real reports."""
    random = np.random.default_rng(seed)
    steady = steady_ships(real, scale)
    random.shuffle(steady)
    n_clones, n_off, n_jumps = (
        max(1, int(len(steady) * share)) for share in (CLONE_SHARE, OFF_SHARE, JUMP_SHARE)
    )
    clones = [(steady[2 * k], steady[2 * k + 1]) for k in range(n_clones)]
    rest = steady[2 * n_clones :]
    keep, causes = _heard(real, scale, random)
    off = [_stretch(scale, random) for _ in rest[:n_off]]
    for ship, (start, end) in zip(rest[:n_off], off, strict=True):
        taken = (real.ship == ship) & (real.time_s > start) & (real.time_s < end)
        unheard = (~keep[taken]).mean() > BOTH_SHARE if taken.any() else False
        causes[taken] = Cause.BOTH if unheard else Cause.OFF
        keep &= ~taken
    lon, false = _thrown(real, rest[-n_jumps:], random)
    mmsi = real.ship.copy()
    for number, (one, other) in enumerate(clones):
        mmsi[real.ship == other] = one
        lon[real.ship == other] += AWAY_DEG if number % 2 else 0.0
    gaps = _true_gaps(real, keep, mmsi, causes, scale)
    rows = np.flatnonzero(keep)
    again = rows[(random.random(len(rows)) < 0.7) & (real.ship[rows] % 2 == 0) & ~false[rows]]
    order = np.concatenate([rows, again])
    second = np.arange(len(order)) >= len(rows)
    chosen = Reports(
        ship=real.ship[order], time_s=real.time_s[order] + SHIFT_S * second, lon=lon[order],
        lat=real.lat[order], sog_mps=real.sog_mps[order], cog_deg=real.cog_deg[order],
    )  # fmt: skip
    return World(
        reports=chosen, mmsi=mmsi[order], false=false[order], second=second, gaps=tuple(gaps),
        clones=tuple(clones),
    )  # fmt: skip


def steady_ships(real: Reports, scale: Scale) -> list[int]:
    """Ships heard from beginning to end without a silence of half a gap."""
    found = []
    for ship in np.unique(real.ship):
        time_s = real.time_s[real.ship == ship]
        edges = np.concatenate([[scale.start_s], time_s, [scale.end_s]])
        if np.diff(edges).max() < scale.gap_min_s / 2:
            found.append(int(ship))
    return found


def _stretch(scale: Scale, random: np.random.Generator) -> tuple[float, float]:
    length = scale.gap_min_s * random.uniform(1.3, 2.6)
    margin = scale.gap_min_s / 2
    if random.random() < OPEN_SHARE:
        return scale.end_s - length, np.inf
    start = random.uniform(scale.start_s + margin, scale.end_s - margin - length)
    return start, start + length


def _heard(
    real: Reports, scale: Scale, random: np.random.Generator
) -> tuple[NDArray[np.bool_], Ints]:
    """Rows that the receivers bring, and why each of the others is missing.

    Either the receivers of one half of the water are out for a while, or they hear it badly.
    """
    causes = np.full(len(real.ship), int(Cause.NATURE))
    angle = random.uniform(0, 2 * np.pi)
    across = np.cos(angle) * real.lon + np.sin(angle) * real.lat * 2.0
    there = across > np.quantile(across, random.uniform(0.2, 0.8))
    if random.random() < 0.5:
        start, end = _stretch(scale, random)
        lost = there & (real.time_s > start) & (real.time_s < min(end, scale.end_s))
    else:
        bins = np.floor((real.time_s - scale.start_s) / scale.bin_s).astype(int)
        through = random.random((int(real.ship.max()) % 100_003 + 1, bins.max() + 1)) < BAD_HEARD
        _, number = np.unique(real.ship, return_inverse=True)
        lost = there & ~through[number % len(through), bins]
    causes[lost] = Cause.RECEIVERS
    return ~lost, causes


def _thrown(
    real: Reports, ships: Sequence[int], random: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    lon, false = real.lon.copy(), np.zeros(len(real.ship), np.bool_)
    for ship in ships:
        rows = np.flatnonzero(real.ship == ship)
        chosen = random.choice(rows[LEAST_RUN:-LEAST_RUN], 2, replace=False)
        lon[chosen] += random.uniform(3.0, 30.0, 2)
        false[chosen] = True
    return lon, false


def _true_gaps(
    real: Reports, keep: NDArray[np.bool_], mmsi: Ints, causes: Ints, scale: Scale
) -> list[TrueGap]:
    """Of what is left: each ship's silences, by the plainest of rules."""
    gaps = []
    for ship in np.unique(real.ship):
        rows = np.flatnonzero((real.ship == ship) & keep)
        if len(rows) < LEAST_RUN:
            continue
        time_s = np.append(real.time_s[rows], scale.end_s)
        for k in np.flatnonzero(np.diff(time_s) > scale.gap_min_s):
            last = k == len(rows) - 1
            stop = time_s[k + 1]
            own = (real.ship == ship) & (real.time_s > time_s[k]) & (real.time_s <= stop) & ~keep
            missing = causes[own]
            cause = Cause.NATURE
            if len(missing):
                kinds, n = np.unique(missing, return_counts=True)
                cause = Cause(int(kinds[np.argmax(n)]))
            gaps.append(
                TrueGap(
                    ship=int(ship), mmsi=int(mmsi[rows[0]]), off_s=float(time_s[k]),
                    on_s=None if last else float(stop), cause=cause,
                )
            )  # fmt: skip
    return gaps


# --------------------------------------------------------------------------- score


def paired(
    true: Sequence[TrueGap], found: Sequence[FoundGap]
) -> list[tuple[TrueGap | None, FoundGap | None]]:
    """Gaps of one number that begin and end with the same reports, within two seconds."""
    left = list(found)
    pairs: list[tuple[TrueGap | None, FoundGap | None]] = []
    for gap in true:
        same = next((one for one in left if _same(gap, one)), None)
        if same is not None:
            left.remove(same)
        pairs.append((gap, same))
    return [*pairs, *((None, one) for one in left)]


def _same(true: TrueGap, found: FoundGap) -> bool:
    if true.mmsi != found.mmsi or abs(true.off_s - found.off_s) > 2.0:
        return False
    if true.on_s is None or found.on_s is None:
        return true.on_s is found.on_s
    return abs(true.on_s - found.on_s) <= 2.0


def separation(ship: Ints, track: Sequence[str | None]) -> float:
    """Share of two ships' reports that lie where they belong.

    A report belongs in a track most of whose reports are its ship's, and that holds most of its
    ship's.
    """
    names = np.array([name or "" for name in track])
    right = 0
    for one in np.unique(ship):
        held, n = np.unique(names[(ship == one) & (names != "")], return_counts=True)
        if len(held) == 0:
            continue
        best = held[np.argmax(n)]
        inside = names == best
        if (ship[inside] == one).mean() > 0.5:
            right += int((inside & (ship == one)).sum())
    return right / max(len(ship), 1)


def area_under_curve(off: Sequence[float], received: Sequence[float]) -> float:
    """Of telling trackers switched off from receivers, by P(silent | transmitting)."""
    if not off or not received:
        return float("nan")
    u = scipy.stats.mannwhitneyu(received, off).statistic
    return float(u / (len(off) * len(received)))
