"""Any GeoTIFF in, ships as GeoJSON out, and one clear message where that cannot be."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import Affine

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.settings import Settings
from pipeline.jobs.predict import Looking, predict
from pipeline.records import Sensor
from pipeline.scene.settings import Settings as SceneSettings

CRS, LEFT, TOP = "EPSG:32721", 500_000.0, 5_500_000.0  # the South Atlantic, off the Falklands
ROW, COL, AXIS_DEG, LENGTH_PX, WIDTH_PX = 60.0, 90.0, 30.0, 18.0, 3.2


class Quiet:
    def __init__(self):
        self.failures = []

    def stage(self, name, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def done(self, item_id, counts):
        pass

    def failed(self, item_id, message):
        self.failures.append(item_id)


def write_sea(path, *, ship=True, height=128, width=170, bands=4, fill=None):
    rng = np.random.default_rng(4)
    pixels = rng.normal(250, 15, (bands, height, width))
    if ship:
        rows, cols = np.mgrid[0:height, 0:width] + 0.5
        angle = math.radians(AXIS_DEG)
        north, east = ROW - rows, cols - COL
        ahead = north * math.cos(angle) + east * math.sin(angle)
        abeam = east * math.cos(angle) - north * math.sin(angle)
        pixels[:, (abs(ahead) < LENGTH_PX / 2) & (abs(abeam) < WIDTH_PX / 2)] = 2500
    if fill is not None:
        pixels[:] = fill
    kind = "float32" if fill is not None and np.isnan(fill) else "uint16"
    profile = {
        "driver": "GTiff", "dtype": kind, "count": bands, "height": height, "width": width,
        "crs": CRS, "transform": Affine(10, 0, LEFT, 0, -10, TOP),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels.astype(kind))
    return path


def look(bands=(), score_min=0.3):
    detect = Settings()
    return Looking(
        sensor=Sensor.S2, detector=CfarDetector(Sensor.S2, detect), bands=bands,
        score_min=score_min, scene=SceneSettings(coastline="site"), detect=detect,
    )  # fmt: skip


def test_a_ship_is_a_feature_where_it_lies(tmp_path):
    image, out = write_sea(tmp_path / "sea.tif"), tmp_path / "ships.geojson"
    told = predict([image], out, look(), Quiet())
    (ship,) = json.loads(out.read_text())["features"]
    assert (told.ships, told.exit_code) == (1, 0)
    x, y = LEFT + COL * 10, TOP - ROW * 10
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    outline = shapely.geometry.shape(ship["geometry"])
    assert outline.exterior.is_ccw
    assert outline.contains(shapely.Point(lon, lat))
    said = ship["properties"]
    assert said["length_m"] == pytest.approx(LENGTH_PX * 10, abs=15)
    assert abs((said["axis_deg"] - AXIS_DEG + 90) % 180 - 90) < 4
    assert said["length_sigma_m"] > 0
    assert 0 < said["p_tanker"] < 1
    assert said["image"] == "sea.tif"


def test_an_empty_sea_gives_none(tmp_path):
    image = write_sea(tmp_path / "sea.tif", ship=False)
    assert predict([image], tmp_path / "ships.geojson", look(), Quiet()).ships == 0


def test_a_bad_image_stops_no_other(tmp_path):
    good = write_sea(tmp_path / "good.tif")
    empty = write_sea(tmp_path / "empty.tif", fill=np.nan)
    thirteen = write_sea(tmp_path / "thirteen.tif", bands=13)
    (tmp_path / "text.tif").write_text("no picture")
    images = [empty, good, thirteen, tmp_path / "text.tif", tmp_path / "missing.tif"]
    progress = Quiet()
    told = predict(images, tmp_path / "ships.geojson", look(), progress)
    assert told.ships == 1
    assert told.exit_code == 3
    assert progress.failures == ["empty.tif", "thirteen.tif", "text.tif", "missing.tif"]
    assert [message.split(":")[0] for message in told.failed] == [
        "Image has no data", "It cannot be told which band is which",
        "Not a raster that is read here", "Raster cannot be read",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "none-such"), "No model.yaml there: none-such"),
        (("--model", "s2", "--device", "cuda:7"), "No such device"),
        (("--model", "s2", "--device", "toaster"), "device"),
    ],
)
def test_the_command_says_what_it_lacks(tmp_path, darkcall_here, words, says):
    image = write_sea(tmp_path / "sea.tif")
    ended = darkcall_here("predict", image, "--out", tmp_path / "ships.geojson", *words)
    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.err
