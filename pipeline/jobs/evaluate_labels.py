"""A model's folds on a data set, each on the groups it never saw: no land mask, no pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pipeline.detect.settings
from pipeline.detect.yolo import open_yolo
from pipeline.errors import UsageError
from pipeline.jobs.judge import Answers, joined, judged
from pipeline.jobs.progress import Progress
from pipeline.learn.fit import calibrated
from pipeline.learn.store import read_dataset
from pipeline.model import Description, hull_lengths_m, read_model

EDGES = np.linspace(0.0, 1.0, 11)
"""Of the reliability's bins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """Figures over all folds; lengths and axes of the ships that were found."""

    ships: int
    found: int
    false_alarms: int
    images: int
    length_mae_m: float | None
    length_bias_m: float | None
    axis_within_10deg: float | None
    position_rms_m: float | None
    reliability: tuple[tuple[float, float, int], ...]
    """(mean probability said, share that were ships, answers) in bins of the probability."""

    def as_json(self) -> dict[str, Any]:
        """Headline figures by name."""
        said = self.found + self.false_alarms
        return {
            "ships": self.ships,
            "recall": self.found / self.ships if self.ships else None,
            "precision": self.found / said if said else None,
            "f1": 2 * self.found / (said + self.ships) if said + self.ships else None,
            "false_alarms_per_image": self.false_alarms / self.images,
            "length_mae_m": self.length_mae_m,
            "length_bias_m": self.length_bias_m,
            "axis_within_10deg": self.axis_within_10deg,
            "position_rms_m": self.position_rms_m,
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure, then the reliability."""
        lines = [(name, _text(value)) for name, value in self.as_json().items()]
        return lines + [
            (f"said {said:.2f}", f"{share:.2f} of {count} were ships")
            for said, share, count in self.reliability
        ]


def evaluate_labels(model_folder: Path, data: Path, progress: Progress) -> LabelScore:
    """Score each fold on the groups it never saw.

    Raises:
        UsageError: a model without folds.
        BadInput: the data set cannot be read.
    """
    model = read_model(model_folder)
    described = model.description
    if not described.folds:
        raise UsageError("Model has no folds to score", where=model.folder)
    images = read_dataset(data, bands=described.bands, fill=described.stretch.fill)
    parts: list[tuple[Answers, Description]] = []
    seen = 0
    with progress.stage("score", len(described.folds)) as report:
        for number, fold in enumerate(described.folds):
            own = model.fold(number)
            detector = open_yolo(own, pipeline.detect.settings.Settings())
            unseen = [image for image in images if image.group in fold.held_out]
            told = [judged(one, detector.boxes(one.data), described.pixel_m) for one in unseen]
            seen += len(unseen)
            parts.append((joined(told), own.description))
            report.done(f"fold {number + 1}", {"images": len(unseen)})
    return _score(parts, seen)


def _score(parts: list[tuple[Answers, Description]], images: int) -> LabelScore:
    probability = np.concatenate([calibrated(a.score, d.calibration) for a, d in parts])
    said = np.concatenate([calibrated(a.score, d.calibration) >= d.score_min for a, d in parts])
    length = np.concatenate(
        [hull_lengths_m(a.length_m, a.extent_m, d.length_scale, d.extent_scale) for a, d in parts]
    )
    every = joined([answers for answers, _ in parts])
    hit = said & every.is_ship
    error = (length - every.true_length_m)[hit]
    offset = every.offset_m[hit]
    bins = np.clip(np.digitize(probability, EDGES) - 1, 0, len(EDGES) - 2)
    parted = [np.flatnonzero(bins == number) for number in range(len(EDGES) - 1)]
    return LabelScore(
        ships=int(every.is_ship.sum()) + every.n_missed,
        found=int(hit.sum()),
        false_alarms=int((said & ~every.is_ship).sum()),
        images=images,
        length_mae_m=_mean(np.abs(error)),
        length_bias_m=_mean(error),
        axis_within_10deg=_mean(every.axis_error_deg[hit] <= 10.0),
        position_rms_m=None if not len(offset) else float(np.sqrt((offset**2).sum(1).mean())),
        reliability=tuple(
            (float(probability[part].mean()), float(every.is_ship[part].mean()), len(part))
            for part in parted
            if len(part)
        ),
    )


def _mean(values: np.ndarray[Any, Any]) -> float | None:
    return float(np.mean(values)) if values.size else None


def _text(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
