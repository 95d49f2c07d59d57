"""One call as it leaves the house: the same facts for the page and for the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.heard import Gap
from pipeline.records import Candidate, Coverage, Detection, EvidenceClass, PortCall, Site
from pipeline.review import words
from pipeline.review.calendar_plot import calendar_plot
from pipeline.review.caveats import SENTENCES
from pipeline.review.explain import Evidence, Section, explain
from pipeline.review.paper import Table
from pipeline.review.picture import Picture
from pipeline.review.reviewed import Reviewed

NO_CANDIDATES = "No ship is known to have been silent over this call."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One picture of the berth, or why there is none."""

    label: str
    lines: Sequence[str]
    """Caption: time, sensor, what is seen, scene."""
    chip: str | None
    """Path from the page's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What stands behind a call, gathered for its pages."""

    evidence: Evidence
    review: Reviewed
    site: Site
    gaps: Sequence[Gap]
    """Of its candidates."""
    looks: Sequence[Coverage]
    """At its berth, around the call."""
    shown: Sequence[Shown]
    left_out: int
    """Further images that show the ship."""
    scenes: Sequence[tuple[str, str, str]]
    """(scene, products, whose and what was asked for)."""
    files: Sequence[tuple[str, str]]
    """(file below originals/scenes, SHA-256)."""
    seals: Sequence[tuple[str, str]]
    """(what, id or hash)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPaper:
    """What is shown of one call."""

    title: str
    when: str
    review: Reviewed
    facts: Sequence[tuple[str, str]]
    shown: Sequence[Shown]
    left_out: str
    strip: Picture | None
    tables: Sequence[Table]
    reasoning: Sequence[Section]
    caveats: Sequence[str]
    evidence: Sequence[Table]
    """Where it comes from: scenes, ids, hashes."""
    footer: str
    is_simulated: bool
    dated: datetime
    """Of the data."""


def call_paper(behind: Behind, *, is_simulated: bool, footer: str) -> CallPaper:
    """The pages of a call.

    Args:
        behind: what stands behind it.
        is_simulated: of an invented season.
        footer: of every page.
    """
    about = behind.evidence
    call = about.call
    return CallPaper(
        title=f"{about.place}: {words.ship(call.ship_name, call.mmsi)}",
        when=words.interval(call.arrival_latest, call.departure_earliest),
        review=behind.review,
        facts=_facts(call, about.place),
        shown=behind.shown,
        left_out=words.count(
            behind.left_out, "further image shows the ship", "further images show the ship"
        )
        + "."
        if behind.left_out
        else "",
        strip=_strip(behind),
        tables=[_candidates(about.candidates), *_silences(behind.gaps), _looks(behind.looks)],
        reasoning=explain(about),
        caveats=_caveats(behind),
        evidence=[_detections(about), *_scenes(behind), _seals(behind.seals)],
        footer=footer,
        is_simulated=is_simulated,
        dated=call.departure_latest or call.departure_earliest,
    )


def _facts(call: PortCall, place: str) -> list[tuple[str, str]]:
    return [
        ("Place", place),
        ("Berth", f"{call.zone_role}, {call.cargo}"),
        ("Arrived (UTC)", words.interval(call.arrival_earliest, call.arrival_latest)),
        ("Left (UTC)", words.interval(call.departure_earliest, call.departure_latest)),
        ("Ship that stands out", _ship(call)),
        ("Evidence", words.EVIDENCE[EvidenceClass(call.evidence_class)]),
        ("Tier", call.tier),
        ("P(dark)", words.probability(call.p_dark)),
        ("P(tanker)", words.probability(call.p_tanker)),
        ("Hull length", words.length(call.length_m, call.length_sigma_m)),
        ("Images that show her", str(call.n_seen)),
        ("What speaks against it", "; ".join(call.counter_evidence) or "nothing found"),
    ]


def _ship(call: PortCall) -> str:
    if call.mmsi is None:
        return f"none: {words.UNKNOWN_SHIP}"
    name = words.ship(call.ship_name, call.mmsi)
    number = f", MMSI {call.mmsi}" if call.ship_name else ""
    if not call.is_dark:
        return f"{name}{number}"
    return f"{name}{number}, P {words.probability(call.p_ship)}: a lead, not an identification"


def _strip(behind: Behind) -> Picture | None:
    call = behind.evidence.call
    zones = tuple(zone for zone in behind.site.zones if zone.zone_id == call.zone_id)
    return calendar_plot(replace(behind.site, zones=zones), behind.looks, [call])


def _candidates(candidates: Sequence[Candidate]) -> Table:
    return Table(
        title="Who it may have been",
        headings=("Rank", "Ship", "Type on AIS", "Length", "P", "Could she?", "Why"),
        rows=[
            (
                str(one.rank),
                words.ship(one.ship_name, one.mmsi)
                + (f" (MMSI {one.mmsi})" if one.ship_name and one.mmsi is not None else ""),
                "-" if one.mmsi is None else words.ship_type(one.ship_type),
                "-" if one.ship_length_m is None else words.length(one.ship_length_m, None),
                words.probability(one.posterior),
                _could(one),
                one.reason,
            )
            for one in candidates
        ],
        widths=(6, 20, 13, 10, 8, 16, 55),
        note="" if candidates else NO_CANDIDATES,
    )


def _could(one: Candidate) -> str:
    if one.mmsi is None:
        return "-"
    if not one.feasible:
        return "no, the time is too short"
    return "yes" if one.slack_s is None else f"yes, {words.duration(one.slack_s)} to spare"


def _silences(gaps: Sequence[Gap]) -> list[Table]:
    if not gaps:
        return []
    return [
        Table(
            title="Their silences",
            headings=("MMSI", "Silent from", "to", "Verdict", "P(so silent if on)", "Others"),
            rows=[
                (
                    str(gap.mmsi),
                    words.utc(gap.off_at),
                    "still at the end of the data" if gap.on_at is None else words.utc(gap.on_at),
                    gap.verdict,
                    words.probability(gap.p_silent_if_on),
                    f"{words.count(gap.n_other_ships, 'other ship')} heard",
                )
                for gap in gaps
            ],
            widths=(14, 22, 22, 16, 18, 20),
        )
    ]


def _looks(looks: Sequence[Coverage]) -> Table:
    return Table(
        title="Who looked at the berth",
        headings=("Time (UTC)", "Sensor", "State", "Clear", "Cloudy", "Scene"),
        rows=[
            (
                words.utc(row.sensed_at),
                words.SENSORS.get(row.sensor, row.sensor),
                row.state,
                f"{row.clear_fraction:.0%}",
                f"{row.cloud_fraction:.0%}",
                row.scene_id,
            )
            for row in looks
        ],
        widths=(20, 20, 13, 9, 9, 50),
        note="What no clear pass saw is not known. A ship that came and left between two looks "
        "was not seen.",
    )


def _detections(about: Evidence) -> Table:
    return Table(
        title="Shapes in the images",
        headings=("Detection", "Time (UTC)", "Place", "Length", "P(ship)", "P(dark)", "Detector"),
        rows=[_detection(one, about) for one in about.detections],
        widths=(28, 20, 26, 14, 10, 10, 30),
        note="" if about.detections else "No image shows this call.",
    )


def _detection(one: Detection, about: Evidence) -> tuple[str, ...]:
    match = about.matches.get(one.detection_id)
    return (
        one.detection_id,
        words.utc(one.sensed_at),
        f"{one.lat:.5f}, {one.lon:.5f} ± {one.position_sigma_m:.0f} m",
        words.length(one.length_m, one.length_sigma_m),
        words.probability(one.score),
        "-" if match is None else words.probability(match.p_dark),
        one.detector + ("" if one.model_sha256 is None else f", weights {one.model_sha256[:12]}…"),
    )


def _scenes(behind: Behind) -> list[Table]:
    return [
        Table(
            title="Scenes behind it",
            headings=("Scene", "Products", "From"),
            rows=behind.scenes,
            widths=(55, 60, 40),
            note="Untouched copies lie in originals/scenes; manifest.json tells what was asked "
            "for.",
        ),
        Table(
            title="Their files, as fetched",
            headings=("File", "SHA-256"),
            rows=behind.files,
            widths=(78, 96),
        ),
    ]


def _seals(seals: Sequence[tuple[str, str]]) -> Table:
    return Table(
        title="Ids and hashes",
        headings=("What", "Id or SHA-256"),
        rows=seals,
        widths=(40, 110),
    )


def _caveats(behind: Behind) -> list[str]:
    zone_id = behind.evidence.call.zone_id
    guessed = any(zone.is_guess for zone in behind.site.zones if zone.zone_id == zone_id)
    own = ["The berth's position is a guess: no source gives it."] if guessed else []
    return [*SENTENCES, *own]


def around(looks: Sequence[Coverage], call: PortCall, margin: timedelta) -> list[Coverage]:
    """Looks from a while before a call may have begun to a while after it may have ended."""
    start = (call.arrival_earliest or call.arrival_latest) - margin
    end = (call.departure_latest or call.departure_earliest) + margin
    return [row for row in looks if start <= row.sensed_at <= end]
