"""Importing the package: no library that stands behind it reports to its maker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOOK = """
import sys
import pipeline.detect.openvino_engine
import openvino.tools.ovc.telemetry_utils as told
print(told.tm.__name__, sys.modules["openvino_telemetry"])
"""


def run(code: str, home: Path) -> str:
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    for name in ("YOLO_OFFLINE", "RAY_USAGE_STATS_ENABLED"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=home,
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


def test_openvino_finds_nothing_to_report_with_and_marks_nobody(tmp_path):
    assert run(LOOK, tmp_path) == "openvino.tools.ovc.telemetry_stub None"
    # the client number that its telemetry would have made up and kept
    assert list(tmp_path.iterdir()) == []


def test_the_switches_of_ultralytics_and_ray_are_off_before_they_are_imported(tmp_path):
    code = (
        "import pipeline, os; print(os.environ['YOLO_OFFLINE'], "
        "os.environ['RAY_USAGE_STATS_ENABLED'])"
    )
    assert run(code, tmp_path) == "true 0"


def test_no_command_waits_for_a_grammar_that_it_never_asks():
    script = "import pipeline.cli, sys; print([name for name in sys.modules if 'lark' in name])"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert shown.stdout.strip() == "[]"
