"""Waiting for what another process does, instead of for a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def n_done(workspace: Path) -> int:
    """Items whose results are published."""
    return sum(1 for _ in workspace.glob("*/*/manifest.json"))


def lives(group: int) -> bool:
    """Is any process of a group left?"""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def until(holds: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that in a minute")
