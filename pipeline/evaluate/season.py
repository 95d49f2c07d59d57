"""How right a run on a simulated season was: calls, names, times, voyages and barrels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.evaluate.settings import Settings
from pipeline.geo import distance_m
from pipeline.records import (
    Candidate,
    Coverage,
    CoverageState,
    Detection,
    LedgerEntry,
    LedgerTotal,
    PortCall,
    TrueCall,
    TrueHull,
    TrueVoyage,
    Voyage,
)

HEADLINE, UPPER = "headline", "upper bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrels:
    """A season's total as published, summed over calendar years; None without deliveries."""

    p10: float | None
    p50: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonScore:
    """Counts, so that every share can be checked."""

    claims: int
    """Dark calls of tiers A to C."""
    true_claims: int
    """Of them, those that are a true dark call at that berth; a call split in two is right once."""
    dark_calls: int
    """True dark calls."""
    visible_calls: int
    """Of them, those that some image shows under a clear sky."""
    visible_found: int
    top1: int
    """Of the true claims, those whose true ship ranks first."""
    top3: int
    bracketed: int
    """Of the true claims, those with both ends of the arrival interval."""
    arrivals_held: int
    voyages_true: int
    voyages_claimed: int
    voyages_found: int
    """Of the true voyages, those with a true call of theirs in a claimed voyage of their own."""
    voyages_linked: int
    """Of those, with both ends right."""
    barrels_true: float
    barrels_true_found: float
    """Carried on the voyages found."""
    headline: Barrels
    upper: Barrels
    hulls_visible: int
    hulls_detected: int
    berths_seen: int
    """Zone × pass, seen clearly."""
    berths_watched: int

    def as_json(self) -> dict[str, float | int | None]:
        """One flat object; null where there was nothing to measure."""
        return {
            "dark_precision": _share(self.true_claims, self.claims),
            "dark_recall_visible": _share(self.visible_found, self.visible_calls),
            "identity_top1": _share(self.top1, self.true_claims),
            "identity_top3": _share(self.top3, self.true_claims),
            "arrival_coverage_90": _share(self.arrivals_held, self.bracketed),
            "dark_claims": self.claims,
            "dark_calls_true": self.dark_calls,
            "dark_calls_visible": self.visible_calls,
            "voyages_true": self.voyages_true,
            "voyages_found": self.voyages_found,
            "voyages_claimed": self.voyages_claimed,
            "voyages_linked": self.voyages_linked,
            "barrels_true": round(self.barrels_true),
            "barrels_true_found": round(self.barrels_true_found),
            "barrels_p10": _whole(self.upper.p10),
            "barrels_p50": _whole(self.upper.p50),
            "barrels_p90": _whole(self.upper.p90),
            "barrels_headline_p10": _whole(self.headline.p10),
            "barrels_headline_p50": _whole(self.headline.p50),
            "barrels_headline_p90": _whole(self.headline.p90),
            "hull_recall": _share(self.hulls_detected, self.hulls_visible),
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same in words."""
        unseen = self.dark_calls - self.visible_calls
        return [
            ("dark calls claimed (tiers A to C)", _of(self.true_claims, self.claims, "true")),
            (
                "dark calls that a clear image shows",
                _of(self.visible_found, self.visible_calls, "found")
                + f"; {unseen} more were never shown",
            ),
            ("true ship ranked first", _of(self.top1, self.true_claims, "of the true claims")),
            ("true ship among three", _of(self.top3, self.true_claims, "of the true claims")),
            (
                "arrival inside its interval",
                _of(self.arrivals_held, self.bracketed, "of those with two ends"),
            ),
            (
                "voyages of dark tankers",
                ", ".join(
                    [
                        f"{self.voyages_true} true",
                        f"{self.voyages_claimed} claimed",
                        f"{self.voyages_found} found",
                        f"{self.voyages_linked} with both ends right",
                    ]
                ),
            ),
            (
                "barrels carried in truth",
                f"{self.barrels_true:,.0f}; {self.barrels_true_found:,.0f} on the voyages found",
            ),
            ("barrels counted, tiers A to C", _barrels(self.upper)),
            ("barrels counted, tiers A and B", _barrels(self.headline)),
            (
                "hulls at berths under a clear sky",
                _of(self.hulls_detected, self.hulls_visible, "detected"),
            ),
            (
                "looks at berths and anchorages",
                _of(self.berths_seen, self.berths_watched, "clear"),
            ),
        ]


def score_season(  # noqa: PLR0913  a season has that many tables
    *,
    true_calls: Sequence[TrueCall],
    true_voyages: Sequence[TrueVoyage],
    true_hulls: Sequence[TrueHull],
    coverage: Sequence[Coverage],
    calls: Sequence[PortCall],
    candidates: Sequence[Candidate],
    voyages: Sequence[Voyage],
    entries: Sequence[LedgerEntry],
    totals: Sequence[LedgerTotal],
    detections: Sequence[Detection],
    settings: Settings,
) -> SeasonScore:
    """Hold a season's findings against its truth.

    A claim is a dark call of tier A to C. It is true where a tanker really lay dark at that berth
    while the claim says she was there, give or take `call_tolerance_s`; claims and true calls pair
    one to one. Recall counts only calls that a clear image shows.
    """
    dark = [call for call in true_calls if call.is_dark]
    claims = [call for call in calls if call.is_claim]
    pairs = _pair(claims, dark, settings)
    visible, arrivals = _visible(true_hulls), _arrivals(claims, dark, pairs)
    ranks = [_rank(claims[i], dark[j], candidates) for i, j in pairs.items()]
    links = _voyages(claims, dark, pairs, voyages, true_voyages)
    hulls = _berthed(true_hulls, settings)
    return SeasonScore(
        claims=len(claims),
        true_claims=len(pairs),
        dark_calls=len(dark),
        visible_calls=sum(call.call_id in visible for call in dark),
        visible_found=sum(dark[j].call_id in visible for j in pairs.values()),
        top1=sum(rank == 1 for rank in ranks),
        top3=sum(rank is not None and rank <= 3 for rank in ranks),
        bracketed=len(arrivals),
        arrivals_held=sum(arrivals),
        voyages_true=len(true_voyages),
        voyages_claimed=len(entries),
        voyages_found=len(links),
        voyages_linked=sum(links.values()),
        barrels_true=sum(voyage.barrels for voyage in true_voyages),
        barrels_true_found=sum(one.barrels for one in true_voyages if one.voyage_id in links),
        headline=_season_barrels(totals, HEADLINE),
        upper=_season_barrels(totals, UPPER),
        hulls_visible=len(hulls),
        hulls_detected=_detected(hulls, detections, settings),
        berths_seen=sum(row.state == CoverageState.SEEN for row in coverage),
        berths_watched=len(coverage),
    )


def _visible(hulls: Sequence[TrueHull]) -> set[str]:
    """Calls of dark ships that some clear image shows."""
    return {hull.call_id for hull in hulls if hull.is_dark and hull.is_visible and hull.call_id}


def _berthed(hulls: Sequence[TrueHull], settings: Settings) -> list[TrueHull]:
    """Visible hulls of the shortest class and longer, at berths and at anchor."""
    return [
        hull
        for hull in hulls
        if hull.is_visible
        and hull.call_id is not None
        and hull.length_m >= settings.length_edges_m[0]
    ]


def _arrivals(
    claims: Sequence[PortCall], dark: Sequence[TrueCall], pairs: Mapping[int, int]
) -> list[bool]:
    """Does each two-ended interval hold the true arrival?"""
    return [
        _holds(claims[i], dark[j].arrived_at)
        for i, j in pairs.items()
        if claims[i].arrival_earliest is not None
    ]


def _pair(
    claims: Sequence[PortCall], dark: Sequence[TrueCall], settings: Settings
) -> dict[int, int]:
    """Claim → true call, as many as can be, then the nearest in time."""
    if not claims or not dark:
        return {}
    tolerance = timedelta(seconds=settings.call_tolerance_s)
    far = float(len(claims) + len(dark) + 1)
    cost = np.full((len(claims), len(dark)), far)
    for i, claim in enumerate(claims):
        for j, call in enumerate(dark):
            if (
                claim.zone_id == call.zone_id
                and claim.arrival_latest <= call.departed_at + tolerance
                and claim.departure_earliest >= call.arrived_at - tolerance
            ):
                apart = abs((claim.arrival_latest - call.arrived_at).total_seconds())
                cost[i, j] = apart / (apart + settings.call_tolerance_s + 1.0)
    left, right = linear_sum_assignment(cost)
    return {int(i): int(j) for i, j in zip(left, right, strict=True) if cost[i, j] < far}


def _rank(claim: PortCall, truth: TrueCall, candidates: Sequence[Candidate]) -> int | None:
    """Rank of the true ship among all candidates, the unknown one too; None: not listed."""
    own = (one for one in candidates if one.call_id == claim.call_id and one.mmsi == truth.mmsi)
    return min((one.rank for one in own), default=None)


def _holds(claim: PortCall, arrived_at: datetime) -> bool:
    earliest = claim.arrival_earliest
    return earliest is not None and earliest <= arrived_at <= claim.arrival_latest


def _voyages(
    claims: Sequence[PortCall],
    dark: Sequence[TrueCall],
    pairs: Mapping[int, int],
    voyages: Sequence[Voyage],
    truth: Sequence[TrueVoyage],
) -> dict[str, bool]:
    """True voyage → are both ends right?, of those that a claimed voyage touches; each once."""
    true_of = {claims[i].call_id: dark[j].call_id for i, j in pairs.items()}
    of_call = {one.load_call_id: one for one in truth}
    of_call |= {one.discharge_call_id: one for one in truth if one.discharge_call_id is not None}
    found: dict[str, bool] = {}
    for voyage in sorted(voyages, key=lambda v: v.voyage_id):
        load = true_of.get(voyage.load_call_id or "")
        discharge = true_of.get(voyage.discharge_call_id or "")
        touched = [of_call[call_id] for call_id in (load, discharge) if call_id in of_call]
        if touched:
            one = touched[0]
            both = load == one.load_call_id and discharge == one.discharge_call_id
            found[one.voyage_id] = found.get(one.voyage_id, False) or both
    return found


def _season_barrels(totals: Sequence[LedgerTotal], scope: str) -> Barrels:
    """The last total of each year, added up."""
    last: dict[int, LedgerTotal] = {}
    for total in sorted(totals, key=lambda t: t.counted_at):
        if total.scope.startswith(scope):
            last[total.year] = total
    if not last:
        return Barrels(p10=None, p50=None, p90=None)
    return Barrels(
        p10=sum(total.barrels_p10 for total in last.values()),
        p50=sum(total.barrels_p50 for total in last.values()),
        p90=sum(total.barrels_p90 for total in last.values()),
    )


def _detected(
    hulls: Sequence[TrueHull], detections: Sequence[Detection], settings: Settings
) -> int:
    """Hulls with a kept detection at their place, one each, by scene."""
    kept: dict[str, list[Detection]] = {}
    for one in detections:
        if one.screened is None:
            kept.setdefault(one.scene_id, []).append(one)
    count = 0
    for hull in hulls:
        own = kept.get(hull.scene_id, [])
        near = [
            (float(distance_m(hull.lon, hull.lat, one.lon, one.lat)), k)
            for k, one in enumerate(own)
        ]
        gate_m = max(settings.match_radius_m, settings.match_length_share * hull.length_m)
        best = min(near, default=(np.inf, 0))
        if best[0] <= gate_m:
            own.pop(best[1])
            count += 1
    return count


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _of(part: int, whole: int, what: str) -> str:
    return f"{part} of {whole} {what}" + (f" ({part / whole:.0%})" if whole else "")


def _barrels(one: Barrels) -> str:
    if one.p10 is None or one.p50 is None or one.p90 is None:
        return "none"
    return f"{one.p50:,.0f} (P10 {one.p10:,.0f}, P90 {one.p90:,.0f})"
