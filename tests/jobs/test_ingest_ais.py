"""The end of the AIS data decides which ships have fallen silent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.config import load_config
from pipeline.errors import BadInput
from pipeline.jobs import track_season
from pipeline.jobs.contract import Mode
from pipeline.jobs.ingest_ais import ingest
from pipeline.jobs.progress import LineProgress
from pipeline.jobs.run import Selection, open_run
from pipeline.jobs.simulate_season import simulate
from pipeline.jobs.track_season import end_of_data
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


def told(config, **changes):
    document = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**document, **changes}))


def rows_of(path):
    """Of a table; those set aside come in the order of the parts of work, which is no matter."""
    rows = pq.read_table(path)
    return rows.sort_by([(c, "ascending") for c in ("mmsi", "sent_at", "lon", "lat", "source")]) \
        if path.name == track_season.SET_ASIDE else rows  # fmt: skip


def test_ships_in_buckets_make_the_same_season(own_season, season, darkcall):
    told(own_season.config, vessel_buckets=3)

    ended = darkcall("ais", "--config", own_season.config, "--log-json")

    assert ended.code == 0, ended.err
    assert ended.worked() == {"buckets": 1, "ships": 3, "tracks": 1}
    mine, theirs = (one.workspace / "tracks/season" for one in (own_season, season))
    names = {path.name for path in theirs.glob("*.parquet")}
    assert names == {path.name for path in mine.glob("*.parquet")}
    assert len(names) > 10
    for name in sorted(names):
        assert rows_of(mine / name).equals(rows_of(theirs / name)), name
    buckets = (own_season.workspace / "ships").glob("bucket-*/tracks.parquet")
    n_tracks = [pq.read_table(path).num_rows for path in buckets]
    assert len(n_tracks) == 3
    assert min(n_tracks) > 0
    again = darkcall("ais", "--config", own_season.config, "--log-json")
    assert again.worked() == {}


def test_where_ships_of_a_bucket_fail_the_season_before_stands(own_season, monkeypatch):
    told(own_season.config, vessel_buckets=2, executor="serial")
    before = (own_season.workspace / "tracks/season/manifest.json").read_bytes()
    work = track_season.SHIPS.work

    def broken(task, out):
        if task.index == 1:
            raise BadInput("Table is damaged")
        return work(task, out)

    monkeypatch.setattr(track_season, "SHIPS", replace(track_season.SHIPS, work=broken))
    run = open_run(load_config(own_season.config), selection=Selection(), mode=Mode(),
                   progress=LineProgress())  # fmt: skip
    simulated = simulate(run.passive())
    ingested = ingest(run, simulated)
    _, divided, tracked = track_season.track(run, ingested)

    assert [failure.item_id for failure in divided.failures] == ["bucket-0001"]
    assert tracked.n_worked == 0
    assert "1 of the pieces" in tracked.held["season"]
    assert (own_season.workspace / "tracks/season/manifest.json").read_bytes() == before
