"""How many calls there were, the unseen among them: what passes could see, and how well.

    P(seen) = 1 - Π (1 - q_s)^n_s        over a stay with n_s clear looks of sensor s
    N - n | n ~ NegBin(n + 1/2, P(seen)) prior of N as N^-1/2

q is the recall at berths *in this very season*: of ships whose AIS says that they lay there, the
share that a clear image shows well enough to be claimed were they dark. Stays are those of tankers
on AIS. Both are uncertain and drawn. A second estimate knows neither: calls that one sensor shows
and the other does not (Chapman 1951); long stays are seen by both, so it leans low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy import special

from pipeline.geo import Floats
from pipeline.records import (
    Coverage,
    CoverageState,
    Detection,
    EvidenceClass,
    PortCall,
    Sensor,
    ZoneRole,
)
from pipeline.units import DAY_S
from pipeline.voyages.settings import Settings

SENSORS = (Sensor.S1, Sensor.S2)
LOOKS = (CoverageState.SEEN, CoverageState.PARTLY)
OUTER = 200
"""Draws of recall and of the law of stays."""
INNER = 200
"""Calls made in each."""
LENGTHS_M = np.array([60.0, 75.0, 90.0, 110.0, 140.0, 200.0])
"""At which the chance of being seen is reckoned; between them by a line."""
TANKER_MIN = 0.5
EXPLAINED = ("A", "B")
"""Tiers of claims that a silent ship explains."""
NEWTON_ROUNDS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """When each sensor looked at a berth, and how much of it was clear."""

    at_s: Floats
    """(n,) seconds since 1970, rising."""
    running: Floats
    """(n + 1, 2) clear shares of the berth before each look, added up by sensor."""

    @staticmethod
    def of(coverage: Sequence[Coverage]) -> Looks:
        """From one berth's coverage."""
        rows = sorted((row for row in coverage if row.state in LOOKS), key=lambda r: r.sensed_at)
        weight = np.zeros((len(rows), len(SENSORS)))
        for number, row in enumerate(rows):
            share = 1.0 if row.state == CoverageState.SEEN else row.clear_fraction
            weight[number, SENSORS.index(Sensor(row.sensor))] = share
        return Looks(
            at_s=np.array([row.sensed_at.timestamp() for row in rows]),
            running=np.vstack([np.zeros(len(SENSORS)), np.cumsum(weight, axis=0)]),
        )

    def between(self, start_s: Floats, end_s: Floats) -> Floats:
        """(..., 2) looks in [start, end], by sensor."""
        first = np.searchsorted(self.at_s, start_s, "left")
        last = np.searchsorted(self.at_s, end_s, "right")
        return np.asarray(self.running[last] - self.running[first])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recall:
    """Chance that one clear look shows a hull at its berth well enough; draws of a logit line."""

    level: Floats
    """(draws, 2) logit at 100 m, by sensor, at a site like the others."""
    slope: Floats
    """(draws,) over ln length."""
    at_site: Mapping[str, Floats]
    """(draws, 2) to be added at a site: its quays and its map may be kind or unkind."""
    n_looks: int
    """Looks at ships on AIS that it rests on."""
    n_hits: int

    def at(self, length_m: float, site_id: str) -> Floats:
        """(draws, 2) at one length and site, by sensor."""
        logit = self.level + self.slope[:, None] * math.log(length_m / 100.0)
        logit = logit + self.at_site.get(site_id, 0.0)
        return np.asarray(special.expit(logit))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stays:
    """Draws of the log-normal law of stays."""

    log_median_s: Floats
    """(draws,)"""
    spread: Floats
    """(draws,)"""
    n_heard: int

    @property
    def median_d(self) -> float:
        """Middle of the medians."""
        return float(np.exp(np.median(self.log_median_s)) / DAY_S)


def berth_looks(coverage: Sequence[Coverage]) -> dict[str, Looks]:
    """Looks at each berth."""
    by_zone: dict[str, list[Coverage]] = {}
    for row in coverage:
        by_zone.setdefault(row.zone_id, []).append(row)
    return {zone_id: Looks.of(rows) for zone_id, rows in by_zone.items()}


