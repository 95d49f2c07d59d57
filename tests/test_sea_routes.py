"""Ways by sea: against a brute-force grid, published distances and the great circle."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from pipeline.geo import distance_m, sphere_m
from pipeline.scene.coast import is_land
from pipeline.sea_routes import SeaRoutes, open_water

NM = 1852.0
PORTS = {
    "vostochny": (133.06, 42.74), "chongjin": (129.82, 41.77), "hungnam": (127.63, 39.80),
    "wonsan": (127.47, 39.18), "nampo": (125.10, 38.65), "busan": (129.10, 35.05),
    "incheon": (126.45, 37.35), "niigata": (139.05, 37.98), "vladivostok": (131.90, 43.05),
}  # fmt: skip


@pytest.fixture(scope="module")
def from_vostochny():
    return SeaRoutes(*PORTS["vostochny"], is_land)


def to(routes, name):
    lon, lat = PORTS[name]
    return float(routes.metres(np.array([lon]), np.array([lat]))[0]) / NM


def test_round_korea_it_is_far_and_across_the_sea_it_is_straight(from_vostochny):
    # searoute alone gives 79 nm to Chongjin, which lies 155.7 nm off.
    assert to(from_vostochny, "chongjin") == pytest.approx(155.7, rel=0.01)
    assert to(from_vostochny, "niigata") == pytest.approx(397.0, rel=0.02)
    # Nampo is 431 nm off across Korea, and some 950 round it.
    assert 900.0 < to(from_vostochny, "nampo") < 1050.0


def test_vladivostok_to_busan_is_as_distance_tables_say():
    # 510 nm: US Navy's and other distance tables, berth to berth.
    busan = SeaRoutes(*PORTS["busan"], is_land)
    assert to(busan, "vladivostok") == pytest.approx(510.0, rel=0.03)


STEP = 0.1
WEST, SOUTH, EAST, NORTH = 123.5, 32.5, 140.5, 43.5


def grid_metres(start):
    """(lon, lat, m) of a grid of a tenth of a degree: shortest ways in sixteen directions."""
    lon = np.arange(WEST, EAST, STEP)
    lat = np.arange(SOUTH, NORTH, STEP)
    x, y = (axis.ravel() for axis in np.meshgrid(lon, lat))
    wet = ~is_land(x, y)
    number = np.full(x.size, -1)
    number[wet] = np.arange(wet.sum())
    shape = (lat.size, lon.size)
    rows, cols, costs = [], [], []
    moves = [move for move in itertools.product(range(-2, 3), repeat=2) if math.gcd(*move) == 1]
    for down, right in moves:
        i, j = np.indices(shape)
        k, m = i + down, j + right
        ok = (k >= 0) & (k < shape[0]) & (m >= 0) & (m < shape[1])
        a, b = (i * shape[1] + j)[ok], (k * shape[1] + m)[ok]
        joined = wet[a] & wet[b]
        a, b = a[joined], b[joined]
        for share in (0.25, 0.5, 0.75):
            clear = ~is_land(x[a] + share * (x[b] - x[a]), y[a] + share * (y[b] - y[a]))
            a, b = a[clear], b[clear]
        rows.append(number[a])
        cols.append(number[b])
        costs.append(sphere_m(x[a], y[a], x[b], y[b]))
    graph = coo_array(
        (np.concatenate(costs), (np.concatenate(rows), np.concatenate(cols))),
        shape=(wet.sum(), wet.sum()),
    ).tocsr()
    first = int(np.argmin(sphere_m(*start, x[wet], y[wet])))
    return x[wet], y[wet], dijkstra(graph, indices=first)


def test_ways_agree_with_a_grid_searched_by_brute_force(from_vostochny):
    lon, lat, grid_m = grid_metres(PORTS["vostochny"])
    rng = np.random.default_rng(8)
    far = np.flatnonzero(np.isfinite(grid_m) & (grid_m > 150_000.0))
    some = rng.choice(far, 120, replace=False)
    found = from_vostochny.metres(lon[some], lat[some])
    ratio = found / grid_m[some]
    # Sixteen directions make the grid's ways up to 2.7 % too long, and ours see farther.
    assert np.median(ratio) == pytest.approx(0.99, abs=0.02)
    assert ratio.min() > 0.93
    assert ratio.max() < 1.05


def test_no_way_is_shorter_than_the_great_circle(from_vostochny):
    rng = np.random.default_rng(9)
    lon, lat = rng.uniform(120.0, 145.0, 300), rng.uniform(30.0, 48.0, 300)
    wet = ~is_land(lon, lat)
    straight = distance_m(*PORTS["vostochny"], lon[wet], lat[wet])
    found = from_vostochny.metres(lon[wet], lat[wet])
    assert (found >= straight - 1e-6).all()
    assert (found > 1.1 * straight).any()


def test_without_land_it_is_the_geodesic_also_across_the_antimeridian():
    routes = SeaRoutes(179.5, -17.5, None)
    found = routes.metres(np.array([-179.0, 178.0]), np.array([-18.0, -20.0]))
    assert found == pytest.approx(distance_m(179.5, -17.5, [-179.0, 178.0], [-18.0, -20.0]))


def test_the_antimeridian_is_no_wall():
    # Suva to Apia, both in sight of open water on either side of 180.
    routes = SeaRoutes(178.6, -18.3, is_land)
    found = float(routes.metres(np.array([-171.9]), np.array([-13.6]))[0])
    assert found == pytest.approx(float(distance_m(178.6, -18.3, -171.9, -13.6)), rel=0.06)


def test_land_near_a_port_does_not_count_and_land_on_the_way_does():
    def islet(lon, lat):
        return (np.abs(lon - 10.05) < 0.01) & (np.abs(lat) < 0.01)

    start, end = (np.array([10.0]), np.array([0.0])), (np.array([12.0]), np.array([0.0]))
    assert not open_water(*start, *end, islet)[0]
    assert open_water(*start, *end, islet, ports=(True, False))[0]
    assert not open_water(np.array([9.0]), np.array([0.0]), *end, islet, ports=(True, False))[0]
