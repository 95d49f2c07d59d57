"""What people said of single hulls: confirmed, refused, moved, added."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.decided import Entry, HullAdded, HullMoved, HullRejected, Verdict
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.decisions.standing import standings, valid_entries
from pipeline.errors import BadInput
from pipeline.records import Case

CONFIRMED = frozenset({"confirm", "confirmed"})
_OF_CASE = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.WRONG_SHIP: "confirmed",
    Verdict.NOT_A_SHIP: "not a ship",
}
REFUSED = frozenset({"reject", "rejected", "not a ship"})
MAX_DECISIONS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedHull:
    """A ship that the machine missed and a person clicked on."""

    bow: tuple[float, float]
    """lon, lat."""
    stern: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedHulls:
    """What people said of single hulls."""

    verdicts: Mapping[str, str] = field(default_factory=dict)
    """By detection id."""
    moved: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """lon, lat of the ship's middle, by detection id; a person saw her there."""
    added: Mapping[str, Sequence[AddedHull]] = field(default_factory=dict)
    """By scene id."""


def decided_hulls(cases: Sequence[Case], entries: Sequence[Entry]) -> ReviewedHulls:
    """What the journal says of hulls; entries that were withdrawn say nothing.

    A case that is decided as a ship, whichever, confirms its detections; one that is none refuses
    them. "Rejected" and "cannot tell" say nothing of the hull: another ship may lie there.
    A detection that somebody rejected by itself is none; the last that moved one is believed.

    Args:
        cases: of the queue, with the evidence of today.
        entries: the journal.
    """
    verdicts: dict[str, str] = {}
    moved: dict[str, tuple[float, float]] = {}
    added: dict[str, list[AddedHull]] = defaultdict(list)
    now = standings(cases, entries, DecisionSettings())
    for case in cases:
        verdict = now[case.case_id].verdict
        if verdict in _OF_CASE:
            verdicts |= dict.fromkeys(case.evidence_ids, _OF_CASE[verdict])
    for entry in valid_entries(entries):
        body = entry.body
        if isinstance(body, HullRejected):
            verdicts[body.detection_id] = "not a ship"
        elif isinstance(body, HullMoved):
            moved[body.detection_id] = (body.lon, body.lat)
        elif isinstance(body, HullAdded):
            source = f"added by hand, entry {entry.seq}"
            added[body.scene_id].append(AddedHull(bow=body.bow, stern=body.stern, source=source))
    return ReviewedHulls(verdicts=verdicts, moved=moved, added=dict(added))


def read_decisions(path: Path) -> ReviewedHulls:
    """Verdicts of a table, the last one where there are several of a detection.

    Raises:
        BadInput: not a CSV with the two columns, or too long.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            if not {"detection_id", "verdict"} <= set(rows.fieldnames or ()):
                raise BadInput(
                    "Decisions lack a column",
                    where=path,
                    expected="detection_id, verdict",
                    found=", ".join(rows.fieldnames or ()) or "nothing",
                )
            verdicts = {}
            for number, row in enumerate(rows):
                if number >= MAX_DECISIONS:
                    raise BadInput("Too many decisions", where=path, expected=MAX_DECISIONS)
                verdicts[row["detection_id"]] = (row["verdict"] or "").strip().lower()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput("Decisions cannot be read", where=path, found=error) from None
    return ReviewedHulls(verdicts=verdicts)
