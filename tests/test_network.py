"""Weights that do not fit are refused; those that do come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from pipeline.network import has_bfloat16, load_network, new_network, save_network

TINY = """
nc: 1
scales: {{n: [0.5, 0.25, 256]}}
backbone:
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [{width}, 3, 2]]
head:
  - [[0, 1], 1, OBB, [nc, 1]]
"""


@pytest.fixture
def architecture(tmp_path):
    def write(width=64):
        path = tmp_path / f"yolo11n-tiny{width}.yaml"
        path.write_text(TINY.format(width=width))
        return path

    return write


def test_saved_weights_come_back(tmp_path, architecture):
    torch.manual_seed(3)
    network = new_network(architecture(), 4)
    save_network(network, tmp_path / "w.safetensors", half=False)
    again = load_network(architecture(), 4, tmp_path / "w.safetensors")
    batch = torch.rand(1, 4, 32, 64)
    with torch.no_grad():
        one, other = network.eval()(batch)[0], again(batch)[0]
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_half_precision_halves_the_file_and_hardly_moves_the_boxes(tmp_path, architecture):
    network = new_network(architecture(), 4)
    save_network(network, tmp_path / "full.safetensors", half=False)
    save_network(network, tmp_path / "half.safetensors")
    full, half = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half"))
    assert half < 0.6 * full
    assert load_network(architecture(), 4, tmp_path / "half.safetensors") is not None


@pytest.mark.parametrize("bands", [3, 4])
def test_weights_of_another_network_are_refused_in_one_message(tmp_path, architecture, bands):
    save_network(new_network(architecture(64), 4), tmp_path / "w.safetensors")
    other = architecture(128) if bands == 4 else architecture(64)
    with pytest.raises(UsageError, match="do not fit the architecture"):
        load_network(other, bands, tmp_path / "w.safetensors")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path, architecture):
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04\x95 a pickle would begin so")
    with pytest.raises(UsageError, match="do not fit the architecture"):
        load_network(architecture(), 4, tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        (None, False),  # a release that cannot tell
    ],
)
def test_bfloat16_is_what_the_processor_says(monkeypatch, able, expected):
    if able is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities")
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert has_bfloat16(torch.device("cpu")) is expected
    assert has_bfloat16(torch.device("cuda"))
