"""One run a workspace and stage. The kernel releases the lock of a killed holder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.errors import Locked

LOOKS, LOOK_AGAIN_S = 4, 0.05
"""Whoever only asks who holds a lock takes it for an instant."""


@contextlib.contextmanager
def stage_lock(workspace: Path, stage: str) -> Iterator[None]:
    """Hold `<workspace>/.locks/<stage>.lock` while the block runs.

    Raises:
        Locked: another run holds it; the message names its pid and host.
    """
    path = workspace / ".locks" / f"{stage}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        if not any(_taken(stream, after_s=LOOK_AGAIN_S if look else 0.0) for look in range(LOOKS)):
            raise Locked(
                f"Stage {stage} is running already",
                where=workspace,
                found=_holder(path),
                do="Wait for it, or stop it, and run again",
            )
        stream.seek(0)
        stream.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, stream)
        stream.flush()
        yield


def held_locks(workspace: Path) -> dict[str, str]:
    """Stages that a run holds now, each with its holder; locks left behind hold nothing."""
    held = {}
    for path in sorted((workspace / ".locks").glob("*.lock")):
        with contextlib.suppress(FileNotFoundError), path.open() as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                held[path.stem] = _holder(path)
    return held


def _taken(stream: IO[str], *, after_s: float) -> bool:
    time.sleep(after_s)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"pid {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a run that has just begun"
