"""One view looked at several ways round: what a network says of a turned image should be the same.

Averaging what it says of the turned and mirrored views takes off the part that is chance
(test-time augmentation); a box that only one of eight views shows keeps an eighth of its score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import special

from pipeline.detect.boxes import Floats, Found
from pipeline.detect.settings import Settings

Turn = tuple[bool, int]
"""Mirrored left to right first, then quarter turns counter-clockwise as displayed."""
TURNS: tuple[Turn, ...] = (
    (False, 0), (False, 2), (True, 0), (True, 2), (False, 1), (False, 3), (True, 1), (True, 3),
)  # fmt: skip
"""In this order because radar, which sees from one side, bears the first four only."""


WEIGHTS = (0.5, 0.3, 0.2)
"""Of the logits of the full resolution and of two coarser looks, the finer first. From eleven ports
that the weights had not seen (three were left aside): F1 hardly changes from (0.6, 0.25, 0.15) to
(0.34, 0.33, 0.33), false alarms fall by a quarter to four tenths."""
UNSEEN = 0.02
"""Score of a look that shows no box: about the lowest that is kept."""


def turned(inputs: NDArray[np.float32], turn: Turn) -> NDArray[np.float32]:
    """A (bands, height, width) view the other way round."""
    mirrored, quarters = turn
    view = inputs[:, :, ::-1] if mirrored else inputs
    return np.ascontiguousarray(np.rot90(view, quarters, axes=(1, 2)))


def turned_back(found: Found, turn: Turn, shape: tuple[int, int]) -> Found:
    """Boxes of a turned view in the view itself.

    Args:
        found: in pixels of the turned view.
        turn: how it was turned.
        shape: (height, width) of the view before it was turned.
    """
    mirrored, quarters = turn
    x, y = found.xy_px.T
    angle = found.angle_rad
    for step in range(quarters):
        # before the turn: the width where steps left are even, else the height
        side = shape[1] if (quarters - 1 - step) % 2 == 0 else shape[0]
        x, y = side - y, x
        angle = angle + math.pi / 2.0
    if mirrored:
        x, angle = shape[1] - x, math.pi - angle
    return Found(
        xy_px=np.stack([x, y], axis=1),
        length_px=found.length_px,
        width_px=found.width_px,
        angle_rad=angle,
        score=found.score,
    )


def fused(told: Sequence[Found], settings: Settings) -> Found:
    """Boxes of several views of one place, each the mean of what the views say of it.

    Boxes join the likeliest they overlap, one a view, and are averaged by score (weighted boxes
    fusion, Solovyev et al. 2021); the score is the mean over all views, 0 where one says nothing.

    Args:
        told: boxes of each view, in the same pixels.
        settings: `box_iou`, `box_share`.
    """
    every = Found.joined(told)
    view = np.repeat(np.arange(len(told)), [len(one) for one in told])
    order = np.lexsort((every.xy_px[:, 0], every.xy_px[:, 1], -every.score))
    every, view = every.take(order), view[order]
    if not len(every):
        return every
    groups = [_one_a_view(near, view) for near in overlapping(every, settings)]
    weight = [every.score[group] for group in groups]
    rows = []
    for group, w in zip(groups, weight, strict=True):
        double = 2.0 * every.angle_rad[group]
        rows.append(
            (
                *np.average(every.xy_px[group], axis=0, weights=w),
                np.average(every.length_px[group], weights=w),
                np.average(every.width_px[group], weights=w),
                0.5 * math.atan2((w * np.sin(double)).sum(), (w * np.cos(double)).sum()),
                w.sum() / len(told),
            )
        )
    table = np.array(sorted(rows, key=lambda row: (-row[5], row[1], row[0])))
    return Found(
        xy_px=table[:, :2],
        length_px=table[:, 2],
        width_px=table[:, 3],
        angle_rad=table[:, 4],
        score=table[:, 5],
    )


def weighed(fine: Found, coarser: Sequence[Found], settings: Settings, *, pixel_m: float) -> Found:
    """Boxes at full resolution, weighed with what coarser looks at the same place say of each.

    A pier or a row of boats looks like a hull at one scale, a hull does at every scale; and a ship
    longer than the network was shown at full resolution fits into it at a coarser one. So the logit
    of the score is the mean of the looks' logits by `WEIGHTS`, a look without the box counting as
    `UNSEEN`; and long ships' lengths are taken from the coarser looks (`Settings.coarser_from_m`).
    Boxes that only a coarser look shows are not added.

    Args:
        fine: at full resolution, in pixels of the view.
        coarser: of each coarser look, the finest first, in the same pixels.
        settings: `box_iou`, `box_share`, `coarser_from_m`.
        pixel_m: side of the pixels.
    """
    if not coarser or not len(fine):
        return fine
    weights = np.array(WEIGHTS[: 1 + len(coarser)])
    logits = [special.logit(np.clip(fine.score, 1e-4, 1.0 - 1e-4))]
    lengths = [fine.length_px]
    for look in coarser:
        same = _best_overlapping(fine, look, settings)
        seen = same >= 0
        score, length = np.full(len(fine), UNSEEN), lengths[-1].copy()
        score[seen] = np.clip(look.score[same[seen]], UNSEEN, 1.0 - 1e-4)
        length[seen] = look.length_px[same[seen]]
        logits.append(special.logit(score))
        lengths.append(length)
    first_px, then_px = (metres / pixel_m for metres in settings.coarser_from_m)
    length = np.where(fine.length_px > first_px, (lengths[0] + lengths[1]) / 2.0, lengths[0])
    length = np.where(fine.length_px > then_px, np.mean(lengths[1:], axis=0), length)
    score = special.expit(np.tensordot(weights / weights.sum(), np.array(logits), axes=1))
    found = replace(fine, score=score, length_px=length)
    return found.take(np.lexsort((found.xy_px[:, 0], found.xy_px[:, 1], -found.score)))


def _best_overlapping(fine: Found, look: Found, settings: Settings) -> NDArray[np.int64]:
    """(n,) for each fine box the one of another look that overlaps it best as one ship, or -1."""
    best = np.full(len(fine), -1)
    if not len(look):
        return best
    mine, theirs = shapely.polygons(fine.corners_px()), shapely.polygons(look.corners_px())
    row, col = shapely.STRtree(theirs).query(mine)
    common = shapely.area(shapely.intersection(mine[row], theirs[col]))
    areas, others = shapely.area(mine)[row], shapely.area(theirs)[col]
    iou = common / (areas + others - common)
    same = _are_one(common, areas, others, settings)
    order = np.lexsort((-col, iou))  # the last that is written is the best, then the likeliest
    for k in order[same[order]]:
        best[row[k]] = col[k]
    return best


def _one_a_view(group: NDArray[np.int64], view: NDArray[np.int64]) -> NDArray[np.int64]:
    """The likeliest box of each view; the group is in the order of its scores."""
    _, first = np.unique(view[group], return_index=True)
    return group[np.sort(first)]


def overlapping(found: Found, settings: Settings) -> list[NDArray[np.int64]]:
    """Groups of boxes that are one ship: the likeliest, and what overlaps it too much for two.

    Ships moored abreast overlap little, as their boxes are as broad as the ships: two boxes are one
    ship from an intersection over union of `box_iou`, or where one holds `box_share` of the other.

    Args:
        found: likeliest first.
        settings: the two limits.

    Returns:
        Indices of each group, its likeliest first.
    """
    polygons = shapely.polygons(found.corners_px()) if len(found) else np.array([])
    areas = shapely.area(polygons)
    alive = np.ones(len(found), bool)
    groups = []
    for index in range(len(found)):
        if not alive[index]:
            continue
        alive[index] = False
        reach = (found.length_px[index] + found.length_px) / 2.0
        off = np.abs(found.xy_px - found.xy_px[index]).max(axis=1)
        near = np.flatnonzero(alive & (off < reach))
        common = shapely.area(shapely.intersection(polygons[index], polygons[near]))
        same = _are_one(common, areas[index], areas[near], settings)
        alive[near[same]] = False
        groups.append(np.concatenate([[index], near[same]]).astype(np.int64))
    return groups


def _are_one(
    common: Floats, areas: Floats, others: Floats, settings: Settings
) -> NDArray[np.bool_]:
    """Whether boxes of such areas that have so much in common are one ship."""
    enough = settings.box_share * np.minimum(areas, others)
    return (common >= settings.box_iou * (areas + others - common)) | (common >= enough)
