"""Ships and quays of real ports are told apart by what is there without the ships."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.geo import Grid
from pipeline.jobs.evaluate_berths import BerthScore, painted_over
from pipeline.jobs.hull_labels import HullLabel
from pipeline.records import Image
from tests.jobs.test_evaluate_detection import write_one_port

GRID = Grid(crs="EPSG:32652", x_min_m=5e5, y_max_m=4.7e6, pixel_m=10.0, height=40, width=70)


@pytest.mark.slow
@pytest.mark.real_data
def test_ships_of_a_real_port_stay_and_its_quays_are_set_aside(reference_data, tmp_path, darkcall):
    config = write_one_port(tmp_path, "marseille")
    ended = darkcall(
        "evaluate", "berths", "--config", config, "--json",
        DARKCALL_REFERENCE_DATA=str(reference_data),
    )  # fmt: skip

    assert ended.code == 0, ended.err
    figures = json.loads(ended.out.splitlines()[-1])
    assert figures["ships_at_quays"] >= 5
    assert figures["ships_set_aside"] == 0.0
    assert figures["ships_at_quays_share_p95"] < 0.4


def test_a_hull_painted_over_leaves_water_and_touches_nothing_else():
    rng = np.random.default_rng(1)
    data = rng.normal(0.03, 0.003, (4, 40, 70)).astype(np.float32)
    sea = np.ones((40, 70), bool)
    sea[30:] = False
    data[:, 30:] = 0.25
    data[:, 24:30, 20:33] = 0.18  # a ship alongside
    image = Image(grid=GRID, bands=("B02", "B03", "B04", "B08"), data=data, valid=np.ones_like(sea))
    corners = np.array([[20.0, 24.0], [32.0, 24.0], [32.0, 29.0], [20.0, 29.0]])
    hull = HullLabel(
        corners_px=corners, outline_px=corners, length_m=120.0, axis_grid_deg=90.0,
        is_ignored=False, source="drawn for the test",
    )  # fmt: skip

    empty = painted_over(image, sea, [hull])

    assert abs(float(empty.data[:, 24:30, 20:33].mean()) - 0.03) < 0.002
    assert (empty.data[:, 32:] == image.data[:, 32:]).all()
    assert (empty.data[:, :22] == image.data[:, :22]).all()
    assert (image.data[:, 24:30, 20:33] == np.float32(0.18)).all()


def test_shares_beyond_the_limit_are_counted_by_shore():
    score = BerthScore(
        ships=np.array([0.0, 0.1, 0.5, 0.4]),
        ships_off_m=np.array([20.0, 500.0, 60.0, 61.0]),
        false_shapes=np.array([0.9, 0.2]),
        false_off_m=np.array([10.0, 300.0]),
        limit=0.4,
    )
    told = score.as_json()
    assert told["ships_set_aside"] == 0.5
    assert told["ships_at_quays_set_aside"] == 0.5
    assert told["false_shapes_at_quays_set_aside"] == 1.0
    assert told["false_shapes_set_aside"] == 0.5
    assert len(score.rows()) == len(told)
