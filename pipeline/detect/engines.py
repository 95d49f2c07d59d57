"""What runs a network: one interface, chosen by what the machine has."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.model import Model

EngineName = Literal["auto", "openvino", "torch", "tensorrt"]
Floats = NDArray[np.float32]
_MODULES = {
    "openvino": "pipeline.detect.openvino_engine",
    "torch": "pipeline.detect.torch_engine",
    "tensorrt": "pipeline.detect.tensorrt_engine",
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

    CUDA where there is one, by TensorRT if it is installed, else by PyTorch in half precision;
    OpenVINO on a CPU.

    Args:
        model: whose weights.
        engine: `auto`, or one by name.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        UsageError: not installed, no such device, or damaged weights.
    """
    on_gpu = device.startswith("cuda") or (device == "auto" and _has_cuda())
    if engine == "auto":
        engine = "openvino"
        if on_gpu:
            engine = "tensorrt" if importlib.util.find_spec("tensorrt") else "torch"
    if engine not in _MODULES:
        raise UsageError("No such engine", expected="auto, openvino, torch, tensorrt", found=engine)
    if engine == "openvino" and device.startswith("cuda"):
        raise UsageError("OpenVINO does not run on CUDA", found=device, do="Take engine torch")
    # Imported by need: torch and ultralytics take seconds, and a CPU run needs neither.
    module = importlib.import_module(_MODULES[engine])
    chosen = device if device != "auto" else ("cuda" if on_gpu else "cpu")
    opened: Engine = module.open_engine(model, chosen)
    return opened


def _has_cuda() -> bool:
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
