"""`darkcall doctor` finds what would spoil the night, in time, and gives no secret away."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from pipeline.config import load_config
from pipeline.decided import Said, Verdict, VerdictGiven
from pipeline.decisions.journal import append
from pipeline.jobs import engine_checks
from pipeline.jobs.doctor import clock, inputs_there, newest_file, provider_checks, sites_load
from pipeline.jobs.engine_checks import gpu, pytorch, weights
from pipeline.jobs.kept_checks import database, journal, locks, records
from pipeline.jobs.open_decisions import DATABASE, open_decisions
from pipeline.jobs.trained import model_folder
from pipeline.upkeep.checkup import State, examine
from tests.fetch.provider import Serving

SECRET = "not-for-logs"


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    for name in ("SH_CLIENT_ID", "SH_CLIENT_SECRET", "DATABASE_URL"):
        monkeypatch.delenv(f"DARKCALL_{name}", raising=False)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the loopback server has no TLS
    with Serving(tmp_path / "archive") as served:
        yield served


def stac(url):
    return {"kind": "stac", "name": "loopback", "url": url, "collections": ["sentinel-2-l2a"]}


def hub(url):
    return {"kind": "sentinelhub", "name": "hub", "base_url": url, "token_url": f"{url}/token"}


@pytest.fixture
def providers(tmp_path, write_config):
    """The checks of these archives."""

    def checked(*listed, **upkeep):
        changes = {"fetch": {"providers": list(listed)}, "upkeep": upkeep}
        config = load_config(write_config(tmp_path, **changes))
        reached = {}
        found = examine(provider_checks(config, reached), config.upkeep.check_timeout_s)
        return {**found, "clock": clock(reached, config.upkeep.clock_skew_warn_s)}

    return checked


def test_the_demo_needs_no_network_and_nothing_is_made(
    tmp_path, write_config, monkeypatch, darkcall_here
):
    def refuse(*_):
        raise AssertionError("the demo asks nobody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    config = write_config(tmp_path)
    ended = darkcall_here("doctor", "--json", "--config", config)
    told = json.loads(ended.out.splitlines()[-1])

    states = {name: check["state"] for name, check in told["checks"].items()}
    assert told["seconds"] < 20
    assert states["providers"] == states["clock"] == states["database"] == "not applicable"
    assert states["python"] == states["weights"] == states["sites"] == "ok"
    assert states["openvino"] in {"ok", "fail"}
    failed = [name for name, state in states.items() if state == "fail"]
    assert ended.code == (4 if failed else 0)
    assert not (tmp_path / "workspace").exists()
    for check in told["checks"].values():
        assert check["found"]
        assert check["do"] or check["state"] in {"ok", "not applicable"}


def test_an_archive_that_answers_also_tells_the_time(archive, providers):
    found = providers(stac(f"{archive.url}/"))

    assert found["provider loopback"].state is State.OK
    assert "HTTP 200" in found["provider loopback"].found
    assert found["clock"].state is State.OK


def test_what_does_not_answer_fails_in_time_and_is_named(providers):
    with socket.socket() as deaf, socket.socket() as closed:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()  # takes connections and never says a word
        closed.bind(("127.0.0.1", 0))
        slow = stac(f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        gone = {**stac(f"http://127.0.0.1:{closed.getsockname()[1]}/"), "name": "gone"}
        started = time.monotonic()
        found = providers(slow, gone, answer_timeout_s=0.5)
        seconds = time.monotonic() - started

    assert found["provider loopback"].state is found["provider gone"].state is State.FAIL
    assert "timed out" in found["provider loopback"].found.lower()
    assert "refused" in found["provider gone"].found.lower()
    assert found["clock"].state is State.NOT_APPLICABLE
    assert seconds < 20


def test_credentials_are_tried_and_never_shown(archive, providers, monkeypatch):
    archive.secret = SECRET
    unset = providers(hub(archive.url))
    monkeypatch.setenv("DARKCALL_SH_CLIENT_ID", archive.url)
    monkeypatch.setenv("DARKCALL_SH_CLIENT_SECRET", "wrong-secret-7")
    wrong = providers(hub(archive.url))
    monkeypatch.setenv("DARKCALL_SH_CLIENT_SECRET", SECRET)
    right = providers(hub(archive.url))

    assert unset["credentials hub"].state is wrong["credentials hub"].state is State.FAIL
    assert "DARKCALL_SH_CLIENT_ID" in unset["credentials hub"].found
    assert "refuses the credentials" in wrong["credentials hub"].found
    assert right["credentials hub"].state is State.OK
    for found in (unset, wrong, right):
        said = " ".join(f"{check.found} {check.do}" for check in found.values())
        assert SECRET not in said
        assert "wrong-secret-7" not in said
        assert not any(token in said for token in archive.tokens)


def test_a_clock_that_is_off_is_told_against_the_archives(providers):
    class Hours(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp=None):
            return super().date_time_string(time.time() + 7200)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hours)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        found = providers(stac(f"http://127.0.0.1:{server.server_port}/"))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert found["clock"].state is State.WARN
    assert "-7200 s" in found["clock"].found or "-7199 s" in found["clock"].found


# ----------------------------------------------------------------------------- what is kept


@pytest.fixture
def config(tmp_path, write_config):
    return load_config(write_config(tmp_path))


@pytest.fixture
def decided(config):
    """A journal of three lines."""
    store = open_decisions(config)
    for number in range(3):
        append(
            store, who="ann", case_id=f"case-{number}", evidence_key="key",
            body=VerdictGiven(verdict=Verdict.CANNOT_TELL, said=Said()),
            entry_id=f"entry-{number}-0123456789", at=datetime.now(UTC),
        )  # fmt: skip
    store.close()
    return config.workspace / DATABASE


def change(path, statement):
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_a_journal_that_holds_and_one_that_was_changed(config, decided):
    good = database(config), journal(config)
    change(decided, "DROP TRIGGER IF EXISTS journal_no_update")
    change(decided, "UPDATE journal SET who = 'bob' WHERE seq = 2")
    broken = journal(config)

    assert [check.state for check in good] == [State.OK, State.OK]
    assert "3 entries" in good[1].found
    assert broken.state is State.FAIL
    assert "entry 2" in broken.found


def test_tables_of_another_version_are_told_and_left_as_they_are(config, decided):
    change(decided, "UPDATE alembic_version SET version_num = 'from-the-future'")
    newer, chain = database(config), journal(config)
    with sqlite3.connect(decided) as connection:
        (left,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()

    assert newer.state is State.FAIL
    assert "newer" in newer.found
    assert chain.state is State.NOT_APPLICABLE
    assert left == "from-the-future"


def test_a_file_that_is_no_database_fails(config, decided):
    decided.write_bytes(b"not a database at all" * 100)

    (found,) = examine({"database": partial(database, config)}, 10.0).values()

    assert found.state is State.FAIL
    assert "not a database" in found.found


def test_weights_that_were_changed_are_named(tmp_path, write_config):
    own = tmp_path / "own"
    shutil.copytree(model_folder("s2"), own)
    content = bytearray((own / "openvino.bin").read_bytes())
    content[1000] ^= 1
    (own / "openvino.bin").write_bytes(content)
    config = write_config(tmp_path, detect={"models": {"S2": str(own), "S1": "cfar"}})

    found = weights(load_config(config))

    assert found.state is State.FAIL
    assert "openvino.bin" in found.found


def test_a_gpu_that_is_asked_for_and_not_there_fails(tmp_path, write_config, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = write_config(tmp_path, detect={"device": "cuda"})

    found = gpu(load_config(asked))

    if found.state is State.OK:
        pytest.skip("this machine has a GPU")
    assert found.state is State.FAIL


@pytest.mark.parametrize(
    ("detect", "state"),
    [
        ({"models": {"S2": "s2", "S1": "s1"}, "device": "cpu"}, State.NOT_APPLICABLE),
        ({"models": {"S2": "s2", "S1": "s1"}, "device": "cuda"}, State.FAIL),
        ({"models": {"S2": "cfar", "S1": "cfar"}, "device": "cuda"}, State.NOT_APPLICABLE),
        ({"models": {"S2": "s2", "S1": "s1"}, "engine": "torch"}, State.FAIL),
    ],
    ids=["openvino does it", "asked for a gpu", "no network at all", "asked for pytorch"],
)
def test_pytorch_is_missed_only_where_it_would_be_used(
    tmp_path, write_config, monkeypatch, detect, state
):
    asked = load_config(write_config(tmp_path, detect=detect))
    assert pytorch(asked).state is State.OK
    monkeypatch.setattr(engine_checks, "_version", {}.get)
    assert pytorch(asked).state is state


def test_a_driver_that_does_not_answer_fails(tmp_path, config, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed: no driver'; exit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    found = gpu(config)

    assert found.state is State.FAIL
    assert "no driver" in found.found


def test_files_from_the_future_and_records_of_killed_runs_are_told(config):
    runs = config.workspace / "runs"
    runs.mkdir(parents=True)
    record = {"began": "2024-03-07T03:00:01Z", "ended": None, "pid": 4_000_000,
              "host": socket.gethostname(), "config": "tiny", "version": "0", "command": "run",
              "stages": []}  # fmt: skip
    (runs / "20240307T030001Z-4000000.json").write_text(json.dumps(record))
    ahead = config.workspace / "later.txt"
    ahead.write_text("")
    later = (datetime.now(UTC) + timedelta(hours=3)).timestamp()
    os.utime(ahead, (later, later))

    assert records(config).state is State.WARN
    assert locks(config).state is State.OK
    assert newest_file(config).state is State.WARN
    (runs / "20240308T030001Z-1.json").write_text("{")
    assert "20240308T030001Z-1.json" in records(config).found


def test_a_sites_file_and_inputs_that_are_gone_fail(tmp_path, write_config):
    config = write_config(tmp_path, simulate=None, inputs={"ais": ["../gone"]})
    document = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**document, "sites": "sites/none.geojson"}))

    held = load_config(config)

    assert sites_load(held).state is inputs_there(held).state is State.FAIL
    assert "gone" in inputs_there(held).found