def fit_recall(
    calls: Sequence[PortCall],
    looks: Mapping[str, Looks],
    detections: Sequence[Detection],
    rng: np.random.Generator,
    settings: Settings,
) -> Recall:
    """Recall at berths, from ships on AIS that lay there under clear looks.

    A logistic line over ln length, with a level for each sensor and what a site adds to it;
    posterior by Laplace's method.
    """
    shows = _claimable(calls, detections, settings)
    told = [call for call in calls if call.zone_id in looks and _tells_recall(call, settings)]
    sites = sorted({call.site_id for call in told})
    n = len(SENSORS)
    design, counts, hits = [], [], []
    for call in told:
        times = np.array([call.arrival_latest.timestamp(), call.departure_earliest.timestamp()])
        had = looks[call.zone_id].between(times[:1], times[1:])[0]
        shown = [shows[one] for one in call.detection_ids if one in shows]
        for number in np.flatnonzero(had > 0.0):
            row = np.zeros(n * (1 + len(sites)) + 1)
            row[number] = row[n * (1 + sites.index(call.site_id)) + number] = 1.0
            row[-1] = math.log((call.length_m or 100.0) / 100.0)
            design.append(row)
            counts.append(float(had[number]))
            share = sum(share for sensor, share in shown if sensor == SENSORS[number])
            hits.append(min(share, counts[-1]))
    prior = [settings.recall_prior] * n + [(0.0, settings.recall_site_spread)] * (n * len(sites))
    mean, deviation = np.array([*prior, settings.recall_length_prior]).T
    best, covariance = _laplace(
        np.array(design).reshape(-1, len(mean)), np.array(counts), np.array(hits), mean, deviation
    )
    drawn = rng.multivariate_normal(best, covariance, OUTER)
    return Recall(
        level=drawn[:, :n],
        slope=drawn[:, -1],
        at_site={site_id: drawn[:, n * (1 + k) : n * (2 + k)] for k, site_id in enumerate(sites)},
        n_looks=round(sum(counts)),
        n_hits=round(sum(hits)),
    )


def _tells_recall(call: PortCall, settings: Settings) -> bool:
    """Is it a ship on AIS at a berth, of a length like those in question?"""
    low_m, high_m = settings.recall_length_m
    return (
        call.evidence_class == EvidenceClass.AIS_VISIT
        and call.zone_role != ZoneRole.ANCHORAGE
        and call.length_m is not None
        and low_m <= call.length_m <= high_m
    )


def _claimable(
    calls: Sequence[PortCall], detections: Sequence[Detection], settings: Settings
) -> dict[str, tuple[str, float]]:
    """Detection: (sensor, chance that a dark hull so seen is claimed).

    A faint one is claimed where a silent ship explains it, as often as claims are so explained.
    """
    tiers = [call.tier for call in calls if call.is_claim]
    explained = (1.0 + sum(tier in EXPLAINED for tier in tiers)) / (2.0 + len(tiers))
    clear, faint = settings.claim_score_min, settings.claim_score_explained_min
    return {
        one.detection_id: (one.sensor, 1.0 if one.score >= clear else explained)
        for one in detections
        if one.score >= min(clear, faint)
    }


