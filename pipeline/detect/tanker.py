"""Is it a tanker? What size and place say, in words, and nothing that 10 m pixels cannot show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from pipeline.detect.settings import Settings
from pipeline.records import Cargo, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Tanker:
    """A hull's size as measured."""

    length_m: float
    length_sigma_m: float
    width_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TankerPrior:
    """A probability and what it rests on."""

    probability: float
    basis: str


def tanker_probability(hull: Tanker, *, zone: Zone | None, settings: Settings) -> TankerPrior:
    """Probability that a hull is a tanker, by Bayes' rule on odds.

    The fleet's share, times how much likelier a tanker is than another ship to have this length and
    this slenderness, times what the berth handles. The image itself is not asked: at 10 m it shows
    no manifold and no deck gear.
    """
    odds = settings.tanker_fleet_share / (1.0 - settings.tanker_fleet_share)
    by_length = _length_factor(hull, settings)
    by_ratio = _ratio_factor(hull, settings)
    by_berth, place = _berth(zone, settings)
    odds *= by_length * by_ratio * by_berth
    basis = (
        f"tankers are {settings.tanker_fleet_share:.0%} of cargo ships; "
        f"length {hull.length_m:.0f} m: odds x{by_length:.2f}; "
        f"length/width {hull.length_m / hull.width_m:.1f}: odds x{by_ratio:.2f}; "
        f"{place}: odds x{by_berth:g}. The pixels show no ship type."
    )
    return TankerPrior(probability=odds / (1.0 + odds), basis=basis)


def _length_factor(hull: Tanker, settings: Settings) -> float:
    """Near 1 where seagoing tankers are found, falling outside by the length's own error."""
    told = NormalDist(hull.length_m, hull.length_sigma_m)
    shortest = 1.0 - told.cdf(settings.tanker_length_min_m)
    longest = told.cdf(settings.tanker_length_max_m)
    floor = settings.tanker_odds_off_length
    return float(floor + (1.0 - floor) * shortest * longest)


def _ratio_factor(hull: Tanker, settings: Settings) -> float:
    """Likelihood ratio of ln(length / width): tankers against other cargo ships."""
    value = math.log(hull.length_m / max(hull.width_m, settings.tanker_width_floor_m))
    tanker = NormalDist(math.log(settings.tanker_ratio), settings.tanker_ratio_spread).pdf(value)
    other = NormalDist(math.log(settings.other_ratio), settings.other_ratio_spread).pdf(value)
    limit = settings.ratio_factor_max
    return float(min(max(tanker / max(other, 1e-12), 1.0 / limit), limit))


def _berth(zone: Zone | None, settings: Settings) -> tuple[float, str]:
    if zone is None:
        return 1.0, "in no berth or anchorage"
    if not zone.is_berth:
        return 1.0, f"anchorage {zone.name}"
    if zone.handles_oil:
        return settings.tanker_berth_odds_oil, f"berth {zone.name} handles {zone.cargo.value}"
    if zone.cargo is Cargo.DRY:
        return settings.tanker_berth_odds_dry, f"berth {zone.name} handles dry cargo"
    return 1.0, f"what berth {zone.name} handles is not known"
