"""The dossier of one call: evidence untouched, working copies beside it, all of it sealed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.heard import Gap
from pipeline.jobs.call_reviews import call_reviews, copy_attachments, write_journal
from pipeline.jobs.dossier_about import Subject, about, config_sha256, footer, write_about
from pipeline.jobs.dossier_evidence import (
    FetchedScene,
    copy_scene,
    fetched_scenes,
    write_ais,
)
from pipeline.jobs.explain_call import evidence_of, one_call
from pipeline.jobs.findings import Findings
from pipeline.jobs.open_decisions import ATTACHMENTS
from pipeline.jobs.queue_review import cases_of
from pipeline.jobs.run import Run
from pipeline.jobs.seal_dossier import Written, publish, seal, unfinished
from pipeline.jobs.story import Story
from pipeline.records import Coverage, CoverageState, PortCall
from pipeline.review import words
from pipeline.review.call_paper import Behind, CallPaper, Shown, around, call_paper
from pipeline.review.call_sheet import SHOTS_MAX
from pipeline.review.cases import case_of, chip_path
from pipeline.review.caveats import PRESENCE
from pipeline.review.explain import Evidence, explain
from pipeline.review.exports import call_row, plain, write_csv, write_layer
from pipeline.review.reviewed import UNREVIEWED, Reviewed
from pipeline.scene.chips import write_chip
from pipeline.scene.read import read_scene

DOSSIERS = "dossiers"
ORIGINALS, WORKING = "originals", "working"
CHIPS = "chips"
PAGE, PAPER, EXPLANATION, JOURNAL = "report.html", "dossier.pdf", "explanation.txt", "journal.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call with what its dossier is made from."""

    run: Run
    story: Story
    evidence: Evidence
    review: Reviewed
    gaps: Sequence[Gap]
    looks: Sequence[Coverage]
    scenes: Mapping[str, FetchedScene]

    @property
    def call(self) -> PortCall:
        return self.evidence.call

    @property
    def case_id(self) -> str:
        return case_of(self.call.call_id)


def write_call_dossier(run: Run, story: Story, said: str, out: Path | None) -> Written:
    """Write everything about one call into a folder of its own.

    Args:
        run: configuration.
        story: what its stages found.
        said: the call's id, or its beginning.
        out: the folder; None: below the workspace, named after the call.

    Raises:
        UsageError: no such call, or several; the folder holds something else.
        ChecksFailed: evidence was changed since it was fetched; the journal's chain is broken.
    """
    found = story.findings.read()
    call = one_call(found.calls, said)
    reviews = call_reviews(run, cases_of(found, run.sites, run.config.review))
    one = _gathered(run, story, found, call, reviews.get(call.call_id, UNREVIEWED))
    subject = Subject(
        kind="call",
        subject=call.call_id,
        title=f"Dossier of port call {call.call_id}",
        review=one.review.label,
        told=one.review.told,
        is_simulated=story.simulated is not None,
        originals="the scenes as fetched, the AIS rows of the ships named, what people attached",
    )
    folder = out or run.workspace / DOSSIERS / call.call_id
    with unfinished(folder) as part:
        seal(part, _fill(part, one, subject))
        is_new = publish(part, folder)
    return Written.of(folder, subject, is_new=is_new)


def _gathered(run: Run, story: Story, found: Findings, call: PortCall, review: Reviewed) -> _Call:
    evidence = evidence_of(run, story, found, call)
    named = {one.gap_id for one in evidence.candidates} | set(call.gap_ids)
    shown = {one.scene_id for one in evidence.detections}
    shown |= {look.scene_id for look in _neighbours(evidence) if look is not None}
    missed = [row for row in found.missed if row.zone_id == call.zone_id]
    looks = sorted([*evidence.coverage, *missed], key=lambda row: (row.sensed_at, row.scene_id))
    return _Call(
        run=run,
        story=story,
        evidence=evidence,
        review=review,
        gaps=sorted((g for g in found.gaps if g.gap_id in named), key=lambda g: (g.mmsi, g.off_at)),
        looks=around(looks, call, timedelta(days=run.config.review.dossier_days)),
        scenes=fetched_scenes(story.fetched, shown),
    )


