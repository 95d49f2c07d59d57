"""Who made the dark calls of a season, all calls weighed together.

P(who made what) ∝ Π of each call's terms for its ship · Π of each silence's terms, once a silence,
however many calls it holds · how often the ship is named elsewhere; of no ship that we know,
`unknown_weight` and what `_nobody` makes of it. A silence can hold several calls where she can sail
between them in time, and is then the better explained; calls at one time never share a ship. Where
calls have few ships in common every way is counted, beyond that by Gibbs sampling (Geman & Geman
1984).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from pipeline.calls.settings import Settings
from pipeline.geo import distance_m
from pipeline.records import Candidate, SeenStay, Suspicion
from pipeline.units import HOUR_S

Floats = NDArray[np.float64]
CHAINS, SWEEPS, BURNT = 4, 150, 25
COUNTED_MAX = 2_000
"""Ways to give a cluster's calls their ships up to which all are counted."""
TOGETHER = 2
"""Sweeps from one in which rivals are drawn together to the next."""
LEAST = 1e-4
"""Of the first of two drawn together: less likely ships are left to the other draws."""
SEED = 20240307
NOBODY = -1


def name_calls(
    stays: Sequence[SeenStay], found: Sequence[Suspicion], settings: Settings
) -> dict[str, list[tuple[float, Suspicion]]]:
    """Posterior of each suspicion, by call; what is missing to 1 belongs to an unknown ship.

    Args:
        stays: dark calls of all sites.
        found: suspicions of those calls.
        settings: odds.
    """
    season = _Season.of(stays, found, settings)
    share = [np.zeros(len(own)) for own in season.own]
    for cluster in season.clusters():
        ways = math.prod(len(season.own[call]) + 1 for call in cluster)
        summed = season.counted if ways <= COUNTED_MAX else season.sampled
        for call, values in summed(cluster).items():
            share[call] = values
    return {
        season.stays[call].call_id: [
            (float(value), one) for value, one in zip(share[call], own, strict=True)
        ]
        for call, own in enumerate(season.own)
    }


