"""How many cases wait for a person, and since when: cases have no clock, so runs note it beside."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

from pipeline.clock import format_utc, parse_utc
from pipeline.config import Config, Secrets
from pipeline.decisions.journal import entries
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.decisions.standing import Status, standings
from pipeline.decisions.store import Store
from pipeline.errors import BadInput
from pipeline.jobs.open_decisions import DATABASE, open_decisions
from pipeline.jobs.queue_review import CASES, REVIEW
from pipeline.jobs.track_season import SEASON
from pipeline.records import Case
from pipeline.tables import read_records
from pipeline.upkeep.health import Queue
from pipeline.whole_files import replace_text

QUEUED = "runs/queued.json"
"""Of each case of the queue: its evidence, and when a run first had it so."""
MAX_BYTES = 50_000_000


def note_queue(workspace: Path, now: datetime) -> None:
    """Write down which cases are new, or stand on other evidence, since the run before.

    Raises:
        OSError: it cannot be written.
    """
    cases = _cases(workspace)
    if cases is None:
        return
    known = _noted(workspace)
    noted = {
        case.case_id: known[case.case_id]
        if known.get(case.case_id, ("",))[0] == case.evidence_key
        else (case.evidence_key, format_utc(now))
        for case in cases
    }
    replace_text(workspace / QUEUED, json.dumps(noted, indent=0, sort_keys=True))


def queue_of(config: Config) -> Queue | None:
    """The queue as it stands; None where no run has made one.

    Raises:
        DarkcallError: the decisions cannot be read.
    """
    cases = _cases(config.workspace)
    if cases is None:
        return None
    said = []
    if has_decisions(config):
        store: Store = open_decisions(config)
        try:
            said = entries(store)
        finally:
            store.close()
    stands = standings(cases, said, DecisionSettings())
    waiting = [name for name, one in stands.items() if one.status is not Status.DECIDED]
    noted = _noted(config.workspace)
    since = [at for name in waiting if (at := _instant(noted.get(name))) is not None]
    return Queue(
        cases=len(cases),
        by_status=dict(sorted(Counter(str(one.status) for one in stands.values()).items())),
        oldest_at=min(since, default=None),
    )


def has_decisions(config: Config) -> bool:
    """Is there a database to read, without one being made for it?"""
    return Secrets().database_url is not None or (config.workspace / DATABASE).is_file()


def _cases(workspace: Path) -> list[Case] | None:
    path = workspace / REVIEW.name / SEASON / CASES
    return read_records(Case, path) if path.is_file() else None


def _noted(workspace: Path) -> dict[str, tuple[str, str]]:
    """(evidence, since) by case; a lost file costs ages, nothing else."""
    path = workspace / QUEUED
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): (str(key), str(since)) for name, (key, since) in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _instant(noted: tuple[str, str] | None) -> datetime | None:
    try:
        return None if noted is None else parse_utc(noted[1])
    except BadInput:
        return None
