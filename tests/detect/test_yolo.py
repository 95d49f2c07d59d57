"""Boxes of a network become hulls: axes, duplicates, scores, and what was not asked of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from pipeline.detect.boxes import Found
from pipeline.detect.settings import Settings
from pipeline.detect.yolo import YoloDetector, without_duplicates
from pipeline.model import Description, Errors, Model, Stretch, WeightsFile
from pipeline.records import Sensor
from tests.detect.conftest import Ship, rendered

SETTINGS = Settings(views={"S2": 1, "S1": 1})  # the engines below say the same of any view


def described(**changes):
    values = {
        "name": "test", "version": 3, "sensor": Sensor.S2, "bands": ("B02", "B03", "B04", "B08"),
        "stretch": Stretch(kind="root"), "stride_px": 32, "reach_px": 32,
        "architecture": "none.yaml", "weights": WeightsFile(file="w", sha256="0" * 64),
        "score_min": 0.4, "calibration": (0.0, 1.0),
        "errors": Errors(length_sigma_m=9.0, length_sigma_share=0.05, width_sigma_m=6.0,
                         position_sigma_m=8.0, axis_sigma_deg=3.0),
    }  # fmt: skip
    return Model(folder=Path("nowhere"), description=Description(**{**values, **changes}))


class Fake:
    """Answers what it is told to, and keeps what it was asked."""

    name = "fake"

    def __init__(self, *rows):
        self.rows = np.array(rows, np.float32).reshape(-1, 6)
        self.asked = []

    def infer(self, batch):
        self.asked.append(batch)
        return np.repeat(self.rows.T[None], len(batch), axis=0)


def found(*rows):
    table = np.array(rows, float).reshape(-1, 6)
    order = np.argsort(-table[:, 5], kind="stable")
    x, y, length, width, angle, score = table[order].T
    return Found(
        xy_px=np.stack([x, y], 1), length_px=length, width_px=width, angle_rad=angle, score=score
    )


def hulls_of(*rows, model=None):
    """Hulls of rows x, y, first side, second side, score, angle on a calm sea."""
    image, surface = rendered([Ship(row=75, col=100, length_m=150, width_m=25, axis_deg=40)])
    engine = Fake(*rows)
    detector = YoloDetector(model or described(), engine, SETTINGS)
    return detector.find(image, surface), engine, image


@pytest.mark.parametrize(
    ("first", "second", "angle", "axis"),
    [
        (20, 4, 0.0, 90.0),  # along the rows: east and west
        (20, 4, math.pi / 2, 0.0),  # along the columns: north and south
        (20, 4, math.pi / 4, 135.0),  # from the upper left to the lower right
        (4, 20, 0.0, 0.0),  # the second side is the long one
        (4, 20, math.pi / 4, 45.0),
    ],
)
def test_the_axis_is_counted_from_north_clockwise_along_the_long_side(first, second, angle, axis):
    ((hull,), _, _) = hulls_of((100.0, 75.0, first, second, 0.9, angle))
    assert hull.axis_grid_deg == pytest.approx(axis, abs=1e-3)
    assert (hull.length_px, hull.width_px) == pytest.approx((20, 4), abs=1e-3)
    corners = shapely.Polygon([(col, row) for row, col in hull.corners_px])
    assert corners.area == pytest.approx(80.0, rel=1e-4)
    bow = (75 - 9.9 * math.cos(math.radians(axis)), 100 + 9.9 * math.sin(math.radians(axis)))
    assert corners.contains(shapely.Point(bow[1], bow[0]))


def test_scores_and_sizes_are_read_as_the_model_was_measured():
    model = described(calibration=(-1.0, 2.0), length_scale=(-12.0, 0.95), width_scale=(2.0, 0.5))
    ((hull,), _, _) = hulls_of((100.0, 75.0, 20.0, 6.0, 0.8, 0.0), model=model)
    assert hull.score == pytest.approx(special.expit(-1.0 + 2.0 * special.logit(0.8)), abs=1e-5)
    assert hull.length_px * 10 == pytest.approx(-12 + 0.95 * 200, abs=1e-3)
    assert hull.width_px * 10 == pytest.approx(2 + 0.5 * 60, abs=1e-3)


def test_radar_lengths_are_read_from_the_backscatter_too():
    rows, cols = np.mgrid[0:130, 0:170]
    ship = (np.abs(rows - 74.5) < 2) & (np.abs(cols - 99.5) < 9)  # 18 px along the rows
    data = np.where(ship, 1.0, 0.01).astype(np.float32)[None]
    scene, surface = rendered([])
    image = replace(
        scene, bands=("VH",), data=data, valid=np.ones(ship.shape, bool),
        grid=replace(scene.grid, height=130, width=170),
    )  # fmt: skip
    ground = replace(
        surface, sea=np.ones(ship.shape, bool), cloud=np.zeros(ship.shape, bool),
        shore_distance_m=np.full(ship.shape, 5000.0, np.float32),
    )  # fmt: skip
    radar = {"sensor": Sensor.S1, "bands": ("VV", "VH"), "stretch": Stretch(kind="decibel")}
    told = {
        share: YoloDetector(
            described(**radar, length_scale=(-10.0, 0.5), extent_scale=share),
            Fake((100.0, 75.0, 24.0, 4.0, 0.8, 0.0)), SETTINGS,
        ).find(image, ground)[0].length_px * 10.0
        for share in (0.0, 0.8)
    }  # fmt: skip
    assert told[0.0] == pytest.approx(-10.0 + 0.5 * 240.0, abs=1e-3)
    assert told[0.8] - told[0.0] == pytest.approx(0.8 * 0.9 * 180.0, abs=8.0)


def test_the_brightness_over_the_water_is_the_ships_own():
    ((hull,), _, image) = hulls_of((100.0, 75.0, 15.0, 3.0, 0.8, math.radians(-50.0)))
    assert hull.peak == pytest.approx(float(image.data.max()), rel=0.02)
    assert hull.contrast > 20
    assert 30 <= hull.n_pixels <= 75


def test_views_are_padded_to_the_stride_and_boxes_in_the_padding_are_dropped():
    hulls, engine, image = hulls_of(
        (100.0, 75.0, 15.0, 3.0, 0.8, 0.0), (10_000.0, 75.0, 15.0, 3.0, 0.9, 0.0),
        (50.0, 20.0, 15.0, 3.0, 0.01, 0.0),
    )  # fmt: skip
    assert len(hulls) == 1
    height, width = image.data.shape[1:]
    (batch,) = engine.asked
    assert batch.shape == (1, 4, -(-height // 32) * 32, -(-width // 32) * 32)
    fill = Stretch(kind="root").fill
    assert np.allclose(batch[:, :, height:], fill)


def test_a_band_the_scene_lacks_is_nought_throughout():
    image, surface = rendered([])
    lacking = type(image)(
        grid=image.grid, bands=image.bands[:3], data=image.data[:3], valid=image.valid
    )
    engine = Fake((100.0, 75.0, 15.0, 3.0, 0.8, 0.0))
    YoloDetector(described(), engine, SETTINGS).find(lacking, surface)
    assert (engine.asked[0][:, 3] == 0).all()
    assert (engine.asked[0][:, :3] > 0).all()


class Sighted(Fake):
    """Finds the one bright rectangle of each view, whatever its scale; sure of it, or not."""

    def infer(self, batch):
        self.asked.append(batch)
        rows = []
        for view in batch:
            row, col = np.nonzero(view[0] > 0.7)
            (top, left), (bottom, right) = (np.min([row, col], 1), np.max([row, col], 1) + 1)
            middle = (left + right) / 2, (top + bottom) / 2
            rows.append([*middle, right - left, bottom - top, 0.8, 0.0])
        return np.array(rows, np.float32)[:, :, None]


def test_coarser_looks_see_the_same_ship_in_smaller_views():
    """A ship of 240 m by 40 m, east and west; the view's sides are no multiples of anything."""
    inputs = np.full((4, 77, 131), 0.2, np.float32)
    inputs[:, 40:44, 60:84] = 0.9
    engine = Sighted()
    looks = SETTINGS.model_copy(
        update={"views": {Sensor.S2: 4}, "coarser": {Sensor.S2: (0.7, 0.5)}}
    )

    (seen,) = YoloDetector(described(), engine, looks).infer([inputs])

    assert [batch.shape[-1] for batch in engine.asked] == [160] * 4 + [96] * 2 + [96] * 2
    assert seen.xy_px[0] == pytest.approx([72, 42], abs=0.5)
    assert seen.length_px[0] == pytest.approx(24, abs=1.5)
    assert seen.score[0] == pytest.approx(0.8, abs=1e-6)


