"""A season of two ports and five days, and the command `darkcall` as a user starts it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SITES = ("demo-alder", "demo-hazel")  # one port that loads, one that discharges
PATIENCE_S = 600
COMMAND = (sys.executable, "-m", "pipeline")
TINY: dict[str, Any] = {
    "name": "tiny",
    "title": "Five days at two invented ports",
    "workspace": "../workspace",
    "sites": "sites/demo.geojson",
    "period": {"start": "2024-03-01", "end": "2024-03-06"},
    "executor": "serial",
    "simulate": {
        "n_days": 5,
        "n_dark_tankers": 2,
        "n_honest_tankers": 2,
        "n_cargo": 3,
        "n_small_craft": 2,
    },
    "scene": {"coastline": "site"},
    "detect": {"models": {"S2": "cfar", "S1": "cfar"}},  # seconds instead of minutes
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float

    def events(self) -> list[dict[str, Any]]:
        """What `--log-json` wrote."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def worked(self) -> dict[str, int]:
        """Items worked on, by stage; stages without any are left out."""
        ends = [event for event in self.events() if event["event"] == "stage ended"]
        return {event["stage"]: event["items"] for event in ends if event["items"]}

    def said(self) -> list[str]:
        """Standard error for people: all but the log."""
        return [line for line in self.err.splitlines() if not line.startswith("{")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A configuration, its workspace, and how the run that filled it ended."""

    config: Path
    workspace: Path
    first: Ended


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment without whatever secrets the machine has set."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("DARKCALL_")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **extra}


def run_command(*words: object, **environment: str) -> Ended:
    """Run the real command and wait for its end."""
    started = time.monotonic()
    ended = subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=clean_environment(environment),
    )
    return Ended(
        code=ended.returncode,
        out=ended.stdout,
        err=ended.stderr,
        seconds=time.monotonic() - started,
    )


def write_tiny(folder: Path, **changes: Any) -> Path:
    """A configuration beside its own sites file; a change of None takes the key out."""
    sites = json.loads((REPOSITORY / "configs/sites/demo.geojson").read_text())
    sites["features"] = [
        feature for feature in sites["features"] if feature["properties"]["site_id"] in SITES
    ]
    (folder / "configs/sites").mkdir(parents=True, exist_ok=True)
    (folder / "configs/sites/demo.geojson").write_text(json.dumps(sites))
    document = {key: value for key, value in {**TINY, **changes}.items() if value is not None}
    config = folder / "configs/tiny.yaml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    return config


@pytest.fixture(scope="session")
def darkcall() -> Callable[..., Ended]:
    """Run `darkcall` with these words; keywords are environment variables."""
    return run_command


@pytest.fixture
def darkcall_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """The same in this process, where the start of another is not what a test is about."""
    from pipeline.cli import main  # noqa: PLC0415 - most tests here start a process of their own

    def run_here(*words: object, **environment: str) -> Ended:
        capfd.readouterr()
        started = time.monotonic()
        with monkeypatch.context() as patched:
            for name in os.environ:
                if name.startswith("DARKCALL_"):
                    patched.delenv(name)
            for name, text in environment.items():
                patched.setenv(name, text)
            patched.setattr(sys, "argv", ["darkcall", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code=code, out=out, err=err, seconds=time.monotonic() - started)

    return run_here


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[bytes]]:
    """Start `darkcall` in a process group of its own, and do not wait."""

    def started(*words: object, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=clean_environment(environment),
        )

    return started


@pytest.fixture(scope="session")
def write_config() -> Callable[..., Path]:
    """Write the tiny configuration into a folder, with changes."""
    return write_tiny


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, str]]:
    """Hash of every result below a workspace, by relative path."""

    def hashed(workspace: Path) -> dict[str, str]:
        # absolute paths, times, process ids; and what each run said on its day
        passing = {".cache", ".locks", "history", "runs"}
        return {
            path.relative_to(workspace).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(workspace.rglob("*"))
            if path.is_file() and path.relative_to(workspace).parts[0] not in passing
        }

    return hashed


@pytest.fixture(scope="session")
def season(tmp_path_factory: pytest.TempPathFactory) -> Season:
    """The undisturbed run, done once for all test processes. Never run on it: copy it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny-season"
    folder.mkdir(exist_ok=True)
    record = folder / "first.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        config = write_tiny(folder) if not record.exists() else folder / "configs/tiny.yaml"
        if not record.exists():
            ended = run_command("run", "--config", config, "--log-json")
            record.write_text(json.dumps(asdict(ended)))
    return Season(
        config=config,
        workspace=folder / "workspace",
        first=Ended(**json.loads(record.read_text())),
    )


@pytest.fixture
def own_season(season: Season, tmp_path: Path) -> Season:
    """A copy of the season to run on."""
    shutil.copytree(season.config.parent, tmp_path / "configs")
    shutil.copytree(season.workspace, tmp_path / "workspace")
    return Season(
        config=tmp_path / "configs/tiny.yaml",
        workspace=tmp_path / "workspace",
        first=season.first,
    )
