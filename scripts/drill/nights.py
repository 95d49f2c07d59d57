"""One night after another, quiet or struck, as cron starts them: processes of `darkcall night`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.clock import format_utc, parse_utc
from scripts.drill.faults import EXITS, Fault
from scripts.drill.world import ROOT, Deliveries, night_time

GARBAGE = b"\x00\x01no table\xff\n" * 500
MARGIN_BYTES = 64 * 1024
"""Left free on a full disk: enough for a line in the log, not for a scene."""
PATIENCE_S = 1800
STORM = 0.1
"""Share of answers that are 429 in a storm that retries ride out."""
BACK, AHEAD = timedelta(days=9), timedelta(days=100)


@dataclass
class Nights:
    """A workspace through its nights."""

    config: Path
    workspace: Path
    deliveries: Deliveries
    alert_url: str
    database: str | None = None
    chance: random.Random = field(default_factory=random.Random)
    exits: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Exit codes other than they should be."""
    seconds: list[float] = field(default_factory=list)
    spared: set[int] = field(default_factory=set)
    """Nights that had ended before they could be killed."""

    def keep(self, number: int, fault: Fault | None) -> None:
        """A night, and what strikes it."""
        with self._struck(number, fault):
            started = time.monotonic()
            code = self._run(number, fault)
            self.seconds.append(time.monotonic() - started)
        expected = EXITS.get(fault, 0) if fault is not None else 0
        if fault is not Fault.KILL and code != expected:
            self.wrong.append(f"night {number} ({fault or 'quiet'}): {code}, not {expected}")
        if fault is Fault.KILL and code != -signal.SIGKILL:
            self.spared.add(number)
        self.exits[number] = code

    def _run(self, number: int, fault: Fault | None) -> int:
        now = night_time(number)
        if fault is Fault.KILL:
            return self._killed(now)
        if fault is Fault.OVERLAP:
            return self._overlapped(number, now)
        now += {Fault.CLOCK_BACK: -BACK, Fault.CLOCK_AHEAD: AHEAD}.get(fault, timedelta(0))
        gone = "postgresql://nobody@127.0.0.1:9/gone" if fault is Fault.DATABASE else None
        return self._start(now, database=gone).wait(PATIENCE_S)

    def _start(self, now: datetime, database: str | None = None) -> subprocess.Popen[bytes]:
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith("DARKCALL_")
        } | {"DARKCALL_ALERT_URLS": self.alert_url, "PYTHONPATH": str(ROOT)}
        url = database or self.database
        if url is not None:
            environment["DARKCALL_DATABASE_URL"] = url
        log = (self.config.parent / "nights.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline", "night", "--config", str(self.config),
                 "--now", format_utc(now), "--json"],
                stdout=log, stderr=log, start_new_session=True, env=environment, cwd=ROOT,
            )  # fmt: skip

    def _killed(self, now: datetime) -> int:
        """Killed at a random instant between its first word and some time after its usual end."""
        process = self._start(now)
        self._until_begun(process, now)
        usual = sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else 20.0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0.0, 0.6 * usual))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    def _overlapped(self, number: int, now: datetime) -> int:
        """A night that is held up while a second one is started."""
        process = self._start(now)
        self._until_begun(process, now)
        os.killpg(process.pid, signal.SIGSTOP)
        second = self._start(now).wait(PATIENCE_S)
        if second != 75:
            self.wrong.append(f"night {number}, second run: {second}, not 75")
        os.killpg(process.pid, signal.SIGCONT)
        return process.wait(PATIENCE_S)

    def _until_begun(self, process: subprocess.Popen[bytes], now: datetime) -> None:
        """Until the night has left its first word."""
        while process.poll() is None:
            with contextlib.suppress(OSError, ValueError, KeyError):
                said = json.loads((self.workspace / "night/last.json").read_text())
                if parse_utc(said["began"]) == now:
                    return
            time.sleep(0.05)

    @contextlib.contextmanager
    def _struck(self, number: int, fault: Fault | None) -> Iterator[None]:
        """The world as the fault makes it, and whole again afterwards."""
        deliveries, archive = self.deliveries, self.deliveries.archive
        if fault is Fault.LATE:
            for name in [*deliveries.new_scenes(number), *self._names(number)]:
                deliveries.held[name] = number + 2
        deliveries.deliver(number)
        if fault is Fault.BAD_FILE:
            for name in self._names(number):
                (deliveries.inbox / name).write_bytes(GARBAGE)
        if fault is Fault.DUPLICATE:
            archive.items += archive.items[-2:]
            for name in self._names(number)[:1]:
                copy = deliveries.inbox / f"copy-of-{name}"
                copy.write_bytes((deliveries.inbox / name).read_bytes())
        archive.fault = self._answers(number, fault)
        with _filled(self.workspace) if fault is Fault.DISK else contextlib.nullcontext():
            yield
        archive.fault = lambda *_: None

    def _names(self, number: int) -> list[str]:
        return [self.deliveries.name(path) for path in self.deliveries.new_files(number)]

    def _answers(self, number: int, fault: Fault | None) -> Any:
        """How the archive answers in a night."""
        scenes = self.deliveries.new_scenes(number)

        def answer(path: str, _count: int) -> str | None:
            if fault is Fault.NETWORK:
                return "hang up"
            if fault is Fault.REFUSAL:
                return "429"
            if fault is Fault.STORM:
                return "429" if self.chance.random() < STORM else None
            if fault is Fault.BAD_SCENE and any(one in path for one in scenes):
                return "truncated"
            return None

        return answer


@contextlib.contextmanager
def _filled(workspace: Path) -> Iterator[None]:
    """The workspace's file system made so small that next to nothing is free."""
    held = os.statvfs(workspace)
    used = (held.f_blocks - held.f_bfree) * held.f_frsize
    whole = held.f_blocks * held.f_frsize
    _resize(workspace, used + MARGIN_BYTES)
    try:
        yield
    finally:
        _resize(workspace, whole)


def _resize(workspace: Path, size_bytes: int) -> None:
    subprocess.run(
        ["mount", "-o", f"remount,size={size_bytes}", str(workspace)], check=True
    )  # fmt: skip


def mounted(workspace: Path, size_bytes: int) -> bool:
    """Put a file system of its own under a workspace; False where that is not allowed."""
    workspace.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(workspace)],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0
