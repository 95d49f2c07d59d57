"""How right a run on a simulated season was: calls, names, times, voyages and barrels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluate.calls import CallsScore, pair_claims, part, score_calls, share
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

    calls: CallsScore
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
            **self.calls.as_json(),
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
            "hull_recall": share(self.hulls_detected, self.hulls_visible),
        }

    def rows(self) -> list[tuple[str, str]]:
        """The same in words."""
        return [
            *self.calls.rows(),
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
                part(self.hulls_detected, self.hulls_visible, "detected"),
            ),
            (
                "looks at berths and anchorages",
                part(self.berths_seen, self.berths_watched, "clear"),
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
    """Hold a season's findings against its truth; of its calls see `score_calls`."""
    dark = [call for call in true_calls if call.is_dark]
    claims = [call for call in calls if call.is_claim]
    pairs = pair_claims(claims, dark, settings)
    links = _voyages(claims, dark, pairs, voyages, true_voyages)
    hulls = _berthed(true_hulls, settings)
    return SeasonScore(
        calls=score_calls(
            true_calls=true_calls,
            true_hulls=true_hulls,
            calls=calls,
            candidates=candidates,
            settings=settings,
        ),
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


def _berthed(hulls: Sequence[TrueHull], settings: Settings) -> list[TrueHull]:
    """Visible hulls of the shortest class and longer, at berths and at anchor."""
    return [
        hull
        for hull in hulls
        if hull.is_visible
        and hull.call_id is not None
        and hull.length_m >= settings.length_edges_m[0]
    ]


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


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _barrels(one: Barrels) -> str:
    if one.p10 is None or one.p50 is None or one.p90 is None:
        return "none"
    return f"{one.p50:,.0f} (P10 {one.p10:,.0f}, P90 {one.p90:,.0f})"
