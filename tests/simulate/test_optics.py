"""Sentinel-2: hulls stand out of the water, move between bands, and hide under cloud."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.geo import destination
from pipeline.simulate.ground import ground
from pipeline.simulate.optics import BANDS, render
from pipeline.simulate.settings import Settings
from tests.simulate.conftest import SOUTH, a_hull, a_port, a_ship

SETTINGS = Settings(misregistration_m=0.0)
GROUND = ground(a_port(), SETTINGS)
CLEAR = np.zeros(GROUND.land.shape, np.float32)
EAST = tuple(float(v) for v in destination(*SOUTH, 80.0, 500.0))


def picture(*hulls, cloud=CLEAR, seed: int = 3) -> np.ndarray:
    return render(GROUND, hulls, cloud, np.random.default_rng(seed), SETTINGS)


def brightening(hull) -> np.ndarray:
    """What one hull adds to each band; the same seed makes all else the same."""
    return picture(hull) - picture()


def centre_px(layer: np.ndarray) -> tuple[float, float]:
    weight = np.where(np.abs(layer) > 0.01, np.abs(layer), 0.0)
    rows, cols = np.mgrid[: layer.shape[0], : layer.shape[1]] + 0.5
    return (weight * rows).sum() / weight.sum(), (weight * cols).sum() / weight.sum()


@pytest.mark.parametrize("heading", [0.0, 65.0, 130.0, 291.0])
def test_a_hull_is_bright_where_it_lies_and_nowhere_else(heading):
    hull = a_hull(*EAST, ship=a_ship(110, 18), heading_deg=heading)
    added = brightening(hull)[BANDS.index("B08")]
    row, col = (float(v) for v in GROUND.grid.px_from_lonlat(*EAST))
    window = np.zeros(added.shape, bool)
    window[int(row) - 8 : int(row) + 9, int(col) - 8 : int(col) + 9] = True
    assert added[int(row), int(col)] > 0.05
    assert np.abs(added[~window]).max() < 1e-6
    # the deckhouse pulls the centre of brightness aft by less than a fifth of the length
    assert np.hypot(*np.subtract(centre_px(added), (row, col))) < 0.2 * 110 / 10


def test_every_deck_stands_out_of_the_water_in_near_infrared():
    water = picture()[BANDS.index("B08")][GROUND.land == 0]
    limit = np.median(water) + 6 * 1.4826 * np.median(np.abs(water - np.median(water)))
    row, col = (int(v) for v in GROUND.grid.px_from_lonlat(*EAST))
    for number in range(12):
        ship = a_ship(100, 16, mmsi=299_000_100 + 7 * number)
        near = picture(a_hull(*EAST, ship=ship))[BANDS.index("B08"), row - 1 : row + 2, col]
        assert near.max() > limit, number


def test_land_is_bright_and_water_dark_in_near_infrared():
    near_infrared = picture()[BANDS.index("B08")]
    green = picture()[BANDS.index("B03")]
    water, planted = GROUND.land == 0, (GROUND.land == 1) & ~GROUND.paved
    assert np.median(near_infrared[planted]) > 3 * np.median(near_infrared[water])
    assert np.median(green[water]) > np.median(near_infrared[water])  # NDWI above zero


@pytest.mark.parametrize("course", [0.0, 90.0, 225.0])
def test_a_mover_stands_elsewhere_in_each_band(course):
    """10 m/s for 1.005 s between B02 and B04: 10 m or one pixel along the course."""
    hull = a_hull(*EAST, ship=a_ship(150, 24), heading_deg=course, course_deg=course, sog_mps=10.0)
    added = brightening(hull)
    (row_b, col_b), (row_r, col_r) = (centre_px(added[BANDS.index(b)]) for b in ("B02", "B04"))
    angle = np.radians(course)
    assert col_r - col_b == pytest.approx(1.005 * np.sin(angle), abs=0.3)
    assert row_b - row_r == pytest.approx(1.005 * np.cos(angle), abs=0.3)


def test_passes_lie_off_one_another_by_as_much_as_set():
    settings = Settings(misregistration_m=3.0)
    rows = []
    for seed in range(40):
        rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
        with_hull = render(GROUND, [a_hull(*EAST)], CLEAR, rng, settings)
        rows.append(centre_px((with_hull - render(GROUND, [], CLEAR, same, settings))[3])[0])
    assert 0.2 < np.std(rows) < 0.45  # px of 10 m


def test_cloud_hides_a_hull_and_half_a_cloud_half_hides_it():
    hull = a_hull(*EAST)
    row, col = (int(v) for v in GROUND.grid.px_from_lonlat(*EAST))
    seen = []
    for thickness in (0.0, 0.5, 1.0):
        cloud = np.full_like(CLEAR, thickness)
        added = picture(hull, cloud=cloud) - picture(cloud=cloud)
        seen.append(float(np.abs(added[:, row, col]).max()))
    assert seen[2] < 1e-6
    assert seen[1] == pytest.approx(seen[0] / 2, rel=0.01)
    assert picture(cloud=np.ones_like(CLEAR)).min() > 0.4


def test_reflectance_is_physical_and_the_same_from_the_same_seed():
    one, again, other = picture(a_hull(*EAST)), picture(a_hull(*EAST)), picture(seed=4)
    assert one.shape == (4, *GROUND.land.shape)
    assert 0 < one.min() <= one.max() <= 1.5
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
