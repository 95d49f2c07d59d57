"""A model's folder is believed only where its bytes are those described."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadInput, UsageError
from pipeline.geo import Grid
from pipeline.model import Inputs, Stretch, WeightsFile, read_model
from pipeline.records import Image, Sensor

DOCUMENT = {
    "name": "test", "version": 1, "sensor": "S2", "bands": ["B02", "B08"],
    "stretch": {"kind": "root"}, "stride_px": 32, "reach_px": 32, "architecture": "a.yaml",
    "weights": {"file": "w.safetensors", "sha256": hashlib.sha256(b"weights").hexdigest()},
    "score_min": 0.5, "calibration": [0.0, 1.0],
    "errors": {"length_sigma_m": 1, "length_sigma_share": 0, "width_sigma_m": 1,
               "position_sigma_m": 1, "axis_sigma_deg": 1},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(DOCUMENT))
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    return tmp_path


def image(data, bands, valid=None):
    height, width = data.shape[1:]
    grid = Grid(
        crs="EPSG:32722", x_min_m=5e5, y_max_m=7e6, pixel_m=10.0, height=height, width=width
    )
    seen = np.ones((height, width), bool) if valid is None else valid
    return Image(grid=grid, bands=bands, data=data.astype(np.float32), valid=seen)


def test_weights_whose_bytes_are_those_described_are_found(folder):
    model = read_model(folder)
    assert model.checked(model.description.weights) == folder / "w.safetensors"
    assert model.sha256 == DOCUMENT["weights"]["sha256"]


def test_other_bytes_are_refused_in_one_message(folder):
    model = read_model(folder)
    (folder / "w.safetensors").write_bytes(b"weightz")
    with pytest.raises(UsageError, match=r"not those described.*expected sha256.*found"):
        model.checked(model.description.weights)
    (folder / "w.safetensors").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        model.checked(model.description.weights)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bands": []}, "bands"),
        ({"weights": {"file": "../../etc/passwd", "sha256": "0" * 64}}, "weights.file"),
        ({"weights": {"file": "/etc/passwd", "sha256": "0" * 64}}, "weights.file"),
        ({"surprise": 1}, "surprise"),
        ({"score_min": 3}, "score_min"),
    ],
)
def test_a_description_that_cannot_be_believed_is_refused(folder, change, says):
    (folder / "model.yaml").write_text(yaml.safe_dump({**DOCUMENT, **change}))
    with pytest.raises(UsageError, match=f"description is wrong.*{says}"):
        read_model(folder)


def test_no_description_or_no_yaml_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No model there"):
        read_model(tmp_path)
    (tmp_path / "model.yaml").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        read_model(tmp_path)


@given(haze=st.floats(0.0, 0.2))
def test_haze_over_everything_changes_nothing(haze):
    rng = np.random.default_rng(1)
    clear = rng.uniform(0.01, 0.3, (40, 60)).astype(np.float32)
    everywhere = np.ones(clear.shape, bool)
    stretch = Stretch(kind="root")
    plain = stretch(clear, valid=everywhere, water=everywhere)
    hazy = stretch((clear + haze).astype(np.float32), valid=everywhere, water=everywhere)
    np.testing.assert_allclose(hazy, plain, atol=2e-3)


def test_the_dark_level_is_the_waters_where_there_is_enough_of_it():
    band = np.full((40, 60), 0.3, np.float32)
    band[:20] = 0.05
    band[30:, :2] = 0.001  # a shadow on land
    everywhere = np.ones(band.shape, bool)
    sea = np.zeros(band.shape, bool)
    sea[:20] = True
    out = Stretch(kind="root")(band, valid=everywhere, water=sea)
    assert out[0, 0] == pytest.approx(1.5 * np.sqrt(0.01), abs=1e-3)
    few = np.zeros(band.shape, bool)
    few[0, :5] = True
    by_all = Stretch(kind="root", dark_percentile=0.1)(band, valid=everywhere, water=few)
    assert by_all[0, 0] > out[0, 0]


def test_what_is_no_number_or_no_data_is_as_dark_as_calm_water():
    band = np.full((30, 40), 0.1, np.float32)
    band[3, 4] = np.nan
    band[5, 6] = np.inf
    valid = np.ones(band.shape, bool)
    valid[7, 8] = False
    for kind in ("root", "decibel"):
        stretch = Stretch(kind=kind)
        out = stretch(band, valid=valid, water=valid)
        assert np.isfinite(out).all()
        assert [out[3, 4], out[5, 6], out[7, 8]] == pytest.approx([stretch.fill] * 3)


def test_decibels_run_from_the_low_to_the_high_end():
    power = 10.0 ** (np.array([[-40.0, -30.0, -12.5, 5.0, 30.0]]) / 10.0)
    everywhere = np.ones(power.shape, bool)
    out = Stretch(kind="decibel")(power.astype(np.float32), valid=everywhere, water=everywhere)
    np.testing.assert_allclose(out[0], [0.0, 0.0, 0.5, 1.0, 1.275], atol=1e-4)


def test_bands_come_in_the_models_order_and_a_missing_one_is_nought():
    inputs = Inputs(sensor=Sensor.S2, bands=("B08", "B02", "B03"), stretch=Stretch(kind="root"))
    data = np.stack([np.full((20, 30), 0.1), np.full((20, 30), 0.3)])
    data[:, 0, :] = 0.02
    sea = np.zeros((20, 30), bool)
    out = inputs.of(image(data, ("B02", "B08")), sea)
    assert out.shape == (3, 20, 30)
    assert (out[2] == 0).all()
    assert out[0, 5, 5] > out[1, 5, 5] > 0
    with pytest.raises(BadInput, match=r"none of the bands.*expected B08 B02 B03.*found VV"):
        inputs.of(image(data[:1], ("VV",)), sea)


def test_a_weights_path_may_not_leave_the_folder():
    for name in ("../up", "/root", "a/../../b"):
        with pytest.raises(ValueError, match="file"):
            WeightsFile(file=name, sha256="0" * 64)
