"""What runs leave on record, however they end; and that figures never get in a run's way."""

from __future__ import annotations

import errno
import json
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.config import load_config
from pipeline.errors import BadInput
from pipeline.jobs.contract import read_manifest
from pipeline.jobs.locks import held_locks, stage_lock
from pipeline.jobs.queue_age import QUEUED, note_queue, queue_of
from pipeline.jobs.run_record import at_work, recorded, runs_of
from pipeline.records import Case
from pipeline.tables import read_records, write_records
from tests.jobs.waiting import until

FORMAT = {
    "name": "ours",
    "columns": {"mmsi": "MMSI", "sent_at": "Time", "lon": "Lon", "lat": "Lat"},
    "time_format": "%Y-%m-%dT%H:%M:%SZ",
}


@pytest.fixture
def listening(tmp_path, write_config):
    """A configuration that only hears: one good AIS file and one that is none."""
    folder = tmp_path / "inputs/ais"
    folder.mkdir(parents=True)
    rows = [f"44000000{k % 3},2024-03-04T0{k}:00:00Z,134.20,42.0{k}" for k in range(9)]
    (folder / "good.csv").write_text("MMSI,Time,Lon,Lat\n" + "\n".join(rows) + "\n")
    (folder / "bad.csv").write_text("this is no AIS\n")

    def configured(**changes):
        return write_config(
            tmp_path,
            **{"simulate": None, "inputs": {"ais": ["../inputs/ais"]}, "ais": {"formats": [FORMAT]},
               **changes},
        )  # fmt: skip

    return configured


def records(config):
    return list(runs_of(load_config(config)).records.values())


def test_a_run_with_a_bad_file_says_what_each_stage_did(tmp_path, listening, darkcall_here):
    config = listening()
    before = datetime.now(UTC)

    code = darkcall_here("ais", "--config", config).code
    again = darkcall_here("ais", "--config", config).code

    first, second = records(config)
    assert (code, again) == (3, 3)
    assert (first.exit_code, first.command, first.stages) == (3, "ais", ("ais",))
    assert before <= first.began <= first.ended <= datetime.now(UTC)
    assert first.pid == os.getpid()
    ran = {one.stage: one for one in first.results}
    ais = ran["ais"]
    assert (ais.items, ais.worked, ais.done, ais.failed, ais.left_out) == (2, 2, 1, 1, 0)
    assert ais.failures[0].item == "bad.csv"
    assert "bad.csv" in ais.failures[0].message
    outputs = read_manifest(tmp_path / "workspace/ais/good.csv")["outputs"]
    assert ais.bytes_written == sum(one["bytes"] for one in outputs.values()) > 0
    assert 0 < ais.seconds < 60
    assert not ran["fetch"].active
    assert first.workspace_bytes["ais"] >= ais.bytes_written
    assert first.disk_free_bytes > 0
    # the second finds the good file done and tries the bad one again
    ais = next(one for one in second.results if one.stage == "ais")
    assert (ais.worked, ais.done, ais.failed, ais.bytes_written) == (1, 1, 1, 0)


def test_a_run_that_an_error_ends_is_on_record_with_it(listening, darkcall_here):
    config = listening(inputs={"ais": ["../not/there"]})

    ended = darkcall_here("ais", "--config", config)
    code, err = ended.code, ended.err

    (record,) = records(config)
    assert code == record.exit_code == 2
    assert record.error in err
    assert record.error_kind == "UsageError"
    assert record.ended is not None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("a defect"), 1),
        (OSError(errno.ENOSPC, "No space left"), 75),
        (PermissionError(errno.EACCES, "denied"), 2),
        (BadInput("Raster is truncated"), 3),
    ],
)
def test_each_end_has_its_exit_code(listening, error, code):
    config = load_config(listening())

    with pytest.raises(type(error)), recorded(config, ("fetch", "detect")):
        raise error

    (record,) = runs_of(config).records.values()
    assert record.exit_code == code
    assert record.command == "fetch+detect"
    assert record.error


def test_a_run_that_finds_another_at_work_leaves_the_last_as_it_was(listening, darkcall_here):
    config = listening()
    darkcall_here("ais", "--config", config)

    with stage_lock(load_config(config).workspace, "ais"):
        code = darkcall_here("ais", "--config", config).code
        (holder,) = held_locks(load_config(config).workspace).values()

    _, second = records(config)
    assert code == second.exit_code == 75
    assert second.found_another
    assert runs_of(load_config(config)).last.exit_code == 3
    assert f"pid {os.getpid()}" in holder
    assert held_locks(load_config(config).workspace) == {}


def test_asking_who_holds_a_lock_keeps_nobody_from_it(tmp_path):
    with stage_lock(tmp_path, "ais"):
        pass
    for _ in range(50):
        assert held_locks(tmp_path) == {}
        with stage_lock(tmp_path, "ais"):
            assert list(held_locks(tmp_path)) == ["ais"]


