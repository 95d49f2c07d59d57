"""`darkcall status` says what is true of a workspace, and ends as it should."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pystac
import pytest

from pipeline.config import load_config
from pipeline.decided import Said, Verdict, VerdictGiven
from pipeline.decisions.journal import append
from pipeline.jobs.open_decisions import open_decisions
from pipeline.jobs.take_stock import take_stock
from pipeline.records import Case
from pipeline.tables import read_records


@pytest.fixture
def status_of(darkcall_here):
    """(exit code, the JSON object, the lines for people)."""

    def asked(config):
        told = darkcall_here("status", "--config", config, "--json")
        shown = darkcall_here("status", "--config", config)
        assert told.code == shown.code
        return told.code, json.loads(told.out.splitlines()[-1]), shown.out

    return asked


def test_a_finished_season_is_well_and_its_newest_are_told(own_season, status_of):
    code, told, lines = status_of(own_season.config)

    workspace = own_season.workspace
    scenes = [pystac.Item.from_file(str(path)) for path in workspace.glob("fetch/*/item.json")]
    newest = {}
    for scene in scenes:
        site = scene.properties["darkcall:site_id"]
        newest[site] = max(newest.get(site, scene.datetime), scene.datetime)
    fixes = [pq.read_table(path, columns=["sent_at"])["sent_at"].to_pylist()
             for path in workspace.glob("ais/*/fixes.parquet")]  # fmt: skip
    assert code == 0
    assert told["well"]
    assert told["last_run"]["exit_code"] == 0
    assert {one["site"]: datetime.fromisoformat(one["at"])
            for one in told["newest_scenes"]} == newest  # fmt: skip
    by_provider = [datetime.fromisoformat(one["at"]) for one in told["newest_ais"]
                   if one["provider"] is not None]  # fmt: skip
    assert max(by_provider) == max(max(times) for times in fixes if times)
    assert told["scenes_not_fetched"] == told["ais_files_not_read"] == 0
    assert told["late_scenes"] == told["late_ais"] == []  # nothing is late after the period
    assert all(stage["failed"] == stage["left_out"] == 0 for stage in told["behind"].values())
    assert told["queue"]["waiting"] == told["queue"]["cases"] > 0
    assert told["disk"]["by_folder"]["fetch"] > 0
    assert told["disk"]["full_at"] is None
    assert "are needed" in told["disk"]["full_unknown"]
    assert "last run" in lines
    assert "behind        nothing" in lines


def test_a_decided_case_waits_no_more(own_season, status_of):
    config = load_config(own_season.config)
    cases = read_records(Case, own_season.workspace / "review/season/cases.parquet")
    store = open_decisions(config)
    for who in ("ann", "bob"):
        append(
            store, who=who, case_id=cases[0].case_id, evidence_key=cases[0].evidence_key,
            body=VerdictGiven(verdict=Verdict.CANNOT_TELL, said=Said()),
            entry_id=f"entry-{who}-0123456789", at=datetime.now(UTC),
        )  # fmt: skip
    store.close()

    _, told, _ = status_of(own_season.config)

    assert told["queue"]["by_status"]["decided"] == 1
    assert told["queue"]["waiting"] == len(cases) - 1


def test_decisions_that_cannot_be_read_leave_the_rest_told(own_season, status_of):
    (own_season.workspace / "decisions.db").write_bytes(b"no database at all" * 100)

    code, told, lines = status_of(own_season.config)

    assert code == 0
    assert told["queue"] is None
    assert "no database of decisions" in lines
    assert told["last_run"]["exit_code"] == 0


def test_work_that_is_not_done_is_behind_and_a_failure_ends_with_three(own_season, status_of):
    workspace = own_season.workspace
    scene = min((workspace / "fetch").iterdir())
    for path in scene.iterdir():
        path.unlink()
    scene.rmdir()
    code, told, lines = status_of(own_season.config)
    (workspace / "fetch/.failed").mkdir(exist_ok=True)
    (workspace / f"fetch/.failed/{scene.name}.json").write_text(
        json.dumps({"message": "Raster is truncated", "exit_code": 3, "trace": None})
    )
    failing, told_then, lines_then = status_of(own_season.config)

    assert code == 0
    assert told["scenes_not_fetched"] == 1
    assert told["behind"]["fetch"]["left_out"] == 1
    assert "fetch 1 not done" in lines
    assert failing == 3
    assert told_then["behind"]["fetch"]["failed"] == 1
    assert "Raster is truncated" in lines_then


def test_before_any_run_there_is_nothing_and_that_is_well(tmp_path, write_config, status_of):
    code, told, lines = status_of(write_config(tmp_path))

    assert code == 0
    assert told["last_run"] is None
    assert told["queue"] is None
    assert "none is on record" in lines


def test_an_input_that_is_gone_leaves_the_rest_told(tmp_path, write_config, status_of):
    config = write_config(tmp_path, simulate=None, inputs={"ais": ["../gone"]})

    code, told, lines = status_of(config)

    assert "gone" in told["behind_unknown"]
    assert told["disk"]["free_bytes"] > 0
    assert "behind        unknown" in lines
    assert code == 0


def test_a_season_that_goes_on_has_late_scenes_and_late_ais(own_season, status_of):
    text = own_season.config.read_text().replace("2024-03-06", "2099-01-01")
    own_season.config.write_text(text)

    _, told, lines = status_of(own_season.config)

    assert {one["site"] for one in told["late_scenes"]} == {"demo-alder", "demo-hazel"}
    assert len(told["late_ais"]) == len(told["newest_ais"])
    assert "LATE" in lines


def test_a_clock_that_ran_ahead_does_not_hide_a_silence(own_season):
    config = load_config(own_season.config)
    now = datetime(2024, 3, 3, 12, tzinfo=UTC)  # files of two later days are from the future

    found = {one.provider: one.at for one in take_stock(config, now).ais_files}

    for provider, files in (("north", "aisdk-*"), ("south", "ais-*")):
        paths = own_season.workspace.glob(f"ais/{files}/fixes.parquet")
        tables = [pq.read_table(path, columns=["sent_at"])["sent_at"] for path in paths]
        times = [at for table in tables for at in table.to_pylist()]
        assert max(times) > now
        assert found[provider] == max(at for at in times if at <= now)
