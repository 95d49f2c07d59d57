"""Radar chips show ships where they say they are, on sea as Sentinel-1 sees it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.learn.dataset import LabelledImage
from pipeline.learn.hulls import boxes_of, filled
from pipeline.learn.radar import RadarRenderer
from pipeline.learn.radar_settings import RadarRender
from pipeline.model import Stretch

STRETCH = Stretch(kind="decibel")
PLAIN = RadarRender(
    coast_share=0.0, ghost_share=0.0, points_max=0, dropout=0.0, ships_max=3, texture=0.0
)


def decibels(values):
    return np.clip((values + 30.0) / 35.0, 0.0, 1.275).astype(np.float32)


@pytest.fixture
def ship(rectangle):
    """One 150 m ship, 20 dB over its sea, in both polarisations."""
    corners = rectangle(60.0, 44.0, 16.0, 4.0, 0.5)
    level = np.full((2, 90, 110), -18.0)
    level[1] = -25.0
    level[:, filled([corners], (90, 110))] = 3.0
    return LabelledImage(
        name="SAR0001", group="scene", data=decibels(level), fill=0.0,
        present=np.array([True, True]), water=np.ones((90, 110), bool),
        boxes=boxes_of(corners[None]), outlines=(corners,),
    )  # fmt: skip


def chips(images, settings, count):
    renderer = RadarRenderer(images, settings, STRETCH)
    return [renderer.chip(np.random.default_rng([4, number])) for number in range(count)]


def test_the_same_numbers_give_the_same_chips(ship):
    for one, other in zip(chips([ship], RadarRender(), 5), chips([ship], RadarRender(), 5),
                          strict=True):  # fmt: skip
        np.testing.assert_array_equal(one.data, other.data)


def test_labelled_boxes_are_bright_and_the_rest_is_sea(ship):
    seen = 0
    for chip in chips([ship], PLAIN, 25):
        inside = filled(list(chip.boxes.corners_px()), chip.data.shape[1:])
        sea = np.median(chip.data[0][~inside & ~chip.ignored])
        for corners in chip.boxes.corners_px():
            hull = filled([corners], chip.data.shape[1:])
            if hull.sum() >= 12:
                assert np.percentile(chip.data[0][hull], 70) > sea + 0.15
                seen += 1
    assert seen > 15


def test_open_sea_has_the_speckle_of_the_product(ship):
    calm = PLAIN.model_copy(update={"ships_max": 0, "noise_db": (-60.0, -59.0)})
    for chip in chips([ship], calm, 4):
        power = 10.0 ** ((chip.data[0].astype(float) * 35.0 - 30.0) / 10.0)
        looks = power.mean() ** 2 / power.var()
        assert 2.5 < looks < 7.5
        assert not len(chip.boxes)


def test_a_missing_polarisation_is_nought_and_ghosts_are_no_ships(ship):
    without = PLAIN.model_copy(update={"dropout": 1.0})
    for chip in chips([ship], without, 5):
        assert (chip.data[1] == 0).all()
        assert (chip.data[0] > 0).any()
    ghosts = PLAIN.model_copy(update={"ships_max": 0, "ghost_share": 1.0})
    assert not any(len(chip.boxes) for chip in chips([ship], ghosts, 10))
