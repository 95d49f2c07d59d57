"""Checks of a machine before a night: what was found and what to do. None may hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.errors import EXIT_CHECKS_FAILED, EXIT_DONE


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    state: State
    found: str
    do: str | None = None
    """What to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All checks, by name, in the order they are told."""

    checks: Mapping[str, Check]
    seconds: float

    @property
    def exit_code(self) -> int:
        """4 where a check failed; warnings end with 0."""
        failed = any(check.state is State.FAIL for check in self.checks.values())
        return EXIT_CHECKS_FAILED if failed else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "well": self.exit_code == EXIT_DONE,
            "seconds": round(self.seconds, 2),
            "checks": {
                name: {"state": str(check.state), "found": check.found, "do": check.do}
                for name, check in self.checks.items()
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """A line a check."""
        lines = []
        for name, check in self.checks.items():
            done = "" if check.do is None else f". {check.do}"
            lines.append((name, f"{check.state!s:<14}  {check.found}{done}"))
        return lines


def ok(found: str) -> Check:
    """As it should be."""
    return Check(state=State.OK, found=found)


def warn(found: str, do: str | None = None) -> Check:
    """It works, and somebody should look."""
    return Check(state=State.WARN, found=found, do=do)


def fail(found: str, do: str | None = None) -> Check:
    """The night will not go well."""
    return Check(state=State.FAIL, found=found, do=do)


def not_applicable(found: str) -> Check:
    """Nothing to look at here."""
    return Check(state=State.NOT_APPLICABLE, found=found)


def examine(checks: Mapping[str, Callable[[], Check]], timeout_s: float) -> dict[str, Check]:
    """All checks side by side; one that takes too long is given up, one that breaks has failed.

    Threads are daemons: what hangs in a dead mount or a slow name server ends with the process.
    """
    found: dict[str, Check] = {}
    threads = {
        name: threading.Thread(target=_look, args=(name, check, found), daemon=True)
        for name, check in checks.items()
    }
    until = time.monotonic() + timeout_s
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    slow = fail(f"no answer within {timeout_s:.0f} s", "Look at the network, or at the disk")
    return {name: found.get(name, slow) for name in checks}


def _look(name: str, check: Callable[[], Check], found: dict[str, Check]) -> None:
    try:
        found[name] = check()
    except Exception as error:  # noqa: BLE001  a check that breaks is a finding
        found[name] = fail(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
