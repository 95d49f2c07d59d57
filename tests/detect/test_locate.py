"""Detections: position, true axis, zones, tanker prior, reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyproj import Geod

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.hull import Hull
from pipeline.detect.locate import BERTH_ODDS, CUT, GUESSED_ZONE, detections
from pipeline.detect.settings import Settings
from pipeline.geo import Grid, axis_difference_deg
from pipeline.records import (
    Cargo,
    Screened,
    Sensor,
    Surface,
    ZoneRole,
)
from tests.detect.conftest import a_scene, a_site, a_zone, box_lonlat

SETTINGS = Settings()
# at the edge of a UTM zone and far north, where grid north and true north differ by degrees
GRID = Grid(crs="EPSG:32632", x_min_m=290_000, y_max_m=7_000_000, pixel_m=10, height=120, width=200)


def a_hull(row=60.0, col=80.0, length_px=15.0, width_px=2.5, axis=30.0, score=0.8):
    angle = np.radians(axis)
    ahead = np.array([-np.cos(angle), np.sin(angle)]) * length_px / 2
    abeam = np.array([np.sin(angle), np.cos(angle)]) * width_px / 2
    corners = [
        np.array([row, col]) + a * ahead + b * abeam
        for a, b in ((1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    return Hull(
        row_px=row,
        col_px=col,
        length_px=length_px,
        width_px=width_px,
        axis_grid_deg=axis,
        corners_px=tuple((float(r), float(c)) for r, c in corners),
        score=score,
        contrast=20.0,
        peak=0.2,
        n_pixels=40,
    )


def a_surface():
    shape = (GRID.height, GRID.width)
    return Surface(
        sea=np.ones(shape, bool),
        cloud=np.zeros(shape, bool),
        shore_distance_m=np.full(shape, 700.0, np.float32),
    )


def located(hulls, *, zones=(), surface=None, scene=None):
    return detections(
        hulls,
        scene=scene or a_scene(),
        grid=GRID,
        surface=surface or a_surface(),
        site=a_site(GRID, zones),
        detector=CfarDetector(Sensor.S2, SETTINGS),
        settings=SETTINGS,
    )


@pytest.mark.parametrize("axis", [0.0, 30.0, 95.0, 179.0])
def test_the_axis_is_true_north_s_by_geodesy(axis):
    (found,) = located([a_hull(axis=axis)])
    angle = np.radians(axis)
    ends = [(60 - s * 7 * np.cos(angle), 80 + s * 7 * np.sin(angle)) for s in (-1, 1)]
    (lon0, lat0), (lon1, lat1) = (
        tuple(float(v) for v in GRID.lonlat_from_px(*end)) for end in ends
    )
    azimuth, _, length_m = Geod(ellps="WGS84").inv(lon0, lat0, lon1, lat1)
    assert abs(GRID.convergence_deg(found.lon, found.lat)) > 3
    assert float(axis_difference_deg(found.axis_deg, azimuth)) < 0.05
    assert 0 <= found.axis_deg < 180
    assert length_m == pytest.approx(140, rel=0.002)


def test_position_zone_and_errors():
    zone = a_zone(box_lonlat(GRID, 50, 70, 60, 100), is_guess=True)
    (found,) = located([a_hull()], zones=(zone,))
    row, col = GRID.px_from_lonlat(found.lon, found.lat)
    assert (float(row), float(col)) == (pytest.approx(60.0), pytest.approx(80.0))
    assert found.zone_id == "pier"
    assert {BERTH_ODDS, GUESSED_ZONE} <= set(found.flags)
    assert found.shore_distance_m == 700.0
    assert 5 < found.length_sigma_m < 40
    assert 0 < found.axis_sigma_deg < 20
    assert found.screened is None
    assert len(found.outline_px) == 8


def test_shorter_hulls_have_a_less_certain_axis():
    short, long = located([a_hull(row=20, length_px=7), a_hull(row=90, length_px=25)])
    assert short.axis_sigma_deg > 2 * long.axis_sigma_deg


def test_a_berth_raises_the_odds_and_an_anchorage_does_not():
    polygon = box_lonlat(GRID, 50, 70, 60, 100)
    faint = a_hull(score=0.1)
    (free,) = located([faint])
    (berth,) = located([faint], zones=(a_zone(polygon),))
    (anchored,) = located([faint], zones=(a_zone(polygon, role=ZoneRole.ANCHORAGE),))
    assert free.screened == Screened.SHAPE.value
    assert berth.score > SETTINGS.score_min > free.score == anchored.score
    assert berth.screened is None


@pytest.mark.parametrize(
    ("hull", "reason"),
    [
        (a_hull(length_px=4.0), Screened.TOO_SMALL),
        (a_hull(length_px=45.0, width_px=5.0), Screened.TOO_LARGE),
        (a_hull(width_px=9.0), Screened.TOO_LARGE),
        (a_hull(score=0.05), Screened.SHAPE),
        (a_hull(), None),
    ],
)
def test_reasons_are_kept_with_the_detection(hull, reason):
    (found,) = located([hull])
    assert found.screened == (None if reason is None else reason.value)


def test_cloud_and_land_are_reasons():
    clouded, ashore = a_surface(), a_surface()
    clouded.cloud[45:75, 65:95] = True
    ashore.sea[45:75, 60:100] = False
    (under,) = located([a_hull()], surface=clouded)
    assert under.screened == Screened.CLOUD.value
    assert under.cloud_score > 0.9
    (dry,) = located([a_hull()], surface=ashore)
    assert dry.screened == Screened.ON_LAND.value


def test_a_hull_at_the_image_s_edge_says_so():
    inside, edge = located([a_hull(), a_hull(row=100, col=2)])
    assert CUT in edge.flags
    assert CUT not in inside.flags


def test_tanker_prior_follows_the_berth_and_says_why():
    polygon = box_lonlat(GRID, 50, 70, 60, 100)
    oil, dry, crude = (
        located([a_hull()], zones=(a_zone(polygon, cargo=cargo),))[0]
        for cargo in (Cargo.OIL_PRODUCTS, Cargo.DRY, Cargo.CRUDE)
    )
    (open_water,) = located([a_hull()])
    assert oil.p_tanker == crude.p_tanker > 0.8
    assert dry.p_tanker < 0.1
    assert 0.15 < open_water.p_tanker < 0.5
    assert "handles oil products" in oil.p_tanker_basis
    assert "show no ship type" in open_water.p_tanker_basis


def test_a_hull_of_400_m_is_less_likely_a_product_tanker():
    (long,) = located([a_hull(length_px=40, width_px=5.5)])
    (usual,) = located([a_hull()])
    assert long.p_tanker < usual.p_tanker / 2


def test_ids_come_from_content():
    one, again = located([a_hull()]), located([a_hull()])
    (other,) = located([a_hull()], scene=replace(a_scene(), scene_id="scene-2"))
    assert one == again
    assert other.detection_id != one[0].detection_id
