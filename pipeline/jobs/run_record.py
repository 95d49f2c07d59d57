"""What each run leaves on record: when it began and ended, how, and what each stage did."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.config import Config
from pipeline.detect.engines import choice
from pipeline.errors import EXIT_DONE, DarkcallError, exit_code_of
from pipeline.jobs.contract import StageResult
from pipeline.jobs.detect_ships import DETECT
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.queue_age import note_queue
from pipeline.jobs.queue_review import REVIEW
from pipeline.jobs.run import Run
from pipeline.jobs.story import STAGES, Story, tell_and_close
from pipeline.jobs.trained import CFAR
from pipeline.upkeep.machine import disk, is_alive, taken
from pipeline.upkeep.ran import (
    MESSAGE_LENGTH,
    MESSAGES_KEPT,
    FailedItem,
    RunRecord,
    Runs,
    StageRan,
    begin,
    finish,
    prune,
    read_runs,
)

RUNS = "runs"
COUNT_WITHIN_S = 120.0
"""A workspace that takes longer to count is on record with what was counted by then."""


class Recording:
    """A run while it is on record."""

    def __init__(self) -> None:
        self.run: Run | None = None
        """Set once it is open; its stages are then on record whatever happens."""
        self.exit_code = EXIT_DONE
        self.problems: list[str] = []
        """Why the record is not what it should be; the run itself is not touched by it."""

    def tell(self, run: Run, active: Sequence[str]) -> Story:
        """Tell the story of a run on this record; its executor is closed."""
        self.run = run
        story = tell_and_close(run, active)
        self.exit_code = story.exit_code
        return story


@contextlib.contextmanager
def recorded(config: Config, active: Sequence[str]) -> Iterator[Recording]:
    """Keep `<workspace>/runs/<UTC>-<pid>.json` about the block; nothing where no stage is active.

    Raises:
        OSError: it cannot even be written that the run has begun.
    """
    recording = Recording()
    if not active:
        yield recording
        return
    record = _begun(config, active)
    path = begin(config.workspace / RUNS, record)
    try:
        yield recording
    except BaseException as error:
        record = record.model_copy(
            update={
                "exit_code": exit_code_of(error),
                "error": (str(error) or type(error).__name__)[:MESSAGE_LENGTH],
                "error_kind": type(error).__name__,
            }
        )
        raise
    else:
        record = record.model_copy(update={"exit_code": recording.exit_code})
    finally:
        _end(path, record, config, recording)


def runs_of(config: Config) -> Runs:
    """The records of a workspace."""
    return read_runs(config.workspace / RUNS)


def at_work(runs: Runs) -> list[str]:
    """Names of unfinished records whose process lives; on another host it is believed to."""
    here = socket.gethostname()
    return [
        name
        for name, record in runs.records.items()
        if record.ended is None and (record.host != here or is_alive(record.pid, record.began))
    ]


def command_of(active: Sequence[str]) -> str:
    """`run` for all stages, else their names."""
    return "run" if set(active) == set(STAGES) else "+".join(active)


def _begun(config: Config, active: Sequence[str]) -> RunRecord:
    return RunRecord(
        began=datetime.now(UTC),
        pid=os.getpid(),
        host=socket.gethostname(),
        config=config.name,
        version=software_version(),
        command=command_of(active),
        stages=tuple(active),
    )


def software_version() -> str:
    """Of this package; `unknown` where it is run without being installed."""
    try:
        return version("darkcall")
    except PackageNotFoundError:
        return "unknown"


def _end(path: Path, record: RunRecord, config: Config, recording: Recording) -> None:
    ended = [] if recording.run is None else recording.run.ended
    record = record.model_copy(
        update={
            "ended": datetime.now(UTC),
            "results": tuple(_ran(result) for result in ended),
            "engines": _engines(config, ended),
        }
    )
    with contextlib.suppress(OSError):  # then they are unknown
        counted = taken(config.workspace, COUNT_WITHIN_S)
        free = disk(config.workspace).free_bytes
        sizes = counted.by_folder if counted.is_whole else {}
        record = record.model_copy(update={"workspace_bytes": sizes, "disk_free_bytes": free})
    try:
        finish(path, record)
    except OSError as error:
        recording.problems.append(f"The record of this run cannot be written: {error}")
    with contextlib.suppress(OSError, DarkcallError):  # the next run does it; this one has ended
        if any(result.stage == REVIEW.name and result.active for result in ended):
            note_queue(config.workspace, datetime.now(UTC))
        with stage_lock(config.workspace, RUNS):
            prune(path.parent, config.upkeep.runs_kept)


def _ran(result: StageResult) -> StageRan:
    return StageRan(
        stage=result.stage,
        active=result.active,
        items=result.n_items,
        worked=result.n_worked,
        done=len(result.done),
        failed=len(result.failures),
        left_out=len(result.left_out),
        seconds=round(result.seconds, 3),
        bytes_written=result.bytes_written,
        failures=tuple(
            FailedItem(item=failure.item_id, message=failure.message[:MESSAGE_LENGTH])
            for failure in result.failures[:MESSAGES_KEPT]
        ),
    )


def _engines(config: Config, ended: Sequence[StageResult]) -> Mapping[str, str]:
    """What detection ran on, by sensor: engines are never changed for another in silence."""
    worked = any(result.stage == DETECT.name and result.n_worked for result in ended)
    return engines_of(config) if worked else {}


def engines_of(config: Config) -> dict[str, str]:
    """Engine and device that each sensor's detector is run with on this machine."""
    engine, device = choice(config.detect.engine, config.detect.device)
    return {
        str(sensor): "numpy cpu" if name == CFAR else f"{engine} {device}"
        for sensor, name in config.detect.models.items()
    }
