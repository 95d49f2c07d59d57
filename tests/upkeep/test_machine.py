"""What the machine says: against du, against what nvidia-smi prints, against real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.upkeep.machine import Gpus, disk, gpus, is_alive, taken

SAID = """0, NVIDIA H100 80GB HBM3, 550.54.15, 87, 41213, 81559
1, NVIDIA A100-SXM4-40GB, 550.54.15, [N/A], 0, 40960
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A program of nvidia-smi's name first on the path."""

    def made(script: str) -> None:
        program = tmp_path / "bin/nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return made


def test_gpus_are_told_in_bytes_and_shares_and_unknown_is_none(driver, tmp_path):
    (tmp_path / "said").write_text(SAID)
    driver(f"cat {tmp_path / 'said'}")

    first, second = gpus().found

    assert (first.name, first.driver, first.busy) == ("NVIDIA H100 80GB HBM3", "550.54.15", 0.87)
    assert (first.memory_used_bytes, first.memory_bytes) == (41213 << 20, 81559 << 20)
    assert second.busy is None
    assert second.memory_used_bytes == 0


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'NVIDIA-SMI has failed because it could not talk to the driver'; exit 9", "failed"),
        ("exec sleep 30", "took longer"),
        ("echo nonsense", None),
    ],
)
def test_a_driver_that_is_broken_gives_no_gpu_and_says_why(driver, script, problem):
    driver(script)

    said = gpus(timeout_s=0.5)

    assert said.found == ()
    assert said.is_there
    assert (said.problem is None) if problem is None else (problem in said.problem)


def test_without_nvidia_smi_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert gpus() == Gpus()


def test_a_workspace_takes_what_du_says(tmp_path):
    for number, size in enumerate((1, 5_000, 70_000, 1_000_000)):
        folder = tmp_path / ("fetch" if number % 2 else "ais") / f"item-{number}" / "inner"
        folder.mkdir(parents=True)
        (folder / "band.tif").write_bytes(os.urandom(size))
    (tmp_path / "decisions.db").write_bytes(os.urandom(9_000))
    (tmp_path / "fetch" / "elsewhere").symlink_to("/usr")

    told = taken(tmp_path)

    for name in ("fetch", "ais"):
        # du counts folders too; they take what their number of entries needs
        files = subprocess.run(
            ["find", tmp_path / name, "(", "-type", "f", "-o", "-type", "l", ")",
             "-printf", "%b\n"], capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert told.by_folder[name] == 512 * sum(map(int, files))
    assert told.by_folder["."] >= 9_000
    assert told.is_whole


def test_counting_that_takes_too_long_stops_and_says_so(tmp_path):
    (tmp_path / "fetch").mkdir()

    assert not taken(tmp_path, within_s=-1.0).is_whole


def test_a_workspace_that_is_not_there_yet_lies_on_the_disk_above(tmp_path):
    assert disk(tmp_path / "not/yet/made").size_bytes == disk(tmp_path).size_bytes > 0
    assert taken(tmp_path / "not/yet/made").by_folder == {}


def test_a_process_is_alive_until_it_ends_and_another_with_its_number_is_not_it():
    now = datetime.now(UTC)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        alive = is_alive(process.pid, datetime.now(UTC))
        reused = is_alive(process.pid, now - timedelta(days=1))
    finally:
        process.communicate(b"\n")

    assert alive
    assert not reused
    assert not is_alive(process.pid, now)
