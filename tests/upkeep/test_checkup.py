"""A check-up ends in time, whatever hangs, and says of each check what was found."""

from __future__ import annotations

import threading
import time

from pipeline.upkeep.checkup import Checkup, State, examine, fail, not_applicable, ok, warn
from pipeline.upkeep.machine_checks import disk_space, disk_speed, memory, packages
from pipeline.upkeep.settings import Settings


def test_a_check_that_hangs_is_given_up_and_one_that_breaks_is_a_finding():
    hung = threading.Event()

    def broken():
        raise ZeroDivisionError("by nothing")

    started = time.monotonic()
    found = examine(
        {"good": lambda: ok("fine"), "hung": lambda: hung.wait(60) or ok("late"), "broken": broken},
        0.3,
    )
    seconds = time.monotonic() - started
    hung.set()

    assert seconds < 5
    assert list(found) == ["good", "hung", "broken"]
    assert found["good"].state is State.OK
    assert found["hung"].state is State.FAIL
    assert "within 0 s" in found["hung"].found
    assert "ZeroDivisionError: by nothing" in found["broken"].found


def test_warnings_end_well_and_a_failure_with_four():
    fine = {"a": ok("x"), "b": warn("y", "look"), "c": not_applicable("z")}

    assert Checkup(checks=fine, seconds=1.0).exit_code == 0
    assert Checkup(checks={**fine, "d": fail("w")}, seconds=1.0).exit_code == 4


def test_packages_are_held_against_the_pins(tmp_path):
    lock = tmp_path / "requirements.lock"

    def said(text):
        lock.write_text(text)
        return packages(lock)

    other = said("numpy==0.0.1\nscipy==99 ; python_full_version < '3.12'\n")
    absent = said("no-such-package==1\nonly-elsewhere==1 ; sys_platform == 'win32'\n")
    lock.unlink()

    assert other.state is absent.state is State.WARN
    assert "(pinned 0.0.1)" in other.found
    assert "(pinned 99)" in other.found
    assert "no-such-package" in absent.found
    assert "only-elsewhere" not in absent.found
    assert packages(lock).state is State.NOT_APPLICABLE


def test_disk_and_memory_are_measured_and_judged_by_the_settings(tmp_path):
    wants_all = Settings(
        disk_free_warn_gb=1e9, disk_speed_warn_mb_s=1e9, memory_warn_gb=1e9, probe_mb=1
    )
    wants_nothing = Settings(
        disk_free_warn_gb=0, disk_free_fail_gb=0, disk_speed_warn_mb_s=0, memory_warn_gb=0,
        probe_mb=1,
    )  # fmt: skip

    for settings, state in ((wants_all, State.WARN), (wants_nothing, State.OK)):
        assert disk_space(tmp_path, settings).state is state
        assert disk_speed(tmp_path / "not-yet", settings).state is state
        assert memory(settings).state is state
    assert disk_space(tmp_path, Settings(disk_free_fail_gb=1e9)).state is State.FAIL
    assert list(tmp_path.iterdir()) == []