def weights_alone(stay: SeenStay, own: Sequence[Suspicion], settings: Settings) -> dict[str, float]:
    """Odds of each silence against `unknown_weight`, were this the only call; 0: out of reach."""
    season = _Season.of([stay], own, settings)
    return {_key(one): math.exp(season.alone(0, k)) for k, one in enumerate(season.own[0])}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Season:
    stays: list[SeenStay]
    own: list[list[Suspicion]]
    """Of each call, by silence and ship."""
    nobody: list[float]
    """Log weight of no known ship, by call."""
    settings: Settings
    _held: dict[tuple[str, frozenset[int]], float] = field(default_factory=dict)
    """Silences' terms by the calls they hold."""

    @staticmethod
    def of(stays: Sequence[SeenStay], found: Sequence[Suspicion], settings: Settings) -> _Season:
        ordered = sorted(stays, key=lambda stay: (stay.first_at, stay.call_id))
        by_call: dict[str, list[Suspicion]] = {}
        for one in sorted(found, key=lambda one: (one.gap_id or "", one.mmsi)):
            by_call.setdefault(one.call_id, []).append(one)
        return _Season(
            stays=ordered, own=[by_call.get(stay.call_id, []) for stay in ordered],
            nobody=[_nobody(stay, ordered, settings) for stay in ordered], settings=settings,
        )  # fmt: skip

    def clusters(self) -> list[list[int]]:
        """Calls that have possible ships in common, directly or by way of others."""
        group = list(range(len(self.stays)))

        def root(call: int) -> int:
            while group[call] != call:
                call = group[call]
            return call

        first: dict[int, int] = {}
        for call, own in enumerate(self.own):
            for number, one in enumerate(own):
                if self.alone(call, number) > -math.inf:
                    group[root(call)] = root(first.setdefault(one.mmsi, call))
        found: dict[int, list[int]] = {}
        for call in range(len(self.stays)):
            found.setdefault(root(call), []).append(call)
        return list(found.values())

    def alone(self, call: int, number: int) -> float:
        """Log weight of a suspicion were there no other calls; -inf: out of reach."""
        one = self.own[call][number]
        return _hull_terms(one) + self._silence(_key(one), frozenset([call]))

    def conditional(self, call: int, taken: Mapping[int, int]) -> tuple[Floats, float]:
        """(suspicions + 1,) P of each ship, given who made the other calls; last: an unknown one.

        Args:
            call: which.
            taken: suspicion of each other call, -1 for nobody.

        Returns:
            the probabilities, and the log of what they were divided by.
        """
        ships: dict[int, int] = {}
        holds: dict[str, frozenset[int]] = {}
        for other, number in taken.items():
            if other != call and number != NOBODY:
                one = self.own[other][number]
                ships[one.mmsi] = ships.get(one.mmsi, 0) + 1
                holds[_key(one)] = holds.get(_key(one), frozenset()) | {other}
        logs = np.full(len(self.own[call]) + 1, self.nobody[call])
        for number, one in enumerate(self.own[call]):
            before = holds.get(_key(one), frozenset())
            more = self._silence(_key(one), before | {call}) - self._silence(_key(one), before)
            again = math.log1p(min(ships.get(one.mmsi, 0), self.settings.repeats_max))
            logs[number] = _hull_terms(one) + more + again
        highest = float(logs.max())
        weights = np.exp(logs - highest)
        whole = float(weights.sum())
        return weights / whole, highest + math.log(whole)

    def counted(self, cluster: Sequence[int]) -> dict[int, Floats]:
        """Over every way to give the calls their ships, each weighted."""
        sums = {call: np.zeros(len(self.own[call]) + 1) for call in cluster}
        ways: list[tuple[dict[int, int], float]] = [({}, 0.0)]
        for call in cluster:
            onward = []
            for taken, log in ways:
                odds, whole = self.conditional(call, taken)
                for k in np.flatnonzero(odds).tolist():
                    chosen = {**taken, call: _number(k, odds)}
                    onward.append((chosen, log + whole + math.log(odds[k])))
            ways = onward
        logs = np.array([log for _, log in ways])
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        for (taken, _), weight in zip(ways, weights, strict=True):
            for call, number in taken.items():
                sums[call][number] += weight
        return {call: total[:-1] for call, total in sums.items()}

    def sampled(self, cluster: Sequence[int]) -> dict[int, Floats]:
        """Mean of the conditional probabilities over samples of the others (Rao-Blackwell)."""
        sums = {call: np.zeros(len(self.own[call])) for call in cluster}
        rivals = self._rivals(cluster)
        for chain in range(CHAINS):
            rng = np.random.default_rng([SEED, chain])
            taken = dict.fromkeys(cluster, NOBODY)
            for sweep in range(BURNT + SWEEPS):
                for call in rng.permutation(cluster).tolist():
                    odds, _ = self.conditional(call, taken)
                    taken[call] = _drawn(odds, rng)
                    if sweep >= BURNT:
                        sums[call] += odds[:-1]
                    if rivals[call] and sweep % TOGETHER == 0:
                        rival = rivals[call][int(rng.integers(len(rivals[call])))]
                        self._draw_together(call, rival, taken, rng)
        return {call: total / (CHAINS * SWEEPS) for call, total in sums.items()}

    def _draw_together(
        self, call: int, rival: int, taken: dict[int, int], rng: np.random.Generator
    ) -> None:
        """Draw two calls anew from their joint distribution: a ship may pass between them."""
        rest = {**taken, call: NOBODY, rival: NOBODY}
        first, _ = self.conditional(rival, rest)
        likely = np.flatnonzero(first > LEAST)
        numbers = [_number(k, first) for k in likely.tolist()]
        seconds = [self.conditional(call, {**rest, rival: number}) for number in numbers]
        logs = np.log(first[likely]) + np.array([log for _, log in seconds])
        weights = np.exp(logs - logs.max())
        chosen = int(rng.choice(len(numbers), p=weights / weights.sum()))
        taken[rival], taken[call] = numbers[chosen], _drawn(seconds[chosen][0], rng)

    def _rivals(self, cluster: Sequence[int]) -> dict[int, list[int]]:
        """For each call those that one ship may have made as well."""
        ships = {
            call: {one.mmsi for number, one in enumerate(self.own[call])
                   if self.alone(call, number) > -math.inf}
            for call in cluster
        }  # fmt: skip
        return {
            call: [other for other in cluster if other != call and ships[call] & ships[other]]
            for call in cluster
        }

    def _silence(self, key: str, calls: frozenset[int]) -> float:
        """A silence's terms, given the calls it holds; 0 of none, -inf where they do not fit."""
        if not calls:
            return 0.0
        if (key, calls) not in self._held:
            self._held[key, calls] = self._silence_of(key, sorted(calls))
        return self._held[key, calls]

    def _silence_of(self, key: str, calls: Sequence[int]) -> float:
        held = [next(one for one in self.own[call] if _key(one) == key) for call in calls]
        slack_s = self.slack_s(held, calls)
        if slack_s < 0.0:
            return -math.inf
        if held[0].gap_id is None:
            return held[0].term_silent
        seen_s = sum(_seen_s(self.stays[call]) for call in calls)
        fit = _fit(held[-1], slack_s + seen_s, len(calls), self.settings)
        return held[0].term_silent + fit + held[0].term_bound + held[-1].term_leaving

    def slack_s(self, held: Sequence[Suspicion], calls: Sequence[int]) -> float:
        """Time a silence leaves beyond its calls and the sailing; below 0: they do not fit, s.

        Args:
            held: the suspicion of each call.
            calls: in time.
        """
        stays = [self.stays[call] for call in calls]
        legs = [
            (later.first_at - earlier.last_at).total_seconds() - self._between_s(earlier, later)
            for earlier, later in itertools.pairwise(stays)
        ]
        first, last = held[0], held[-1]
        if first.off_at is not None:
            legs.append((stays[0].first_at - first.off_at).total_seconds() - first.sail_in_s)
        if last.on_at is not None:
            legs.append((last.on_at - stays[-1].last_at).total_seconds() - last.sail_out_s)
        elif last.data_end_at is not None:
            legs.append(max((last.data_end_at - stays[-1].last_at).total_seconds(), 0.0))
        return sum(legs) if min(legs, default=0.0) >= 0.0 else min(legs)

    def _between_s(self, one: SeenStay, other: SeenStay) -> float:
        """By the great circle: what no way by sea undercuts."""
        metres = float(distance_m(one.lon, one.lat, other.lon, other.lat))
        return metres / self.settings.speed_max_mps


