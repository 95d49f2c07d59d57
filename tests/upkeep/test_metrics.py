"""The text is what Prometheus reads; what is unknown is absent; the dashboard names what exists."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.upkeep.health import Forecast, Newest
from pipeline.upkeep.metrics import serve, text_of
from pipeline.upkeep.ran import Runs, Totals

OPS = Path(__file__).parents[2] / "scripts/ops"
NAME = re.compile(r"\bdarkcall_[a-z0-9_]+")
UNITS = ("_seconds", "_bytes", "_ratio", "_total", "_items", "_cases", "_info")
UNITLESS = {"darkcall_run_exit_code", "darkcall_runs_in_progress", "darkcall_runs_killed"}


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample, by name and labels but the configuration's."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = {key: value for key, value in one.labels.items() if key != "config"}
            found[one.name, frozenset(labels.items())] = one.value
    return found


def value(text: str, figure: str, **labels: str) -> float:
    return samples(text)[f"darkcall_{figure}", frozenset(labels.items())]


def names(text: str) -> set[str]:
    return {name for name, _ in samples(text)}


def test_what_a_run_did_is_told_by_stage(health, record):
    text = text_of(health())

    told = {one: value(text, "stage_items", stage="fetch", outcome=one)
            for one in ("done", "failed", "left_out")}  # fmt: skip
    assert told == {"done": 9, "failed": 2, "left_out": 1}
    assert value(text, "stage_last_duration_seconds", stage="fetch") == 7.5
    assert value(text, "stage_written_bytes_total", stage="fetch") == 4096
    assert value(text, "stage_failures_total", stage="fetch") == 2
    assert value(text, "run_exit_code", command="run") == 3
    assert value(text, "run_duration_seconds", command="run") == 41 * 60
    assert value(text, "runs_total", command="run", exit_code="3") == 1
    assert value(text, "run_begin_timestamp_seconds", command="run") == record().began.timestamp()
    assert "darkcall_run_success_timestamp_seconds" not in names(text)  # it never succeeded


def test_places_queue_disk_and_gpu_are_told_in_plain_units(health):
    text = text_of(health())

    assert value(text, "coverage_ratio", site="vostochny", state="seen") == 0.75
    assert value(text, "coverage_ratio", site="vostochny", state="not_imaged") == 0.25
    assert value(text, "queue_waiting_cases") == 2
    assert value(text, "disk_free_bytes") == 400
    gpu = {"gpu": "0", "name": "NVIDIA H100 80GB HBM3"}
    assert value(text, "gpu_utilisation_ratio", **gpu) == 0.5
    assert value(text, "gpu_memory_used_bytes", **gpu) == 2**30


def test_what_is_unknown_is_absent_and_never_zero(health):
    nothing = health(
        runs=Runs(records={}, unreadable=(), pruned=Totals()), scenes=[], ais_files=[], heard=[],
        looks=[], queue=None, disk=None, gpus=[],
        forecast=Forecast(growth_bytes_a_day=None, full_at=None, reason="no run"),
    )  # fmt: skip

    known = names(text_of(nothing))

    assert known == {
        "darkcall_build_info", "darkcall_metrics_timestamp_seconds",
        "darkcall_period_end_timestamp_seconds", "darkcall_runs_in_progress",
        "darkcall_runs_killed",
    }  # fmt: skip


def test_a_run_at_work_has_no_end_and_a_killed_one_is_counted(health, record):
    unfinished = {"20240308T030001Z-78.json": record(ended=None, exit_code=None, results=())}
    runs = Runs(records=unfinished, unreadable=(), pruned=Totals())

    at_work = text_of(health(runs=runs, running=tuple(unfinished)))
    killed = text_of(health(runs=runs, running=()))

    for text in (at_work, killed):
        assert not {"darkcall_run_end_timestamp_seconds", "darkcall_run_exit_code"} & names(text)
    assert value(at_work, "runs_in_progress") == 1
    assert value(at_work, "runs_killed") == 0
    assert "darkcall_runs_total" not in names(at_work)
    assert value(killed, "runs_killed") == 1
    assert value(killed, "runs_total", command="run", exit_code="none") == 1


def test_names_carry_their_units_and_every_family_a_sentence(health):
    text = text_of(health())

    for name in names(text):
        assert name.endswith(UNITS) or name in UNITLESS, name
    for family in text_string_to_metric_families(text):
        assert len(family.documentation) > 10, family.name
        if family.name.endswith("_seconds") and family.type == "gauge":
            assert "second" in family.documentation.lower() or "took" in family.documentation


@given(word=st.text(max_size=30))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_that_data_bring_breaks_the_text(word, health, record):
    found = [Newest(site_id=word, provider=word, at=record().began)]

    told = samples(text_of(health(scenes=found)))

    # the exposition format has no way to write a carriage return or the like but as it is
    wanted = frozenset({("site", word), ("provider", word)})
    assert told["darkcall_scene_newest_timestamp_seconds", wanted] == record().began.timestamp()


def test_the_endpoint_answers_and_gathers_once_for_all_within_a_moment(health):
    gathered = []

    def gather():
        gathered.append(1)
        return health()

    serving = serve(gather, host="127.0.0.1", port=0, age_s=60.0)
    try:
        url = f"http://127.0.0.1:{serving.port}/metrics"
        texts = [urllib.request.urlopen(url, timeout=5).read().decode() for _ in range(3)]
    finally:
        serving.close()

    assert samples(texts[2]) == samples(text_of(health()))
    assert len(gathered) == 1


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "prometheus-alerts.yaml"])
def test_every_figure_that_dashboard_and_alerts_name_is_exported(file, health, record):
    runs = Runs(
        records={"20240307T030001Z-77.json": record(exit_code=0)}, unreadable=(), pruned=Totals()
    )

    named = set(NAME.findall((OPS / file).read_text()))

    assert len(named) > 8
    assert named <= names(text_of(health(runs=runs)))


def test_the_dashboard_is_one_that_grafana_can_lay_out():
    board = json.loads((OPS / "grafana-dashboard.json").read_text())

    taken = set()
    for panel in board["panels"]:
        assert panel["title"]
        assert all(NAME.search(target["expr"]) for target in panel["targets"])
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "config"}


def test_alerts_say_what_to_do_and_how_bad_it_is():
    (group,) = yaml.safe_load((OPS / "prometheus-alerts.yaml").read_text())["groups"]

    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
