"""What the season comes to, in sentences that claim no more than was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.records import (
    CAP_BBL,
    Coverage,
    CoverageState,
    EvidenceClass,
    LedgerTotal,
    PortCall,
    SeasonEstimate,
    Site,
    ZoneRole,
)
from pipeline.review import words
from pipeline.rhythm import Crossing


def headlines(
    calls: Sequence[PortCall],
    *,
    coverage: Sequence[Coverage],
    missed: Sequence[Coverage],
    totals: Sequence[LedgerTotal],
    estimates: Sequence[SeasonEstimate],
    crossings: Sequence[Crossing],
    sites: Sequence[Site],
) -> list[str]:
    """The findings in order of weight; each stands on its own."""
    return [
        _dark_calls(calls, sites),
        *_unseen(estimates),
        _visits(calls),
        *_barrels(totals),
        *_crossed(crossings),
        _looks(coverage),
        *_missed(missed),
    ]


def _dark_calls(calls: Sequence[PortCall], sites: Sequence[Site]) -> str:
    pictured = [call for call in calls if call.is_dark]
    dark = [call for call in pictured if call.is_claim]
    anomalies = words.count(len(pictured) - len(dark), "further anomaly", "further anomalies")
    if not dark:
        return (
            f"No dark port call was found, and {anomalies} of tier D. "
            f"That is not proof that none was made."
        )
    tiers = Counter(call.tier for call in dark)
    by_tier = ", ".join(f"{tiers[tier]} of tier {tier}" for tier in sorted(tiers))
    ports = len({call.site_id for call in dark})
    named = sum(call.mmsi is not None for call in dark)
    return (
        f"{words.count(len(dark), 'dark port call was', 'dark port calls were')} found at {ports} "
        f"of {words.count(len(sites), 'port')} ({by_tier}), and {anomalies} of tier D. Going by "
        f"P(dark), about {sum(call.p_dark for call in dark):.1f} of them were made without AIS. "
        f"In {named} one silent ship stands out: a lead, not an identification."
    )


def _visits(calls: Sequence[PortCall]) -> str:
    visits = sum(call.evidence_class == EvidenceClass.AIS_VISIT for call in calls)
    spans = sum(call.evidence_class == EvidenceClass.GAP_SPANS_PORT for call in calls)
    return (
        f"{words.count(visits, 'call was', 'calls were')} made with AIS on. "
        f"{words.count(spans, 'silence', 'silences')} would have left time for a call that no "
        f"image shows."
    )


def _barrels(totals: Sequence[LedgerTotal]) -> list[str]:
    return [
        f"Delivered in {total.year}, {total.scope}: about {words.barrels(total.barrels_p50)} "
        f"barrels in {words.count(total.n_deliveries, 'delivery', 'deliveries')} "
        f"(80 % interval {words.barrels(total.barrels_p10)} to "
        f"{words.barrels(total.barrels_p90)}), a scenario from hull sizes and assumed loads. "
        f"P(the year's cap of {CAP_BBL:,} exceeded) {words.probability(total.p_cap_exceeded)}."
        for total in last_totals(totals)
    ]


def _unseen(estimates: Sequence[SeasonEstimate]) -> list[str]:
    """Beside the count, never instead of it."""
    told = []
    for row in estimates:
        if row.site_id is not None:
            continue
        line = (
            f"Of dark calls at {row.role} berths about {row.p_seen_p50:.0%} are seen and claimed "
            f"({row.p_seen_p5:.0%} to {row.p_seen_p95:.0%}): {row.n_claims} were claimed, so about "
            f"{row.calls_p50:.0f} were made (90 % interval {row.calls_p5:.0f} to "
            f"{row.calls_p95:.0f})"
        )
        if row.role == ZoneRole.LOAD and row.barrels_p5 is not None:
            line += (
                f", with {words.barrels(row.barrels_p50 or 0.0)} barrels "
                f"({words.barrels(row.barrels_p5)} to {words.barrels(row.barrels_p95 or 0.0)})"
            )
        told.append(f"{line}. It rests on {row.basis}.")
    return told


def _crossed(crossings: Sequence[Crossing]) -> list[str]:
    """Between which dates a cap was passed."""
    told = []
    for one in crossings:
        low, middle, high = one.at
        if low is None:
            continue
        until = (
            "was not sure by the end" if high is None else f"was all but sure by {words.day(high)}"
        )
        half = "" if middle is None else f", likelier than not from {words.day(middle)}"
        told.append(
            f"Going by {one.scope}, the cap of {one.year} may have been passed from "
            f"{words.day(low)} on{half}; it {until}."
        )
    return told


def _looks(coverage: Sequence[Coverage]) -> str:
    if not coverage:
        return "No pass looked at any berth: nothing can be said about calls."
    states = Counter(row.state for row in coverage)
    seen = states[CoverageState.SEEN]
    return (
        f"Berths and anchorages were looked at {len(coverage):,} times: {seen:,} seen "
        f"({100.0 * seen / len(coverage):.0f} %), {states[CoverageState.PARTLY]:,} partly, "
        f"{states[CoverageState.CLOUDY]:,} cloudy, {states[CoverageState.NOT_IMAGED]:,} not "
        f"imaged. A call that no pass could see is not counted above: counts are lower bounds."
    )


def _missed(missed: Sequence[Coverage]) -> list[str]:
    """Passes without an image: days on which nobody looked, though a satellite came."""
    passes = {(row.site_id, row.scene_id, row.state) for row in missed}
    states = Counter(state for _, _, state in passes)
    if not states:
        return []
    failed, absent = states[CoverageState.NOT_FETCHED], states[CoverageState.NO_PRODUCT]
    told = (
        f"{words.count(failed, 'pass', 'passes')} could not be fetched, and "
        f"{words.count(absent, 'pass', 'passes')} that the satellites' repeat cycles promise "
        f"brought no product: what lay in port then is not known."
    )
    return [told]


def last_totals(totals: Sequence[LedgerTotal]) -> list[LedgerTotal]:
    """The last running total of each year and scope."""
    ordered = sorted(totals, key=lambda total: (total.year, total.scope, total.counted_at))
    last = {(total.year, total.scope): total for total in ordered}
    return list(last.values())
