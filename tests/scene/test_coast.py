"""Land around a site: the world's coastline, corrected by what someone drew."""

from __future__ import annotations

import pyproj
import pytest
import shapely

from pipeline.scene.coast import land_polygon
from pipeline.scene.settings import Settings

DRAWN = Settings(coastline="site", coast_margin_m=2000.0)
AOI = shapely.box(-48.6, -25.6, -48.5, -25.55)


def test_drawn_land_is_all_there_is_without_a_coastline(make_site):
    quay = shapely.box(-48.56, -25.58, -48.55, -25.57)
    assert land_polygon(make_site(AOI), DRAWN).is_empty
    assert land_polygon(make_site(AOI, land=[quay]), DRAWN).equals(quay)


def test_a_quay_drawn_in_a_drawn_river_stays(make_site):
    river, quay = (
        shapely.box(-48.6, -25.58, -48.5, -25.57),
        shapely.box(-48.56, -25.58, -48.55, -25.57),
    )
    assert land_polygon(make_site(AOI, water=[river], land=[quay]), DRAWN).equals(quay)


@pytest.mark.parametrize("south", [-71.0, -25.6, 5.0, 69.0])
def test_land_is_kept_to_the_margin_on_the_ground(make_site, south):
    aoi = shapely.box(30.0, south, 30.1, south + 0.05)
    land = shapely.box(20.0, south - 5.0, 40.0, south + 5.0)
    west, bottom, east, top = land_polygon(make_site(aoi, land=[land]), DRAWN).bounds
    geod = pyproj.Geod(ellps="WGS84")
    for end in ((west, south), (30.0, bottom)):
        reached = geod.inv(30.0, south, *end)[2]
        assert 1990.0 < reached < 2200.0
    assert east - 30.1 == pytest.approx(30.0 - west, abs=2e-3)
    assert top > south + 0.05


@pytest.mark.parametrize(
    ("land", "sea"),
    [
        ((-46.333, -23.960), (-46.300, -24.060)),  # Santos, and the roads before it
        ((131.905, 43.125), (131.800, 43.090)),  # Vladivostok, and Amur Bay
        ((4.48, 51.92), (3.90, 52.05)),  # Rotterdam, and the North Sea
    ],
    ids=["Santos", "Vladivostok", "Rotterdam"],
)
def test_the_coastline_of_the_world_and_water_drawn_into_it(make_site, land, sea):
    west, east = sorted((land[0], sea[0]))
    south, north = sorted((land[1], sea[1]))
    aoi = shapely.box(west - 0.01, south - 0.01, east + 0.01, north + 0.01)
    found = land_polygon(make_site(aoi), Settings())
    assert found.covers(shapely.Point(land))
    assert not found.covers(shapely.Point(sea))

    dock = shapely.Point(land).buffer(0.002)
    assert not land_polygon(make_site(aoi, water=[dock]), Settings()).covers(shapely.Point(land))
