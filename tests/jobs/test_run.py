"""`darkcall run` on a tiny simulated season: whole, repeatable, readable by others' tools."""

from __future__ import annotations

import json

import geopandas
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio

from pipeline.records import CallVersion, PortCall
from pipeline.tables import read_records

pytestmark = pytest.mark.timeout(240)

SCORES = {
    "dark_precision",
    "dark_recall_visible",
    "identity_top1",
    "identity_top3",
    "arrival_coverage_90",
    "voyages_true",
    "voyages_found",
    "barrels_true",
    "barrels_p10",
    "barrels_p50",
    "barrels_p90",
}
STAGES = {
    "simulate",
    "names",
    "fetch",
    "calendar",
    "detect",
    "screen",
    "ais",
    "tracks",
    "identity",
    "match",
    "calls",
    "voyages",
}


def test_run_does_every_stage_and_ends_well(season):
    assert season.first.code == 0, season.first.err
    assert set(season.first.worked()) == STAGES | {"catalogue", "review"}
    assert "SIMULATED SEASON" in season.first.out
    assert "Nobody has reviewed these results" in season.first.out
    assert (season.workspace / "review/season/report.html").exists()


def test_second_run_does_nothing_even_where_the_workspace_has_moved(
    own_season, season, darkcall, contents
):
    again = darkcall("run", "--config", own_season.config, "--log-json")

    assert again.code == 0, again.err
    assert again.worked() == {}
    assert contents(own_season.workspace) == contents(season.workspace)
    assert again.seconds < 0.7 * season.first.seconds


def test_what_a_run_says_is_kept_once(season, own_season):
    first, again = (
        read_records(CallVersion, one.workspace / "history" / "calls.parquet")
        for one in (season, own_season)
    )
    calls = read_records(PortCall, season.workspace / "names" / "season" / "calls.parquet")
    told = [call.call_id for call in calls if call.is_dark or not call.track_ids]
    assert sorted(row.call_id for row in first) == sorted(told)
    assert {row.version for row in first} == {1}
    assert again == first


# The fast suite asks the same of processes that were killed in between: test_kill.py.
@pytest.mark.slow
def test_processes_give_the_bytes_of_serial_work(
    season, tmp_path, darkcall, write_config, contents
):
    config = write_config(tmp_path, executor="processes", workers=2)

    ended = darkcall("run", "--config", config, "--log-json")

    assert ended.code == 0, ended.err
    assert contents(tmp_path / "workspace") == contents(season.workspace)


def test_one_stage_after_a_changed_setting_takes_earlier_work_as_done(
    own_season, darkcall, write_config
):
    config = write_config(own_season.config.parents[1], voyages={"seed": 11})

    ended = darkcall("run", "--config", config, "--log-json")

    assert ended.code == 0, ended.err
    assert set(ended.worked()) == {"voyages", "review"}


def test_evaluate_season_ends_with_one_json_object(own_season, darkcall_here):
    ended = darkcall_here("evaluate", "season", "--config", own_season.config, "--json")

    assert ended.code == 0, ended.err
    score = json.loads(ended.out.splitlines()[-1])
    assert score.keys() >= SCORES
    assert score["voyages_true"] >= score["voyages_found"] >= 0
    if score["barrels_p50"] is not None:
        assert score["barrels_p10"] <= score["barrels_p50"] <= score["barrels_p90"]


def test_evaluate_season_before_a_run_says_what_to_do(tmp_path, darkcall_here, write_config):
    ended = darkcall_here("evaluate", "season", "--config", write_config(tmp_path), "--json")

    assert ended.code == 2
    assert "Run `darkcall run`" in ended.err
    assert "Traceback" not in ended.err


def test_catalogue_is_valid_stac_and_names_every_scene(season):
    catalogue = pystac.Catalog.from_file(str(season.workspace / "catalogue/season/catalog.json"))

    items = list(catalogue.get_items(recursive=True))
    for item in items:
        assert item.geometry["type"] in ("Polygon", "MultiPolygon", "Point")
        assert item.datetime.tzinfo is not None
    scenes = [asset for item in items for asset in item.assets.values() if "tif" in asset.href]
    fetched = list((season.workspace / "fetch").glob("*/*.tif"))
    assert {asset.get_absolute_href() for asset in scenes} == {str(path) for path in fetched}


def test_scenes_are_georeferenced_cloud_optimised_geotiffs(season):
    paths = sorted((season.workspace / "fetch").glob("*/*.tif"))
    assert paths
    for path in paths:
        with rasterio.open(path) as raster:
            assert raster.crs.is_projected
            assert raster.transform.a == 10.0
            assert raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"


def test_tables_carry_units_and_positions_read_as_points(season):
    tables = sorted(season.workspace.rglob("*.parquet"))
    with_points = 0
    for path in tables:
        schema = pq.read_schema(path)
        for column in schema:
            assert {b"unit", b"meaning"} <= set(column.metadata or {}), (path.name, column.name)
        if b"geo" in schema.metadata:
            frame = geopandas.read_parquet(path)
            assert frame.crs.to_authority() == ("OGC", "CRS84")
            if "mark" in frame:
                frame = frame[frame["mark"].isna()]  # 91/181 says "not available", and is kept
            if len(frame):
                with_points += 1
                west, south, east, north = frame.total_bounds
                # 500 km around the invented ports at 42 N 134 E and 39.6 N 131.6 E
                assert 120 < west <= east < 146
                assert 30 < south <= north < 50
    assert with_points > 5
