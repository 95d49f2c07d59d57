"""One view looked at several ways round: what a network says of a turned image should be the same.

Averaging what it says of the turned and mirrored views takes off the part that is chance
(test-time augmentation); a box that only one of eight views shows keeps an eighth of its score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.detect.boxes import Found
from pipeline.detect.settings import Settings

Turn = tuple[bool, int]
"""Mirrored left to right first, then quarter turns counter-clockwise as displayed."""
TURNS: tuple[Turn, ...] = (
    (False, 0), (False, 2), (True, 0), (True, 2), (False, 1), (False, 3), (True, 1), (True, 3),
)  # fmt: skip
"""In this order because radar, which sees from one side, bears the first four only."""


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
        union = areas[index] + areas[near] - common
        smaller = np.minimum(areas[index], areas[near])
        same = (common >= settings.box_iou * union) | (common >= settings.box_share * smaller)
        alive[near[same]] = False
        groups.append(np.concatenate([[index], near[same]]).astype(np.int64))
    return groups
