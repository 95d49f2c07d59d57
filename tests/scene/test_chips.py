"""Crops for a person: the right place in the middle, and one stretch for all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.errors import BadInput
from pipeline.records import Image, Sensor
from pipeline.scene.chips import write_chip
from pipeline.scene.settings import Settings

SETTINGS = Settings(chip_m=640.0, chip_px=512)
ZOOM = 8
"""Chip pixels a scene pixel: 512 over 640 m of 10 m."""
MIDDLE = np.s_[128:384, 128:384]
"""Free of scale bar and north arrow."""


@pytest.fixture
def chip(tmp_path):
    def of(image, *, row, col, **options):
        path = tmp_path / "chip.png"
        write_chip(path, image, row=row, col=col, settings=SETTINGS, **options)
        assert [p.name for p in tmp_path.iterdir()] == ["chip.png"]
        return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)

    return of


@pytest.mark.parametrize(("row", "col"), [(37, 81), (0, 0), (99, 3)])
def test_the_pixel_that_was_asked_for_is_in_the_middle(chip, make_grid, make_image, row, col):
    image = make_image(make_grid(100, 130), level=0.0)
    image.data[:, row, col] = 0.30
    picture = chip(image, row=row + 0.5, col=col + 0.5)
    assert picture.shape == (512, 512, 3)
    bright = picture[MIDDLE].astype(float).sum(axis=2)
    rows, cols = np.mgrid[:256, :256] + 0.5
    centre = (rows * bright).sum() / bright.sum(), (cols * bright).sum() / bright.sum()
    assert centre == pytest.approx((128.0, 128.0), abs=0.1)
    # bilinear: half the brightness one half pixel off, nothing one pixel off
    assert picture[256 - ZOOM : 256 + ZOOM, 256].min() > 0
    assert picture[256 + ZOOM + 1 : 300, 256].max() == 0


def test_right_is_east_and_down_is_south(chip, make_grid, make_image):
    image = make_image(make_grid(100, 130), level=0.0)
    image.data[:, 50, 75] = 0.30  # 10 columns east
    image.data[:, 58, 65] = 0.30  # 8 rows south
    picture = chip(image, row=50.5, col=65.5)[MIDDLE].max(axis=2)
    assert picture[128, 128 + 10 * ZOOM] > 200
    assert picture[128 + 8 * ZOOM, 128] > 200
    assert picture[128 - 8 * ZOOM, 128] == 0


@pytest.mark.parametrize(
    ("reflectance", "shown"),
    # 255 × sqrt(reflectance / 0.30)
    [(-0.01, 0), (0.0, 0), (0.003, 25.5), (0.075, 127.5), (0.30, 255), (0.9, 255)],
)
def test_the_stretch_is_fixed_whatever_else_is_in_the_image(
    chip, make_grid, make_image, reflectance, shown
):
    for surroundings in (0.0, 0.05, 0.8):
        image = make_image(make_grid(100, 130), level=surroundings)
        image.data[:, 45:56, 60:71] = reflectance
        assert chip(image, row=50.5, col=65.5)[256, 256] == pytest.approx([shown] * 3, abs=1)


@pytest.mark.parametrize(
    # 255 × (dB + 25) / 30
    ("decibel", "shown"),
    [(-40, 0), (-25, 0), (-10, 127.5), (-4, 178.5), (5, 255), (20, 255)],
)
def test_radar_is_shown_in_decibels(chip, make_grid, make_image, decibel, shown):
    image = make_image(make_grid(100, 130), sensor=Sensor.S1, level=10.0 ** (decibel / 10.0))
    image.data[1] = 1.0
    assert chip(image, row=50.5, col=65.5)[256, 256] == pytest.approx([shown] * 3, abs=1)


def test_colours_are_true_and_a_missing_band_makes_it_grey(chip, make_grid, make_image):
    image = make_image(make_grid(100, 130), level=0.0)
    image.data[2] = 0.30  # red
    image.data[3] = 0.075
    assert list(chip(image, row=50, col=65)[256, 256]) == [0, 0, 255]
    grey = Image(grid=image.grid, bands=image.bands[1:], data=image.data[1:], valid=image.valid)
    assert chip(grey, row=50, col=65)[256, 256] == pytest.approx([128] * 3, abs=1)


def test_what_is_not_valid_or_not_in_the_image_is_black(chip, make_grid, make_image):
    image = make_image(make_grid(100, 130), level=0.30)
    image.valid[:, 70:] = False
    picture = chip(image, row=2.0, col=65.0)[MIDDLE]
    assert picture[200, 100].min() == 255
    assert picture[200, 200].max() == 0  # not valid: 72 / 8 = 9 columns east
    assert picture[64, 100].max() == 0  # north of the first row


def test_an_outline_is_drawn_where_the_box_lies(chip, make_grid, make_image):
    image = make_image(make_grid(100, 130), level=0.0)
    box = [46, 60, 46, 72, 56, 72, 56, 60]
    picture = chip(image, row=50.0, col=65.0, outline_px=box)[MIDDLE].max(axis=2)
    lit_rows, lit_cols = np.nonzero(picture > 100)
    corners = (lit_rows.min(), lit_rows.max(), lit_cols.min(), lit_cols.max())
    expected = (128 - 4 * ZOOM, 128 + 6 * ZOOM, 128 - 5 * ZOOM, 128 + 7 * ZOOM)
    assert corners == pytest.approx(expected, abs=1)


def test_the_scale_bar_is_as_long_as_it_says(chip, make_grid, make_image):
    picture = chip(make_image(make_grid(100, 130), level=0.0), row=50.0, col=65.0)
    lit = np.flatnonzero(picture[498].max(axis=1) > 200)
    assert lit.max() - lit.min() == pytest.approx(200.0 / 640.0 * 512, abs=3)


def test_the_same_chip_is_the_same_bytes(tmp_path, make_grid, make_image):
    image = make_image(make_grid(100, 130))
    image.data[:] = np.random.default_rng(1).uniform(0, 0.3, image.data.shape)
    for name in ("a.png", "b.png"):
        write_chip(tmp_path / name, image, row=50.2, col=60.7, settings=SETTINGS)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_image_without_a_band_to_show_is_refused(chip, make_grid, make_image):
    image = make_image(make_grid(20, 30))
    bare = Image(grid=image.grid, bands=("B02",), data=image.data[:1], valid=image.valid)
    with pytest.raises(BadInput, match="no band to show"):
        chip(bare, row=5.0, col=5.0)
