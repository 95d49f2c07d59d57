"""One run a workspace and stage. The kernel releases the lock of a killed holder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import Locked


@contextlib.contextmanager
def stage_lock(workspace: Path, stage: str) -> Iterator[None]:
    """Hold `<workspace>/.locks/<stage>.lock` while the block runs.

    Raises:
        Locked: another run holds it; the message names its pid and host.
    """
    path = workspace / ".locks" / f"{stage}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"Stage {stage} is running already",
                where=workspace,
                found=_holder(path),
                do="Wait for it, or stop it, and run again",
            ) from None
        stream.seek(0)
        stream.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname()}, stream)
        stream.flush()
        yield


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"pid {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a run that has just begun"
