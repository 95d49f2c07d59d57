"""Is the machine as a night needs it: Python, packages, disk, memory?"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

from pipeline.upkeep.checkup import Check, fail, not_applicable, ok, warn
from pipeline.upkeep.machine import disk, memory_available_bytes, nearest_folder
from pipeline.upkeep.settings import Settings

GB, MB = 1e9, 1e6
OLDEST_PYTHON = (3, 11)
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)\s*(?P<marker>;.*)?$")
NAME = re.compile(r"^[A-Za-z0-9._-]+")
SHOWN = 5


def python_version() -> Check:
    """New enough?"""
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail(found, "Darkcall needs 3.11 or newer: make install PYTHON=python3.12")
    return ok(found)


def packages(lock: Path) -> Check:
    """Are the packages those that `requirements.lock` pins?"""
    try:
        pins = _pins(lock.read_text(encoding="utf-8"))
    except OSError:
        return not_applicable(f"no {lock.name} beside the package")
    installed = {_normal(one.metadata["Name"]): one.version for one in distributions()}
    lacking = sorted(name for name in _required() if name not in installed)
    if lacking:
        return fail(f"not installed: {_some(lacking)}", "make install")
    other = [
        f"{name} {installed[name]} (pinned {' or '.join(sorted(versions))})"
        for name, (versions, _) in sorted(pins.items())
        if name in installed and installed[name] not in versions
    ]
    absent = [
        name for name, (_, always) in sorted(pins.items()) if always and name not in installed
    ]
    if other or absent:
        told = [_some(other)] if other else []
        told += [f"not installed: {_some(absent)}"] if absent else []
        return warn("; ".join(told), "make install brings them to what was tested together")
    return ok(f"{sum(name in installed for name in pins)} packages as pinned")


def _pins(text: str) -> dict[str, tuple[set[str], bool]]:
    """By name: the versions pinned for one platform or another, and whether for every platform."""
    versions: dict[str, set[str]] = defaultdict(set)
    always: dict[str, bool] = {}
    for line in text.splitlines():
        pin = PIN.match(line.strip())
        if pin is not None:
            name = _normal(pin["name"])
            versions[name].add(pin["version"])
            always[name] = pin["marker"] is None
    return {name: (known, always[name]) for name, known in versions.items()}


def _required() -> list[str]:
    """What the package itself cannot do without, on whichever platform."""
    try:
        lines = requires("darkcall") or []
    except PackageNotFoundError:
        return []
    plain = (line for line in lines if "extra ==" not in line)
    names = (NAME.match(line) for line in plain)
    return [_normal(name[0]) for name in names if name is not None]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def disk_space(workspace: Path, settings: Settings) -> Check:
    """Is there room for what the nights bring?"""
    held = disk(workspace)
    found = f"{held.free_bytes / GB:.1f} GB free of {held.size_bytes / GB:.1f} GB"
    do = "Free some, or move `workspace` (`darkcall status` says which stage takes how much)"
    if held.free_bytes < settings.disk_free_fail_gb * GB:
        return fail(found, do)
    return warn(found, do) if held.free_bytes < settings.disk_free_warn_gb * GB else ok(found)


def inodes(workspace: Path, settings: Settings) -> Check:
    """Is there room for as many files as scenes have?"""
    free = disk(workspace).inodes_free
    if free is None:
        return not_applicable("the file system does not count them")
    if free < settings.inodes_free_warn:
        return warn(f"{free:,} free", "Remove small files, or make the file system with more")
    return ok(f"{free:,} free")


def disk_speed(workspace: Path, settings: Settings) -> Check:
    """How fast a file is written to the disk itself, and read back."""
    folder = nearest_folder(workspace)
    block = os.urandom(1 << 20)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        started = time.perf_counter()
        for _ in range(settings.probe_mb):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        wrote_s = time.perf_counter() - started
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        started = time.perf_counter()
        while file.read(1 << 20):
            pass
        read_s = time.perf_counter() - started
    size_mb = settings.probe_mb * (1 << 20) / MB
    write, read = size_mb / wrote_s, size_mb / read_s
    found = f"writes {write:.0f} MB/s with fsync, reads {read:.0f} MB/s ({folder})"
    if write < settings.disk_speed_warn_mb_s:
        return warn(found, "A night of scenes will wait for this disk")
    return ok(found)


def memory(settings: Settings) -> Check:
    """Is there enough that no worker is killed for it?"""
    available = memory_available_bytes() / GB
    found = f"{available:.1f} GB available"
    if available < settings.memory_warn_gb:
        return warn(found, "Lower `workers`, or stop what else runs at night")
    return ok(found)
