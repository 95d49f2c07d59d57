"""Land, quays and water of a site on its grid, which is never square."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.transform import Affine

from pipeline.simulate.ground import ground
from pipeline.simulate.settings import Settings
from tests.simulate.conftest import SOUTH, a_port

SETTINGS = Settings()
STILL = Settings(land_wander_m=0.0)


def test_the_grid_is_the_areas_in_the_zone_of_its_hemisphere():
    grid = ground(a_port(), SETTINGS).grid
    assert grid.crs == "EPSG:32718"
    assert grid.pixel_m == 10.0
    assert (grid.height, grid.width) == (pytest.approx(161, abs=1), pytest.approx(261, abs=1))
    assert grid.x_min_m % 10 == 0
    assert grid.y_max_m % 10 == 0


def test_land_is_where_it_is_drawn():
    """Land ends 800 m west of the middle; rasterio and pyproj say which pixel that is."""
    layers = ground(a_port(), STILL)
    x, y = Transformer.from_crs(4326, layers.grid.crs, always_xy=True).transform(*SOUTH)
    for east_m, expected in ((-850, 1.0), (-750, 0.0), (700, 0.0)):
        col, row = ~Affine(*layers.grid.affine) @ (x + east_m, y + 120)
        assert layers.land[int(row), int(col)] == expected
    col, row = ~Affine(*layers.grid.affine) @ (x - 800, y)
    coast = layers.land[int(row), : int(col) + 3].sum()  # in pixels from the left edge
    assert coast == pytest.approx(col, abs=0.34)  # three samples a pixel


def test_the_coast_wanders_by_no_more_than_set():
    drawn, real = ground(a_port(), STILL).land, ground(a_port(), SETTINGS).land
    shift_m = 10.0 * np.abs(real.sum(axis=1) - drawn.sum(axis=1))
    assert shift_m.max() <= SETTINGS.land_wander_m + 3.4
    assert not np.array_equal(drawn, real)


def test_quays_are_a_strip_of_land_along_the_water():
    layers = ground(a_port(), STILL)
    assert not (layers.paved & (layers.land <= 0.5)).any()
    per_row = layers.paved.sum(axis=1)
    assert set(per_row) <= {5, 6}  # 60 m
    row = layers.grid.height // 2
    assert layers.paved[row, np.flatnonzero(layers.land[row] > 0.5).max()]


def test_the_same_seed_gives_the_same_ground_and_another_does_not():
    one, again = (ground.__wrapped__(a_port(), SETTINGS) for _ in range(2))
    other = ground.__wrapped__(a_port(), Settings(seed=2))
    assert np.array_equal(one.texture, again.texture)
    assert np.array_equal(one.land, again.land)
    assert not np.array_equal(one.texture, other.texture)
    assert one.texture.std() == pytest.approx(1.0, abs=0.1)


def test_pixels_of_the_area_are_marked():
    layers = ground(a_port(), SETTINGS)
    assert layers.inside.mean() > 0.97
    assert layers.inside.shape == (layers.grid.height, layers.grid.width)
