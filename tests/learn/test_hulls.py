"""Oriented boxes survive turning, mirroring and zooming, as shapely sees them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.learn.hulls import boxes_of, filled, joined, mapped, warp, wrapped

ANGLES = st.floats(0.0, 2.0 * math.pi)


def as_polygons(boxes):
    return [shapely.Polygon(corners) for corners in boxes.corners_px()]


@given(angle=ANGLES, length=st.floats(6.0, 40.0), width=st.floats(2.0, 5.5))
def test_a_box_from_its_corners_is_the_same_box(angle, length, width, rectangle):
    corners = rectangle(31.0, -12.0, length, width, angle)
    for start in range(4):
        boxes = boxes_of(np.roll(corners, start, axis=0)[None])
        assert boxes.length_px[0] == pytest.approx(length)
        assert boxes.width_px[0] == pytest.approx(width)
        assert -math.pi / 4 <= boxes.angle_rad[0] < 3 * math.pi / 4
        assert as_polygons(boxes)[0].symmetric_difference(shapely.Polygon(corners)).area < 1e-6


@given(angle=ANGLES, turn=ANGLES, zoom=st.floats(0.4, 1.6), mirror=st.booleans())
def test_a_mapped_box_is_the_map_of_the_box(angle, turn, zoom, mirror, rectangle):
    corners = rectangle(12.0, 30.0, 20.0, 4.0, angle)
    matrix = zoom * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    if mirror:
        matrix = matrix @ np.diag([-1.0, 1.0])
    affine = np.concatenate([matrix, [[5.0], [-7.0]]], axis=1)
    expected = shapely.Polygon(corners @ matrix.T + np.array([5.0, -7.0]))
    (found,) = as_polygons(mapped(boxes_of(corners[None]), affine, zoom, 0.0))
    assert found.symmetric_difference(expected).area < 1e-6 * expected.area + 1e-9


def test_the_margin_of_a_label_does_not_shrink_with_the_hull(rectangle):
    half = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
    small = mapped(boxes_of(rectangle(0, 0, 21.5, 5.5, 0.3)[None]), half, 0.5, 1.5)
    assert small.length_px[0] == pytest.approx(0.5 * 20.0 + 1.5)
    assert small.width_px[0] == pytest.approx(0.5 * 4.0 + 1.5)


def test_warping_by_whole_pixels_moves_pixels_unchanged():
    layer = np.arange(35, dtype=np.float32).reshape(5, 7)
    shift = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    moved = warp(layer, shift, (4, 9), smooth=False)
    np.testing.assert_array_equal(moved[:, 2:], layer[1:])
    assert (moved[:, :2] == 0).all()


def test_filling_covers_the_pixels_whose_centres_lie_inside(rectangle):
    polygon = rectangle(20.0, 12.0, 17.0, 6.0, 0.7)
    mask = filled([polygon], (25, 41))
    rows, cols = np.mgrid[0:25, 0:41]
    inside = shapely.contains_xy(shapely.Polygon(polygon), cols + 0.5, rows + 0.5)
    rim = shapely.Polygon(polygon).boundary.buffer(0.8)
    near = shapely.contains_xy(rim, cols + 0.5, rows + 0.5)
    np.testing.assert_array_equal(mask[~near], inside[~near])


def test_joining_keeps_both_and_wrapping_keeps_the_axis(rectangle):
    one = boxes_of(rectangle(1, 2, 10, 3, 0.1)[None])
    both = joined(one, boxes_of(rectangle(5, 6, 12, 4, 1.0)[None]))
    assert list(both.length_px) == pytest.approx([10, 12])
    for angle in (-4.0, -0.9, 0.0, 2.4, 9.0):
        assert math.sin(float(wrapped(np.array(angle))) - angle) == pytest.approx(0.0, abs=1e-12)
