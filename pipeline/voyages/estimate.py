"""The season's number of dark calls and its barrels, the unseen with them: beside the count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from pipeline.geo import Floats
from pipeline.records import (
    Coverage,
    Detection,
    PortCall,
    SeasonEstimate,
    Sensor,
    Voyage,
    ZoneRole,
)
from pipeline.voyages.barrels import Common, draw_common, draw_delivery, lengths_at, stream
from pipeline.voyages.ends import oil_claims
from pipeline.voyages.missed import (
    Looks,
    Recall,
    Stays,
    berth_looks,
    chances_at,
    chapman,
    fit_recall,
    fit_stays,
    p_seen_by_length,
)
from pipeline.voyages.settings import Settings

ROLES = (ZoneRole.LOAD, ZoneRole.DISCHARGE)
EDGES = (5.0, 50.0, 95.0)
SEEN_PRIOR = 0.5
"""Of the negative binomial: prior of the number as its square root's inverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """What an estimate rests on."""

    calls: Sequence[PortCall]
    coverage: Sequence[Coverage]
    detections: Sequence[Detection]
    voyages: Sequence[Voyage]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grounds:
    """What holds for all claims of a role."""

    recall: Recall
    stays: Stays
    sensors: Mapping[str, str]
    """Of each detection."""


def estimate_season(season: Season, settings: Settings) -> list[SeasonEstimate]:
    """Dark calls of tankers made at load and at discharge berths, seen and unseen; by site too.

    Args:
        season: all calls, what was looked at, and the voyages made of the calls.
        settings: assumptions.

    Returns:
        one row for each role that has an oil berth, and one for each of its sites with claims.
    """
    rng = stream(settings, "estimate", "season")
    looks = berth_looks(season.coverage)
    recall = fit_recall(season.calls, looks, season.detections, rng, settings)
    common = draw_common(settings)
    rows = []
    for role in ROLES:
        claims = sorted(oil_claims(season.calls, role), key=lambda call: call.call_id)
        grounds = _Grounds(
            recall=recall,
            stays=fit_stays(season.calls, role, rng, settings),
            sensors={one.detection_id: one.sensor for one in season.detections},
        )
        for site_id in (None, *sorted({call.site_id for call in claims})):
            own = [call for call in claims if site_id in (None, call.site_id)]
            if own:
                seen = _p_seen(own, looks, grounds, settings)
                barrels = _barrels(own, season.voyages, role, common, settings)
                row = _row(own, seen, barrels, grounds, settings)
                rows.append(replace(row, role=role.value, site_id=site_id))
    return rows


def _p_seen(
    claims: Sequence[PortCall],
    looks: Mapping[str, Looks],
    grounds: _Grounds,
    settings: Settings,
) -> Floats:
    """(draws, claims) chance that a call like each claim is seen at its berth, at any time."""
    first, last = _span(claims)
    of_zone = {
        zone_id: p_seen_by_length(
            looks.get(zone_id, Looks.of([])),
            site_id=site_id,
            first=first,
            last=last,
            recall=grounds.recall,
            stays=grounds.stays,
            rng=stream(settings, "estimate", "looks", zone_id),
        )
        for site_id, zone_id in sorted({(call.site_id, call.zone_id) for call in claims})
    }  # fmt: skip
    chances = np.empty((len(grounds.recall.slope), len(claims)))
    for number, call in enumerate(claims):
        middle = lengths_at(np.array([0.5]), call.length_m, call.length_sigma_m, settings)
        chances[:, number] = chances_at(of_zone[call.zone_id], middle)[:, 0]
    return np.maximum(chances, 1e-3)


def _span(claims: Sequence[PortCall]) -> tuple[datetime, datetime]:
    """From the first call to the last, half a mean interval wider at each end."""
    first = min(call.arrival_latest for call in claims)
    last = max(call.arrival_latest for call in claims)
    margin = max((last - first) / (2 * max(len(claims), 1)), timedelta(days=1))
    return first - margin, last + margin


