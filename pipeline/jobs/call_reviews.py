"""What the journal says of each dark call, for the evidence of today."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.decided import Attached
from pipeline.decisions.journal import entries, export
from pipeline.decisions.settings import Settings
from pipeline.decisions.standing import standings, valid_entries
from pipeline.errors import ChecksFailed
from pipeline.jobs.open_decisions import ATTACHMENTS, open_decisions
from pipeline.jobs.run import Run
from pipeline.records import Case
from pipeline.review.cases import DARK_CALL
from pipeline.review.reviewed import Reviewed, reviewed
from pipeline.whole_files import sha256_of


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


def copy_attachments(run: Run, into: Path, *, case_id: str) -> list[dict[str, Any]]:
    """Copy the files that people attached to a case, each under its hash; returns what they are.

    A withdrawn attachment is no evidence; one that is no longer there is told as missing.

    Raises:
        ChecksFailed: a file is not the one that was attached.
    """
    store = open_decisions(run.config)
    try:
        own = [entry for entry in entries(store) if entry.case_id == case_id]
    finally:
        store.close()
    told = []
    for entry in valid_entries(own):
        if isinstance(entry.body, Attached):
            source = run.workspace / ATTACHMENTS / entry.body.sha256
            there = source.is_file()
            if there:
                _copy(source, into / entry.body.sha256)
            about = entry.body.model_dump(mode="json", exclude={"kind", "note"})
            told.append({**about, "entry": entry.seq, "missing": not there})
    return told


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if sha256_of(target) != source.name:
        raise ChecksFailed(
            "An attachment is not the file that was attached", where=source,
            do="Bring it back from a back-up, and find out who changed it",
        )  # fmt: skip
