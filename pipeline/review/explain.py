"""The whole reasoning behind one call, in sentences with their numbers, for a sceptic."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.records import (
    Candidate,
    Coverage,
    CoverageState,
    Detection,
    EvidenceClass,
    Match,
    Outcome,
    PortCall,
    SeenStay,
)
from pipeline.review import words

WIDTH = 100
TIERS = {
    "A": "the ship herself reported from the berth",
    "B": "an image shows a hull at an oil berth where ships on the air are heard, and a ship's "
    "silence that began or ended where others were heard fits it",
    "C": "an image shows a hull at an oil berth, and either nobody's silence stands out or the "
    "receivers may explain it",
    "D": "a lead: the evidence does not carry a claim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands behind one call."""

    call: PortCall
    stay: SeenStay | None
    """Of a dark call."""
    place: str
    detections: Sequence[Detection]
    """Of the call, in time."""
    matches: Mapping[str, Match]
    """By detection."""
    coverage: Sequence[Coverage]
    """Of the call's zone."""
    candidates: Sequence[Candidate]
    """Of the call, by rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its sentences."""

    heading: str
    sentences: list[str]

    def __str__(self) -> str:
        """For a terminal."""
        lines = [self.heading]
        for sentence in self.sentences:
            lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ")
        return "\n".join(lines)


def explain(about: Evidence) -> list[Section]:
    """Every step from pixels and reports to the claim.

    Args:
        about: the call and what stands behind it.
    """
    sections = [_claim(about)]
    if about.detections:
        sections.append(_images(about))
    sections.append(_times(about))
    if about.stay is not None:
        sections += [_darkness(about.call, about.stay), _who(about)]
    sections.append(_doubts(about.call))
    return sections


def _claim(about: Evidence) -> Section:
    call = about.call
    ship = words.ship(call.ship_name, call.mmsi)
    kind = words.EVIDENCE[EvidenceClass(call.evidence_class)]
    said = [
        f"{ship} at {about.place}, {_handles(call)}.",
        f"Evidence: {kind}. Tier {call.tier}: {TIERS[call.tier]}.",
    ]
    if call.is_dark:
        said.append(
            f"P(a ship lies there and does not transmit) {_p(call.p_dark)}; P(she is a tanker) "
            f"{_p(call.p_tanker)}, which at 10 m rests on size and berth."
        )
    said.append(
        "An image shows presence at an instant. It does not show loading, a name, or a flag."
    )
    return Section(heading=f"Call {call.call_id}", sentences=said)


def _handles(call: PortCall) -> str:
    cargo = "whose cargo is not known" if call.cargo == "unknown" else f"which handles {call.cargo}"
    return f"a {call.zone_role} place {cargo}"


def _images(about: Evidence) -> Section:
    return Section(
        heading="What the images show",
        sentences=[_image(one, about.matches.get(one.detection_id)) for one in about.detections],
    )


def _image(one: Detection, match: Match | None) -> str:
    said = (
        f"{words.utc(one.sensed_at)}, {words.SENSORS.get(one.sensor, one.sensor)}: a shape that is "
        f"a ship with P {_p(one.score)}, {one.length_m:.0f} ± "
        f"{one.length_sigma_m:.0f} m long, its axis at {one.axis_deg:.0f}°, at {one.lat:.4f}° "
        f"{one.lon:.4f}° ± {one.position_sigma_m:.0f} m, {one.shore_distance_m:.0f} m off the "
        f"shore (detection {one.detection_id}, scene {one.scene_id}). {_empty(one)}{_remarks(one)}"
    )
    return said if match is None else f"{said} {_match(match)}"


def _remarks(one: Detection) -> str:
    return f" Remarks: {'; '.join(one.flags)}." if one.flags else ""


def _empty(one: Detection) -> str:
    if one.empty_share is None:
        return "It is not held against the place when empty: no berth, or too few clear passes."
    return (
        f"When the berth is at its emptiest, the same outline is {100 * one.empty_share:.0f} % as "
        "bright as in this image."
    )


