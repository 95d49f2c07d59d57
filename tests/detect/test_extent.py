"""How far backscatter reaches along a box: by geometry, whatever lies around and however bright."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.boxes import Found
from pipeline.detect.extent import backscatter_extents_px

SEA = 0.02
HEIGHT, WIDTH = 120, 150


def boxed(x, y, length, width, angle):
    return Found(
        xy_px=np.array([[x, y]]), length_px=np.array([length]), width_px=np.array([width]),
        angle_rad=np.array([angle]), score=np.array([0.9]),
    )  # fmt: skip


def painted(x, y, length, width, angle, power=2.0):
    """A ship of one brightness, each pixel by the share of it that she covers (16 points)."""
    fine = (np.arange(4) + 0.5) / 4
    cover = np.zeros((HEIGHT, WIDTH))
    for down in fine:
        for right in fine:
            rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
            rows, cols = rows + down - y, cols + right - x
            ahead = cols * math.cos(angle) + rows * math.sin(angle)
            abeam = rows * math.cos(angle) - cols * math.sin(angle)
            cover += (np.abs(ahead) <= length / 2) & (np.abs(abeam) <= width / 2)
    return (SEA + (power - SEA) * cover / 16).astype(np.float32)


@given(
    x=st.floats(50, 100), y=st.floats(45, 75), length=st.floats(8, 34), angle=st.floats(-4, 4),
    long_by=st.floats(0.85, 1.3),
)  # fmt: skip
def test_the_middle_nine_tenths_of_a_ship_of_one_brightness_are_nine_tenths_of_her(
    x, y, length, angle, long_by
):
    box = boxed(x, y, length * long_by, 4.0, angle)
    (extent,) = backscatter_extents_px(box, painted(x, y, length, 4.0, angle))
    assert extent == pytest.approx(0.9 * length, abs=1.5)


def test_a_box_too_long_does_not_lengthen_the_ship_and_a_neighbour_is_not_hers():
    power = painted(70, 60, 20, 4, 0.5)
    beside = painted(70 - 12 * math.sin(0.5), 60 + 12 * math.cos(0.5), 30, 4, 0.5)
    (alone,) = backscatter_extents_px(boxed(70, 60, 30, 5, 0.5), power)
    (abreast,) = backscatter_extents_px(boxed(70, 60, 30, 5, 0.5), np.maximum(power, beside))
    assert alone == pytest.approx(18.0, abs=0.5)
    assert abreast == pytest.approx(alone, abs=0.1)


def test_a_calm_sea_has_no_extent_and_a_ship_at_the_edge_is_measured_as_far_as_she_is_seen():
    calm = np.full((HEIGHT, WIDTH), SEA, np.float32)
    assert list(backscatter_extents_px(boxed(70, 60, 20, 4, 0.3), calm)) == [0.0]
    (cut,) = backscatter_extents_px(boxed(2, 60, 20, 4, 0.0), painted(2, 60, 20, 4, 0.0))
    assert cut == pytest.approx(0.9 * 12.0, abs=0.6)
    none = boxed(70, 60, 20, 4, 0.3).take(np.array([], np.int64))
    assert backscatter_extents_px(none, calm).shape == (0,)
