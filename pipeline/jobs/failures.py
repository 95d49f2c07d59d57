"""Items that could not be done: what is said of them, and what is kept for the next run."""

from __future__ import annotations

import errno
import json
import shutil
import traceback
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import (
    EXIT_CHECKS_FAILED,
    EXIT_DEFECT,
    EXIT_SOME_FAILED,
    EXIT_TRY_LATER,
    EXIT_USAGE,
    DarkcallError,
    DiskFull,
)

FAILED = ".failed"
WORST_FIRST = (EXIT_DEFECT, EXIT_USAGE, EXIT_CHECKS_FAILED, EXIT_SOME_FAILED, EXIT_TRY_LATER)
FULL_BYTES = 4 << 20
"""With less than this free, a write that fails has failed for want of room, whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that could not be done, and why."""

    item_id: str
    message: str
    exit_code: int
    kind: str = ""
    """Class of the error, as errors.py draws them; empty where it is not known."""
    trace: str | None = None
    """Python's traceback; only of defects, only in the record on disk."""


def worker_died(item_id: str) -> Failure:
    """Of an item whose worker process died."""
    return Failure(
        item_id=item_id,
        message="The worker process died, most likely killed for memory. Lower `workers`",
        exit_code=EXIT_SOME_FAILED,
        kind="WorkerDied",
    )


def failure_of(item_id: str, error: Exception, root: Path) -> Failure:
    """What an error says to people, and the exit code it ends a run with."""
    kind = type(error).__name__
    if not isinstance(error, DarkcallError) and _is_full(error, root):
        error = DiskFull("No space left on the disk", where=root, do="Free some, run again")
    if isinstance(error, DarkcallError):
        kind = type(error).__name__
        return Failure(item_id=item_id, message=str(error), exit_code=error.exit_code, kind=kind)
    if isinstance(error, (OSError, MemoryError)):
        message = f"{kind}: {error}"
        return Failure(item_id=item_id, message=message, exit_code=EXIT_SOME_FAILED, kind=kind)
    return Failure(
        item_id=item_id,
        message=f"Defect, please report it (record in .failed): {kind}: {error}",
        exit_code=EXIT_DEFECT,
        kind="Defect",
        trace="".join(traceback.format_exception(error)),
    )


def _is_full(error: Exception, root: Path) -> bool:
    """GDAL and DuckDB say of a full disk what they like, and not by errno."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    try:
        return shutil.disk_usage(root).free < FULL_BYTES
    except OSError:
        return False


def record_failure(root: Path, failure: Failure) -> Failure:
    """Keep a failure below its stage, for the runs after this one."""
    record = {
        "message": failure.message, "exit_code": failure.exit_code, "kind": failure.kind,
        "trace": failure.trace,
    }  # fmt: skip
    path = root / FAILED / f"{failure.item_id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1))
    except OSError:
        path.unlink(missing_ok=True)  # a full disk must not hide the failure itself
    return failure


def former_failure(root: Path, item_id: str) -> dict[str, Failure]:
    """What kept an item from being done at the last try, by its id; empty where nothing did."""
    try:
        record = json.loads((root / FAILED / f"{item_id}.json").read_text())
        failure = Failure(
            item_id=item_id,
            message=str(record["message"]),
            exit_code=int(record["exit_code"]),
            kind=str(record.get("kind", "")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {item_id: failure}
