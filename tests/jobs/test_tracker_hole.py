"""An honest season with a hole in the receivers: nothing dark may come of it."""

from __future__ import annotations

from collections import Counter

from pipeline.records import Match, Outcome, PortCall
from pipeline.tables import read_records
from tests.jobs.conftest import TINY

OUTAGE_DAYS = 3.0


def test_receivers_that_were_out_make_no_dark_call_above_tier_d(tmp_path, darkcall, write_config):
    simulate = {**TINY["simulate"], "n_dark_tankers": 0, "n_honest_tankers": 9,
                "outage_days": OUTAGE_DAYS}  # fmt: skip
    config = write_config(tmp_path, simulate=simulate)
    ended = darkcall("run", "--config", config, "--log-json")
    assert ended.code == 0, ended.err
    workspace = tmp_path / "workspace"
    calls = read_records(PortCall, workspace / "names" / "season" / "calls.parquet")
    matches = [
        match for path in sorted(workspace.glob("match/*/matches.parquet"))
        for match in read_records(Match, path)
    ]  # fmt: skip
    outcomes = Counter(match.outcome for match in matches)
    # The hole is there: images of ships that nobody heard.
    assert outcomes[Outcome.NO_COVERAGE] > 0
    assert [call for call in calls if call.is_claim] == []
    assert any(call.tier == "A" for call in calls)
