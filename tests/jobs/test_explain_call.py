"""`darkcall explain` and `darkcall evaluate calls` as a user runs them."""

from __future__ import annotations

import json

from pipeline.records import PortCall
from pipeline.tables import read_records


def test_one_call_is_explained_by_the_beginning_of_its_id(season, darkcall_here):
    calls = read_records(PortCall, season.workspace / "names" / "season" / "calls.parquet")
    call = next(call for call in calls if call.is_dark)
    ended = darkcall_here("explain", call.call_id[:12], "--config", season.config)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"Call {call.call_id}\n")
    assert "Who it may have been" in ended.out
    for detection in call.detection_ids:
        assert detection in ended.out


def test_an_id_that_is_none_or_several_is_refused_in_one_line(season, darkcall_here):
    for said, words in (("nonsense", "No such call"), ("call-", "Several calls begin so")):
        ended = darkcall_here("explain", said, "--config", season.config)
        assert ended.code == 2
        (line,) = [line for line in ended.said() if line.strip()]
        assert words in line
        assert "Traceback" not in ended.err


def test_calls_are_scored_against_the_season_s_truth(season, darkcall_here):
    ended = darkcall_here("evaluate", "calls", "--config", season.config, "--json")
    assert ended.code == 0, ended.err
    figures = json.loads(ended.out.splitlines()[-1])
    assert {
        "dark_precision", "dark_recall_visible", "identity_top1", "identity_top3",
        "arrival_coverage_90", "unknown_first_when_left_out",
    } <= set(figures)  # fmt: skip
    assert 0 <= figures["dark_calls_visible"] <= figures["dark_calls_true"]


def test_without_a_simulated_season_there_is_no_truth(tmp_path, darkcall_here, write_config):
    config = write_config(tmp_path, simulate=None)
    ended = darkcall_here("evaluate", "calls", "--config", config)
    assert ended.code == 2
    assert "no truth to compare with" in ended.err
