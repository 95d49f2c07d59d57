"""Hulls as shares of pixels: place, size, axis, aft deckhouse, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.transform import Affine

from pipeline.geo import Grid, axis_difference_deg
from pipeline.simulate.hulls import stamp
from tests.simulate.conftest import SOUTH, a_hull, a_ship

GRID = Grid(
    crs="EPSG:32718", x_min_m=340_000.0, y_max_m=6_316_000.0, pixel_m=10.0, height=180, width=310
)
LON, LAT = (
    float(v)
    for v in Transformer.from_crs(32718, 4326, always_xy=True).transform(341_553, 6_315_107)
)


def samples(placed):
    """Eastings, northings and weights of a stamp's pixels, by rasterio's affine."""
    rows, cols = np.mgrid[placed.rows, placed.cols]
    x, y = Affine(*GRID.affine) @ (cols + 0.5, rows + 0.5)
    return x, y, placed.deck.astype(float)


@settings(max_examples=40, deadline=None)
@given(heading=st.floats(0, 360), length=st.floats(60, 330), slender=st.floats(5.5, 8))
def test_a_hull_has_its_area_place_and_axis(heading, length, slender):
    """Area L·W·(1 - taper/2); the taper moves the centroid aft by under 6 % of the length."""
    width = length / slender
    placed = stamp(a_hull(LON, LAT, ship=a_ship(length, width), heading_deg=heading), GRID)
    x, y, share = samples(placed)
    assert share.sum() * 100 == pytest.approx(
        length * width * 0.92,
        rel=0.03 + 2 / width,  # a row of samples more or less
    )
    cx, cy = (share * x).sum() / share.sum(), (share * y).sum() / share.sum()
    assert np.hypot(cx - 341_553, cy - 6_315_107) < 0.06 * length + 2
    moments = np.cov(np.stack([x.ravel(), y.ravel()]), aweights=share.ravel())
    east, north = np.linalg.eigh(moments)[1][:, 1]
    grid_axis = np.degrees(np.arctan2(east, north))
    true_axis = grid_axis + GRID.convergence_deg(LON, LAT)
    assert float(axis_difference_deg(true_axis, heading)) < 0.5 + 220 / length  # samples of 2 m


def test_the_grid_is_not_true_north_here():
    """Otherwise the axis above could not tell convergence applied from convergence forgotten."""
    assert SOUTH[1] < 0
    west = Grid(crs="EPSG:32718", x_min_m=0, y_max_m=6e6, pixel_m=10, height=9, width=12)
    assert abs(west.convergence_deg(-77.9, -60.0)) > 2.0


def test_convergence_is_applied():
    """At 60 S, 2.9 deg off the central meridian, grid north is 2.5 deg from true north."""
    lon, lat = -77.9, -60.0
    x, y = Transformer.from_crs(4326, 32718, always_xy=True).transform(lon, lat)
    left, top = round(x - 1000, -1), round(y + 600, -1)
    grid = Grid(crs="EPSG:32718", x_min_m=left, y_max_m=top, pixel_m=10.0, height=120, width=200)
    placed = stamp(a_hull(lon, lat, ship=a_ship(330, 40), heading_deg=0.0), grid)
    rows, cols = np.mgrid[placed.rows, placed.cols]
    moments = np.cov(np.stack([cols.ravel(), -rows.ravel()]), aweights=placed.deck.ravel())
    east, north = np.linalg.eigh(moments)[1][:, 1]
    axis = np.degrees(np.arctan2(east, north))
    turned = (axis + 90) % 180 - 90
    assert turned == pytest.approx(-grid.convergence_deg(lon, lat), abs=0.3)
    assert abs(turned) > 2.0


def test_the_deckhouse_stands_aft():
    placed = stamp(a_hull(LON, LAT, ship=a_ship(200, 32), heading_deg=90.0), GRID)
    x, _, _ = samples(placed)
    house = (placed.house * x).sum() / placed.house.sum()
    assert house - 341_553 == pytest.approx(-0.36 * 200, abs=6)
    assert (placed.house <= placed.deck).all()


def test_a_shift_moves_the_hull_on_the_ground():
    hull = a_hull(LON, LAT)
    here, there = samples(stamp(hull, GRID)), samples(stamp(hull, GRID, shift_m=(120.0, -70.0)))
    moved = [(s[2] * s[k]).sum() / s[2].sum() for k in (0, 1) for s in (here, there)]
    assert moved[1] - moved[0] == pytest.approx(120.0, abs=1.5)
    assert moved[3] - moved[2] == pytest.approx(-70.0, abs=1.5)


@pytest.mark.parametrize(("east_m", "north_m"), [(0, 0), (3099, -1799), (1500, -1810)])
def test_at_the_edge_it_is_cut_and_outside_there_is_none(east_m, north_m):
    back = Transformer.from_crs(32718, 4326, always_xy=True)
    lon, lat = back.transform(340_000 + east_m, 6_316_000 + north_m)
    placed = stamp(a_hull(lon, lat, ship=a_ship(200, 30)), GRID)
    assert 0 < placed.deck.sum() * 100 < 200 * 30 * 0.92
    lon, lat = back.transform(340_000 - 900, 6_316_000 + 900)
    assert stamp(a_hull(lon, lat), GRID) is None
