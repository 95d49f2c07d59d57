"""OpenVINO on a CPU: bfloat16 where the processor multiplies it, else single precision."""

from __future__ import annotations

import importlib

import numpy as np
import openvino

from pipeline.detect.engines import Floats
from pipeline.errors import UsageError
from pipeline.model import Model, checked_file


class OpenVinoEngine:
    """A compiled network; shapes are compiled as they come and kept."""

    def __init__(self, network: openvino.Model, core: openvino.Core) -> None:
        self._is_half = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = "bf16" if self._is_half else "f32"
        # throughput would split the cores among requests; tiles come in batches, one at a time
        hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = core.compile_model(network, "CPU", hints)
        self._request = self._compiled.create_infer_request()

    @property
    def name(self) -> str:
        """Engine, device and precision."""
        return f"openvino CPU {'bf16' if self._is_half else 'fp32'}"

    def infer(self, batch: Floats) -> Floats:
        """As `engines.Engine.infer`."""
        answer = self._request.infer([np.ascontiguousarray(batch, np.float32)])
        return np.asarray(answer[self._compiled.output(0)], np.float32)


def devices() -> list[str]:
    """What OpenVINO can use here."""
    return list(openvino.Core().available_devices)


def open_engine(model: Model, device: str) -> OpenVinoEngine:
    """The model's intermediate representation, or its torch network converted.

    Raises:
        UsageError: damaged weights, or not a CPU.
    """
    if device != "cpu":
        raise UsageError("OpenVINO is used on the CPU only", found=device)
    core = openvino.Core()
    described = model.description
    if described.openvino is None or described.openvino_xml_sha256 is None:
        converter = importlib.import_module("pipeline.detect.torch_engine")  # torch, by need
        return OpenVinoEngine(converter.as_openvino(model), core)
    binary = model.checked(described.openvino)
    graph = checked_file(binary.with_suffix(".xml"), described.openvino_xml_sha256)
    try:
        return OpenVinoEngine(core.read_model(graph, binary), core)
    except RuntimeError as error:
        problem = " ".join(str(error).split())[:200]
        raise UsageError("OpenVINO cannot load the network", where=graph, found=problem) from None