def _match(match: Match) -> str:
    heard = (
        f"{words.count(match.ships_heard, 'ship')} on the air were heard there around that time; a "
        f"transmitting one is heard within the hour with P {_p(match.p_heard)}"
    )
    if match.llr is None or match.mmsi is None or match.offset_m is None:
        return f"Nobody on the air was near. {heard}."
    terms = ", ".join(
        f"{name} {_factor(value)}"
        for name, value in (
            ("place", match.term_position), ("length", match.term_length),
            ("axis", match.term_axis), ("type", match.term_type),
        )
        if value is not None
    )  # fmt: skip
    verdict = {
        Outcome.MATCHED: "taken to be hers",
        Outcome.DARK: "taken to be nobody's on the air",
        Outcome.AMBIGUOUS: "it may be hers or not",
        Outcome.NO_COVERAGE: "too little is heard there to call it dark",
    }[Outcome(match.outcome)]
    return (
        f"The likeliest ship on the air, MMSI {match.mmsi}, should have been "
        f"{match.offset_m:.0f} m off: odds {terms}; P(the shape is hers) {_p(match.p_match)}, "
        f"P(nobody's on the air) {_p(match.p_dark)}: {verdict}. {heard}."
    )


def _factor(nats: float) -> str:
    """Odds, as a reader multiplies them.

    >>> _factor(math.log(2.3)), _factor(-math.log(40.0)), _factor(0.0)
    ('× 2.3', '÷ 40', '× 1')
    """
    times = math.exp(min(abs(nats), 50.0))
    return f"{'÷' if nats < -0.005 else '×'} {times:.2g}"


def _times(about: Evidence) -> Section:
    call = about.call
    arrived = words.interval(call.arrival_earliest, call.arrival_latest)
    left = words.interval(call.departure_earliest, call.departure_latest)
    said = [f"Arrived {arrived}; left {left} (UTC)."]
    between = call.arrival_90
    if between is not None and call.is_dark:
        said.append(f"Nine times in ten she arrived {words.interval(*between)}.")
    seen = [row for row in about.coverage if row.state == CoverageState.SEEN]
    before = [row for row in seen if row.sensed_at < call.arrival_latest]
    after = [row for row in seen if row.sensed_at > call.departure_earliest]
    if call.is_dark and before:
        said.append(f"The last clear image of the berth before was of {_when(before[-1])}.")
    if call.is_dark and after:
        said.append(f"The first clear image of the berth afterwards was of {_when(after[0])}.")
    hidden = sum(
        row.state != CoverageState.SEEN
        for row in about.coverage
        if call.arrival_latest <= row.sensed_at <= call.departure_earliest
    )
    if hidden:
        said.append(f"{words.count(hidden, 'pass', 'passes')} meanwhile showed nothing of it.")
    return Section(heading="When", sentences=said)


def _when(row: Coverage) -> str:
    return f"{words.utc(row.sensed_at)}, {words.SENSORS.get(row.sensor, row.sensor)}"


def _darkness(call: PortCall, stay: SeenStay) -> Section:
    said = (
        f"P(none of the shapes is a ship) {_p(stay.p_false)}: the product of one less each score.",
        f"P(no ship on the air is she) {_p(stay.p_unmatched)}: the mean of the images.",
        f"P(she transmitted and nobody heard) {_p(stay.p_unheard)}, against even odds of off.",
        f"Few ships are silent; the likelier as some would explain her: P(dark) {_p(call.p_dark)}.",
        f"Matching calls her dark on {'at least one' if stay.is_dark else 'no'} image.",
    )
    return Section(heading="Why she is called dark, or is not", sentences=list(said))


def _p(value: float) -> str:
    return words.probability(value)


def _who(about: Evidence) -> Section:
    said = [
        f"{one.rank}. {words.ship(one.ship_name, one.mmsi)}"
        + (f" (MMSI {one.mmsi})" if one.mmsi is not None and one.ship_name else "")
        + f", P {_p(one.posterior)}: {_weighed(one)}"
        for one in about.candidates
    ]
    said.append(
        "All dark calls of the season are weighed together: a ship is in one place at a time, "
        "and who called once is the likelier to have called again. Ships without AIS, and "
        "silences that were not found, are in the ship we do not know."
    )
    return Section(heading="Who it may have been", sentences=said)


def _weighed(one: Candidate) -> str:
    if one.mmsi is None:
        return f"{one.reason}."
    terms = ", ".join(
        f"{name} {_factor(value)}"
        for name, value in (("length", one.term_length), ("type", one.term_type),
                            ("lists and flag", one.term_listed), ("silence", one.term_gap))
    )  # fmt: skip
    return f"odds {terms}; {one.reason}."


def _doubts(call: PortCall) -> Section:
    said = [f"{remark}." for remark in call.counter_evidence] or ["Nothing in the data."]
    ids = [*call.detection_ids, *call.gap_ids, *call.track_ids]
    said.append(f"Rests on {', '.join(ids) or 'nothing but the silence'}.")
    return Section(heading="What speaks against it", sentences=said)