def _barrels(
    claims: Sequence[PortCall],
    voyages: Sequence[Voyage],
    role: ZoneRole,
    common: Common,
    settings: Settings,
) -> Floats:
    """(claims, draws) of each claim's voyage."""
    of_call = {v.load_call_id if role is ZoneRole.LOAD else v.discharge_call_id: v for v in voyages}
    return np.stack(
        [draw_delivery(of_call[call.call_id], common, settings).barrels for call in claims]
    )


def _row(
    claims: Sequence[PortCall],
    p_seen: Floats,
    barrels: Floats,
    grounds: _Grounds,
    settings: Settings,
) -> SeasonEstimate:
    """The figures of some claims; whose they are is for the caller to say."""
    rng = stream(settings, "estimate", "unseen", *(call.call_id for call in claims))
    sensors = grounds.sensors
    n = settings.n_draws
    p_dark = np.array([call.p_dark for call in claims])
    true = rng.random((n, len(claims))) < p_dark
    chances = p_seen[rng.integers(len(p_seen), size=n)]
    # the share seen of all calls, when those of each kind are as many as its claims say
    share = len(claims) / (1.0 / chances).sum(axis=1)
    seen = true.sum(axis=1)
    unseen = rng.negative_binomial(seen + SEEN_PRIOR, share)
    carried = (true * barrels.T).sum(axis=1) + _of_unseen(unseen, chances, barrels, rng)
    shown = [{sensors[one] for one in call.detection_ids if one in sensors} for call in claims]
    n_s1, n_s2 = (sum(sensor.value in one for one in shown) for sensor in (Sensor.S1, Sensor.S2))
    n_both = sum(len(one) > 1 for one in shown)
    other = chapman(n_s1, n_s2, n_both) or (None, None, None)
    p5, p50, p95 = _edges(share)
    calls, oil = _edges(seen + unseen), _edges(carried)
    return SeasonEstimate(
        role="",
        site_id=None,
        n_claims=len(claims),
        n_true=float(p_dark.sum()),
        stay_median_d=grounds.stays.median_d,
        p_seen_p5=p5,
        p_seen_p50=p50,
        p_seen_p95=p95,
        calls_p5=calls[0],
        calls_p50=calls[1],
        calls_p95=calls[2],
        barrels_p5=oil[0],
        barrels_p50=oil[1],
        barrels_p95=oil[2],
        n_s1=n_s1,
        n_s2=n_s2,
        n_both=n_both,
        two_sensors_p5=other[0],
        two_sensors_p50=other[1],
        two_sensors_p95=other[2],
        basis=_basis(grounds.recall, grounds.stays, settings),
    )


def _of_unseen(
    unseen: np.ndarray[tuple[int], np.dtype[np.int64]],
    chances: Floats,
    barrels: Floats,
    rng: np.random.Generator,
) -> Floats:
    """(draws,) barrels of the unseen calls: as those seen, the hard to see among them oftener."""
    odds = 1.0 / chances - 1.0 + 1e-9
    edges = np.cumsum(odds, axis=1) / odds.sum(axis=1, keepdims=True)
    total = np.zeros(len(unseen))
    for number in range(int(unseen.max(initial=0))):
        drawn = np.flatnonzero(unseen > number)
        pick = (rng.random(len(drawn))[:, None] > edges[drawn]).sum(axis=1)
        at = np.minimum(pick, len(barrels) - 1)
        total[drawn] += barrels[at, drawn]
    return total


def _edges(draws: Floats) -> tuple[float, float, float]:
    low, middle, high = (float(value) for value in np.percentile(draws, EDGES))
    return low, middle, high


def _basis(recall: Recall, stays: Stays, settings: Settings) -> str:
    median_d, _ = settings.stay_prior_d
    heard = (
        f"stays of {stays.n_heard} tankers on AIS at such berths"
        if stays.n_heard
        else f"an assumed median stay of {median_d:g} days: no tanker on AIS was heard to stay"
    )
    looked = (
        f"{recall.n_hits} of {recall.n_looks} clear looks at ships on AIS at berths showed them"
        if recall.n_looks
        else "an assumed recall: no ship on AIS lay at a berth under a clear look"
    )
    return f"{heard}; {looked}; calls spread evenly from the first claimed to the last"
