"""Trained weights become a described model: calibration, errors and files, from unseen groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openvino
import yaml
from numpy.typing import NDArray

import pipeline.detect.settings
from pipeline.detect.torch_engine import as_openvino
from pipeline.detect.yolo import open_yolo
from pipeline.errors import UsageError
from pipeline.jobs.judge import Answers, joined, judged
from pipeline.jobs.progress import Progress
from pipeline.learn.dataset import LabelledImage
from pipeline.learn.fit import (
    best_threshold,
    calibrated,
    growing_spread,
    line,
    plane,
    platt,
    spread,
)
from pipeline.learn.hulls import SHIP_RATIO
from pipeline.learn.settings import Recipe
from pipeline.model import (
    DESCRIPTION,
    Description,
    Errors,
    Fold,
    Model,
    WeightsFile,
    hull_lengths_m,
)
from pipeline.network import load_network, save_network
from pipeline.whole_files import replace_text, sha256_of

FULL_WEIGHTS = "weights.safetensors"
LONG_M = 150.0
LEAST_SHIPS = 10
"""Errors measured on fewer say nothing."""
Floats = NDArray[np.float64]
Held = tuple[tuple[str, ...], Path]


def describe(
    name: str,
    recipe: Recipe,
    images: Sequence[LabelledImage],
    *,
    folds: Sequence[Held],
    full: Path,
    folder: Path,
    progress: Progress,
) -> Path:
    """Write the weights and the description of a model, its figures from groups not seen.

    Args:
        name: of the model.
        recipe: it was trained by.
        images: the data set.
        folds: for each fold the groups it did not see, and its weights.
        full: weights trained on all images.
        folder: of the model.
        progress: told of each fold.

    Raises:
        UsageError: no folds: nothing is known of a model that saw everything.
    """
    if not folds:
        raise UsageError(
            "A model without folds cannot be described", do="Name `folds` in the recipe"
        )
    draft = _draft(name, recipe, folder, full)
    kept = [(held_out, _stored_fold(draft, number, weights))
            for number, (held_out, weights) in enumerate(folds, 1)]  # fmt: skip
    answers = []
    with progress.stage("answers", len(kept)) as report:
        for held_out, weights in kept:
            unseen = [image for image in images if image.group in held_out]
            answers.append(_answers(draft, weights, unseen))
            report.done(weights.file, {"answers": len(answers[-1].score)})
    described = _fitted(draft, kept, answers)
    return _written(Model(folder=folder, description=described))


def _draft(name: str, recipe: Recipe, folder: Path, full: Path) -> Model:
    """A description without figures, its full weights already in place."""
    network = load_network(folder / recipe.architecture, len(recipe.inputs.bands), full)
    save_network(network, folder / FULL_WEIGHTS)
    old = folder / DESCRIPTION
    version = 1
    if old.exists():
        version = int(yaml.safe_load(old.read_text(encoding="utf-8"))["version"]) + 1
    description = Description(
        **recipe.inputs.model_dump(),
        name=name,
        version=version,
        stride_px=recipe.stride_px,
        reach_px=recipe.reach_px,
        architecture=recipe.architecture,
        weights=_file(folder, FULL_WEIGHTS),
        score_min=0.5,
        calibration=(0.0, 1.0),
        errors=Errors(
            length_sigma_m=1.0, length_sigma_share=0.0, width_sigma_m=1.0,
            position_sigma_m=1.0, axis_sigma_deg=1.0,
        ),
    )  # fmt: skip
    return Model(folder=folder, description=description)


def _file(folder: Path, name: str) -> WeightsFile:
    return WeightsFile(file=name, sha256=sha256_of(folder / name))


def _stored_fold(draft: Model, number: int, weights: Path) -> WeightsFile:
    (draft.folder / "folds").mkdir(exist_ok=True)
    name = f"folds/{number}.safetensors"
    network = load_network(draft.architecture, len(draft.description.bands), weights)
    save_network(network, draft.folder / name)
    return _file(draft.folder, name)


def _answers(draft: Model, weights: WeightsFile, images: Sequence[LabelledImage]) -> Answers:
    """What a fold says of the images it did not see."""
    model = Model(
        folder=draft.folder, description=draft.description.model_copy(update={"weights": weights})
    )
    detector = open_yolo(model, pipeline.detect.settings.Settings())
    pixel_m = draft.description.pixel_m
    return joined([judged(image, detector.boxes(image.data), pixel_m) for image in images])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How raw answers are to be read, learned from answers."""

    calibration: tuple[float, float]
    score_min: float
    length_scale: tuple[float, float]
    extent_scale: float
    width_scale: tuple[float, float]

    @staticmethod
    def of(answers: Answers) -> _Reading:
        calibration = _rounded(platt(answers.score, answers.is_ship))
        probability = calibrated(answers.score, calibration)
        threshold = best_threshold(probability, answers.is_ship, answers.n_missed)
        sure = answers.is_ship & (probability >= threshold)
        if sure.sum() < LEAST_SHIPS:
            raise UsageError(
                "Too few ships were found to measure errors on",
                expected=f"{LEAST_SHIPS} or more",
                found=int(sure.sum()),
                do="Train longer",
            )
        true = answers.true_length_m[sure]
        length_scale, extent_scale = _lengths(answers.length_m[sure], answers.extent_m[sure], true)
        return _Reading(
            calibration=calibration,
            score_min=round(threshold, 4),
            length_scale=length_scale,
            extent_scale=extent_scale,
            width_scale=_rounded(line(answers.width_m[sure], true / SHIP_RATIO)),
        )

    def read(self, answers: Answers) -> Answers:
        """The ships it is sure of, as measured."""
        sure = answers.is_ship
        sure = sure & (calibrated(answers.score, self.calibration) >= self.score_min)
        width = self.width_scale
        length = hull_lengths_m(
            answers.length_m, answers.extent_m, self.length_scale, self.extent_scale
        )
        return Answers(
            score=answers.score[sure],
            is_ship=answers.is_ship[sure],
            length_m=length[sure],
            extent_m=answers.extent_m[sure],
            width_m=width[0] + width[1] * answers.width_m[sure],
            true_length_m=answers.true_length_m[sure],
            offset_m=answers.offset_m[sure],
            axis_error_deg=answers.axis_error_deg[sure],
            n_missed=answers.n_missed,
        )


