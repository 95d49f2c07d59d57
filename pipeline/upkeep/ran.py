"""Records of runs: one JSON file a run, written when it begins and again when it ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from pipeline.whole_files import replace_text

RESERVED_BYTES = 32 * 1024
"""What an unfinished record takes, so that its end can be told on a disk that is full by then."""
MAX_BYTES = 4_000_000
MESSAGES_KEPT = 40
"""Of failed items, a stage."""
MESSAGE_LENGTH = 400
TOTALS = "totals.json"
LOCKED = "Locked"
"""Kind of the error of a run that found another at work: nothing is wrong."""
KILLED = "none"
"""Stands for the exit code of a run that never came to its end."""
_READ = ConfigDict(frozen=True, extra="ignore")


class FailedItem(BaseModel):
    """An item without success, and why."""

    model_config = _READ

    item: str
    message: str


class StageRan(BaseModel):
    """How one stage went in one run."""

    model_config = _READ

    stage: str
    active: bool
    """False: it was not worked on, and the figures are what it found."""
    items: int
    worked: int
    done: int
    failed: int
    left_out: int
    seconds: float
    bytes_written: int
    failures: tuple[FailedItem, ...] = ()
    """The first `MESSAGES_KEPT`."""


class RunRecord(BaseModel):
    """One run of one or all stages."""

    model_config = _READ

    began: AwareDatetime
    ended: AwareDatetime | None = None
    """None: it is still at work, or was killed."""
    pid: int
    host: str
    config: str
    version: str
    command: str
    """`run`, or the stages with + between them."""
    stages: tuple[str, ...]
    """Those worked on."""
    exit_code: int | None = None
    error: str | None = None
    """What ended it before its end."""
    error_kind: str | None = None
    engines: Mapping[str, str] = Field(default_factory=dict)
    """By sensor, what detection ran on; empty where it did nothing."""
    results: tuple[StageRan, ...] = ()
    """In order; those before the error, where there was one."""
    workspace_bytes: Mapping[str, int] = Field(default_factory=dict)
    """Disk taken by each folder of the workspace, at the end."""
    disk_free_bytes: int | None = None

    @property
    def found_another(self) -> bool:
        """Did it end because another run was at work?"""
        return self.error_kind == LOCKED

    @property
    def failed_items(self) -> int:
        """Over all stages worked on."""
        return sum(result.failed for result in self.results if result.active)

    def without_messages(self) -> RunRecord:
        """The same, as short as it gets."""
        bare = tuple(result.model_copy(update={"failures": ()}) for result in self.results)
        return self.model_copy(update={"results": bare})


class StageTotals(BaseModel):
    """Sums of one stage over runs."""

    model_config = _READ

    worked: int = 0
    failed: int = 0
    seconds: float = 0.0
    bytes_written: int = 0


class Totals(BaseModel):
    """Sums over all runs there ever were, so that counters do not fall when records are pruned."""

    model_config = _READ

    until: str = ""
    """Name of the last record that is in it."""
    runs: Mapping[str, int] = Field(default_factory=dict)
    """By command and exit code, as `run 0`."""
    stages: Mapping[str, StageTotals] = Field(default_factory=dict)

    def plus(self, name: str, record: RunRecord) -> Totals:
        """With one more run; one that is in it already, or is not ended, adds nothing."""
        if name <= self.until:
            return self
        code = KILLED if record.exit_code is None else record.exit_code
        key = f"{record.command} {code}"
        stages = dict(self.stages)
        for ran in record.results:
            if ran.active:
                was = stages.get(ran.stage, StageTotals())
                stages[ran.stage] = StageTotals(
                    worked=was.worked + ran.worked,
                    failed=was.failed + ran.failed,
                    seconds=was.seconds + ran.seconds,
                    bytes_written=was.bytes_written + ran.bytes_written,
                )
        runs = {**self.runs, key: self.runs.get(key, 0) + 1}
        return Totals(until=name, runs=runs, stages=stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What a folder of records holds."""

    records: dict[str, RunRecord]
    """By file name, the oldest first."""
    unreadable: tuple[str, ...]
    pruned: Totals
    """Of records that are gone."""

    @property
    def last(self) -> RunRecord | None:
        """The last that worked, or is at work; runs that found another at work do not count."""
        return next((one for one in reversed(self.records.values()) if not one.found_another), None)

    def totals(self, running: Iterable[str] = ()) -> Totals:
        """Sums over all runs but those still at work."""
        total, at_work = self.pruned, set(running)
        for name, record in self.records.items():
            if name not in at_work:
                total = total.plus(name, record)
        return total


def begin(folder: Path, record: RunRecord) -> Path:
    """Write down that a run has begun; returns the record's file."""
    folder.mkdir(parents=True, exist_ok=True)
    # to the microsecond, and ~ comes after every other sign: names are in the order of the runs
    stem = f"{record.began.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{record.pid}"
    path, number = folder / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}~{number:03}.json"
    replace_text(path, _text(record).ljust(RESERVED_BYTES))
    return path


def finish(path: Path, record: RunRecord) -> None:
    """Replace what was written at the beginning; on a full disk, in the same blocks.

    Raises:
        OSError: neither could be done.
    """
    try:
        replace_text(path, _text(record))
    except OSError:
        text = _text(record)
        if len(text.encode()) > RESERVED_BYTES:
            text = _text(record.without_messages())
        with path.open("r+", encoding="utf-8") as stream:
            stream.write(text)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())


def read_runs(folder: Path) -> Runs:
    """All records of a folder; what cannot be read is named and believed to say nothing."""
    records, unreadable = {}, []
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            records[path.name] = RunRecord.model_validate_json(_bounded(path))
        except (OSError, ValidationError):
            unreadable.append(path.name)
    try:
        pruned = Totals.model_validate_json(_bounded(folder / TOTALS))
    except (OSError, ValidationError):
        pruned = Totals()
    return Runs(records=records, unreadable=tuple(unreadable), pruned=pruned)


def prune(folder: Path, keep: int) -> int:
    """Take out the oldest records beyond `keep`, their sums kept; returns how many went.

    The sums are written first: a kill between the two leaves records that are in them, and these
    are known by their names.
    """
    runs = read_runs(folder)
    names = sorted([*runs.records, *runs.unreadable])
    surplus = names[: max(0, len(names) - keep)]
    if not surplus:
        return 0
    totals = runs.pruned
    for name in surplus:
        if name in runs.records:
            totals = totals.plus(name, runs.records[name])
    replace_text(folder / TOTALS, totals.model_dump_json(indent=1) + "\n")
    for name in surplus:
        (folder / name).unlink(missing_ok=True)
    return len(surplus)


def _text(record: RunRecord) -> str:
    return record.model_dump_json(indent=1) + "\n"


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES)
