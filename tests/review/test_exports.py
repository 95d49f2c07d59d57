"""Calls and voyages in other programs' formats, read back by an independent reader."""

from __future__ import annotations

import csv

import geopandas
import pytest
import shapely

from pipeline.review.exports import Exported, write_exports

HOSTILE = '=HYPERLINK("http://evil.example","x")'


def exported(made, **other):
    calls = [
        made.call("c1", zone_id=made.sites[0].zones[0].zone_id, detection_ids=["d1", "d2"]),
        made.call("c2", site_id="south", zone_id=made.sites[1].zones[0].zone_id,
                  detection_ids=["d3"], mmsi=None, ship_name=None),
        made.call("v", evidence_class="AIS_VISIT"),
    ]  # fmt: skip
    values = {
        "sites": made.sites, "calls": calls, "entries": [made.entry("y1")], "totals": [],
        "groups": [], "estimates": [],
        "voyages": [
            made.voyage("y1", "c1", "c2", discharge_site_id="south"),
            made.voyage("y2", None, "c2", mmsi=None, ship_name=None),
        ],
    }  # fmt: skip
    return Exported(**{**values, **other})


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml"])
def test_voyages_are_lines_from_berth_to_berth_with_their_ids(tmp_path, made, suffix):
    write_exports(tmp_path, exported(made))
    read = geopandas.read_file(tmp_path / f"voyages.{suffix}")
    read = read.set_index("voyage_id")
    start, end = (
        zone.polygon.centroid for zone in (made.sites[0].zones[0], made.sites[1].zones[0])
    )

    line = shapely.force_2d(read.loc["y1"].geometry)
    assert line.geom_type == "LineString"
    assert line.coords[0] == pytest.approx((start.x, start.y))
    assert line.coords[-1] == pytest.approx((end.x, end.y))
    assert read.loc["y1"]["detection_ids"] == "d1 d2 d3"
    assert shapely.force_2d(read.loc["y2"].geometry).geom_type == "Point"
    assert read.crs.to_epsg() == 4326


def test_only_dark_calls_are_handed_on_and_unknown_ships_are_unknown(tmp_path, made):
    write_exports(tmp_path, exported(made))
    read = geopandas.read_file(tmp_path / "dark-calls.gpkg").set_index("call_id")

    assert sorted(read.index) == ["c1", "c2"]
    assert read.loc["c2"]["ship_name"] == "a ship we do not know"
    assert read.loc["c1"]["arrival_latest"].endswith("Z")


def test_a_name_that_a_spreadsheet_would_run_is_text(tmp_path, made):
    found = exported(
        made, voyages=[made.voyage("y1", "c1", "c2", ship_name=HOSTILE, discharge_site_id="south")]
    )
    write_exports(tmp_path, found)
    with (tmp_path / "voyages.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["ship_name"] == f"'{HOSTILE}"
    assert "HYPERLINK" in (tmp_path / "voyages.kml").read_text(encoding="utf-8")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_says_how_its_calls_stand(tmp_path, made):
    write_exports(tmp_path, exported(made, totals=[made.total("headline", made.at(9), 1, 9.0)]))
    for path in tmp_path.glob("*.csv"):
        assert {row["review"] for row in rows_of(path)} <= {"NOT REVIEWED"}, path
    said = {"c1": "confirmed by review"}
    write_exports(tmp_path, exported(made, review=said))
    calls = geopandas.read_file(tmp_path / "dark-calls.gpkg").set_index("call_id")
    assert calls["review"].to_dict() == {"c1": "confirmed by review", "c2": "NOT REVIEWED"}
    both = "NOT REVIEWED; confirmed by review"
    assert {row["voyage_id"]: row["review"] for row in rows_of(tmp_path / "voyages.csv")} == {
        "y1": both, "y2": "NOT REVIEWED",
    }  # fmt: skip
    assert [row["review"] for row in rows_of(tmp_path / "ledger.csv")] == [both]


def test_nothing_found_leaves_empty_tables_and_no_layer(tmp_path, made):
    names = write_exports(tmp_path, exported(made, calls=[], voyages=[], entries=[]))
    assert names == [
        "dark-calls.csv", "ledger-by-month-and-ship.csv", "ledger-running.csv", "ledger.csv",
        "season-estimates.csv", "voyages.csv",
    ]  # fmt: skip
    assert (tmp_path / "voyages.csv").read_text(encoding="utf-8") == ""