def _lengths(box_m: Floats, extent_m: Floats, true_m: Floats) -> tuple[tuple[float, float], float]:
    """`length_scale` and `extent_scale`."""
    if not extent_m.any():
        return _rounded(line(box_m, true_m)), 0.0
    offset, slope, extent = plane(np.column_stack([box_m, extent_m]), true_m)
    return _rounded((offset, slope)), round(extent, 4)


def _fitted(
    draft: Model, kept: Sequence[tuple[tuple[str, ...], WeightsFile]], answers: Sequence[Answers]
) -> Description:
    """Each fold is read by what the other folds showed, the full weights by all.

    Errors are those of the folds so read: what is to be expected in a place nobody saw.
    """
    folds, measured = [], []
    for number, (held_out, weights) in enumerate(kept):
        others = [one for index, one in enumerate(answers) if index != number] or list(answers)
        reading = _Reading.of(joined(others))
        folds.append(Fold(weights=weights, held_out=held_out, **asdict(reading)))
        measured.append(reading.read(answers[number]))
    return draft.description.model_copy(
        update={
            "folds": tuple(folds),
            **asdict(_Reading.of(joined(answers))),
            "errors": _errors(joined(measured)),
        }
    )


def _errors(sure: Answers) -> Errors:
    """Of measured ships."""
    constant, share = growing_spread(sure.length_m - sure.true_length_m, sure.length_m)
    long = sure.true_length_m >= LONG_M
    return Errors(
        length_sigma_m=round(constant, 2),
        length_sigma_share=round(share, 4),
        width_sigma_m=round(spread(sure.width_m - sure.true_length_m / SHIP_RATIO), 2),
        position_sigma_m=round(spread(sure.offset_m.ravel()), 2),
        axis_sigma_deg=round(spread(sure.axis_error_deg[long]), 2),
    )


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)


def _written(model: Model) -> Path:
    """OpenVINO's form of the full weights, then the description, by one rename."""
    graph = model.folder / "openvino.xml"
    openvino.save_model(as_openvino(model), graph, compress_to_fp16=True)
    description = model.description.model_copy(
        update={
            "openvino": _file(model.folder, "openvino.bin"),
            "openvino_xml_sha256": sha256_of(graph),
        }
    )
    document = description.model_dump(mode="json")
    text = yaml.safe_dump(document, sort_keys=False, width=100)
    replace_text(model.folder / DESCRIPTION, text)
    return model.folder / DESCRIPTION
