"""A data set on disk is what ultralytics reads, and comes back as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset

from pipeline.errors import BadInput
from pipeline.learn.store import LEVELS, Labelled, read_dataset, write_dataset

BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture
def labelled(image):
    return Labelled(
        name="north",
        group="north",
        data=image.data,
        corners_px=image.boxes.corners_px(),
        outlines=image.outlines,
        sources=("a", "b"),
        ignored=(np.array([[1.0, 2.0], [9.0, 2.0], [9.0, 8.0]]),),
    )


def test_it_comes_back_as_it_was(tmp_path, labelled, image):
    write_dataset(tmp_path, [labelled], bands=BANDS)
    (found,) = read_dataset(tmp_path, bands=BANDS, fill=0.075)
    assert (found.name, found.group) == ("north", "north")
    np.testing.assert_allclose(found.data, image.data, atol=0.5 / LEVELS + 1e-6)
    np.testing.assert_allclose(found.boxes.xy_px, image.boxes.xy_px, atol=0.02)
    np.testing.assert_allclose(found.boxes.length_px, image.boxes.length_px, atol=0.03)
    np.testing.assert_allclose(found.ignored[0], labelled.ignored[0])


def test_ultralytics_reads_its_images_and_boxes(tmp_path, labelled, image):
    write_dataset(tmp_path, [labelled], bands=BANDS)
    description = yaml.safe_load((tmp_path / "dataset.yaml").read_text())
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({**description, "path": str(tmp_path)}))
    data = check_det_dataset(str(tmp_path / "dataset.yaml"), autodownload=False)
    dataset = YOLODataset(
        img_path=str(tmp_path / "images"), data=data, task="obb", augment=False, imgsz=230,
        hyp=get_cfg(), batch_size=1,
    )  # fmt: skip
    (one,) = dataset.labels
    pixels, *_ = dataset.load_image(0)
    assert pixels.shape == (150, 230, 4)
    np.testing.assert_allclose(pixels[80, 60] / LEVELS, image.data[:, 80, 60], atol=0.01)
    assert len(one["cls"]) == 2
    centres = one["bboxes"][:, :2] * np.array([230, 150])
    np.testing.assert_allclose(sorted(centres[:, 0]), sorted(image.boxes.xy_px[:, 0]), atol=0.6)


def test_a_damaged_or_foreign_data_set_is_refused_in_one_message(tmp_path, labelled):
    with pytest.raises(BadInput, match="No data set there"):
        read_dataset(tmp_path, bands=BANDS, fill=0.075)
    write_dataset(tmp_path, [labelled], bands=BANDS)
    with pytest.raises(BadInput, match="of another kind"):
        read_dataset(tmp_path, bands=("VV", "VH"), fill=0.075)
    (tmp_path / "images" / "north.tif").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="cannot be read"):
        read_dataset(tmp_path, bands=BANDS, fill=0.075)
    document = json.loads((tmp_path / "hulls.json").read_text())
    document["images"][0].pop("hulls")
    (tmp_path / "hulls.json").write_text(json.dumps(document))
    with pytest.raises(BadInput, match="cannot be read"):
        read_dataset(tmp_path, bands=BANDS, fill=0.075)


def test_two_images_of_one_name_are_refused(tmp_path, labelled):
    with pytest.raises(BadInput, match="Two images of one name"):
        write_dataset(tmp_path, [labelled, labelled], bands=BANDS)
