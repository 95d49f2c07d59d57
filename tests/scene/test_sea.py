"""Where a ship could float: the coast, the berths, and what the image itself shows."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from pipeline.records import Sensor, ZoneRole
from pipeline.scene.sea import surface
from pipeline.scene.settings import Settings

SETTINGS = Settings(shore_pad_m=0.0)
WATER, GROUND = 0.015, 0.22
COAST_ROW = 60
BERTH = (64, 70, 30, 60)
"""Rows and columns, inland of the vector coast."""


@pytest.fixture
def grid(make_grid):
    return make_grid(110, 150)


@pytest.fixture
def harbour(grid, make_image, make_site, make_zone, box_px):
    """The surface under an image of sea in the north and land south of a row."""

    def of(*, true_coast=COAST_ROW, zones=(), water=(), land=(), paint=None, settings=SETTINGS):
        image = make_image(grid, level=WATER)
        image.data[1] = 0.03  # green: water is greener than it is near infrared
        image.data[:, true_coast:] = GROUND
        if paint is not None:
            paint(image)
        vector = box_px(grid, COAST_ROW, 110, 0, 150)
        site = make_site(
            box_px(grid, 0, 110, 0, 150),
            zones=[make_zone(box_px(grid, *px), role=role) for px, role in zones],
            water=[box_px(grid, *px) for px in water],
            land=[box_px(grid, *px) for px in land],
        )
        return surface(
            image,
            land=vector,
            site=site,
            cloud=np.zeros(image.valid.shape, np.bool_),
            sensor=Sensor.S2,
            settings=settings,
        )

    return of


def rows(sea):
    """Rows that are sea all along, and rows that are land all along."""
    return np.flatnonzero(sea.all(axis=1)), np.flatnonzero(~sea.any(axis=1))


def test_the_coastline_parts_sea_from_land_to_the_pixel(harbour):
    sea, land = rows(harbour().sea)
    assert (sea.max(), land.min()) == (COAST_ROW - 1, COAST_ROW)


@pytest.mark.parametrize("role", [ZoneRole.LOAD, ZoneRole.DISCHARGE, ZoneRole.LAY_BY])
def test_a_berth_is_water_although_the_coastline_and_the_image_say_land(harbour, role):
    found = harbour(zones=[(BERTH, role)])
    inside = np.s_[BERTH[0] : BERTH[1], BERTH[2] : BERTH[3]]
    assert found.sea[inside].all()
    assert (found.shore_distance_m[inside] > 0).all()
    found.sea[inside] = False
    assert not found.sea[COAST_ROW:].any()


def test_a_berth_stays_water_under_ships_rafted_into_bright_broad_ground(harbour):
    def rafted(image):
        image.data[:, 10:40, 20:60] = GROUND

    assert not harbour(paint=rafted).sea[12:38, 22:58].any()
    berth = ((8, 42, 18, 62), ZoneRole.LOAD)
    assert harbour(paint=rafted, zones=[berth]).sea[:COAST_ROW].all()


def test_an_anchorage_drawn_over_land_is_not_water(harbour):
    assert not harbour(zones=[(BERTH, ZoneRole.ANCHORAGE)]).sea[COAST_ROW:].any()


def test_dark_water_inland_is_sea_as_far_as_the_coast_may_be_wrong(harbour):
    narrow = SETTINGS.model_copy(update={"river_width_m": 5000.0})
    sea, _ = rows(harbour(true_coast=63, settings=narrow).sea)
    assert sea.max() == 62
    sea, _ = rows(harbour(true_coast=90, settings=narrow).sea)
    assert sea.max() == COAST_ROW - 1 + SETTINGS.coast_error_m / 10.0


@pytest.mark.parametrize(("width_px", "far"), [(11, True), (4, False)])
def test_a_broad_river_is_followed_inland_a_ditch_is_not(harbour, width_px, far):
    def river(image):
        image.data[:, COAST_ROW:104, 70 : 70 + width_px] = WATER
        image.data[1, COAST_ROW:104, 70 : 70 + width_px] = 0.03

    found = harbour(paint=river).sea
    middle = 70 + width_px // 2
    assert bool(found[102, middle]) is far
    assert not found[COAST_ROW + 8 :, :68].any()
    assert not found[105:].any()


def test_a_pond_that_no_sea_reaches_is_not_sea(harbour):
    def pond(image):
        image.data[:, 62:65, 40:60] = WATER
        image.data[1, 62:65, 40:60] = 0.03

    assert not harbour(paint=pond).sea[COAST_ROW:].any()


def test_a_broad_bright_quay_built_since_is_land_and_a_ship_is_not(harbour):
    def built(image):
        image.data[:, 10:40, 20:60] = GROUND  # 300 m × 400 m
        image.data[:, 10:16, 100:140] = GROUND  # 60 m × 400 m: the largest hulls

    sea = harbour(paint=built).sea
    assert not sea[12:38, 22:58].any()
    assert sea[:COAST_ROW, 70:].all()


def test_drawn_water_and_land_overrule_the_image(harbour):
    def dark(image):
        image.data[:, 60:66, 90:120] = WATER
        image.data[1, 60:66, 90:120] = 0.03

    assert harbour(paint=dark).sea[61:65, 92:118].all()
    assert not harbour(paint=dark, land=[(60, 66, 90, 120)]).sea[60:66, 90:120].any()


def test_a_cloud_gives_no_evidence(grid, make_image, make_site, box_px):
    image = make_image(grid, level=WATER)
    image.data[:, 10:40, 20:60] = GROUND
    cloud = np.zeros(image.valid.shape, np.bool_)
    cloud[8:42, 18:62] = True
    whole = box_px(grid, 0, 110, 0, 150)
    facts = {"land": shapely.Polygon(), "site": make_site(whole), "settings": SETTINGS}
    under = surface(image, cloud=cloud, sensor=Sensor.S2, **facts)
    clear = surface(image, cloud=np.zeros_like(cloud), sensor=Sensor.S2, **facts)
    assert under.sea.all()
    assert not clear.sea.all()


def test_radar_shows_a_mole_by_its_backscatter(grid, make_image, make_site, box_px):
    image = make_image(grid, sensor=Sensor.S1, level=0.01)  # -20 dB
    image.data[:, 10:40, 20:60] = 0.3  # -5 dB
    facts = {
        "land": box_px(grid, COAST_ROW, 110, 0, 150),
        "site": make_site(box_px(grid, 0, 110, 0, 150)),
        "cloud": np.zeros(image.valid.shape, np.bool_),
        "settings": SETTINGS,
    }
    sea = surface(image, sensor=Sensor.S1, **facts).sea
    assert not sea[15:35, 25:55].any()
    assert sea[:COAST_ROW, 70:].all()


def test_the_distance_to_the_shore_is_that_of_the_nearest_land_pixel(harbour):
    found = harbour(land=[(20, 24, 100, 110)])
    land = np.argwhere(~found.sea)
    expected = cKDTree(land).query(np.argwhere(found.sea))[0] * 10.0
    np.testing.assert_allclose(found.shore_distance_m[found.sea], expected, rtol=1e-6)
    assert (found.shore_distance_m[~found.sea] == 0).all()


def test_land_past_the_edge_counts_for_the_distance(grid, make_image, make_site, box_px):
    """Land 200 m north of the image, which itself is all sea."""
    found = surface(
        make_image(grid, level=WATER),
        land=box_px(grid, -40, -20, -20, 170),
        site=make_site(box_px(grid, 0, 110, 0, 150)),
        cloud=np.zeros((110, 150), np.bool_),
        sensor=Sensor.S2,
        settings=Settings(shore_pad_m=500.0),
    )
    assert found.sea.all()
    # from the centre of row k to the centre of the nearest land row, -21
    np.testing.assert_allclose(
        found.shore_distance_m[:, 75], (np.arange(110) + 21) * 10.0, atol=0.1
    )