def _neighbours(evidence: Evidence) -> tuple[Coverage | None, Coverage | None]:
    """The last clear look at the berth before any image of the ship, and the first one after."""
    if not evidence.detections:
        return None, None
    first, last = evidence.detections[0].sensed_at, evidence.detections[-1].sensed_at
    clear = [row for row in evidence.coverage if row.state == CoverageState.SEEN]
    before = [row for row in clear if row.sensed_at < first]
    after = [row for row in clear if row.sensed_at > last]
    return (before[-1] if before else None), (after[0] if after else None)


def _fill(part: Path, one: _Call, subject: Subject) -> dict[str, Any]:
    """All files; returns what the manifest tells of them."""
    working = part / WORKING
    (working / CHIPS).mkdir(parents=True)
    for scene in one.scenes.values():
        copy_scene(scene, part / ORIGINALS / "scenes")
    mmsis = _named(one)
    sources = write_ais(
        one.story.ingested, part / ORIGINALS / "ais", mmsis=mmsis, period=_period(one)
    )
    attached = copy_attachments(one.run, part / ORIGINALS / ATTACHMENTS, case_id=one.case_id)
    case_id = "" if one.review.hidden else one.case_id  # of no case: no line is written
    journal = write_journal(one.run, working / JOURNAL, case_id=case_id)
    _tables(working, one)
    paper = _paper(working, one, journal)
    from pipeline.review.call_pdf import (  # noqa: PLC0415 - fpdf takes a second
        write_call_page,
        write_call_pdf,
    )

    write_call_page(working / PAGE, paper)
    write_call_pdf(working / PAPER, paper)
    write_about(one.run, subject, part)
    return {
        **about(one.run, subject, one.evidence.detections),
        "case_id": one.case_id,
        "evidence_key": one.call.evidence_key,
        "scenes": [scene.as_json(copied=True) for scene in one.scenes.values()],
        "ais": {"mmsis": mmsis, "period": [at.isoformat() for at in _period(one)],
                "files": sources},
        "attachments": attached,
        "journal": journal | {"lines_hidden": one.review.hidden},
    }  # fmt: skip


def _named(one: _Call) -> list[int]:
    """Ships whose reports belong to the evidence."""
    named = {row.mmsi for row in one.evidence.candidates} | {one.call.mmsi}
    return sorted(mmsi for mmsi in named if mmsi is not None)


def _period(one: _Call) -> tuple[datetime, datetime]:
    """Around the call, and to both ends of the silences that may explain it."""
    margin = timedelta(days=one.run.config.review.dossier_days)
    starts = [one.call.arrival_latest - margin, *(gap.off_at for gap in one.gaps)]
    ends = [one.call.departure_earliest + margin]
    ends += [gap.on_at for gap in one.gaps if gap.on_at is not None]
    day = timedelta(days=1)
    return min(starts) - day, max(ends) + day


def _tables(working: Path, one: _Call) -> None:
    site = one.run.site(one.call.site_id)
    zone = next((zone for zone in site.zones if zone.zone_id == one.call.zone_id), None)
    place = site.aoi.centroid if zone is None else zone.polygon.centroid
    row = call_row(one.call, one.review.label)
    row["caveat"] = PRESENCE
    row["simulated"] = one.story.simulated is not None
    write_layer(working, "calls", [row], [place])
    evidence = one.evidence
    for name, records in (
        ("candidates", evidence.candidates),
        ("detections", evidence.detections),
        ("matches", [evidence.matches[d.detection_id] for d in evidence.detections
                     if d.detection_id in evidence.matches]),
        ("coverage", one.looks),
        ("silences", one.gaps),
    ):  # fmt: skip
        rows = [plain(asdict(record)) | {"review": one.review.label} for record in records]
        write_csv(working / f"{name}.csv", rows)
    text = "\n\n".join(str(section) for section in explain(evidence))
    head = f"{one.review.label}. {one.review.told}\n{PRESENCE}"
    (working / EXPLANATION).write_text(f"{head}\n\n{text}\n", encoding="utf-8", newline="\n")


