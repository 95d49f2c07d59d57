"""Hulls without AIS at one place on several passes, joined to stays.

Two sightings are one ship's by Bayes' rule: a stay lasts some days (gamma), another dark ship
may have taken the berth, lengths agree or not, and a clear image in between that shows nothing
speaks against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from scipy import special

from pipeline.calls.settings import Settings
from pipeline.calls.visits import Visit
from pipeline.geo import distance_m
from pipeline.records import (
    Coverage,
    CoverageState,
    Detection,
    Match,
    Outcome,
    Zone,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A kept detection in a zone that is no ship on the air for certain."""

    detection: Detection
    match: Match

    @property
    def at(self) -> datetime:
        """When."""
        return self.detection.sensed_at

    @property
    def is_dark(self) -> bool:
        """Did matching call it dark?"""
        return self.match.outcome == Outcome.DARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """All that the passes showed of one zone."""

    zone: Zone
    passes: tuple[Coverage, ...]
    """In time."""
    detections: Mapping[str, tuple[Detection, ...]]
    """Of the zone, by scene; those set aside too."""
    outcomes: Mapping[str, str]
    """Match outcome by detection."""
    visits: tuple[Visit, ...]
    """On the air, in this zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One ship without AIS, as seen."""

    zone: Zone
    sightings: tuple[Sighting, ...]
    absent_before_at: datetime | None
    """Latest proof that she was not there yet; None: unknown."""
    absent_after_at: datetime | None
    """Earliest proof that she was gone; None: unknown."""

    @property
    def first_at(self) -> datetime:
        """First image that shows her."""
        return self.sightings[0].at

    @property
    def last_at(self) -> datetime:
        """Last image that shows her."""
        return self.sightings[-1].at

    @property
    def length_m(self) -> tuple[float, float]:
        """Inverse-variance mean of the measured lengths and its standard error, m.

        Errors of one hull's images are taken as half shared: berth, paint and angle repeat.
        """
        return combined_length([sighting.detection for sighting in self.sightings])


def combined_length(detections: Sequence[Detection]) -> tuple[float, float]:
    """Weighted mean length and its standard error, m, with half of the variance shared."""
    weights = [1.0 / one.length_sigma_m**2 for one in detections]
    pairs = zip(weights, detections, strict=True)
    mean = sum(weight * one.length_m for weight, one in pairs) / sum(weights)
    single = len(detections) / sum(weights)
    return mean, math.sqrt(single * (0.5 + 0.5 / len(detections)))


def find_stays(watch: Watch, matches: Mapping[str, Match], settings: Settings) -> list[Stay]:
    """Stays of the zone in the order of their first image."""
    chains: list[list[Sighting]] = []
    for passed in watch.passes:
        seen = [
            Sighting(detection=one, match=matches[one.detection_id])
            for one in watch.detections.get(passed.scene_id, ())
            if one.screened is None
            and watch.outcomes.get(one.detection_id) not in (None, Outcome.MATCHED)
        ]
        _join(chains, seen, watch, settings)
    return bracketed([tuple(chain) for chain in chains], watch, settings)


def bracketed(
    chains: Sequence[tuple[Sighting, ...]], watch: Watch, settings: Settings
) -> list[Stay]:
    """Chains of one zone as stays, each with the proofs that she was not there yet or any more."""
    return [
        _bracketed(
            chain, [one for other in chains if other is not chain for one in other], watch, settings
        )
        for chain in chains
    ]


def _join(
    chains: list[list[Sighting]], seen: list[Sighting], watch: Watch, settings: Settings
) -> None:
    """Each sighting of a pass to the chain it most likely belongs to, else to a new one."""
    odds = sorted(
        (
            (p_same(chain, sighting, watch, settings), -c, -s)
            for c, chain in enumerate(chains)
            for s, sighting in enumerate(seen)
        ),
        reverse=True,
    )
    used_chains: set[int] = set()
    placed: set[int] = set()
    for probability, minus_c, minus_s in odds:
        c, s = -minus_c, -minus_s
        if probability >= settings.same_min and c not in used_chains and s not in placed:
            chains[c].append(seen[s])
            used_chains.add(c)
            placed.add(s)
    chains += [[sighting] for s, sighting in enumerate(seen) if s not in placed]


