"""The README stays true: its commands exist, its targets run, every command is in it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(
    {line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()}
    | set(re.findall(r"^\| `(darkcall [a-z ]+)` \|", README, re.MULTILINE))
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_there_are_commands_to_check():
    assert {"make detect", "make test", "darkcall run"} <= set(COMMANDS)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make")])
def test_a_make_target_of_the_readme_is_there(line):
    dry = run("make", "--dry-run", *shlex.split(line)[1:])
    assert dry.returncode == 0, dry.stderr


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("darkcall")])
def test_a_command_of_the_readme_takes_its_options(line):
    words = shlex.split(line)[1:]
    command = [word for word in words if not word.startswith("-") and "/" not in word]
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout


def test_every_command_is_in_the_readme():
    shown = run(sys.executable, "-m", "pipeline", "--help").stdout
    names = re.findall(r"^  ([a-z]+) ", shown.split("Commands:")[1], re.MULTILINE)
    assert names
    for name in names:
        assert f"darkcall {name}" in README, name


def test_every_dependency_has_a_word_in_the_readme():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.match(r"[A-Za-z0-9._-]+", one).group() for one in asked} - {"darkcall"}
    assert len(names) > 50
    missing = sorted(name for name in names if f"`{name}`" not in README)
    assert not missing


def test_make_alone_lists_the_targets():
    shown = run("make").stdout
    for target in (
        "detect", "test", "test-all", "check", "fmt", "fetch", "ais", "match", "calls", "voyages",
        "review", "report", "bench", "clean", "check-deps", "sbom",
    ):  # fmt: skip
        assert f"make {target} " in shown, target


def test_files_the_readme_names_are_there():
    for name in re.findall(r"`((?:configs|models|docs)/[^`*]+|[A-Z]+\.md)`", README):
        assert (ROOT / name).exists(), name
