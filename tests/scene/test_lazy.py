"""A raster of the user's own, window by window, is what it is as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from pipeline.errors import BadInput
from pipeline.records import Sensor
from pipeline.scene.lazy import open_lazily
from pipeline.scene.settings import Settings

SETTINGS = Settings(coastline="site")
ORIGIN = Affine(10.0, 0.0, 600_000.0, 0.0, -10.0, 6_000_000.0)
CRS = "EPSG:32722"


@pytest.fixture
def harbour(tmp_path, geotiff):
    def write(bands=4, *, dtype="uint16", names=None, height=64, width=90, nodata=0, level=600):
        rng = np.random.default_rng(2)
        pixels = rng.integers(level, level + 400, (bands, height, width)).astype(dtype)
        path = geotiff(tmp_path / "own.tif", pixels, crs=CRS, transform=ORIGIN, nodata=nodata)
        if names:
            with rasterio.open(path, "r+") as dataset:
                dataset.descriptions = names
        return path, pixels

    return write


def test_windows_hold_the_same_pixels_as_the_whole(harbour):
    path, pixels = harbour()
    scene = open_lazily(path, Sensor.S2, SETTINGS)
    assert (scene.grid.height, scene.grid.width) == (64, 90)
    image, ground = scene.view((10, 42, 33, 90))
    np.testing.assert_allclose(image.data, pixels[:, 10:42, 33:90] * 1e-4, atol=1e-7)
    assert image.bands == ("B02", "B03", "B04", "B08")
    assert ground.sea.shape == (32, 57)
    lon, lat = image.grid.lonlat_from_px(0.0, 0.0)
    whole = scene.grid.lonlat_from_px(10.0, 33.0)
    assert (lon, lat) == (pytest.approx(whole[0]), pytest.approx(whole[1]))


def test_bands_are_known_by_their_descriptions_in_any_order(harbour):
    path, _ = harbour(3, names=("Band 8 (842 nm)", "B8A", "b03"))
    scene = open_lazily(path, Sensor.S2, SETTINGS)
    assert [(band.name, band.index) for band in scene.bands] == [("B08", 1), ("B03", 3)]


def test_bands_that_are_named_by_hand_are_taken_as_named(harbour):
    path, _ = harbour(2)
    scene = open_lazily(path, Sensor.S2, SETTINGS, names=("-", "B08"))
    assert [(band.name, band.index) for band in scene.bands] == [("B08", 2)]


@pytest.mark.parametrize("bands", [1, 13])
def test_bands_that_cannot_be_told_are_refused_with_what_to_do(harbour, bands):
    path, _ = harbour(bands)
    with pytest.raises(BadInput, match=r"which band is which.*--bands"):
        open_lazily(path, Sensor.S2, SETTINGS)


def test_three_pixels_eight_bit_colours_and_uncalibrated_radar_are_refused(harbour):
    path, _ = harbour(height=3, width=3)
    with pytest.raises(BadInput, match=r"too small to show a ship.*found 3 x 3"):
        open_lazily(path, Sensor.S2, SETTINGS)
    path, _ = harbour(4, dtype="uint8", level=10, nodata=None)
    with pytest.raises(BadInput, match="8-bit colours"):
        open_lazily(path, Sensor.S2, SETTINGS)
    path, _ = harbour(2, names=("VV", "VH"))
    with pytest.raises(BadInput, match="no sigma nought"):
        open_lazily(path, Sensor.S1, SETTINGS)


def test_no_numbers_are_no_data(tmp_path, geotiff):
    pixels = np.full((4, 40, 60), np.nan, np.float32)
    pixels[:, :, 30:] = 0.05
    path = geotiff(tmp_path / "own.tif", pixels, crs=CRS, transform=ORIGIN, nodata=None)
    image, _ = open_lazily(path, Sensor.S2, SETTINGS).view((0, 40, 0, 60))
    assert not image.valid[:, :30].any()
    assert image.valid[:, 30:].all()
    assert np.isfinite(image.data).all()
