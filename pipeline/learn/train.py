"""Chips become weights: an ultralytics model and its loss under a plain training loop."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset
from ultralytics.nn.tasks import OBBModel
from ultralytics.optim import MuSGD
from ultralytics.utils.torch_utils import ModelEMA

from pipeline.errors import UsageError
from pipeline.learn.render import Chip
from pipeline.learn.settings import Recipe
from pipeline.network import has_bfloat16, new_network, pretrain, put_weights

Batch = dict[str, torch.Tensor]
CHECKPOINT = "checkpoint.pt"
PLATEAU = "plateau.pt"
"""As the checkpoint, before the rate falls: to train longer, put it in the checkpoint's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Where training stands."""

    chips: int
    loss: dict[str, float]
    rate: float


class ChipSource(Protocol):
    """Draws chips; the same generator gives the same chip."""

    def chip(self, rng: np.random.Generator) -> Chip:
        """One chip."""


class _Chips(IterableDataset[Batch]):
    """Batches of chips; the n-th is the same in every run with the same seed."""

    def __init__(self, source: ChipSource, recipe: Recipe, first: int) -> None:
        self._renderer = source
        self._recipe = recipe
        self._first = first

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(0)
        worker = torch.utils.data.get_worker_info()
        start, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        steps = math.ceil(self._recipe.chips / self._recipe.batch)
        for number in range(self._first + start, steps, step):
            rng = np.random.default_rng([self._recipe.seed, number])
            yield _batch([self._renderer.chip(rng) for _ in range(self._recipe.batch)])


def _loaded(chips: _Chips, workers: int) -> Iterable[Batch]:
    """Drawn ahead, in processes beside this one; in the same order however many they are."""
    return DataLoader(chips, batch_size=None, num_workers=workers, prefetch_factor=6)


def _batch(chips: Sequence[Chip]) -> Batch:
    """As the loss reads it: image number, and boxes in shares of the side, angle in radians."""
    side = chips[0].data.shape[1]
    tables = [
        np.concatenate(
            [
                np.full((len(chip.boxes), 1), number),
                chip.boxes.xy_px / side,
                chip.boxes.length_px[:, None] / side,
                chip.boxes.width_px[:, None] / side,
                chip.boxes.angle_rad[:, None],
            ],
            axis=1,
        )
        for number, chip in enumerate(chips)
    ]
    table = torch.from_numpy(np.concatenate(tables).astype(np.float32))
    return {
        "img": torch.from_numpy(np.stack([chip.data for chip in chips])),
        "batch_idx": table[:, 0],
        "cls": torch.zeros(len(table), 1),
        "bboxes": table[:, 1:],
        "ignored": torch.from_numpy(np.stack([chip.ignored for chip in chips])),
    }


