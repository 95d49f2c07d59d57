"""The contract of a stage, once, for all stages.

An item (a scene, an AIS day, a site) is done when `<workspace>/<stage>/<item>/manifest.json` is
there and its key matches: key = hash(inputs' sha256, the settings that matter, the stage's
version). Work goes to a folder beside it that one rename publishes, so a kill at any instant loses
the item in hand at most. A failed item is recorded and never stops the others.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import (
    EXIT_DONE,
    ChecksFailed,
    UsageError,
)
from pipeline.jobs.executors import Executor, Place, WorkerDied
from pipeline.jobs.failures import (
    FAILED,
    WORST_FIRST,
    Failure,
    failure_of,
    former_failure,
    record_failure,
    worker_died,
)
from pipeline.jobs.finished import MANIFEST, PART, TRASH, Need, Store, fsync, publish, read_manifest
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.progress import Progress
from pipeline.records import Issue
from pipeline.tables import write_records
from pipeline.whole_files import sha256_of

ISSUES = "issues.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a stage's work says of one item: counts for the log, and the rows it set aside."""

    counts: Mapping[str, int] = field(default_factory=dict)
    issues: Sequence[Issue] = ()
    rows_in: int | None = None
    """Rows read; None where the stage does not work by rows."""
    rows_out: int | None = None
    """Rows written; rows in = rows out + set aside, or nothing is published."""
    issues_written: int = 0
    """Rows set aside that the work has written to `ISSUES` itself, too many for a list."""

    @property
    def n_set_aside(self) -> int:
        """Rows set aside."""
        return self.issues_written + len(self.issues)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A name, a schema version, and the function that does one item."""

    name: str
    version: int
    """Raise it when the output of unchanged input would change."""
    work: Callable[[Any, Path], Outcome]
    """Top-level function of (task, folder to write to)."""
    waiting: bool = False
    """Its items wait for a network more than they compute."""
    place: Place = Place.ANY
    """Where there are several machines: which of them may take its items."""
    pixels: bool = False
    """Its items read scenes' pixels, not only tables."""
    pixels_here: bool = False
    """What it makes of pixels is read where the run was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of a stage's work."""

    item_id: str
    task: Any
    """What `Stage.work` is given; must be picklable."""
    inputs: Mapping[str, str]
    """SHA-256 of everything the output depends on, by name; settings included."""
    selected: bool = True
    """False: outside `--site`, `--since` or `--until`; used as it is, never worked on."""
    held: str | None = None
    """Why it cannot be worked on again; what is there then stands, whatever it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished item: where it lies, and a hash of what lies there."""

    folder: Path
    content_sha256: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How a stage ended."""

    stage: str
    done: Mapping[str, Done]
    """By item id, sorted; the items later stages build on."""
    n_worked: int
    failures: tuple[Failure, ...]
    """Items tried without success, in this run or the last that tried."""
    left_out: tuple[str, ...]
    """Items neither done nor tried."""
    active: bool
    """False: the stage was not worked on in this run."""
    n_items: int = 0
    seconds: float = 0.0
    """Wall clock of working on it, waiting for workers included; of this run, never of a result."""
    bytes_written: int = 0
    """In the files of the items that were done in this run."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Items that would be worked on, but cannot, and why; what was made of them before stands."""

    @property
    def exit_code(self) -> int:
        """The worst failure's exit code, or 0; a stage not worked on has none."""
        codes = {failure.exit_code for failure in self.failures} if self.active else set()
        return next((code for code in WORST_FIRST if code in codes), EXIT_DONE)

    def folders(self) -> list[Path]:
        """Folders of the finished items, in the order of their ids."""
        return [item.folder for item in self.done.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How one run goes about its items."""

    active: bool = True
    """False: take what is done, do nothing."""
    force: bool = False
    retry_failed: bool = False


def run_stage(
    stage: Stage,
    items: Sequence[Item],
    *,
    workspace: Path,
    mode: Mode,
    executor: Executor,
    progress: Progress,
    store: Store | None = None,
) -> StageResult:
    """Do what is not done yet, and say how it went.

    Raises:
        Locked: another run works on this stage in this workspace.
        UsageError: two items share an id, or an id is not a plain file name.
    """
    _check_ids(items)
    root = workspace / stage.name
    keys = {item.item_id: item_key(stage, item) for item in items}
    if store is not None:
        store.settle(root, keys, pixels=stage.pixels_here)
    lean = store is not None
    if not mode.active:
        return _result(stage, items, keys=keys, root=root, failures=[], worked=None, lean=lean)
    started = time.monotonic()
    with stage_lock(workspace, stage.name):
        _sweep(root, keys)
        todo = [item for item in items if _is_due(item, keys[item.item_id], root, mode, lean)]
        failures = _work_through(
            stage, todo, keys=keys, root=root, executor=executor, progress=progress, store=store
        )
    worked = {item.item_id for item in todo}
    result = _result(
        stage, items, keys=keys, root=root, failures=failures, worked=worked, lean=lean
    )
    return replace(result, seconds=time.monotonic() - started)


def item_key(stage: Stage, item: Item) -> str:
    """What an item's output depends on, as one hash."""
    return sha256_json([stage.name, stage.version, item.item_id, dict(item.inputs)])


def _check_ids(items: Sequence[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        name = item.item_id
        if name in seen:
            raise UsageError("Two items share one id", found=name)
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise UsageError("Item id is not a plain file name", found=repr(name))
        seen.add(name)


def _is_due(item: Item, key: str, root: Path, mode: Mode, lean: bool) -> bool:
    if not item.selected or item.held is not None:
        return False
    manifest = read_manifest(root / item.item_id, lean=lean)
    if mode.retry_failed:
        return manifest is None or (root / FAILED / f"{item.item_id}.json").exists()
    return mode.force or manifest is None or manifest["key"] != key


def _work_through(
    stage: Stage,
    todo: Sequence[Item],
    *,
    keys: Mapping[str, str],
    root: Path,
    executor: Executor,
    progress: Progress,
    store: Store | None,
) -> list[Failure]:
    failures: list[Failure] = []
    assignments = [
        Assignment(
            stage=stage,
            item=item,
            key=keys[item.item_id],
            root=root,
            store=store,
            needs={} if store is None else store.needs(item.task),
        )
        for item in todo
    ]
    with progress.stage(stage.name, len(todo)) as report:
        for index, result in executor.run(
            perform, assignments, waiting=stage.waiting, place=stage.place
        ):
            item_id = todo[index].item_id
            if isinstance(result, WorkerDied):
                ended: Mapping[str, int] | Failure = record_failure(root, worker_died(item_id))
            else:
                ended = result
            if store is not None:
                _take_over(store, stage, assignments[index], ended)
            if isinstance(ended, Failure):
                failures.append(ended)
                report.failed(item_id, ended.message)
            else:
                report.done(item_id, ended)
    return sorted(failures, key=lambda failure: failure.item_id)


def _take_over(
    store: Store, stage: Stage, done: Assignment, ended: Mapping[str, int] | Failure
) -> None:
    """What another machine said of an item and made of it, here too."""
    item_id = done.item.item_id
    if isinstance(ended, Failure):
        record_failure(done.root, ended)
        return
    store.settle(done.root, {item_id: done.key}, pixels=stage.pixels_here)
    store.forget_others(done.root / item_id, done.key)
    (done.root / FAILED / f"{item_id}.json").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Everything a worker needs for one item."""

    stage: Stage
    item: Item
    key: str
    root: Path
    store: Store | None = None
    needs: Mapping[str, Need] = field(default_factory=dict)
    """What it reads of the workspace, to be brought from the store; by place."""


def perform(assignment: Assignment) -> Mapping[str, int] | Failure:
    """Do one item and publish it; what goes wrong comes back as a value, never as a traceback."""
    item_id, root = assignment.item.item_id, assignment.root
    # a machine taken for dead may still be writing; it must not write into this
    part = root / f"{PART}-{item_id}--{socket.gethostname()}-{os.getpid()}"
    store = assignment.store
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        if store is not None:
            store.bring_all(assignment.needs, pixels=assignment.stage.pixels)
        outcome = assignment.stage.work(assignment.item.task, part)
        _check_rows(outcome, item_id)
        _seal(part, assignment, outcome)
        publish(part, root, item_id)
        if store is not None:
            store.push(root / item_id)
    except Exception as error:  # noqa: BLE001  the one place that catches everything: the contract
        failure = failure_of(item_id, error, root)
        shutil.rmtree(part, ignore_errors=True)
        return record_failure(root, failure)
    for left in root.glob(f"{PART}-{glob.escape(item_id)}--*"):
        shutil.rmtree(left, ignore_errors=True)
    (root / FAILED / f"{item_id}.json").unlink(missing_ok=True)
    set_aside = {"set_aside": outcome.n_set_aside} if outcome.n_set_aside else {}
    return {**outcome.counts, **set_aside}


def _check_rows(outcome: Outcome, item_id: str) -> None:
    if outcome.rows_in is None or outcome.rows_out is None:
        return
    if outcome.rows_in != outcome.rows_out + outcome.n_set_aside:
        raise ChecksFailed(
            "Rows went missing",
            where=item_id,
            expected=f"{outcome.rows_in} rows in",
            found=f"{outcome.rows_out} rows out and {outcome.n_set_aside} set aside",
        )


def _seal(part: Path, assignment: Assignment, outcome: Outcome) -> None:
    """Write issues and the manifest, and bring every file to the disk."""
    if not outcome.issues_written:
        write_records(Issue, outcome.issues, part / ISSUES)
    outputs = {}
    for path in sorted(entry for entry in part.rglob("*") if entry.is_file()):
        outputs[path.relative_to(part).as_posix()] = {
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
        }
        fsync(path)
    manifest = {
        "stage": assignment.stage.name,
        "stage_version": assignment.stage.version,
        "item": assignment.item.item_id,
        "key": assignment.key,
        "inputs": dict(sorted(assignment.item.inputs.items())),
        "counts": dict(outcome.counts),
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "rows_set_aside": outcome.n_set_aside,
        "outputs": outputs,
        "content_sha256": sha256_json({name: entry["sha256"] for name, entry in outputs.items()}),
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    fsync(part / MANIFEST)
    fsync(part)


def _sweep(root: Path, item_ids: Container[str]) -> None:
    """Clear what a killed run left behind: half-made items, and versions already replaced.

    A version that was moved out of the way of one that never came takes its place again. Cleared
    are also the failures of what is no item any more, a search that has succeeded since, say.
    """
    root.mkdir(parents=True, exist_ok=True)
    for record in (root / FAILED).glob("*.json"):
        if record.stem not in item_ids:
            record.unlink(missing_ok=True)
    for entry in root.glob(f"{TRASH}-*"):
        former = root / entry.name.removeprefix(f"{TRASH}-")
        if not former.exists():
            entry.rename(former)
    for entry in root.iterdir():
        if entry.name.startswith((f"{PART}-", f"{TRASH}-")):
            shutil.rmtree(entry, ignore_errors=True)


def _result(
    stage: Stage,
    items: Sequence[Item],
    *,
    keys: Mapping[str, str],
    root: Path,
    failures: Sequence[Failure],
    worked: Collection[str] | None,
    lean: bool,
) -> StageResult:
    done: dict[str, Done] = {}
    bytes_written = 0
    held: dict[str, str] = {}
    failed = {failure.item_id: failure for failure in failures}
    for item in sorted(items, key=lambda item: item.item_id):
        folder = root / item.item_id
        manifest = read_manifest(folder, lean=lean)
        is_same = manifest is not None and manifest["key"] == keys[item.item_id]
        if item.held is not None and not is_same:
            held[item.item_id] = item.held
        if manifest is not None and (is_same or item.held is not None):
            done[item.item_id] = Done(
                folder=folder, content_sha256=manifest["content_sha256"], counts=manifest["counts"]
            )
            if worked and item.item_id in worked and item.item_id not in failed:
                bytes_written += sum(entry["bytes"] for entry in manifest["outputs"].values())
        elif item.item_id not in failed:
            failed.update(former_failure(root, item.item_id))
    left_out = [item.item_id for item in items if item.item_id not in {*done, *failed, *held}]
    return StageResult(
        stage=stage.name,
        done=done,
        n_worked=len(worked or ()),
        failures=tuple(failed[item_id] for item_id in sorted(failed)),
        left_out=tuple(sorted(left_out)),
        held=held,
        active=worked is not None,
        n_items=len(items),
        bytes_written=bytes_written,
    )
