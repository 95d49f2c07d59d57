"""Sentinel-1: hulls above clutter, movers displaced along the flight, speckle as set."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.geo import destination
from pipeline.records import Sensor
from pipeline.simulate.ground import ground
from pipeline.simulate.passes import Pass
from pipeline.simulate.radar import displacement_m, render
from pipeline.simulate.settings import Settings
from tests.simulate.conftest import SOUTH, a_hull, a_port, a_ship

SETTINGS = Settings()
GROUND = ground(a_port(), SETTINGS)
EAST = tuple(float(v) for v in destination(*SOUTH, 80.0, 300.0))


def a_pass(heading: float = 347.8, incidence: float = 34.0) -> Pass:
    return Pass(
        pass_id="S1A_1", site_id="south", sensor=Sensor.S1, platform="sentinel-1a",
        sensed_at=datetime(2024, 3, 1, 8, 51, tzinfo=UTC), orbit_state="ascending",
        relative_orbit=25, heading_deg=heading, incidence_deg=incidence,
        range_over_velocity_s=109.0,
    )  # fmt: skip


def picture(*hulls, sensed: Pass | None = None, seed: int = 3) -> np.ndarray:
    return render(GROUND, hulls, sensed or a_pass(), np.random.default_rng(seed), SETTINGS)


def bright_centre_px(image: np.ndarray) -> tuple[float, float]:
    power = np.where(GROUND.land == 0, image[0], 0.0)
    weight = np.where(power > 0.4, power, 0.0)  # -4 dB, above any clutter of the sea
    rows, cols = np.mgrid[: power.shape[0], : power.shape[1]] + 0.5
    return (weight * rows).sum() / weight.sum(), (weight * cols).sum() / weight.sum()


@pytest.mark.parametrize(
    ("course", "along_m"),
    # 109 s · 5 m/s · sin 34° = 304.8 m, against the flight for a ship that sails away from the
    # radar (it looks to its right), with the flight for one that comes towards it
    [(77.8, -304.8), (257.8, 304.8), (347.8, 0.0), (167.8, 0.0), (107.8, -263.9)],
)
def test_displacement_as_worked_by_hand(course, along_m):
    hull = a_hull(*EAST, course_deg=course, heading_deg=course, sog_mps=5.0)
    east, north = displacement_m(hull, a_pass())
    flight = np.radians(347.8)
    assert east * np.sin(flight) + north * np.cos(flight) == pytest.approx(along_m, abs=0.2)
    assert east * np.cos(flight) - north * np.sin(flight) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("course", "north_m"), [(90.0, -298), (270.0, 298)])
def test_a_mover_is_seen_displaced_and_a_moored_ship_is_not(course, north_m):
    facts = {"ship": a_ship(140, 22), "heading_deg": course, "course_deg": course}
    row, col = (float(v) for v in GROUND.grid.px_from_lonlat(*EAST))
    still = bright_centre_px(picture(a_hull(*EAST, **facts)))
    assert np.hypot(still[0] - row, still[1] - col) < 5  # scatterers lie anywhere on 14 pixels
    # sin of (90 - 347.8) is 0.977: 109·5·0.977·sin 34° = 297.9 m; its cosine part is northward
    moved = bright_centre_px(picture(a_hull(*EAST, **facts, sog_mps=5.0)))
    assert (still[0] - moved[0]) * 10 == pytest.approx(north_m * np.cos(np.radians(12.2)), abs=12)
    assert (moved[1] - still[1]) * 10 == pytest.approx(-north_m * np.sin(np.radians(12.2)), abs=12)


@pytest.mark.parametrize("band", [0, 1])
def test_hulls_of_the_trades_sizes_stand_out_of_the_sea(band):
    row, col = (int(v) for v in GROUND.grid.px_from_lonlat(*EAST))
    sea = picture()[band][GROUND.land == 0]
    for seed, length in enumerate((70.0, 100.0, 130.0, 200.0)):
        image = picture(a_hull(*EAST, ship=a_ship(length, length / 6.2)), seed=seed)[band]
        near = image[row - 4 : row + 5, col - 4 : col + 5]
        assert 10 * np.log10(near.max() / np.median(sea)) > 12


def test_sea_speckle_has_the_looks_of_the_product():
    """Off the shore mean² / variance is the number of looks; the swell lowers it."""
    sea = picture()[0][:, 80:]
    looks = sea.mean() ** 2 / sea.var()
    assert 2.5 < looks <= SETTINGS.sar_looks * 1.05


def test_land_is_brighter_than_sea_and_like_polarised_than_cross():
    vv, vh = picture()
    assert np.median(vv[GROUND.land == 1]) > 4 * np.median(vv[GROUND.land == 0])
    assert np.median(vv) > 2 * np.median(vh)
    assert picture().min() > 0


def test_the_same_seed_gives_the_same_pixels_and_another_does_not():
    hull = a_hull(*EAST)
    assert np.array_equal(picture(hull), picture(hull))
    assert not np.array_equal(picture(hull), picture(hull, seed=4))
    assert picture(hull).shape == (2, *GROUND.land.shape)
