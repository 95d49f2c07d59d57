"""The end of the AIS data decides which ships have fallen silent."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.jobs.ingest_ais import end_of_data
from pipeline.records import Issue
from pipeline.tables import read_records

PERIOD_END = datetime(2024, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (datetime(2024, 4, 2, tzinfo=UTC), (2024, 4, 2)),
        (datetime(2031, 1, 1, tzinfo=UTC), (2024, 4, 30)),
        (None, (2024, 4, 30)),
    ],
    ids=["the last fix", "a clock that runs ahead", "no fix at all"],
)
def test_data_end_with(last, end):
    assert end_of_data(last, PERIOD_END) == datetime(*end, tzinfo=UTC)


def test_a_file_that_is_delivered_twice_changes_no_table_and_is_named(
    own_season, season, darkcall, tmp_path
):
    (delivered,) = (own_season.workspace / "simulate/ais-north-2024-03-02").glob("*.csv")
    (tmp_path / "zagain").mkdir()  # of two, the first by path is read
    shutil.copy(delivered, tmp_path / "zagain/copy.csv")
    document = yaml.safe_load(own_season.config.read_text())
    own_season.config.write_text(yaml.safe_dump({**document, "inputs": {"ais": ["../zagain"]}}))

    ended = darkcall("ais", "--config", own_season.config, "--log-json")

    assert ended.code == 0, ended.err
    for stage in ("tracks", "identity"):
        for path in (season.workspace / stage).rglob("*.parquet"):
            mine = own_season.workspace / path.relative_to(season.workspace)
            assert pq.read_table(mine).equals(pq.read_table(path)), path.name
    told = [
        issue
        for folder in (own_season.workspace / "ais").iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
        for issue in read_records(Issue, folder / "issues.parquet")
        if issue.rule == "delivered twice"
    ]
    assert len(told) == 1
