"""PyTorch: half precision on CUDA, bfloat16 on a CPU that has it, else single precision."""

from __future__ import annotations

import warnings

import openvino
import torch

from pipeline.detect.engines import Floats
from pipeline.errors import DeviceLost, UsageError
from pipeline.model import Model
from pipeline.network import has_bfloat16, head_of, load_network


class _Plain(torch.nn.Module):
    """The network's decoded boxes alone."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        answer = self.network(batch)
        decoded: torch.Tensor = answer[0] if isinstance(answer, tuple) else answer
        return decoded


class TorchEngine:
    """A network on one device; a batch that does not fit its memory is halved until it does."""

    def __init__(self, network: torch.nn.Module, device: torch.device) -> None:
        self._device = device
        self._kind = torch.float16 if device.type == "cuda" else torch.bfloat16
        self._is_half = has_bfloat16(device)
        self._network = network.to(device).to(memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        """Engine, device and precision."""
        half = "fp16" if self._device.type == "cuda" else "bf16"
        return f"torch {self._device} {half if self._is_half else 'fp32'}"

    def infer(self, batch: Floats) -> Floats:
        """As `engines.Engine.infer`."""
        try:
            return self._infer(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise UsageError(
                    "A single tile does not fit the GPU's memory",
                    where=str(self._device),
                    do="Lower `detect.tile_px`, or run with device cpu",
                ) from None
        except RuntimeError as error:
            if self._device.type != "cuda":
                raise
            problem = " ".join(str(error).split())[:200]
            raise DeviceLost(
                "The GPU failed", where=str(self._device), found=problem, do="Run again"
            ) from None
        torch.cuda.empty_cache()
        half = len(batch) // 2
        parts = [self.infer(batch[:half]), self.infer(batch[half:])]
        return torch.cat([torch.from_numpy(part) for part in parts]).numpy()

    @torch.inference_mode()
    def _infer(self, batch: Floats) -> Floats:
        images = torch.from_numpy(batch).to(self._device, non_blocking=True)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, dtype=self._kind, enabled=self._is_half):
            answer = self._network(images)
        found: Floats = answer.float().cpu().numpy()
        return found


def devices() -> list[str]:
    """GPUs that PyTorch can use, by name."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]


def open_engine(model: Model, device: str) -> TorchEngine:
    """The model's weights on a device.

    Raises:
        UsageError: no such device, or damaged weights.
    """
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UsageError("No such device", where=device, found=problem) from None
    return TorchEngine(_plain(model), place)


def as_openvino(model: Model) -> openvino.Model:
    """The network for OpenVINO; batch, height and width stay free."""
    described = model.description
    side = described.stride_px * 4
    network = _plain(model)
    head_of(network.network).dynamic = True  # anchors are made anew for every size
    example = torch.zeros(1, len(described.bands), side, side + described.stride_px)
    shape = openvino.PartialShape([-1, len(described.bands), -1, -1])
    with warnings.catch_warnings():
        # OpenVINO's converter traces, which torch has begun to call old
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)
        return openvino.convert_model(network, example_input=example, input=shape)


def _plain(model: Model) -> _Plain:
    weights = model.checked(model.description.weights)
    network = load_network(model.architecture, len(model.description.bands), weights)
    head = head_of(network)
    head.export = True
    head.format = "openvino"
    return _Plain(network.fuse(verbose=False)).eval()