class _Heedless(torch.nn.Module):
    """Binary cross-entropy that does not count where labels cannot be trusted."""

    def __init__(self) -> None:
        super().__init__()
        self.weight: torch.Tensor | None = None

    def forward(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        plain = torch.nn.functional.binary_cross_entropy_with_logits(
            scores, targets, reduction="none"
        )
        return plain if self.weight is None else plain * self.weight


def _counted(ignored: torch.Tensor, features: Sequence[torch.Tensor]) -> torch.Tensor:
    """(batch, anchors, 1) 0 at anchors whose cell is mostly ignored."""
    parts = []
    for feature in features:
        share = torch.nn.functional.adaptive_avg_pool2d(
            ignored[:, None].float(), (feature.shape[2], feature.shape[3])
        )
        parts.append((share < 0.5).float().flatten(2))
    return torch.cat(parts, dim=2).permute(0, 2, 1)


@dataclass(frozen=True, kw_only=True)
class _Learner:
    """A network, its moving average, what moves it, and the loss's memory of what to ignore."""

    network: OBBModel
    average: ModelEMA
    optimizer: torch.optim.Optimizer
    heedless: _Heedless

    @staticmethod
    def new(
        recipe: Recipe, architecture: Path, device: torch.device, begin: Path | None
    ) -> _Learner:
        torch.manual_seed(recipe.seed)
        network = new_network(architecture, len(recipe.inputs.bands))
        if recipe.pretrained is not None:
            pretrain(network, recipe.inputs.bands)
        if begin is not None:
            put_weights(network, begin)
        network = network.to(device).to(memory_format=torch.channels_last).train()
        heedless = _Heedless()
        criterion = network.init_criterion()
        criterion.bce = heedless
        network.criterion = criterion
        return _Learner(
            network=network,
            average=ModelEMA(network, decay=recipe.average, tau=200),
            optimizer=_optimizer(network, recipe),
            heedless=heedless,
        )

    def pace(self, rate: float) -> None:
        """How far the next step goes."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["times"]


def train(
    source: ChipSource,
    recipe: Recipe,
    *,
    architecture: Path,
    folder: Path,
    threads: int,
    report: Callable[[Advance], None],
    begin: Path | None = None,
) -> torch.nn.Module:
    """Train, going on from the folder's checkpoint where there is one.

    Args:
        source: draws what to learn from.
        recipe: how.
        architecture: YAML of the model.
        folder: for the checkpoint and the log (`log.jsonl`, one line a thousand chips).
        threads: CPU threads; where a GPU learns, as many processes draw chips for it.
        report: told every thousand chips.
        begin: weights of the same architecture to begin with, unless there is a checkpoint.

    Returns:
        The network with the moving average of its weights, in eval mode.

    Raises:
        UsageError: weights or a checkpoint that do not fit the architecture.
    """
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learner = _Learner.new(recipe, architecture, device, begin)
    done = _resume(folder / CHECKPOINT, learner)
    steps = math.ceil(recipe.chips / recipe.batch)
    every, saving = (max(1, n // recipe.batch) for n in (1000, recipe.checkpoint_chips))
    workers = 1 if device.type == "cpu" else threads
    sums: dict[str, float] = {}
    for step, batch in enumerate(_loaded(_Chips(source, recipe, done), workers), start=done):
        share = _share(step, steps, recipe)
        learner.pace(share * recipe.rate)
        for name, value in _step(learner, batch).items():
            sums[name] = sums.get(name, 0.0) + value / every
        if (step + 1) % every == 0:
            at = Advance(chips=(step + 1) * recipe.batch, loss=sums, rate=share * recipe.rate)
            _log(folder, at)
            report(at)
            sums = {}
        if step == math.floor((1.0 - recipe.fall) * steps):
            _save(folder / PLATEAU, learner, step + 1)
        if (step + 1) % saving == 0 or step + 1 == steps:
            _save(folder / CHECKPOINT, learner, step + 1)
    return learner.average.ema.eval()


def _step(learner: _Learner, batch: Batch) -> dict[str, float]:
    """One step down the loss; products in bfloat16 where that halves the time, sums in float32."""
    device = next(learner.network.parameters()).device
    batch = {name: value.to(device) for name, value in batch.items()}
    image = batch["img"].contiguous(memory_format=torch.channels_last)
    is_half = has_bfloat16(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_half):
        predicted = learner.network.forward(image)
    predicted = {
        name: value.float() if torch.is_tensor(value) else [one.float() for one in value]
        for name, value in predicted.items()
    }
    learner.heedless.weight = _counted(batch["ignored"], predicted["feats"])
    loss, parts = learner.network.loss(batch, predicted)
    loss.sum().backward()
    torch.nn.utils.clip_grad_norm_(learner.network.parameters(), 10.0)
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    learner.average.update(learner.network)
    return {name: float(value) for name, value in parts.items()}


def _optimizer(model: OBBModel, recipe: Recipe) -> torch.optim.Optimizer:
    """MuSGD, or AdamW, with weight decay on matrices alone; `times` scales a group's rate."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.decay, "times": 1.0},
        {"params": rest, "weight_decay": 0.0, "times": 1.0},
    ]
    if recipe.optimizer == "AdamW":
        return torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.999))
    # as ultralytics' own trainer does: the class branch of the head learns faster
    boosted = {id(p) for name, p in model.named_parameters() if ".cv3." in name}
    split = []
    for group in groups:
        for is_boosted in (True, False):
            chosen = [p for p in group["params"] if (id(p) in boosted) is is_boosted]
            is_matrix = group["weight_decay"] > 0
            own = {"params": chosen, "use_muon": is_matrix, "times": 3.0 if is_boosted else 1.0}
            split.append({**group, **own})
    return MuSGD(split, lr=recipe.rate, momentum=0.9, nesterov=True, muon=0.2, sgd=1.0)


def _share(step: int, steps: int, recipe: Recipe) -> float:
    """Of the peak rate: a linear rise, a plateau, a linear fall to a hundredth.

    A plateau can be gone on from: raise `chips`, and training resumes before the fall.
    """
    warm = recipe.warmup_chips / recipe.batch
    if step < warm:
        return (step + 1) / (warm + 1)
    left = (steps - step) / max(1.0, recipe.fall * steps)
    return max(0.01, min(1.0, left))


def _log(folder: Path, at: Advance) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"chips": at.chips, "rate": at.rate, **at.loss}) + "\n")


def _save(path: Path, learner: _Learner, steps: int) -> None:
    state = {
        "network": learner.network.state_dict(),
        "average": learner.average.ema.state_dict(),
        "updates": learner.average.updates,
        "optimizer": learner.optimizer.state_dict(),
        "steps": steps,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def _resume(path: Path, learner: _Learner) -> int:
    """Steps already taken; a checkpoint that does not fit is refused, not trained over."""
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        learner.network.load_state_dict(state["network"])
        learner.average.ema.load_state_dict(state["average"])
        learner.average.updates = int(state["updates"])
        learner.optimizer.load_state_dict(state["optimizer"])
        return int(state["steps"])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnpicklingError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UsageError(
            "Checkpoint cannot be gone on from",
            where=path,
            found=problem,
            do="Move it away to train from the beginning",
        ) from None
