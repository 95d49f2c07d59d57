"""A file is the former one or the new one, and nothing between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.whole_files import replace_text, whole_file

WRITER = """
import sys
from pathlib import Path
from pipeline.whole_files import replace_text
for number in range(10**9):
    replace_text(Path(sys.argv[1]), f"{number % 10}" * 200_000)
"""


def test_what_fails_leaves_the_former_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    replace_text(path, "önce")

    def broken():
        with whole_file(path) as stream:
            stream.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  ours
        broken()
    assert path.read_bytes() == "önce".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["not/there.json", "file/x.json"])
def test_a_folder_that_is_not_there_is_said(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises((FileNotFoundError, NotADirectoryError)):
        replace_text(tmp_path / where, "x")


def test_killed_at_any_instant_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], env={**os.environ, "PYTHONPATH": str(root)}
    )
    while not path.exists():
        time.sleep(0.01)
    seen = set()
    for _ in range(200):
        text = path.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1
        seen.add(text[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(set(path.read_text())) == 1
    assert len(seen) > 1
