"""The shipped folds on ports they never saw: emptiness stays empty."""

from __future__ import annotations

import pytest
import rasterio
from rasterio.windows import Window as Part

from pipeline.detect.run import search
from pipeline.detect.settings import Settings
from pipeline.jobs.detect_ships import tiles_of
from pipeline.jobs.trained import MODELS, fold_detectors
from pipeline.model import read_model
from pipeline.records import Sensor
from pipeline.scene.lazy import open_lazily
from pipeline.scene.settings import Settings as SceneSettings

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(300)]
# one view of each window: an eighth of the time
SETTINGS = Settings(views={"S2": 1, "S1": 1})


@pytest.fixture(scope="module")
def folds():
    """Each port's detector, by weights that never saw it."""
    return fold_detectors(read_model(MODELS / "s2"), SETTINGS)


def hulls_in(path, detector):
    source = open_lazily(path, Sensor.S2, SceneSettings())
    found = search(
        source, detector=detector, windows=tiles_of(source.grid, SETTINGS), settings=SETTINGS
    )
    return [hull for hull in found.hulls if hull.score >= detector.reading.score_min]


@pytest.mark.parametrize(
    ("port", "row", "col"), [("valencia", 100, 740), ("gdynia", 60, 1000), ("casablanca", 20, 20)]
)
def test_open_water_gives_none(reference_data, folds, tmp_path, port, row, col):
    path = cut(reference_data / f"sentinel2_ports/{port}.tif", tmp_path, row, col, 170, 200)

    assert hulls_in(path, folds[port]) == []


def cut(whole, folder, row, col, height, width, change=lambda pixels: pixels):
    with rasterio.open(whole) as dataset:
        part = Part(col, row, width, height)
        profile = dataset.profile | {
            "height": height, "width": width, "driver": "GTiff", "tiled": False,
            "transform": dataset.transform @ rasterio.Affine.translation(col, row),
        }  # fmt: skip
        pixels, names = change(dataset.read(window=part)), dataset.descriptions
    path = folder / "part.tif"
    for key in ("blockxsize", "blockysize"):
        profile.pop(key, None)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)
        dataset.descriptions = names
    return path
