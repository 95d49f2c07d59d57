"""The real ports: every polygon sourced, every guess marked, berths where the mask has water."""

from __future__ import annotations

import csv
import itertools
import json
from datetime import date
from pathlib import Path

import pytest

from pipeline.geo import WGS84, contains, distance_m
from pipeline.records import Cargo, ZoneRole
from pipeline.scene.coast import land_polygon
from pipeline.scene.settings import Settings
from pipeline.sites import load_sites

PATH = Path(__file__).parents[1] / "configs/sites/vostochny.geojson"
SITES = {site.site_id: site for site in load_sites(PATH)}
ZONES = [zone for site in SITES.values() for zone in site.zones]
LOADING = {"vostochny", "nakhodka", "kozmino"}
DISCHARGING = {"rajin", "chongjin", "kimchaek", "hungnam", "wonsan", "nampo", "songnim"}
WPI = {  # World Port Index, NGA Pub. 150: longitude, latitude to one minute
    "vostochny": (133.0833, 42.75), "nakhodka": (132.8833, 42.80), "rajin": (130.30, 42.2333),
    "chongjin": (129.8167, 41.7667), "kimchaek": (129.20, 40.6667),
    "hungnam": (127.6167, 39.8333), "wonsan": (127.45, 39.1667), "nampo": (125.40, 38.7167),
    "songnim": (125.6167, 38.7333),
}  # fmt: skip

each_site = pytest.mark.parametrize("site_id", sorted(SITES))
each_zone = pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.zone_id)


def area_m2(polygon) -> float:
    return abs(WGS84.geometry_area_perimeter(polygon)[0])


def land_share(polygon, site) -> float:
    land = land_polygon(site, Settings(coastline="osm"))
    return polygon.intersection(land).area / polygon.area


def test_every_port_is_there_with_its_country():
    assert set(SITES) == LOADING | DISCHARGING
    assert {site.site_id for site in SITES.values() if site.country == "RU"} == LOADING
    assert {site.site_id for site in SITES.values() if site.country == "KP"} == DISCHARGING


def test_every_polygon_has_a_source_and_a_day_and_a_guess_says_so():
    for feature in json.loads(PATH.read_text(encoding="utf-8"))["features"]:
        said = feature["properties"]
        assert len(said["source"]) > 20
        assert date(2026, 1, 1) <= date.fromisoformat(said["digitised_on"])
        if said["kind"] in ("zone", "water"):
            assert said["is_guess"] is said["source"].startswith("guess: "), said
        if said.get("is_guess"):
            assert said["source"].endswith("to be corrected by an analyst with imagery"), said


def test_berths_are_guesses_because_no_source_publishes_them():
    """Only anchorages have sourced positions; a berth that stops being a guess needs a source."""
    assert all(zone.is_guess for zone in ZONES if zone.is_berth)
    official = next(zone for zone in ZONES if zone.zone_id == "nakhodka-roads-1")
    assert not official.is_guess
    # 42°48.87′ N 132°54.50′ E in degrees
    assert min(official.polygon.exterior.coords) == pytest.approx((132.90833, 42.8145), abs=2e-5)


@each_site
def test_the_area_holds_the_port_and_its_roads(site_id):
    aoi = SITES[site_id].aoi
    west, south, east, north = aoi.bounds
    for extent_m in (distance_m(west, south, east, south), distance_m(west, south, west, north)):
        assert 8_000 <= extent_m <= 20_500
    if site_id in WPI:
        lon, lat = WPI[site_id]
        assert west < lon < east
        assert south < lat < north
    roles = {zone.role for zone in SITES[site_id].zones}
    assert ZoneRole.ANCHORAGE in roles
    assert len(roles) > 1
    assert 0.10 < 1 - land_share(aoi, SITES[site_id]) < 0.90


@each_zone
def test_zones_lie_inside_their_area_and_on_water(zone):
    site = SITES[zone.site_id]
    assert zone.polygon.within(site.aoi)
    assert land_share(zone.polygon, site) <= (0.10 if zone.is_berth else 0.01)


@each_zone
def test_a_berth_has_room_for_a_tanker_and_no_more_than_a_harbour(zone):
    low, high = (1.5e4, 45e4) if zone.is_berth else (1e6, 12e6)
    assert low < area_m2(zone.polygon) < high


def test_neither_areas_nor_zones_overlap():
    """An overlap would count one ship twice."""
    shapes = [(site.site_id, site.aoi) for site in SITES.values()]
    for pairs in (shapes, [(zone.zone_id, zone.polygon) for zone in ZONES]):
        for (one, a), (other, b) in itertools.combinations(pairs, 2):
            assert a.intersection(b).area == pytest.approx(0.0, abs=1e-12), (one, other)


def test_oil_is_loaded_at_vostochny_and_discharged_in_every_north_korean_port():
    def products(site_id, role):
        return [
            zone
            for zone in SITES[site_id].zones
            if zone.cargo is Cargo.OIL_PRODUCTS and zone.role is role
        ]

    assert products("vostochny", ZoneRole.LOAD)
    assert products("kozmino", ZoneRole.LOAD)
    for site_id in DISCHARGING:
        assert products(site_id, ZoneRole.DISCHARGE), site_id
        assert not products(site_id, ZoneRole.LOAD), site_id


@pytest.mark.parametrize("site_id", ["nampo", "songnim"])
def test_the_taedong_is_water_only_because_it_was_drawn(site_id):
    site = SITES[site_id]
    land = land_polygon(site, Settings(coastline="osm"))
    for zone in site.zones:
        assert not land.contains(zone.polygon.centroid), zone.zone_id
        assert any(drawn.contains(zone.polygon.centroid) for drawn in site.water), zone.zone_id


def test_the_point_on_land_often_given_for_vostochny_is_in_no_zone():
    assert SITES["vostochny"].zone_at(133.08, 42.73) is None


@pytest.mark.real_data
def test_every_anchorage_cell_heard_by_ais_lies_in_one_area(reference_data):
    with (reference_data / "ports/gfw_anchorages_primorye.csv").open(encoding="utf-8") as stream:
        cells = [
            (row["label"], float(row["longitude"]), float(row["latitude"]))
            for row in csv.DictReader(stream)
            if row["label"] in ("VOSTOCHNYY", "NAKHODKA") and not row["sublabel"]
        ]
    assert len(cells) == 64 + 50
    roads = 0
    for label, lon, lat in cells:
        sites = [s for s in SITES.values() if contains(s.aoi, lon, lat)]
        assert len(sites) == 1, (label, lon, lat)
        roads += sites[0].zone_at(lon, lat) is not None
    assert roads / len(cells) > 0.85