def _laplace(
    x: Floats, counts: Floats, hits: Floats, mean: Floats, deviation: Floats
) -> tuple[Floats, Floats]:
    """Mode and covariance of a logistic regression with a normal prior."""
    at, precision = mean.copy(), 1.0 / deviation**2
    hessian = np.diag(precision)
    for _ in range(NEWTON_ROUNDS):
        p = special.expit(x @ at)
        slope = x.T @ (hits - counts * p) - precision * (at - mean)
        hessian = (x * (counts * p * (1.0 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(hessian, slope)
        at = at + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
    return at, np.asarray(np.linalg.inv(hessian), np.float64)


def fit_stays(
    calls: Sequence[PortCall], role: str, rng: np.random.Generator, settings: Settings
) -> Stays:
    """The law of stays, from tankers on AIS whose arrival and departure were both heard.

    Log-normal; the assumption before the data weighs as `stay_prior_weight` stays.
    """
    heard = [
        (call.departure_earliest - call.arrival_latest).total_seconds()
        for call in calls
        if call.evidence_class == EvidenceClass.AIS_VISIT
        and call.zone_role == role
        and call.p_tanker >= TANKER_MIN
        and call.arrival_earliest is not None
        and call.departure_latest is not None
    ]
    logs = np.log([one for one in heard if one > 0.0])
    median_d, spread = settings.stay_prior_d
    before, weight = math.log(median_d * DAY_S), settings.stay_prior_weight
    n = len(logs)
    own = float(logs.mean()) if n else before
    level = (weight * before + n * own) / (weight + n)
    scatter = weight * spread**2 + (float(((logs - own) ** 2).sum()) if n else 0.0)
    scatter += weight * n / (weight + n) * (own - before) ** 2
    variance = scatter / rng.chisquare(weight + n, OUTER)
    return Stays(
        log_median_s=rng.normal(level, np.sqrt(variance / (weight + n))),
        spread=np.sqrt(variance),
        n_heard=n,
    )


def p_seen_by_length(
    looks: Looks,
    *,
    site_id: str,
    first: datetime,
    last: datetime,
    recall: Recall,
    stays: Stays,
    rng: np.random.Generator,
) -> Floats:
    """(draws, lengths) chance that a call at one berth is seen, its arrival at any time of a span.

    Args:
        looks: at the berth.
        site_id: whose berth it is.
        first: of the span.
        last: of the span.
        recall: of one look.
        stays: their law.
        rng: of the calls made up.
    """
    shape = (OUTER, INNER)
    arrived = rng.uniform(first.timestamp(), last.timestamp(), shape)
    lasted = np.exp(
        stays.log_median_s[:, None] + stays.spread[:, None] * rng.standard_normal(shape)
    )
    had = looks.between(arrived, arrived + lasted)
    chances = np.empty((OUTER, len(LENGTHS_M)))
    for number, length_m in enumerate(LENGTHS_M):
        miss = np.log1p(-np.minimum(recall.at(float(length_m), site_id), 1.0 - 1e-9))
        unseen = np.exp((had * miss[:, None, :]).sum(axis=2))
        chances[:, number] = 1.0 - unseen.mean(axis=1)
    return chances


def chances_at(chances: Floats, length_m: Floats) -> Floats:
    """(draws, calls) of calls by their lengths (calls,), between `LENGTHS_M` by a line."""
    place = np.clip(length_m, LENGTHS_M[0], LENGTHS_M[-1])
    return np.stack([np.interp(place, LENGTHS_M, row) for row in chances])


def chapman(n_one: int, n_other: int, n_both: int) -> tuple[float, float, float] | None:
    """(5 %, middle, 95 %) of a number by capture and recapture; None without an overlap.

    Chapman (1951) with Seber's variance; the unseen part log-normal (Burnham et al. 1987), so that
    no bound lies below what was seen.

    >>> low, middle, high = chapman(20, 15, 10)
    >>> round(middle, 2), low > 25.0
    (29.55, True)
    """
    if n_both < 1:
        return None
    seen = n_one + n_other - n_both
    middle = (n_one + 1) * (n_other + 1) / (n_both + 1) - 1
    variance = (
        (n_one + 1) * (n_other + 1) * (n_one - n_both) * (n_other - n_both)
        / ((n_both + 1) ** 2 * (n_both + 2))
    )  # fmt: skip
    unseen = middle - seen
    if unseen <= 0.0 or variance <= 0.0:
        return float(seen), float(max(middle, seen)), float(max(middle, seen))
    factor = math.exp(1.645 * math.sqrt(math.log1p(variance / unseen**2)))
    return seen + unseen / factor, middle, seen + unseen * factor
