"""Small labelled images with hulls whose place is known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.learn.dataset import LabelledImage, water_of
from pipeline.learn.hulls import boxes_of, filled


def _rectangle(x, y, length, width, angle_rad):
    ahead = np.array([math.cos(angle_rad), math.sin(angle_rad)]) * length / 2
    abeam = np.array([-math.sin(angle_rad), math.cos(angle_rad)]) * width / 2
    centre = np.array([x, y])
    return np.array(
        [centre + ahead + abeam, centre + ahead - abeam, centre - ahead - abeam,
         centre - ahead + abeam]
    )  # fmt: skip


def _harbour(*, group="north", bands=4, height=150, width=230, seed=3, hulls=None):
    """Dark water, bright land along the top, hulls brighter than the water."""
    rng = np.random.default_rng(seed)
    data = np.full((bands, height, width), 0.15, np.float32)
    data += rng.normal(0, 0.01, data.shape).astype(np.float32)
    data[:, :30] = 0.6
    corners = hulls if hulls is not None else [
        _rectangle(60.0, 80.0, 22.0, 5.0, 0.4), _rectangle(150.0, 40.0, 18.0, 4.0, 0.02),
    ]  # fmt: skip
    data[:, filled(corners, (height, width))] = 0.5
    outlines = [np.asarray(one) for one in corners]
    return LabelledImage(
        name=f"{group}-{seed}",
        group=group,
        data=data,
        fill=0.075,
        present=np.ones(bands, bool),
        water=water_of(data, outlines),
        boxes=boxes_of(np.array(corners).reshape(-1, 4, 2)),
        outlines=tuple(outlines),
    )


@pytest.fixture(scope="session")
def rectangle():
    """(4, 2) corners of an oriented box."""
    return _rectangle


@pytest.fixture(scope="session")
def harbour():
    """A labelled image with exactly known hulls."""
    return _harbour


@pytest.fixture
def image():
    return _harbour()
