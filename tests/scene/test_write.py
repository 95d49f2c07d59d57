"""The working copy of a scene: what is written is what comes back, and others can read it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.transform import Affine

from pipeline.errors import BadInput
from pipeline.fetch.stac import read_stac_item
from pipeline.records import Sensor
from pipeline.scene.read import read_scene, read_source
from pipeline.scene.settings import Settings
from pipeline.scene.write import write_delivery, write_scene

SHA = "0" * 64


@pytest.fixture
def s2_image(make_grid, make_image):
    image = make_image(make_grid())
    rng = np.random.default_rng(3)
    image.data[:] = rng.uniform(0.0005, 0.6, image.data.shape)
    image.valid[5:9, 50:] = False
    return image


@pytest.fixture
def written(tmp_path, s2_image, make_scene, make_source):
    scene = make_scene(s2_image)
    write_scene(tmp_path, scene, s2_image, source_sha256=SHA)
    return tmp_path


def test_sentinel_2_comes_back_to_half_a_digital_number(written, s2_image, make_scene):
    scene, image = read_scene(written)
    assert scene == make_scene(s2_image)
    assert image.grid == s2_image.grid
    assert image.bands == s2_image.bands
    np.testing.assert_array_equal(image.valid, s2_image.valid)
    apart = np.abs(image.data - s2_image.data)[:, s2_image.valid]
    assert apart.max() <= 0.5e-4 + 1e-6


def test_dark_water_at_or_below_zero_stays_valid(tmp_path, s2_image, make_scene, make_source):
    s2_image.data[:, 20, 30] = -0.02
    s2_image.data[:, 21, 30] = 0.0
    write_scene(tmp_path, make_scene(s2_image), s2_image, source_sha256=SHA)
    _, image = read_scene(tmp_path)
    assert image.valid[20:22, 30].all()
    assert image.data[:, 20:22, 30] == pytest.approx(1e-4)


def test_sentinel_1_comes_back_exactly(tmp_path, make_grid, make_image, make_scene, make_source):
    image = make_image(make_grid(33, 91), sensor=Sensor.S1)
    image.data[:] = np.random.default_rng(4).gamma(4.0, 0.005, image.data.shape)
    image.valid[:, :7] = False
    scene = make_scene(image, heading_deg=347.5, incidence_deg=38.2, range_over_velocity_s=112.5)
    write_scene(tmp_path, scene, image, source_sha256=SHA)
    found, again = read_scene(tmp_path)
    assert found == scene
    np.testing.assert_array_equal(again.valid, image.valid)
    np.testing.assert_array_equal(again.data[:, image.valid], image.data[:, image.valid])


def test_rasterio_and_pystac_alone_read_the_working_copy(written, s2_image):
    item = pystac.Item.from_file(written / "item.json")
    item.validate()
    href = item.assets["B08"].get_absolute_href()
    with rasterio.open(href) as dataset:
        assert dataset.crs.to_epsg() == 32722
        assert dataset.transform == Affine(*s2_image.grid.affine)
        numbers = dataset.read(1)
    assert numbers[11, 60] == round(float(s2_image.band("B08")[11, 60]) * 10_000)
    assert (numbers == 0).sum() == (~s2_image.valid).sum()
    west, south, east, north = item.bbox
    assert -48.6 < west < east < -48.4
    assert -25.6 < south < north < -25.5


def test_the_same_scene_is_the_same_bytes(written, s2_image, make_scene, make_source):
    again = written / "again"
    again.mkdir()
    write_scene(again, make_scene(s2_image), s2_image, source_sha256=SHA)
    names = sorted(path.name for path in again.iterdir())
    assert names == ["B02.tif", "B03.tif", "B04.tif", "B08.tif", "item.json"]
    assert all((written / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_a_delivery_read_back_has_the_offset_taken_off_once(
    tmp_path, s2_image, make_scene, make_site, box_px
):
    write_delivery(tmp_path, make_scene(s2_image), s2_image)
    with rasterio.open(tmp_path / "S2B_TEST_roads_B03.tif") as dataset:
        delivered = int(dataset.read(1)[30, 10])
    truth = float(s2_image.band("B03")[30, 10])
    assert delivered == round(truth * 10_000 + 1_000)

    described = read_stac_item(tmp_path / "S2B_TEST_roads.json")
    site = make_site(box_px(s2_image.grid, 0, 40, 0, 70))
    scene, image = read_source(described.source, site=site, settings=Settings())
    row, col = image.grid.px_from_lonlat(*s2_image.grid.lonlat_from_px(30.5, 10.5))
    assert image.band("B03")[int(row), int(col)] == pytest.approx(truth, abs=0.6e-4)
    assert scene.reflectance_offset == pytest.approx(-0.1)
    assert scene.sensed_at == make_scene(s2_image).sensed_at


def test_a_scene_without_a_time_zone_is_refused(s2_image, make_scene):
    with pytest.raises(BadInput, match="without a time zone: S2B_TEST_roads"):
        make_scene(s2_image, sensed_at=datetime(2024, 3, 7, 13, 12, 9))  # noqa: DTZ001


def test_a_stored_item_cannot_name_a_file_elsewhere(written, tmp_path_factory, s2_image):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "B08.tif"
    elsewhere.write_bytes((written / "B02.tif").read_bytes())
    item = written / "item.json"
    document = json.loads(item.read_text())
    document["assets"]["B08"]["href"] = str(elsewhere)
    item.write_text(json.dumps(document))
    _, image = read_scene(written)
    np.testing.assert_allclose(image.band("B08"), s2_image.band("B08") * image.valid, atol=1e-4)


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (lambda d: d.pop("properties"), "item.json"),
        (lambda d: d["properties"].update(datetime="yesterday"), "yesterday"),
        (lambda d: d["assets"].update(B99={"href": "./B99.tif"}), "item.json"),
        (lambda d: d["assets"]["B04"].pop("darkcall:scale"), "item.json"),
        (lambda d: d["assets"]["B04"].update(href="./gone.tif"), "gone.tif"),
    ],
)
def test_a_damaged_working_copy_is_refused(written, damage, where):
    item = written / "item.json"
    document = json.loads(item.read_text())
    damage(document)
    item.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=where):
        read_scene(written)


@pytest.mark.parametrize("text", ["", "[]", '{"a":', "[" * 100_000])
def test_an_item_that_is_no_object_is_refused(written, text):
    (written / "item.json").write_text(text)
    with pytest.raises(BadInput, match=r"item\.json"):
        read_scene(written)


def test_the_item_tells_one_source_from_another(written, s2_image, make_scene, make_source):
    """A workspace knows from the item alone whether the delivery has changed."""
    other = written / "other"
    other.mkdir()
    write_scene(other, make_scene(s2_image), s2_image, source_sha256="1" * 64)
    shas = {
        json.loads((folder / "item.json").read_text())["properties"]["darkcall:source_sha256"]
        for folder in (written, other)
    }
    assert len(shas) == 2


def test_what_the_archive_called_cloud_comes_back(tmp_path, s2_image, make_scene):
    said = np.zeros(s2_image.valid.shape, np.bool_)
    said[3:17, 20:41] = True
    image = replace(s2_image, said_cloud=said)
    write_scene(tmp_path, make_scene(image), image, source_sha256=SHA)

    scene, back = read_scene(tmp_path)

    assert scene.bands == s2_image.bands
    assert back.said_cloud is not None
    np.testing.assert_array_equal(back.said_cloud, said)
    item = pystac.Item.from_file(tmp_path / "item.json")
    assert item.assets["CLOUD"].roles == ["cloud"]
