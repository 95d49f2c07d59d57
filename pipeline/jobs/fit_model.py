"""Trained weights become a described model: calibration, errors and files, from unseen groups."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openvino
import yaml
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import pipeline.detect.settings
from pipeline.detect.boxes import Found
from pipeline.detect.torch_engine import as_openvino
from pipeline.detect.yolo import open_yolo
from pipeline.errors import UsageError
from pipeline.jobs.progress import Progress
from pipeline.learn.dataset import LabelledImage
from pipeline.learn.fit import (
    best_threshold,
    calibrated,
    growing_spread,
    line,
    platt,
    spread,
)
from pipeline.learn.hulls import Boxes, filled
from pipeline.learn.settings import Recipe
from pipeline.model import (
    DESCRIPTION,
    Description,
    Errors,
    Fold,
    Model,
    WeightsFile,
    sha256_of,
)
from pipeline.network import load_network, save_network

FULL_WEIGHTS = "weights.safetensors"
SHORTEST_M = 60.0
"""Labels below are not exhaustive: answers on them are not counted."""
LONG_M = 150.0
LEAST_SHIPS = 10
"""Errors measured on fewer say nothing."""
RADIUS_M, LENGTH_SHARE = 30.0, 0.5
"""A pair's centres lie within the larger of the two, as in scoring."""
SHIP_RATIO = 6.3
"""Length over beam of seagoing ships: median of the AIS statics of OpenSARShip's 286 ships."""
Floats = NDArray[np.float64]
Held = tuple[tuple[str, ...], Path]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What weights said of images they had not seen, and what it turned out to be; (n,) arrays."""

    score: Floats
    is_ship: NDArray[np.bool_]
    length_m: Floats
    width_m: Floats
    true_length_m: Floats
    """Of the label that was hit, NaN elsewhere."""
    offset_m: Floats
    """(n, 2) of the centre from the label's."""
    axis_error_deg: Floats
    n_missed: int


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


def judged(image: LabelledImage, found: Found, pixel_m: float) -> Answers:
    """Answers on the water of one image, those that nobody can judge left out.

    An answer that hits a label counts even where an ignored area (a side lobe, a neighbour) lies
    over it.

    Args:
        image: with its labels.
        found: boxes in its pixels.
        pixel_m: their side.
    """
    areas = filled(list(image.ignored), image.shape)
    afloat = filled([_grown(corners) for corners in image.boxes.corners_px()], image.shape)
    wet = _near(image.water | afloat, 2)
    row = np.clip(found.xy_px[:, 1].astype(int), 0, image.shape[0] - 1)
    col = np.clip(found.xy_px[:, 0].astype(int), 0, image.shape[1] - 1)
    ignored = areas[row, col]
    found, ignored = found.take(wet[row, col]), ignored[wet[row, col]]
    pairs = _pairs(image.boxes, found, pixel_m)
    count = len(found)
    known_m = _lengths_m(image, pixel_m)
    true, axis = np.full(count, np.nan), np.full(count, np.nan)
    offset = np.full((count, 2), np.nan)
    counted = ~ignored
    for label, answer in pairs:
        if image.boxes.length_px[label] * pixel_m < SHORTEST_M:
            counted[answer] = False
            continue
        counted[answer] = True
        true[answer] = known_m[label]
        offset[answer] = (found.xy_px[answer] - image.boxes.xy_px[label]) * pixel_m
        turn = np.degrees(found.angle_rad[answer] - image.boxes.angle_rad[label])
        axis[answer] = abs((turn + 90.0) % 180.0 - 90.0)
    hit = np.isfinite(true)
    counted &= hit | (found.length_px * pixel_m >= SHORTEST_M)
    trusted = image.boxes.length_px * pixel_m >= SHORTEST_M
    return Answers(
        score=found.score[counted],
        is_ship=hit[counted],
        length_m=found.length_px[counted] * pixel_m,
        width_m=found.width_px[counted] * pixel_m,
        true_length_m=true[counted],
        offset_m=offset[counted],
        axis_error_deg=axis[counted],
        n_missed=int(trusted.sum()) - int(hit.sum()),
    )


def _lengths_m(image: LabelledImage, pixel_m: float) -> Floats:
    """(n,) AIS length where it is known, else the drawn box's."""
    drawn = image.boxes.length_px * pixel_m
    if not image.lengths_m.size:
        return drawn
    return np.where(np.isfinite(image.lengths_m), image.lengths_m, drawn)


def _grown(corners: Floats) -> Floats:
    centre = corners.mean(axis=0)
    return np.asarray(centre + 1.2 * (corners - centre))


def _near(mask: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    padded = np.pad(mask, by_px)
    height, width = mask.shape
    steps = range(2 * by_px + 1)
    shifted = [padded[r : r + height, c : c + width] for r in steps for c in steps]
    return np.asarray(np.logical_or.reduce(shifted))


def _pairs(labels: Boxes, found: Found, pixel_m: float) -> list[tuple[int, int]]:
    """One-to-one pairs of labels and answers, as many and as near as possible."""
    if not len(labels) or not len(found):
        return []
    gate = np.maximum(RADIUS_M / pixel_m, LENGTH_SHARE * labels.length_px)[:, None]
    off = np.hypot(*(labels.xy_px[:, None] - found.xy_px[None]).transpose(2, 0, 1)) / gate
    # a likelier answer is preferred to a nearer one: the rest are its duplicates
    cost = np.where(off <= 1.0, off - 2.0 * found.score, 1e4)
    return [(i, j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if off[i, j] <= 1.0]


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers of several images or folds as one."""
    arrays = ("score", "is_ship", "length_m", "width_m", "true_length_m", "axis_error_deg")
    return Answers(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
        offset_m=np.concatenate([part.offset_m for part in parts]),
        n_missed=sum(part.n_missed for part in parts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How raw answers are to be read, learned from answers."""

    calibration: tuple[float, float]
    score_min: float
    length_scale: tuple[float, float]
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
        return _Reading(
            calibration=calibration,
            score_min=round(threshold, 4),
            length_scale=_rounded(line(answers.length_m[sure], true)),
            width_scale=_rounded(line(answers.width_m[sure], true / SHIP_RATIO)),
        )

    def read(self, answers: Answers) -> Answers:
        """The ships it is sure of, as measured."""
        sure = answers.is_ship
        sure = sure & (calibrated(answers.score, self.calibration) >= self.score_min)
        length, width = self.length_scale, self.width_scale
        return Answers(
            score=answers.score[sure],
            is_ship=answers.is_ship[sure],
            length_m=length[0] + length[1] * answers.length_m[sure],
            width_m=width[0] + width[1] * answers.width_m[sure],
            true_length_m=answers.true_length_m[sure],
            offset_m=answers.offset_m[sure],
            axis_error_deg=answers.axis_error_deg[sure],
            n_missed=answers.n_missed,
        )


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
    part = model.folder / f"{DESCRIPTION}.part"
    document = description.model_dump(mode="json")
    part.write_text(yaml.safe_dump(document, sort_keys=False, width=100), encoding="utf-8")
    shutil.move(part, model.folder / DESCRIPTION)
    return model.folder / DESCRIPTION
