"""The queue: what a person should look at, and why, most valuable first."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from pipeline.records import (
    AisInView,
    Candidate,
    Case,
    Detection,
    EvidenceClass,
    LedgerEntry,
    PortCall,
    Site,
    Voyage,
    content_id,
)
from pipeline.review import words
from pipeline.review.leads import spoofing_leads
from pipeline.review.settings import Settings

DARK_CALL = "dark call"


def make_cases(
    calls: Sequence[PortCall],
    *,
    candidates: Sequence[Candidate],
    voyages: Sequence[Voyage],
    entries: Sequence[LedgerEntry],
    in_view: Sequence[AisInView],
    detections: Sequence[Detection],
    sites: Sequence[Site],
    settings: Settings,
) -> list[Case]:
    """Cases in the order in which a decision is worth most; ties by id.

    Args:
        calls: all port calls; those with AIS on make no case.
        candidates: ranked ships of the dark calls.
        voyages: what the calls were joined to.
        entries: barrels of the voyages.
        in_view: ships on the air inside images.
        detections: all detections; `chip` is relative to the folder of their site's table.
        sites: for names in words.
        settings: weights and floors.
    """
    stakes = barrels_at_stake(calls, voyages, entries, settings)
    seen = {item.detection_id: item for item in detections}
    best: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.rank):
        best.setdefault(candidate.call_id, candidate)
    places = {
        zone.zone_id: words.place(site, zone.zone_id) for site in sites for zone in site.zones
    }
    cases = [
        _call_case(
            call,
            barrels=stakes[call.call_id],
            best=best.get(call.call_id),
            shown=[seen[name] for name in call.detection_ids if name in seen],
            place=places.get(call.zone_id, call.zone_id),
            settings=settings,
        )
        for call in calls
        if call.evidence_class != EvidenceClass.AIS_VISIT
    ]
    cases += spoofing_leads(in_view, detections=detections, sites=sites, settings=settings)
    return sorted(cases, key=lambda case: (-case.priority, case.case_id))


def barrels_at_stake(
    calls: Sequence[PortCall],
    voyages: Sequence[Voyage],
    entries: Sequence[LedgerEntry],
    settings: Settings,
) -> dict[str, float]:
    """By call: the median of its voyage's delivery, else the fallback times P(tanker)."""
    medians = {entry.voyage_id: entry.barrels_p50 for entry in entries}
    stakes = {call.call_id: settings.barrels_fallback * call.p_tanker for call in calls}
    for voyage in sorted(voyages, key=lambda v: v.voyage_id):
        if voyage.voyage_id in medians:
            for call_id in (voyage.load_call_id, voyage.discharge_call_id):
                if call_id is not None:
                    stakes[call_id] = medians[voyage.voyage_id]
    return stakes


def uncertainty(call: PortCall, settings: Settings) -> float:
    """4p(1-p) of the probability nearest one half: 1 is a coin's toss; never below the floor."""
    spread = (4.0 * p * (1.0 - p) for p in (call.p_dark, call.p_ship, call.p_tanker))
    return max(settings.uncertainty_floor, *spread)


def case_of(call_id: str) -> str:
    """The id of a call's case."""
    return content_id("case", call_id)


def chip_path(detection: Detection, root: str = "screen") -> str | None:
    """A detection's chip from the workspace; it is stored relative to `<root>/<site>/`."""
    if detection.chip is None:
        return None
    return posixpath.normpath(f"{root}/{detection.site_id}/{detection.chip}")


def _call_case(
    call: PortCall,
    *,
    barrels: float,
    best: Candidate | None,
    shown: list[Detection],
    place: str,
    settings: Settings,
) -> Case:
    indirect = call.evidence_class == EvidenceClass.GAP_SPANS_PORT
    weight = settings.indirect_weight if indirect else 1.0
    shown.sort(key=lambda item: (item.sensed_at, item.detection_id))
    chips = [path for item in shown if (path := chip_path(item)) is not None]
    return Case(
        case_id=case_of(call.call_id),
        priority=weight * call.p_dark * barrels * uncertainty(call, settings),
        kind=DARK_CALL,
        subject_id=call.call_id,
        site_id=call.site_id,
        zone_id=call.zone_id,
        tier=call.tier,
        question=_question(call, place, indirect=indirect),
        reasons=_reasons(call, barrels, best),
        chips=chips,
        evidence_ids=[*call.detection_ids, *call.gap_ids, *call.track_ids],
        evidence_key=call.evidence_key,
    )


def _question(call: PortCall, place: str, *, indirect: bool) -> str:
    when = words.interval(call.arrival_latest, call.departure_earliest)
    if indirect:
        who = words.ship(call.ship_name, call.mmsi)
        return f"Did {who} call at {place} around {when} UTC, while silent?"
    return f"Did a tanker lie at {place}, {when} UTC, without AIS, and which ship was it?"


def _reasons(call: PortCall, barrels: float, best: Candidate | None) -> list[str]:
    hull = words.length(call.length_m, call.length_sigma_m)
    reasons = [
        f"Evidence: {words.EVIDENCE[EvidenceClass(call.evidence_class)]}; tier {call.tier}.",
        f"{words.count(call.n_seen, 'image shows', 'images show')} the ship; hull length {hull}.",
        f"P(dark) {words.probability(call.p_dark)}.",
        f"P(tanker) {words.probability(call.p_tanker)}.",
        f"About {words.barrels(barrels)} barrels hang on it.",
    ]
    if best is not None:
        who = words.ship(best.ship_name, best.mmsi)
        reasons.append(f"Most probable: {who}, {words.probability(best.posterior)}. {best.reason}")
    return reasons + [f"Against it: {remark}" for remark in call.counter_evidence]
