"""What the machine says of itself: disks, memory, processes, GPUs. Unknown is None, never 0."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

BLOCK_BYTES = 512
"""Unit of `st_blocks` (POSIX)."""
MIB = 1 << 20
SAME_START_S = 5.0
"""A process that began later than a record by more has only got the same number."""
ASKED = ("index", "name", "driver_version", "utilization.gpu", "memory.used", "memory.total")
"""Of nvidia-smi: percent, MiB, MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU, now."""

    index: str
    name: str
    driver: str
    busy: float | None
    """Share of the last moments in which it computed, 0 to 1."""
    memory_used_bytes: int | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """What nvidia-smi says."""

    found: tuple[Gpu, ...] = ()
    problem: str | None = None
    """Why nothing is known; None with nothing found: nvidia-smi is not there."""
    is_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The file system of a folder."""

    size_bytes: int
    free_bytes: int
    inodes_free: int | None
    """None: the file system does not count them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Disk taken by a workspace."""

    by_folder: Mapping[str, int]
    """Bytes; files beside the folders under `.`."""
    newest_s: float | None
    """Time of the last change of any file, seconds since 1970."""
    is_whole: bool
    """False: the time was up before all was counted."""


def gpus(timeout_s: float = 5.0) -> Gpus:
    """Ask nvidia-smi; a machine without it has no GPU that is known."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Gpus()
    command = [program, f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(  # noqa: S603  a fixed command of the driver's own program
            command, capture_output=True, text=True, timeout=timeout_s, check=True
        )
    except subprocess.TimeoutExpired:
        return Gpus(problem=f"nvidia-smi took longer than {timeout_s:.0f} s", is_there=True)
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stdout", None) or getattr(error, "stderr", None) or str(error)
        return Gpus(problem=" ".join(str(told).split())[:200], is_there=True)
    rows = [_gpu(line) for line in said.stdout.splitlines() if line.strip()]
    return Gpus(found=tuple(row for row in rows if row is not None), is_there=True)


def _gpu(line: str) -> Gpu | None:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(ASKED):
        return None
    busy, used, size = (_number(cell) for cell in cells[3:])
    return Gpu(
        index=cells[0],
        name=cells[1],
        driver=cells[2],
        busy=None if busy is None else busy / 100.0,
        memory_used_bytes=None if used is None else int(used * MIB),
        memory_bytes=None if size is None else int(size * MIB),
    )


def _number(cell: str) -> float | None:
    """None for `[N/A]` and `[Not Supported]`."""
    try:
        return float(cell)
    except ValueError:
        return None


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next((one for one in (path, *path.parents) if one.is_dir()), Path("/"))


def disk(path: Path) -> Disk:
    """The file system that a folder lies on, or would lie on.

    Raises:
        OSError: it does not answer.
    """
    told = os.statvfs(nearest_folder(path))
    return Disk(
        size_bytes=told.f_blocks * told.f_frsize,
        free_bytes=told.f_bavail * told.f_frsize,
        inodes_free=told.f_favail if told.f_files else None,
    )


def taken(workspace: Path, within_s: float = 60.0) -> Taken:
    """Bytes on disk by folder of a workspace; links are not followed, what vanishes is passed over.

    Args:
        workspace: folder.
        within_s: s; what is not counted by then is left out, and said.
    """
    until = time.monotonic() + within_s
    sizes: dict[str, int] = {}
    newest: float | None = None
    for folder, inner, names in os.walk(workspace):
        if time.monotonic() > until:
            return Taken(by_folder=sizes, newest_s=newest, is_whole=False)
        inner.sort()
        parts = Path(folder).relative_to(workspace).parts
        place = parts[0] if parts else "."
        for name in names:
            try:
                told = os.lstat(Path(folder) / name)
            except OSError:
                continue  # a run at work has renamed it
            sizes[place] = sizes.get(place, 0) + told.st_blocks * BLOCK_BYTES
            newest = told.st_mtime if newest is None else max(newest, told.st_mtime)
    return Taken(by_folder=dict(sorted(sizes.items())), newest_s=newest, is_whole=True)


def memory_available_bytes() -> int:
    """What processes can still be given without swapping."""
    return int(psutil.virtual_memory().available)


def is_alive(pid: int, began: datetime) -> bool:
    """Does the process that began by then still run, and not another with its number?"""
    try:
        process = psutil.Process(pid)
        started_s: float = process.create_time()
        return process.status() != psutil.STATUS_ZOMBIE and (
            started_s <= began.timestamp() + SAME_START_S
        )
    except psutil.Error:
        return False


def runs_now(pid: int) -> bool:
    """Does a process have this number?"""
    return bool(psutil.pid_exists(pid))
