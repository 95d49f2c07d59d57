"""Places, pixels and angles, checked against hand-worked numbers and pyproj itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from pipeline.errors import BadInput
from pipeline.geo import (
    Grid,
    axis_difference_deg,
    azimuth_deg,
    destination,
    distance_m,
    utm_crs,
)

VOSTOCHNY = Grid(
    crs="EPSG:32653", x_min_m=341_000.0, y_max_m=4_737_000.0, pixel_m=10.0, height=700, width=430
)


def test_the_first_pixels_centre_is_half_a_pixel_in():
    x, y = VOSTOCHNY.xy_from_px(0.5, 0.5)
    assert (float(x), float(y)) == (341_005.0, 4_736_995.0)


@given(st.floats(0, 700), st.floats(0, 430))
def test_pixels_to_lonlat_and_back(row, col):
    back = VOSTOCHNY.px_from_lonlat(*VOSTOCHNY.lonlat_from_px(row, col))
    assert np.allclose(back, (row, col), atol=1e-4)


def test_lonlat_is_what_pyproj_says_longitude_first():
    oracle = Transformer.from_crs("EPSG:32653", "EPSG:4326", always_xy=True)
    lon, lat = VOSTOCHNY.lonlat_from_px(350, 215)
    assert (float(lon), float(lat)) == pytest.approx(oracle.transform(343_150.0, 4_733_500.0))
    assert 132 < lon < 134
    assert 42 < lat < 43


def test_vostochny_to_chongjin_is_about_157_nautical_miles():
    # World Port Index points, research figure 155.7 to 157 nm great circle.
    nm = distance_m(133.0833, 42.75, 129.8167, 41.7667) / 1852
    assert 155 < float(nm) < 158


def test_distance_across_the_antimeridian_is_short():
    assert float(distance_m(179.9, 10.0, -179.9, 10.0)) == pytest.approx(21_900, rel=0.01)


@given(st.floats(-170, 170), st.floats(-70, 70), st.floats(0, 359), st.floats(1, 100_000))
def test_going_somewhere_is_undone_by_measuring(lon, lat, azimuth, range_m):
    there = destination(lon, lat, azimuth, range_m)
    assert float(distance_m(lon, lat, *there)) == pytest.approx(range_m, abs=0.01)
    turned = (float(azimuth_deg(lon, lat, *there)) - azimuth + 180) % 360 - 180
    assert abs(turned) * range_m < 1.0


def test_convergence_turns_grid_north_into_true_north():
    lon, lat = (float(value) for value in VOSTOCHNY.lonlat_from_px(350, 215))
    north = VOSTOCHNY.lonlat_from_px(340, 215)
    azimuth, _, _ = Geod(ellps="WGS84").inv(lon, lat, float(north[0]), float(north[1]))
    assert VOSTOCHNY.convergence_deg(lon, lat) == pytest.approx(azimuth, abs=0.01)
    # West of the zone's central meridian (135 E) grid north points east of true north's west: < 0.
    assert -1.5 < VOSTOCHNY.convergence_deg(lon, lat) + 1.3 < 1.5


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(0, 180, 0), (1, 179, 2), (10, 100, 90), (350, 10, 20), (45, 44, 1)]
)
def test_axes_have_no_bow(a, b, expected):
    assert float(axis_difference_deg(a, b)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [(133.08, 42.75, "EPSG:32653"), (-46.3, -23.9, "EPSG:32723"), (180.0, 10.0, "EPSG:32601")],
)
def test_utm_zone(lon, lat, zone):
    assert utm_crs(lon, lat) == zone


def test_an_empty_grid_is_refused():
    with pytest.raises(BadInput, match="Empty raster grid"):
        Grid(crs="EPSG:32653", x_min_m=0, y_max_m=0, pixel_m=10, height=0, width=5)