def _paper(working: Path, one: _Call, journal: Mapping[str, Any]) -> CallPaper:
    shown, left_out = _shown(working, one)
    call = one.call
    behind = Behind(
        evidence=one.evidence,
        review=one.review,
        site=one.run.site(call.site_id),
        gaps=one.gaps,
        looks=one.looks,
        shown=shown,
        left_out=left_out,
        scenes=[
            (
                scene.scene.scene_id,
                ", ".join(scene.scene.product_ids),
                f"{scene.scene.provider}, {scene.asked()}",
            )
            for scene in one.scenes.values()
        ],
        files=[
            (f"{scene.item_id}/{name}", told["sha256"])
            for scene in one.scenes.values()
            for name, told in scene.files.items()
        ],
        seals=[
            ("call", call.call_id),
            ("case", one.case_id),
            ("evidence", call.evidence_key),
            *(("silence", gap_id) for gap_id in call.gap_ids),
            *(("track", track_id) for track_id in call.track_ids),
            ("configuration", config_sha256(one.run)),
            (f"journal of {journal['entries']} entries ends in", journal["head_sha256"]),
        ],
    )
    return call_paper(
        behind,
        is_simulated=one.story.simulated is not None,
        footer=footer(one.run, call.call_id, one.story),
    )


def _shown(working: Path, one: _Call) -> tuple[list[Shown], int]:
    before, after = _neighbours(one.evidence)
    found = one.evidence.detections
    if not found:
        return [], 0
    shown = [_look(working, one, before, "before")]
    for item in found[:SHOTS_MAX]:
        chip = chip_path(item)
        name = None
        if chip is not None and (one.run.workspace / chip).is_file():
            name = f"{CHIPS}/at-{item.detection_id}.png"
            shutil.copyfile(one.run.workspace / chip, working / name)
        match = one.evidence.matches.get(item.detection_id)
        lines = [
            f"{words.utc(item.sensed_at)} UTC, {words.SENSORS.get(item.sensor, item.sensor)}",
            words.length(item.length_m, item.length_sigma_m)
            + ("" if match is None else f", {match.outcome}, P(dark) "
               f"{words.probability(match.p_dark)}"),
            item.scene_id,
        ]  # fmt: skip
        shown.append(Shown(label="The ship", lines=lines, chip=name))
    shown.append(_look(working, one, after, "after"))
    return shown, len(found[SHOTS_MAX:])


def _look(working: Path, one: _Call, look: Coverage | None, when: str) -> Shown:
    """The same place before or after, drawn as the detections' pictures are."""
    if look is None:
        lines = ["When she came or went is not known from images on this side."]
        return Shown(label=f"No clear look {when}", lines=lines, chip=None)
    label = f"The {'last' if when == 'before' else 'first'} clear look {when}"
    place = one.evidence.detections
    lon = float(np.median([item.lon for item in place]))
    lat = float(np.median([item.lat for item in place]))
    lines = [
        f"{words.utc(look.sensed_at)} UTC, {words.SENSORS.get(look.sensor, look.sensor)}",
        f"berth {look.state}",
        look.scene_id,
    ]
    scene = one.scenes.get(look.scene_id)
    if scene is None:
        return Shown(label=label, lines=lines, chip=None)
    if scene.pruned is not None:
        return Shown(label=label, lines=[*lines, scene.pruned.told], chip=None)
    name = f"{CHIPS}/{scene.item_id}.png"
    _, image = read_scene(scene.folder)
    row, col = image.grid.px_from_lonlat(lon, lat)
    write_chip(working / name, image, row=float(row), col=float(col), settings=one.run.config.scene)
    return Shown(label=label, lines=lines, chip=name)
