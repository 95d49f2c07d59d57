"""Windows and seams: one hull a ship, wherever the seam falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.run import find_hulls
from pipeline.detect.settings import Settings
from pipeline.records import Sensor
from tests.detect.conftest import Ship, rendered

SETTINGS = Settings()
WINDOWS = [(0, 150, 0, 120), (0, 150, 70, 210)]


class Counting:
    name = "counting/1"
    model_sha256 = None

    def __init__(self):
        self.shapes = []

    def find(self, image, surface):
        self.shapes.append(image.valid.shape)
        return []


@settings(max_examples=8, deadline=None)
@given(col=st.floats(60, 130), axis=st.sampled_from([0.0, 45.0, 90.0, 140.0]))
def test_a_ship_on_a_seam_is_one_ship_at_full_length(col, axis):
    ship = Ship(row=75.2, col=col, length_m=200, width_m=32, axis_deg=axis)
    image, surface = rendered([ship])
    hulls = find_hulls(
        image,
        surface,
        detector=CfarDetector(Sensor.S2, SETTINGS),
        windows=WINDOWS,
        settings=SETTINGS,
    )
    (hull,) = [hull for hull in hulls if hull.score >= SETTINGS.score_min]
    assert abs(hull.col_px - col) < 1.0
    assert abs(hull.length_px * 10 - 200) < 15
    assert not hull.is_cut


def test_two_ships_abreast_in_the_overlap_stay_two():
    pair = [Ship(row=row, col=95, length_m=180, width_m=27, axis_deg=90) for row in (70, 74)]
    image, surface = rendered(pair)
    hulls = find_hulls(
        image,
        surface,
        detector=CfarDetector(Sensor.S2, SETTINGS),
        windows=WINDOWS,
        settings=SETTINGS,
    )
    rows = [round(hull.row_px) for hull in hulls if hull.score >= SETTINGS.score_min]
    assert rows == [70, 74]


def test_windows_without_clear_valid_sea_are_never_searched():
    image, surface = rendered([])
    sea, cloud, valid = (np.array(a) for a in (surface.sea, surface.cloud, image.valid))
    sea[:, :50] = False
    cloud[:, 50:100] = True
    valid[:, 100:150] = False
    counting = Counting()
    find_hulls(
        replace(image, valid=valid),
        replace(surface, sea=sea, cloud=cloud),
        detector=counting,
        windows=[(0, 150, 0, 50), (0, 150, 50, 100), (0, 150, 100, 150), (0, 150, 150, 210)],
        settings=SETTINGS,
    )
    assert counting.shapes == [(150, 60)]
