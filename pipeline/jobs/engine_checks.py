"""What would run the networks here, and are their weights those described?

Engines are loaded in a process of their own: one that crashes or hangs on this machine's driver
takes nothing with it.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from pipeline.config import Config
from pipeline.detect.engines import choice, has_cuda
from pipeline.errors import DarkcallError
from pipeline.jobs.run_record import engines_of
from pipeline.jobs.trained import CFAR, MODELS, model_folder
from pipeline.model import DESCRIPTION, Model, checked_file, read_model
from pipeline.upkeep.checkup import Check, fail, not_applicable, ok
from pipeline.upkeep.machine import gpus

LOAD_S = 10.0
"""For loading PyTorch from a cold disk."""


def gpu(config: Config) -> Check:
    """Is there a GPU, does the driver answer, and would detection take it?"""
    said, driver = gpus(), has_cuda()
    runs_on = ", ".join(f"{sensor} {on}" for sensor, on in engines_of(config).items())
    if said.problem is not None:
        return fail(f"nvidia-smi: {said.problem}", "Look at the driver (dmesg, nvidia-smi)")
    if not said.found and not driver:
        if config.detect.device.startswith("cuda"):
            return fail(f"none, but `detect.device` is {config.detect.device}", "Use device auto")
        return not_applicable(f"no NVIDIA GPU; detection runs on {runs_on}")
    names = ", ".join(f"{one.name} (driver {one.driver})" for one in said.found) or "unnamed"
    if not driver:
        return fail(f"{names}, but libcuda.so.1 does not start", "Install the driver's libraries")
    seen, problem = _loaded("pipeline.detect.torch_engine")
    if problem is not None or not seen:
        why = problem or "PyTorch sees none"
        return fail(f"{names}, but {why}", "Install the PyTorch that fits the driver")
    engine, device = choice(config.detect.engine, config.detect.device)
    return ok(f"{names}; PyTorch sees {seen}; detection takes {engine} {device}")


def openvino() -> Check:
    """Does OpenVINO load, and on what?"""
    seen, problem = _loaded("pipeline.detect.openvino_engine")
    if problem is not None:
        return fail(problem, "make install; a CPU without AVX2 cannot run it")
    return ok(f"{_version('openvino')} on {seen}")


def pytorch(config: Config) -> Check:
    """Is PyTorch there, where it is needed? It is loaded where there is a GPU, which see."""
    found = _version("torch")
    if found is not None:
        return ok(found)
    detect = config.detect
    engine, device = choice(detect.engine, detect.device)
    if engine == "torch" and any(name != CFAR for name in detect.models.values()):
        return fail(f"not installed, and detection would take it on {device}", "make install")
    return not_applicable("not installed; only training would need it here")


def tensorrt() -> Check:
    """No engine of this version, but people ask."""
    there = find_spec("tensorrt") is not None
    return not_applicable("installed, but not used" if there else "not installed, and not used")


def weights(config: Config) -> Check:
    """Are weights the bytes described: of what is configured, and of all in models/?"""
    named = {name for name in config.detect.models.values() if name != CFAR}
    shipped = {path.parent.name for path in MODELS.glob(f"*/{DESCRIPTION}")}
    wrong, count = [], 0
    for name in sorted(named | shipped):
        try:
            count += _check(read_model(model_folder(name)))
        except DarkcallError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        return fail("; ".join(wrong), "Restore models/ from the repository")
    return ok(f"{count} files of {len(named | shipped)} models have their SHA-256")


def _check(model: Model) -> int:
    """How many files were checked.

    Raises:
        UsageError: one is not the described bytes.
    """
    described = model.description
    files = [described.weights, *(fold.weights for fold in described.folds)]
    count = len([model.checked(one) for one in files])
    if described.openvino is not None:
        binary = model.checked(described.openvino)
        count += 1
        if described.openvino_xml_sha256 is not None:
            checked_file(binary.with_suffix(".xml"), described.openvino_xml_sha256)
            count += 1
    return count


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _loaded(module: str) -> tuple[str, str | None]:
    """What an engine's module says it can use, or why it does not."""
    script = f"from {module} import devices; print(', '.join(devices()))"
    try:
        ended = subprocess.run(  # noqa: S603  this interpreter, our own module
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=LOAD_S,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "", f"it does not load within {LOAD_S:.0f} s"
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        return "", f"it does not load: {last[:200]}"
    return ended.stdout.strip(), None