def _nobody(stay: SeenStay, stays: Sequence[SeenStay], settings: Settings) -> float:
    """Log weight of what is no known ship: one we do not know, or no ship at all.

    Of several shapes that lie unexplained in one zone at once, clouds or a fleet of small craft, a
    silent ship is one at the most likely; and silences are for oil berths.
    """
    together = sum(
        other.zone_id == stay.zone_id
        and other.first_at <= stay.last_at
        and other.last_at >= stay.first_at
        for other in stays
    )
    place = 1.0 if stay.at_oil_berth else settings.elsewhere_weight
    real = max(1.0 - stay.p_false, 1e-3)
    return math.log(settings.unknown_weight * place * together / real)


def _seen_s(stay: SeenStay) -> float:
    return (stay.last_at - stay.first_at).total_seconds()


def _fit(one: Suspicion, stay_s: float, n_calls: int, settings: Settings) -> float:
    """Log odds of a silence's length: as long as such calls take, or as any other silence?

    Of calls, the time beyond the sailing is the stays', a gamma distribution; stays that an image
    meets are longer than others by their mean over the shape. Silences for another reason are of
    any length, alike on a logarithmic scale. Of a silence that has not ended, as long or longer.

    Args:
        one: the silence.
        stay_s: time it leaves beyond the sailing, s.
        n_calls: that it holds.
        settings: stays and silences.
    """
    shape = float(settings.stay_shape * n_calls)
    scale_s = settings.stay_mean_s * (n_calls + 1.0 / settings.stay_shape) / shape
    shortest_s, longest_s = settings.other_silence_s
    width = math.log(longest_s / shortest_s)
    times = max(stay_s, 1.0) / scale_s
    until = one.on_at or one.data_end_at
    silent_s = (
        stay_s if until is None or one.off_at is None else (until - one.off_at).total_seconds()
    )
    if one.on_at is None:
        beyond = math.log(longest_s / min(max(silent_s, shortest_s), 0.99 * longest_s)) / width
        odds = float(gammaincc(shape, times)) / beyond
    else:
        log_density = (shape - 1.0) * math.log(times) - times - math.lgamma(shape)
        silent_s = max(silent_s, shortest_s)
        odds = math.exp(log_density) / scale_s * silent_s * width
    return math.log((1.0 - settings.stay_doubt) * odds + settings.stay_doubt)


