"""What the detector finds in water, at a quay, and side by side; what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.detect import clutter
from pipeline.detect.cfar import CfarDetector
from pipeline.detect.settings import Settings
from pipeline.geo import axis_difference_deg
from pipeline.records import Sensor
from tests.detect.conftest import Ship, rendered

SETTINGS = Settings()


def kept(hulls):
    return [hull for hull in hulls if hull.score >= SETTINGS.score_min]


@settings(max_examples=12, deadline=None)
@given(
    axis=st.floats(0, 179.9),
    length=st.floats(110, 240),
    row=st.floats(50, 100),
    col=st.floats(60, 150),
)
def test_a_ship_in_open_water_is_measured_to_a_fraction_of_a_pixel(axis, length, row, col):
    ship = Ship(row=row, col=col, length_m=length, width_m=length / 6.5, axis_deg=axis)
    image, surface = rendered([ship])
    (hull,) = kept(CfarDetector(Sensor.S2, SETTINGS).find(image, surface))
    assert np.hypot(hull.row_px - row, hull.col_px - col) < 1.0
    assert abs(hull.length_px * 10 - length) < 15
    assert float(axis_difference_deg(hull.axis_grid_deg, axis)) < 4
    assert np.allclose(np.mean(hull.corners_px, axis=0), (hull.row_px, hull.col_px))


@pytest.mark.parametrize(("sensor", "bright"), [(Sensor.S2, 0.2), (Sensor.S1, 3.0)])
def test_a_ship_that_touches_the_quay_is_found_apart_from_the_land(sensor, bright):
    ship = Ship(row=98.9, col=100, length_m=170, width_m=28, axis_deg=90, bright=bright)
    image, surface = rendered([ship], sensor=sensor, quay_row=100.3)
    (hull,) = kept(CfarDetector(sensor, SETTINGS).find(image, surface))
    assert np.hypot(hull.row_px - ship.row, hull.col_px - ship.col) < 1.5
    assert abs(hull.length_px * 10 - 170) < 20
    assert float(axis_difference_deg(hull.axis_grid_deg, 90)) < 3


@pytest.mark.parametrize("sensor", list(Sensor))
@pytest.mark.parametrize("quay_row", [100.0, 100.25, 100.45, 100.55, 100.8])
def test_an_empty_quay_is_no_ship_even_with_a_berths_odds(sensor, quay_row):
    image, surface = rendered([], sensor=sensor, quay_row=quay_row)
    odds = SETTINGS.berth_odds[sensor]
    for hull in CfarDetector(sensor, SETTINGS).find(image, surface):
        raised = odds * hull.score / (odds * hull.score + 1 - hull.score)
        assert raised < SETTINGS.score_min


@pytest.mark.parametrize("sensor", list(Sensor))
def test_empty_water_has_no_ship(sensor):
    image, surface = rendered([], sensor=sensor, height=220, width=300)
    assert kept(CfarDetector(sensor, SETTINGS).find(image, surface)) == []


def test_two_ships_moored_side_by_side_stay_two():
    pair = [Ship(row=row, col=100, length_m=180, width_m=27, axis_deg=80) for row in (70.0, 74.0)]
    image, surface = rendered(pair)
    hulls = kept(CfarDetector(Sensor.S2, SETTINGS).find(image, surface))
    assert sorted(round(hull.row_px) for hull in hulls) == [70, 74]


def test_two_ships_end_to_end_along_a_quay_stay_two():
    pair = [Ship(row=98.9, col=col, length_m=140, width_m=22, axis_deg=90) for col in (60, 80)]
    image, surface = rendered(pair, quay_row=100.3)
    hulls = kept(CfarDetector(Sensor.S2, SETTINGS).find(image, surface))
    assert [round(hull.col_px) for hull in sorted(hulls, key=lambda h: h.col_px)] == [60, 80]


def test_brightness_of_the_land_changes_no_sea_statistic():
    image, surface = rendered([], quay_row=100.0)
    glaring = image.data.copy()
    glaring[:, ~surface.sea] = 0.9
    floor = SETTINGS.sigma_floor_reflectance
    before = clutter._local(image.data[3], surface.sea, 10.0, floor, SETTINGS)
    after = clutter._local(glaring[3], surface.sea, 10.0, floor, SETTINGS)
    assert np.array_equal(before[0][surface.sea], after[0][surface.sea])
    assert np.array_equal(before[1][surface.sea], after[1][surface.sea])


def test_a_scene_without_sea_gives_nothing():
    image, surface = rendered([])
    dry = replace(surface, sea=np.zeros_like(surface.sea))
    assert CfarDetector(Sensor.S2, SETTINGS).find(image, dry) == []


def test_same_input_same_hulls():
    image, surface = rendered([Ship(row=60, col=90, length_m=150, width_m=24, axis_deg=30)])
    detector = CfarDetector(Sensor.S2, SETTINGS)
    assert detector.find(image, surface) == detector.find(image, surface)


def test_box_sums_match_brute_force():
    rng = np.random.default_rng(3)
    layer = rng.random((17, 29))
    sums = clutter._box_sum(layer, 7)
    for row, col in ((0, 0), (8, 14), (16, 28), (3, 27)):
        window = layer[max(0, row - 3) : row + 4, max(0, col - 3) : col + 4]
        assert sums[row, col] == pytest.approx(window.sum())


@pytest.mark.parametrize("shape", [1.0, 5.0, 100.0])
def test_the_k_threshold_is_exceeded_as_often_as_promised(shape):
    """Monte Carlo: gamma speckle on a gamma texture."""
    rng = np.random.default_rng(7)
    size, probability, looks = 2_000_000, 1e-3, 4.4
    power = rng.gamma(shape, 1 / shape, size) * rng.gamma(looks, 1 / looks, size)
    table = clutter._k_thresholds(probability, looks)
    threshold = np.interp(np.log(shape), np.log(clutter._SHAPES), table)
    assert np.mean(power > threshold) == pytest.approx(probability, rel=0.15)


def test_with_hardly_any_texture_the_k_threshold_is_just_above_the_gamma_quantile():
    table = clutter._k_thresholds(1e-6, 4.4)
    speckle_alone = stats.gamma.isf(1e-6, 4.4, scale=1 / 4.4)
    assert speckle_alone < table[-1] < 1.06 * speckle_alone
    assert (np.diff(table) < 0).all()
