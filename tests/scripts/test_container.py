"""The container's files, read as the builder would read them. No image is built here."""

from __future__ import annotations

import fnmatch
import http.server
import re
import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import app

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "scripts" / "ops" / "compose.yaml").read_text())
SECRET = re.compile(r"password|secret|token|client_id|database_url|api_key", re.IGNORECASE)


@dataclass
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [words for name, words in self.steps if name == instruction]


def stages() -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    current = Stage("", "")
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, words = line.split(None, 1)
        if instruction == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", words).groups()
            current = found.setdefault(name, Stage(name, base))
        else:
            current.steps.append((instruction, " ".join(words.split())))
    return found


STAGES = stages()
TARGETS = ("cpu", "cuda")


def line_of(name: str) -> list[Stage]:
    """A stage and those it stands on."""
    stage = STAGES[name]
    return [stage, *(line_of(stage.base) if stage.base in STAGES else ())]


def last(name: str, instruction: str) -> str:
    return next(words for stage in line_of(name) for words in reversed(stage.all(instruction)))


def test_the_last_target_is_the_one_without_a_gpu():
    assert list(STAGES)[-1] == "cpu"
    assert set(TARGETS) <= set(STAGES)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_as_nobody_and_answers_for_its_health(target):
    user = last(target, "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    # what is copied or run after USER would be that account's to change
    assert STAGES[target].steps[-1] == ("USER", user)
    assert (
        last(target, "HEALTHCHECK").split("CMD", 1)[1].strip().startswith('["darkcall", "doctor"')
    )
    assert last(target, "ENTRYPOINT") == '["darkcall"]'
    assert last(target, "STOPSIGNAL") == "SIGINT"
    assert "/var/lib/darkcall" in last(target, "VOLUME")


def test_nothing_is_added_from_an_address_and_every_copied_path_is_there():
    for stage in STAGES.values():
        assert not stage.all("ADD")
        for words in stage.all("COPY"):
            parts = shlex.split(words)
            source = next((part for part in parts if part.startswith("--from=")), None)
            if source is not None:
                assert source.removeprefix("--from=") in STAGES
                continue
            for path in parts[:-1]:
                assert (ROOT / path).exists(), path


def let_through(path: str) -> bool:
    """Does .dockerignore send this path to the builder? The last rule that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        wanted, pattern = rule.startswith("!"), rule.lstrip("!")
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            fits = any(fnmatch.fnmatchcase(head, pattern) for head in heads)
        if fits:
            sent = wanted
    return sent


def test_the_builder_is_sent_what_is_copied_and_nothing_else():
    copied = {
        path
        for stage in STAGES.values()
        for words in stage.all("COPY")
        if "--from=" not in words
        for path in shlex.split(words)[:-1]
    }
    assert all(let_through(path) for path in copied)
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    sent = [path for path in tracked if let_through(path)]
    assert len(sent) > 100
    for path in sent:
        assert any(path == one or path.startswith(f"{one}/") for one in copied), path
    for path in (
        ".git/config", ".env", "configs/.env", "scripts/ops/darkcall.env", "workspace/demo/x",
        "pipeline/__pycache__/cli.pyc", ".venv/bin/python", "tests/conftest.py",
    ):  # fmt: skip
        assert not let_through(path), path


def test_every_package_is_installed_by_its_hash():
    installs = [
        command
        for stage in STAGES.values()
        for words in stage.all("RUN")
        for command in words.split("&&")
        if "pip install" in command
    ]
    assert len(installs) >= 4
    for command in installs:
        assert "--require-hashes" in command or "--no-deps --no-build-isolation" in command, command
        assert "http" not in command


def test_no_secret_stands_in_a_layer():
    for stage in STAGES.values():
        for instruction in ("ARG", "ENV", "RUN", "LABEL"):
            for words in stage.all(instruction):
                assert not SECRET.search(words), words


def test_the_image_without_a_gpu_has_all_but_pytorch_and_what_comes_with_it():
    (command,) = [
        words for words in STAGES["build-cpu"].all("RUN") if "--without" in words
    ]  # fmt: skip
    left_out = shlex.split(command.split("--without", 1)[1].split(">", 1)[0])
    told = subprocess.run(
        [sys.executable, ROOT / "scripts/supply/lock_part.py", ROOT / "requirements-image.lock",
         "--without", *left_out],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = set(re.findall(r"^([a-z0-9._-]+)==", told, re.MULTILINE))
    assert {"openvino", "rasterio", "fastapi", "psycopg-binary", "ray", "obstore"} <= names
    assert not any(re.match(r"torch|nvidia|cuda|triton|ultralytics", name) for name in names)


def test_the_command_runs_where_pytorch_is_not_installed():
    """What the cpu target promises: every command says its help, OpenVINO opens a network."""
    code = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "ultralytics", "polars", "triton"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
import pipeline.cli, pipeline.jobs.story, pipeline.jobs.predict
from pathlib import Path
from pipeline.detect.engines import open_engine
from pipeline.model import read_model
print(open_engine(read_model(Path("models/s2")), device="cpu").name)
"""
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("openvino CPU")


@pytest.mark.skipif(not shutil.which("hadolint"), reason="no hadolint here")
def test_hadolint_has_nothing_to_say():
    told = subprocess.run(
        ["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


# ----------------------------------------------------------------------------------- compose


def test_every_service_of_ours_is_read_only_without_rights_and_of_a_target_that_is_there():
    ours = {name: one for name, one in COMPOSE["services"].items() if "build" in one}
    assert set(ours) == {"night", "desk"}
    for name, one in ours.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in one["security_opt"], name
        assert one["build"]["target"] in TARGETS, name
        assert any(mount.endswith(":/var/lib/darkcall") for mount in one["volumes"]), name
        assert "privileged" not in one
    assert COMPOSE["services"]["desk"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "ports" not in COMPOSE["services"]["db"]


def test_secrets_come_from_the_environment():
    for one in COMPOSE["services"].values():
        for name, value in (one.get("environment") or {}).items():
            if SECRET.search(name):
                assert value is None or "${" in value, name


@pytest.mark.parametrize("name", ["night", "desk"])
def test_the_commands_of_compose_are_there_and_take_their_options(name):
    words = COMPOSE["services"][name]["command"]
    if words[0] not in {command.name for command in app.registered_commands}:
        pytest.skip(f"darkcall {words[0]} is not in this version")
    shown = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"})
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout


@pytest.mark.parametrize(("status", "healthy"), [(400, True), (200, True), (503, False)])
def test_the_desks_health_is_asked_of_the_desk(status, healthy):
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        code = COMPOSE["services"]["desk"]["healthcheck"]["test"][-1]
        code = code.replace("8080", str(server.server_port))
        asked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (asked.returncode == 0) == healthy
