"""The threat model names what stops each attack: modules and tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_-]+)*/[a-z_-]+\.(?:py|yaml))`", TEXT)))
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "|---" not in line]


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_the_threat_model_names_is_there(name):
    assert (ROOT / name).exists() or (ROOT / "pipeline" / name).exists()


def test_each_defence_names_a_test():
    defences = [row for row in ROWS if not row.startswith("| what | what it could do")]
    assert len(defences) > 20
    for row in defences:
        assert re.search(r"`tests/[a-z_/]+\.py` \|$", row), row
