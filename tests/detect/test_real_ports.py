"""The shipped folds on ports they never saw: rafts stay apart, emptiness stays empty."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as Part
from scipy.optimize import linear_sum_assignment

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


def labels_of(reference_data, port):
    """(row, col, length px, width px, degrees) of each drawn hull."""
    document = json.loads((reference_data / "sentinel2_ports/annotations_coco.json").read_text())
    (image,) = (one["id"] for one in document["images"] if one["file_name"] == f"{port}.tif")
    rows = []
    for label in document["annotations"]:
        if label["image_id"] == image:
            corners = np.asarray(label["obb"]).reshape(4, 2)
            col, row = corners.mean(axis=0)
            rows.append(
                (row, col, label["length_m"] / 10, label["width_m"] / 10, label["axis_deg"])
            )
    return rows


def abreast(one, other):
    """Moored side by side: in line with each other, a beam and a little apart, level."""
    turn = abs((one[4] - other[4] + 90) % 180 - 90)
    off = np.array([other[0] - one[0], other[1] - one[1]])
    ahead = np.array([-math.cos(math.radians(one[4])), math.sin(math.radians(one[4]))])
    along = abs(off @ ahead)
    beside = math.sqrt(max(0.0, off @ off - along**2))
    return (
        turn < 12 and along < 0.35 * min(one[2], other[2]) and beside < (one[3] + other[3]) / 2 + 2
    )


def assigned(labels, hulls):
    """Labels hit, one to one, centres within max(30 m, half the length)."""
    cost = np.full((len(labels), len(hulls) + len(labels)), 1.0)
    for i, (row, col, length, _, _) in enumerate(labels):
        for j, hull in enumerate(hulls):
            off = math.hypot(hull.row_px - row, hull.col_px - col) / max(3.0, length / 2)
            cost[i, j] = off if off <= 1.0 else 9.0
    return {
        i
        for i, j in zip(*linear_sum_assignment(cost), strict=True)
        if j < len(hulls) and cost[i, j] <= 1.0
    }


def test_ships_moored_side_by_side_stay_two(reference_data, folds):
    pairs = together = 0
    for port in ("algiers", "athens", "genoa", "santos", "valencia", "marseille", "qingdao"):
        labels = [one for one in labels_of(reference_data, port) if one[2] >= 8]
        hit = assigned(
            labels, hulls_in(reference_data / f"sentinel2_ports/{port}.tif", folds[port])
        )
        for i, one in enumerate(labels):
            for j in range(i):
                if abreast(one, labels[j]) and hit & {i, j}:
                    pairs += 1
                    together += {i, j} <= hit

    assert pairs >= 5
    assert together / pairs > 0.5


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
