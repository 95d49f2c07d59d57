"""The dossier of a season: its report, tables and exports, the whole journal, hashes of scenes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UsageError
from pipeline.heard import Gap, Track
from pipeline.jobs.call_reviews import call_reviews, write_journal
from pipeline.jobs.dossier_about import Subject, about, write_about
from pipeline.jobs.dossier_evidence import ais_files, fetched_scenes
from pipeline.jobs.findings import Findings
from pipeline.jobs.queue_review import CASES, cases_of, review_task, told_report
from pipeline.jobs.run import Run
from pipeline.jobs.seal_dossier import Written, publish, seal, unfinished
from pipeline.jobs.story import Story
from pipeline.jobs.write_dossier import DOSSIERS, JOURNAL, ORIGINALS, WORKING
from pipeline.records import (
    AisInView,
    Candidate,
    Case,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    Match,
    PortCall,
    SeasonEstimate,
    Voyage,
)
from pipeline.review.cases import chip_path
from pipeline.review.exports import write_csv
from pipeline.review.report import write_report
from pipeline.review.reviewed import ALL_REVIEWED, Reviewed, counted, label_of, mark_of_all
from pipeline.tables import to_table, write_records

TABLES: dict[str, type] = {
    "coverage": Coverage, "missed": Coverage, "detections": Detection, "tracks": Track,
    "gaps": Gap, "matches": Match, "in_view": AisInView, "calls": PortCall,
    "candidates": Candidate, "voyages": Voyage, "entries": LedgerEntry, "totals": LedgerTotal,
    "groups": LedgerGroup, "estimates": SeasonEstimate,
}  # fmt: skip
"""Fields of `Findings` and what they hold."""
CALL_IDS = ("call_id", "load_call_id", "discharge_call_id")
REVIEW = {"unit": "", "meaning": "what people have said of the call"}
CHIP_ROOT = Path("screen")
"""As in the workspace, so that chips lie below the page's own folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Season:
    """A season with what its dossier is made from."""

    run: Run
    story: Story
    found: Findings
    cases: Sequence[Case]
    reviews: Mapping[str, Reviewed]

    @property
    def stands(self) -> list[Reviewed]:
        """How each dark call stands."""
        return [self.reviews[call.call_id] for call in self.found.calls if call.is_dark]


def write_season_dossier(run: Run, story: Story, out: Path | None) -> Written:
    """Write everything about a season into a folder of its own.

    Args:
        run: configuration.
        story: what its stages found.
        out: the folder; None: below the workspace.

    Raises:
        UsageError: the season is not finished; the folder holds something else.
        ChecksFailed: the journal's chain is broken.
    """
    if not story.findings.voyages:
        raise UsageError(
            "The season is not finished", where=run.workspace, do="Run it first: darkcall run"
        )
    found = story.findings.read()
    cases = cases_of(found, run.sites, run.config.review)
    one = _Season(
        run=run, story=story, found=found, cases=cases, reviews=call_reviews(run, cases)
    )  # fmt: skip
    subject = Subject(
        kind="season",
        subject=run.config.name,
        title=f"Dossier of the season: {run.config.title}",
        review=mark_of_all(one.stands) or ALL_REVIEWED,
        told=f"{counted(one.stands)}.",
        is_simulated=story.simulated is not None,
        originals="lists alone. Scenes and AIS files are NOT copied, they are too\n"
        "                large; their hashes are in scenes.csv, ais-files.csv and manifest.json",
    )
    folder = out or run.workspace / DOSSIERS / f"season-{run.config.name}"
    with unfinished(folder) as part:
        seal(part, _fill(part, one, subject))
        is_new = publish(part, folder)
    return Written.of(folder, subject, is_new=is_new)


def _fill(part: Path, one: _Season, subject: Subject) -> dict[str, Any]:
    """All files; returns what the manifest tells of them."""
    working = part / WORKING
    (working / "tables").mkdir(parents=True)
    (part / ORIGINALS).mkdir()
    scenes = [scene.as_json(copied=False) for scene in fetched_scenes(one.story.fetched).values()]
    heard = ais_files(one.story.ingested)
    write_csv(part / ORIGINALS / "scenes.csv", _scene_rows(scenes))
    write_csv(part / ORIGINALS / "ais-files.csv", heard)
    journal = write_journal(one.run, working / JOURNAL)
    _tables(working / "tables", one)
    _chips(working, one)
    task = review_task(
        one.run, findings=one.story.findings, simulated=one.story.simulated,
        earlier=one.story.before_review,
    )  # fmt: skip
    report = told_report(task, one.found, one.cases)
    write_report(working, replace(report, chip_root=CHIP_ROOT, review=one.reviews))
    write_about(one.run, subject, part)
    return {
        **about(one.run, subject, one.found.detections),
        "scenes": scenes,
        "ais": {"files": heard},
        "journal": journal,
    }


def _tables(folder: Path, one: _Season) -> None:
    """As the stages wrote them; what is of a call says how the call stands."""
    labels = {name: stands.label for name, stands in one.reviews.items()}
    for name, record in TABLES.items():
        table = to_table(record, getattr(one.found, name))
        named = [column for column in CALL_IDS if column in table.column_names]
        if named:
            ids = zip(*(table.column(column).to_pylist() for column in named), strict=True)
            told = pa.array([label_of(row, labels) for row in ids], pa.string())
            table = table.append_column(pa.field("review", pa.string(), metadata=REVIEW), told)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    write_records(Case, one.cases, folder / CASES)


def _scene_rows(scenes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "scene_id": scene["scene_id"],
            "provider": scene["provider"],
            "product_ids": " | ".join(scene["product_ids"]),
            "sensed_at": scene["sensed_at"],
            "file": f"{scene['item']}/{name}",
            "bytes": told["bytes"],
            "sha256": told["sha256"],
        }
        for scene in scenes
        for name, told in scene["files"].items()
    ]


def _chips(working: Path, one: _Season) -> None:
    """Pictures of the dark calls, where the page looks for them."""
    own = {name for call in one.found.calls if call.is_dark for name in call.detection_ids}
    for item in one.found.detections:
        path = chip_path(item) if item.detection_id in own else None
        if path is not None and (one.run.workspace / path).is_file():
            (working / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one.run.workspace / path, working / path)
