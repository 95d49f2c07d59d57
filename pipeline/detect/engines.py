"""What runs a network: one interface, chosen by what the machine has."""

from __future__ import annotations

import ctypes
import importlib
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.model import Model

EngineName = Literal["auto", "openvino", "torch"]
Floats = NDArray[np.float32]
_MODULES = {
    "openvino": "pipeline.detect.openvino_engine",
    "torch": "pipeline.detect.torch_engine",
}


class Engine(Protocol):
    """Runs one network on one device."""

    @property
    def name(self) -> str:
        """Engine, device and precision, as `openvino CPU bf16`."""

    def infer(self, batch: Floats) -> Floats:
        """(n, 6, anchors) of (n, bands, height, width): x, y, length and width px, score, angle.

        Sides are multiples of the model's stride. The angle is in radians, from +x towards +y, of
        the first of the two sides; x and y are pixel-edge coordinates.
        """


def open_engine(model: Model, *, engine: EngineName = "auto", device: str = "auto") -> Engine:
    """The engine that suits the device, with the model's checked weights loaded.

    CUDA where there is one, by PyTorch in half precision; OpenVINO on a CPU.

    Args:
        model: whose weights.
        engine: `auto`, or one by name.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        UsageError: not installed, no such device, or damaged weights.
    """
    engine, chosen = choice(engine, device)
    if engine not in _MODULES:
        raise UsageError("No such engine", expected="auto, openvino, torch", found=engine)
    if engine == "openvino" and device.startswith("cuda"):
        raise UsageError("OpenVINO does not run on CUDA", found=device, do="Take engine torch")
    # Imported by need: torch and ultralytics take seconds, and a CPU run needs neither.
    module = importlib.import_module(_MODULES[engine])
    opened: Engine = module.open_engine(model, chosen)
    return opened


def choice(engine: EngineName, device: str) -> tuple[EngineName, str]:
    """Engine and device that these settings come to on this machine."""
    auto = device == "auto" and engine != "openvino" and has_cuda()
    on_gpu = device.startswith("cuda") or auto
    taken: EngineName = ("torch" if on_gpu else "openvino") if engine == "auto" else engine
    return taken, device if device != "auto" else ("cuda" if on_gpu else "cpu")


def has_cuda() -> bool:
    """Asked of the driver, not of torch, whose import takes seconds."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int(0)
        return (
            driver.cuInit(0) == 0
            and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
            and (count.value > 0)
        )
    except OSError:
        return False