def test_two_ships_abreast_stay_two_and_one_seen_twice_is_one():
    abreast = found((50, 50, 18, 4, 0.3, 0.9), (50 + 1.2, 50 - 3.9, 18, 4, 0.3, 0.8))
    assert len(without_duplicates(abreast, SETTINGS)) == 2
    twice = found((50, 50, 18, 4, 0.3, 0.9), (50.4, 50.9, 17, 4, 0.33, 0.8))
    assert len(without_duplicates(twice, SETTINGS)) == 1
    part = found((50, 50, 30, 5, 0.3, 0.9), (54, 51, 12, 4, 0.3, 0.8))
    assert list(without_duplicates(part, SETTINGS).length_px) == [30]


ROWS = st.lists(
    st.tuples(
        st.floats(0, 40), st.floats(0, 40), st.floats(6, 30), st.floats(2, 6),
        st.floats(0, math.pi), st.floats(0.05, 1.0),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_no_two_kept_boxes_are_one_ship_and_none_is_dropped_without_a_likelier_one(rows):
    every = found(*rows)
    kept = without_duplicates(every, SETTINGS)
    polygons = [shapely.Polygon(corners) for corners in kept.corners_px()]

    def is_same(one, other):
        common = one.intersection(other).area
        return common >= SETTINGS.box_iou * one.union(other).area - 1e-9 or (
            common >= SETTINGS.box_share * min(one.area, other.area) - 1e-9
        )

    for i, one in enumerate(polygons):
        for other in polygons[:i]:
            common = one.intersection(other).area
            assert common < SETTINGS.box_iou * one.union(other).area + 1e-6
            assert common < SETTINGS.box_share * min(one.area, other.area) + 1e-6
    kept_rows = {tuple(row) for row in kept.xy_px}
    for index in range(len(every)):
        if tuple(every.xy_px[index]) in kept_rows:
            continue
        mine = shapely.Polygon(every.corners_px()[index])
        assert any(
            is_same(mine, other) and kept.score[k] >= every.score[index]
            for k, other in enumerate(polygons)
        )