def test_what_only_looks_leaves_no_record(listening, darkcall_here, tmp_path):
    config = listening()

    darkcall_here("status", "--config", config)
    darkcall_here("metrics", "--config", config)
    darkcall_here("config", "--config", config)

    assert not (tmp_path / "workspace/runs").exists()


def test_only_the_newest_records_are_kept(listening, darkcall_here):
    config = listening(upkeep={"runs_kept": 2})
    for _ in range(4):
        darkcall_here("ais", "--config", config)

    runs = runs_of(load_config(config))

    assert len(runs.records) == 2
    assert runs.totals().runs == {"ais 3": 4}


def test_a_killed_run_is_seen_to_have_begun(tmp_path, start, write_config, darkcall_here):
    config = write_config(tmp_path)
    process = start("run", "--config", config)
    try:
        until(lambda: list((tmp_path / "workspace/.locks").glob("simulate.lock")))
        until(lambda: held_locks(tmp_path / "workspace"))
        os.kill(process.pid, signal.SIGSTOP)
        runs = runs_of(load_config(config))
        working = at_work(runs)
        said = darkcall_here("status", "--json", "--config", config).out
        during = json.loads(said.splitlines()[-1])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    ended = darkcall_here("status", "--json", "--config", config)
    code, after = ended.code, json.loads(ended.out.splitlines()[-1])

    assert working == list(runs.records)
    assert during["running"][0]["pid"] == process.pid
    assert f"pid {process.pid}" in during["locks"]["simulate"]
    assert during["last_run"] is None
    assert at_work(runs_of(load_config(config))) == []
    assert (after["running"], after["locks"], code) == ([], {}, 3)
    assert after["last_run"]["ended"] is None
    assert after["last_run"]["exit_code"] is None


# ---------------------------------------------------------------------------------- figures


def test_figures_are_written_at_the_end_of_each_run_whatever_its_end(
    tmp_path, listening, darkcall_here
):
    path = tmp_path / "textfile/darkcall.prom"

    def exit_code():
        families = text_string_to_metric_families(path.read_text())
        (told,) = [one for one in families if one.name == "darkcall_run_exit_code"]
        return told.samples[0].value

    upkeep = {"metrics_file": "../textfile/darkcall.prom"}
    darkcall_here("ais", "--config", listening(upkeep=upkeep))
    some_failed = exit_code()
    darkcall_here("ais", "--config", listening(upkeep=upkeep, inputs={"ais": ["../nowhere"]}))
    usage = exit_code()

    assert (some_failed, usage) == (3, 2)
    assert [entry.name for entry in path.parent.iterdir()] == ["darkcall.prom"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_figures_that_cannot_be_written_are_said_and_change_no_exit_code(
    tmp_path, listening, darkcall_here
):
    (tmp_path / "file").write_text("where the folder should be")
    (tmp_path / "inputs/ais/bad.csv").unlink()

    ended = darkcall_here(
        "ais", "--config", listening(upkeep={"metrics_file": "../file/darkcall.prom"})
    )

    assert ended.code == 0
    assert "Metrics cannot be written" in ended.err
    assert "Traceback" not in ended.err


# ------------------------------------------------------------------------------------- queue


def test_a_case_waits_since_it_came_or_since_its_evidence_changed(own_season):
    workspace = own_season.workspace
    path = workspace / "review/season/cases.parquet"
    (workspace / QUEUED).unlink()
    cases = read_records(Case, path)
    config = load_config(own_season.config)
    monday = datetime(2024, 3, 4, tzinfo=UTC)

    note_queue(workspace, monday)
    note_queue(workspace, monday + timedelta(days=1))
    unchanged = queue_of(config)
    changed = [Case(**{**{name: getattr(one, name) for name in Case.__slots__},
                       "evidence_key": "other"}) for one in cases]  # fmt: skip
    write_records(Case, changed, path)
    note_queue(workspace, monday + timedelta(days=2))

    assert unchanged.cases == unchanged.waiting == len(cases) > 0
    assert unchanged.oldest_at == monday
    assert queue_of(config).oldest_at == monday + timedelta(days=2)


def test_the_seasons_run_is_on_record_with_what_it_ran_on(season):
    (record,) = runs_of(load_config(season.config)).records.values()

    assert (record.command, record.exit_code) == ("run", season.first.code)
    assert record.engines == {"S1": "numpy cpu", "S2": "numpy cpu"}
    assert (
        sum(one.seconds for one in record.results) < (record.ended - record.began).total_seconds()
    )
    assert {one.stage for one in record.results} >= {"fetch", "detect", "ais", "review"}
    assert queue_of(load_config(season.config)).oldest_at is not None
