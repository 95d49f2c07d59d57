"""What a model says of labelled images, held against their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pipeline.detect.boxes import Found
from pipeline.learn.dataset import LabelledImage
from pipeline.learn.hulls import Boxes, filled

SHORTEST_M = 60.0
"""Labels below are not exhaustive: answers on them are not counted."""
RADIUS_M, LENGTH_SHARE = 30.0, 0.5
"""A pair's centres lie within the larger of the two, as in scoring."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What weights said of images they had not seen, and what it turned out to be; (n,) arrays."""

    score: Floats
    is_ship: NDArray[np.bool_]
    length_m: Floats
    """Of the box."""
    extent_m: Floats
    """Of the backscatter along the box; 0 where it is not measured."""
    width_m: Floats
    true_length_m: Floats
    """Of the label that was hit, NaN elsewhere."""
    offset_m: Floats
    """(n, 2) of the centre from the label's."""
    axis_error_deg: Floats
    n_missed: int


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
    extent = np.zeros(count) if found.extent_px is None else found.extent_px
    trusted = image.boxes.length_px * pixel_m >= SHORTEST_M
    return Answers(
        score=found.score[counted],
        is_ship=hit[counted],
        length_m=found.length_px[counted] * pixel_m,
        extent_m=extent[counted] * pixel_m,
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
    arrays = ("score", "is_ship", "length_m", "extent_m", "width_m", "true_length_m",
              "axis_error_deg")  # fmt: skip
    return Answers(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
        offset_m=np.concatenate([part.offset_m for part in parts]),
        n_missed=sum(part.n_missed for part in parts),
    )
