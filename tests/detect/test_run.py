"""Windows and seams: one hull a ship, wherever the seam falls."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.hull import Hull
from pipeline.detect.run import _part, _under, find_hulls, search
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


class Slow:
    """A staged detector that answers late and says of each view where its brightest pixel lies."""

    name = "slow/1"
    model_sha256 = None

    def __init__(self, delays=()):
        self.batches = []
        self.delays = list(delays)

    def find(self, image, surface):
        raise AssertionError("a staged detector is not asked as a whole")

    def prepare(self, image, surface):
        if self.delays:
            time.sleep(self.delays.pop())
        return image.data.max(axis=0)[None]

    def infer(self, batch):
        self.batches.append(len(batch))
        assert len({inputs.shape for inputs in batch}) == 1
        return [np.unravel_index(np.argmax(inputs[0]), inputs[0].shape) for inputs in batch]

    def finish(self, answer, image, surface):
        row, col = (float(value) + 0.5 for value in answer)
        corners = ((row - 2, col - 1), (row - 2, col + 1), (row + 2, col + 1), (row + 2, col - 1))
        return [
            Hull(
                row_px=row, col_px=col, length_px=4.0, width_px=2.0, axis_grid_deg=0.0,
                corners_px=corners, score=0.9, contrast=1.0, peak=1.0, n_pixels=8,
            )
        ]  # fmt: skip


@dataclass
class Scattered:
    """A scene whose views are made on demand."""

    image: object
    surface: object

    @property
    def grid(self):
        return self.image.grid

    def view(self, window):
        rows, cols = slice(*window[:2]), slice(*window[2:])
        return _part(self.image, rows, cols), _under(self.surface, rows, cols)


TILES = [(r, r + 40, c, c + 40) for r in range(0, 110, 30) for c in range(0, 170, 30)]


def test_the_answer_does_not_depend_on_which_thread_is_faster():
    ships = [Ship(row=30, col=40, length_m=90, width_m=20, axis_deg=30),
             Ship(row=110, col=150, length_m=90, width_m=20, axis_deg=100)]  # fmt: skip
    image, surface = rendered(ships)
    results = []
    for delays, batch, readers in (([], 4, 2), ([0.01] * 7 + [0.0] * 20, 3, 4), ([], 1, 1)):
        chosen = SETTINGS.model_copy(update={"batch": batch, "readers": readers, "views_ahead": 5})
        detector = Slow(delays)
        found = search(Scattered(image, surface), detector=detector, windows=TILES, settings=chosen)
        assert max(detector.batches) <= batch
        assert found.looked_at == len(TILES) == sum(detector.batches)
        results.append(found.hulls)
    assert results[0] == results[1] == results[2]


def test_views_without_water_data_or_clear_sky_are_counted_by_reason():
    image, surface = rendered([])
    surface.sea[:40] = False
    image.valid[:40, :40] = False
    surface.cloud[60:] = True
    windows = [(0, 40, 0, 40), (0, 40, 60, 100), (60, 100, 0, 40), (40, 60, 0, 40)]
    found = search(Scattered(image, surface), detector=Slow(), windows=windows, settings=SETTINGS)
    assert found.looked_at == 1
    assert found.skipped == {"no data": 1, "no water": 1, "cloud": 1}
