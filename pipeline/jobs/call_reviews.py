"""What the journal says of each dark call, for the evidence of today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.decisions.journal import entries, export
from pipeline.decisions.settings import Settings
from pipeline.decisions.standing import standings
from pipeline.jobs.open_decisions import open_decisions
from pipeline.jobs.run import Run
from pipeline.records import Case
from pipeline.review.cases import DARK_CALL
from pipeline.review.reviewed import Reviewed, reviewed


def call_reviews(run: Run, cases: Sequence[Case]) -> dict[str, Reviewed]:
    """How each call stands, by its id; a call that is no case is not in it."""
    store = open_decisions(run.config)
    try:
        stand = standings(cases, entries(store), Settings())
    finally:
        store.close()
    return {
        case.subject_id: reviewed(stand[case.case_id]) for case in cases if case.kind == DARK_CALL
    }


def write_journal(run: Run, path: Path, *, case_id: str | None = None) -> dict[str, Any]:
    """The journal, or one case's lines of it; returns what a manifest tells of it.

    Raises:
        ChecksFailed: its chain is broken.
    """
    store = open_decisions(run.config)
    try:
        head = export(store, path, case_id=case_id)
    finally:
        store.close()
    return {"entries": head.n_entries, "head_sha256": head.sha256, "whole": case_id is None}