def p_same(
    chain: Sequence[Sighting], sighting: Sighting, watch: Watch, settings: Settings
) -> float:
    """Probability that a later sighting is still the same ship."""
    last = chain[-1]
    if not is_same_place(last.detection, sighting.detection, watch.zone, settings):
        return 0.0
    stays = p_lasts(sighting.at - chain[0].at, settings) / p_lasts(last.at - chain[0].at, settings)
    length, sigma = combined_length([one.detection for one in chain])
    error = math.hypot(sigma, sighting.detection.length_sigma_m)
    difference = sighting.detection.length_m - length
    spread = math.hypot(error, math.sqrt(2.0) * settings.fleet_length_m[1])
    same = stays * normal(difference, error)
    other = (1.0 - stays) * settings.berth_taken * normal(difference, spread)
    same *= settings.p_missed ** _empty_between(last, sighting, watch, settings)
    if watch.zone.is_berth and any(
        last.at < visit.first_at and visit.last_at < sighting.at for visit in watch.visits
    ):
        same *= settings.p_missed
    return same / (same + other) if same > 0 else 0.0


def p_lasts(span: timedelta, settings: Settings) -> float:
    """Probability that a ship seen at some instant is still there a while later.

    Images catch long stays more often, so this is the equilibrium residual of the gamma
    distribution: the mean of the survivals of shapes 1 to `stay_shape` at the same rate (Cox 1962,
    Renewal Theory, 5.2).
    """
    shapes = range(1, settings.stay_shape + 1)
    stages = settings.stay_shape * span.total_seconds() / settings.stay_mean_s
    return float(np.mean(special.gammaincc(list(shapes), stages)))


def normal(x: float, sigma: float) -> float:
    """Density of a normal distribution with mean 0."""
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))


def is_same_place(one: Detection, other: Detection, zone: Zone, settings: Settings) -> bool:
    """Could one ship lie at both places without having left?"""
    reach_m = settings.same_berth_m if zone.is_berth else settings.same_anchorage_m
    return float(distance_m(one.lon, one.lat, other.lon, other.lat)) <= reach_m


def _empty_between(last: Sighting, sighting: Sighting, watch: Watch, settings: Settings) -> int:
    between = (one for one in watch.passes if last.at < one.sensed_at < sighting.at)
    return sum(is_clear_without(one, last.detection, watch, settings) for one in between)


def is_clear_without(passed: Coverage, hull: Detection, watch: Watch, settings: Settings) -> bool:
    """Does a clear pass show that this hull is not there?

    Not where anything unexplained lies at the place, be it a shape that was set aside.
    """
    if passed.state != CoverageState.SEEN:
        return False
    return not any(
        is_same_place(one, hull, watch.zone, settings)
        and watch.outcomes.get(one.detection_id) != Outcome.MATCHED
        for one in watch.detections.get(passed.scene_id, ())
    )


def _bracketed(
    chain: tuple[Sighting, ...], rest: Sequence[Sighting], watch: Watch, settings: Settings
) -> Stay:
    first, last = chain[0], chain[-1]
    absent = [
        one.sensed_at
        for one in watch.passes
        if is_clear_without(one, first.detection, watch, settings)
    ]
    before = [at for at in absent if at < first.at]
    after = [at for at in absent if at > last.at]
    if watch.zone.is_berth:
        # A berth holds one ship: another one seen or on the air there shows that this one was not.
        taken = [
            one.at
            for one in rest
            if is_same_place(one.detection, first.detection, watch.zone, settings)
        ]
        before += [at for at in taken if at < first.at]
        after += [at for at in taken if at > last.at]
        before += [visit.last_at for visit in watch.visits if visit.last_at < first.at]
        after += [visit.first_at for visit in watch.visits if visit.first_at > last.at]
    return Stay(
        zone=watch.zone,
        sightings=chain,
        absent_before_at=max(before, default=None),
        absent_after_at=min(after, default=None),
    )
