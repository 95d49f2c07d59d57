"""The door to ultralytics and torch: an architecture and checked weights make a network.

Importing this takes seconds; only training and the torch engine do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from ultralytics.cfg import get_cfg
from ultralytics.nn import tasks
from ultralytics.nn.tasks import OBBModel

from pipeline.backbone import EfficientNetLite, begin_with_photographs
from pipeline.errors import UsageError

# An architecture's YAML names layers as ultralytics knows them.
tasks.EfficientNetLite = EfficientNetLite  # type: ignore[attr-defined]


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16; a CPU that only imitates it is ten times slower."""
    if device.type != "cpu":
        return True
    # the release that other processors than x86_64 are given cannot tell: then it is done without
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def new_network(architecture: Path, bands: int) -> OBBModel:
    """An untrained network with oriented boxes and one class, in train mode.

    Args:
        architecture: ultralytics YAML.
        bands: input channels.
    """
    network = OBBModel(str(architecture), ch=bands, nc=1, verbose=False)
    settings = get_cfg(overrides={"box": 7.5, "cls": 0.7, "dfl": 1.5})
    network.args = settings  # type: ignore[assignment]  # read by its loss
    return network


def pretrain(network: OBBModel, bands: Sequence[str]) -> None:
    """Give an untrained network's backbone what is known of photographs.

    Raises:
        UsageError: the architecture has no such backbone, or the weights are not there.
    """
    backbones = [layer for layer in network.modules() if isinstance(layer, EfficientNetLite)]
    if not backbones:
        raise UsageError(
            "Recipe asks for pretrained weights that its architecture has no place for",
            expected="a layer EfficientNetLite",
        )
    for backbone in backbones:
        begin_with_photographs(backbone, bands)


def load_network(architecture: Path, bands: int, weights: Path) -> OBBModel:
    """A trained network in eval mode, single precision.

    Raises:
        UsageError: the weights are no safetensors or do not fit the architecture.
    """
    network = new_network(architecture, bands)
    put_weights(network, weights)
    return network.eval()


def put_weights(network: OBBModel, weights: Path) -> None:
    """Give a network weights that were learned before.

    Raises:
        UsageError: the weights are no safetensors or do not fit the architecture.
    """
    try:
        state = {name: value.float() for name, value in load_file(weights).items()}
        network.load_state_dict(state, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise _unfit(weights, error) from None
    missing = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    if missing != set(state):
        raise _unfit(weights, f"{len(missing ^ set(state))} tensors too many or too few")


def head_of(network: torch.nn.Module) -> Any:
    """The last module, whose attributes say how boxes are decoded."""
    layers: Any = network.model
    return layers[-1]


def save_network(network: torch.nn.Module, path: Path, *, half: bool = True) -> None:
    """The network's weights as safetensors, half precision unless told otherwise."""
    state = {
        name: (value.half() if half else value).contiguous().cpu()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(state, path)


def _unfit(weights: Path, found: object) -> UsageError:
    problem = " ".join(str(found).split())[:200]
    return UsageError("Weights do not fit the architecture", where=weights, found=problem)
