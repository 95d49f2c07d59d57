"""`darkcall ais` on files of several kinds, with a watch list, as a user runs it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from tests.ais.conftest import DMA_HEADER, DMA_ROW
from tests.ais.test_gfw_events import event
from tests.ais.test_jsonlines import POSITION, STATIC, streamed


@pytest.fixture
def own(tmp_path, write_config):
    """A configuration with AIS of three kinds and two lists."""
    ais, lists = tmp_path / "ais", tmp_path / "lists"
    ais.mkdir()
    lists.mkdir()
    rows = [
        DMA_ROW.replace("02:09:00", f"{hour:02d}:09:00").replace("42.75", f"{42.7 + hour / 10:.2f}")
        for hour in range(24)
    ]
    (ais / "day.csv").write_text("\n".join([DMA_HEADER, *rows, DMA_ROW.replace("42.75", "x")]))
    feed = [streamed("PositionReport", POSITION), streamed("ShipStaticData", STATIC)]
    (ais / "feed.json").write_text("\n".join(feed))
    (ais / "events.json").write_text(json.dumps({"entries": [event()]}))
    (lists / "un.csv").write_text(
        "imo_number,vessel_name,date_of_designation\n9307839,LADA,2018-03-30\n"
    )
    (lists / "own.csv").write_text("name,imo\nNOBODY,\n,123\n")
    config = write_config(
        tmp_path,
        simulate=None,
        inputs={"ais": [str(ais)], "watchlists": [str(lists)]},
        period={"start": "2022-12-01", "end": "2024-03-30"},
    )
    return config, tmp_path / "workspace"


def rows(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_ships_heard_are_looked_up_and_events_of_others_are_kept(own, darkcall):
    config, workspace = own
    ended = darkcall("ais", "--config", config, "--log-json")
    assert ended.code == 0, ended.err
    found = workspace / "identity/season"
    hits = rows(found, "hits")
    assert [(hit["mmsi"], hit["matched_by"], hit["listed_then"]) for hit in hits] == [
        (259000420, "IMO", "all the time"), (273312000, "IMO", "all the time"),
    ]  # fmt: skip
    assert [one["oddities"] for one in rows(found, "identities")] == [[], []]
    assert [ship["list_name"] for ship in rows(found, "listed")] == ["own", "un"]
    assert [issue["where"] for issue in rows(found, "issues")] == ["own.csv ship 2"]
    season = workspace / "tracks/season"
    assert [one["kind"] for one in rows(season, "events")] == ["gap"]
    (track,) = rows(season, "tracks")
    assert (track["mmsi"], track["n_fixes"], track["ais_class"]) == (273312000, 24, "A")
    assert len(rows(season, "set_aside")) == 1  # a single report is no track
    assert [issue["rule"] for issue in rows(workspace / "ais/day.csv", "issues")] == [
        "no lat that can be read"
    ]
    assert darkcall("ais", "--config", config, "--log-json").worked() == {}


def test_a_list_that_is_none_is_named_and_the_rest_is_done(own, darkcall, tmp_path):
    config, workspace = own
    (tmp_path / "lists/broken.csv").write_text("a,b\n1,2\n")
    ended = darkcall("ais", "--config", config)
    assert ended.code == 3
    assert "broken.csv" in ended.err
    assert "Not a watch list" in ended.err
    assert (workspace / "tracks/season/tracks.parquet").exists()


def test_a_list_that_is_not_there_is_a_fault_of_the_configuration(own, darkcall, tmp_path):
    config, _ = own
    (tmp_path / "lists/un.csv").rename(tmp_path / "elsewhere.csv")
    (tmp_path / "lists/own.csv").unlink()
    (tmp_path / "lists").rmdir()
    ended = darkcall("ais", "--config", config)
    assert ended.code == 2
    assert "inputs.watchlists" in ended.err