def _number(place: int, odds: Floats) -> int:
    """The suspicion at a place of `conditional`'s odds, or -1 for the unknown ship, who is last."""
    return NOBODY if place >= len(odds) - 1 else place


def _drawn(odds: Floats, rng: np.random.Generator) -> int:
    """A suspicion's number, or -1 for the unknown ship."""
    place = np.searchsorted(np.cumsum(odds), rng.random() * odds.sum(), side="right")
    return _number(int(place), odds)


def _key(one: Suspicion) -> str:
    return one.gap_id or f"reports of {one.mmsi}"


def _hull_terms(one: Suspicion) -> float:
    return one.term_length + one.term_type + one.term_listed


def candidates(
    stay: SeenStay, own: Sequence[tuple[float, Suspicion]], settings: Settings
) -> list[Candidate]:
    """Ranked rows of one call; the ship we do not know is always among them."""
    season = _Season.of([stay], [one for _, one in own], settings)
    slack = [season.slack_s([one], [0]) for _, one in own]
    order = sorted(range(len(own)), key=lambda k: (-own[k][0], -slack[k], _key(own[k][1])))
    listed = order[: settings.listed_max]
    unknown = 1.0 - sum(own[k][0] for k in listed)
    before = sum(own[k][0] > unknown for k in listed)
    rows = [_candidate(stay, own[k], slack[k], settings) for k in listed]
    rows.insert(before, _unknown(stay.call_id, unknown))
    return [replace(row, rank=rank) for rank, row in enumerate(rows, start=1)]


def _candidate(
    stay: SeenStay, own: tuple[float, Suspicion], slack_s: float, settings: Settings
) -> Candidate:
    value, one = own
    stay_s = max(slack_s, 0.0) + _seen_s(stay)
    fit = _fit(one, stay_s, 1, settings) if one.gap_id else 0.0
    room = f"{slack_s / HOUR_S:.0f} h to spare" if slack_s >= 0 else "too far to sail in the time"
    return Candidate(
        call_id=stay.call_id,
        rank=0,
        mmsi=one.mmsi,
        ship_name=one.ship_name,
        ship_type=one.ship_type,
        ship_length_m=one.ship_length_m,
        gap_id=one.gap_id,
        feasible=slack_s >= 0,
        slack_s=slack_s if one.gap_id else None,
        term_length=one.term_length,
        term_type=one.term_type,
        term_listed=one.term_listed,
        term_gap=one.term_silent + fit + one.term_bound + one.term_leaving,
        posterior=value,
        reason=f"{one.reason}; {room}" if one.gap_id else one.reason,
    )


def _unknown(call_id: str, value: float) -> Candidate:
    return Candidate(
        call_id=call_id, rank=0, mmsi=None, ship_name=None, ship_type=None, ship_length_m=None,
        gap_id=None, feasible=True, slack_s=None, term_length=0.0, term_type=0.0, term_listed=0.0,
        term_gap=0.0, posterior=value,
        reason="a ship without AIS, or one whose silence was not found",
    )  # fmt: skip
