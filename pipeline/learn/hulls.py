"""Labelled hulls of one image, and what happens to them under an affine map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Affine = NDArray[np.float64]
"""(2, 3); maps (x, y, 1) in pixel-edge coordinates of one image to (x, y) of another."""
SHIP_RATIO = 6.3
"""Length over beam of seagoing ships: median of the AIS statics of OpenSARShip's 286 ships."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Oriented boxes, pixel-edge coordinates of one image (x = col, y = row)."""

    xy_px: Floats
    """(n, 2) centres."""
    length_px: Floats
    """(n,)"""
    width_px: Floats
    """(n,)"""
    angle_rad: Floats
    """(n,) of the long side, from +x towards +y (clockwise as displayed), [-π/4, 3π/4)."""

    def __len__(self) -> int:
        return len(self.length_px)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> Boxes:
        """The boxes that an index or a mask picks."""
        return Boxes(
            xy_px=self.xy_px[index],
            length_px=self.length_px[index],
            width_px=self.width_px[index],
            angle_rad=self.angle_rad[index],
        )

    def corners_px(self) -> Floats:
        """(n, 4, 2) corners, going round."""
        ahead = np.stack([np.cos(self.angle_rad), np.sin(self.angle_rad)], 1)
        abeam = np.stack([-ahead[:, 1], ahead[:, 0]], 1)
        along = ahead * self.length_px[:, None] / 2.0
        side = abeam * self.width_px[:, None] / 2.0
        xy = self.xy_px
        return np.stack(
            [xy + along + side, xy + along - side, xy - along - side, xy - along + side], 1
        )


def boxes_of(corners_px: Floats) -> Boxes:
    """Boxes from (n, 4, 2) corners; the longer side is the length."""
    corners = np.asarray(corners_px, np.float64).reshape(-1, 4, 2)
    one = corners[:, 1] - corners[:, 0]
    other = corners[:, 2] - corners[:, 1]
    sides = np.stack([np.hypot(*one.T), np.hypot(*other.T)], 1)
    along = np.where((sides[:, 0] >= sides[:, 1])[:, None], one, other)
    return Boxes(
        xy_px=corners.mean(axis=1),
        length_px=sides.max(axis=1),
        width_px=sides.min(axis=1),
        angle_rad=wrapped(np.arctan2(along[:, 1], along[:, 0])),
    )


def joined(one: Boxes, other: Boxes) -> Boxes:
    """The boxes of both."""
    return Boxes(
        xy_px=np.concatenate([one.xy_px, other.xy_px]),
        length_px=np.concatenate([one.length_px, other.length_px]),
        width_px=np.concatenate([one.width_px, other.width_px]),
        angle_rad=np.concatenate([one.angle_rad, other.angle_rad]),
    )


def wrapped(angle_rad: Floats) -> Floats:
    """An axis angle brought to [-π/4, 3π/4), the range of the detector's head."""
    return np.mod(angle_rad + math.pi / 4.0, math.pi) - math.pi / 4.0


def mapped(boxes: Boxes, affine: Affine, scale: float, margin_px: float) -> Boxes:
    """The boxes after a similarity of the given scale.

    Hulls are drawn with a margin that does not shrink with the hull, as it comes of the pixels:
    length' = scale × (length − margin) + margin.
    """
    turned = affine[:, :2] @ np.stack([np.cos(boxes.angle_rad), np.sin(boxes.angle_rad)])
    return Boxes(
        xy_px=boxes.xy_px @ affine[:, :2].T + affine[:, 2],
        length_px=scale * (boxes.length_px - margin_px) + margin_px,
        width_px=scale * np.maximum(boxes.width_px - margin_px, 1.0) + margin_px,
        angle_rad=wrapped(np.arctan2(turned[1], turned[0])),
    )


def warp(
    layer: NDArray[np.float32], affine: Affine, shape: tuple[int, int], *, smooth: bool
) -> NDArray[np.float32]:
    """One layer under a map given in pixel-edge coordinates; outside is 0."""
    centred = affine.copy()  # cv2 counts from pixel centres
    centred[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    flags = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    out = cv2.warpAffine(layer, centred, (shape[1], shape[0]), flags=flags)
    return np.asarray(out, np.float32)


def filled(polygons: list[Floats], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) True inside polygons of (n, 2) x, y in pixel-edge coordinates."""
    canvas = np.zeros(shape, np.uint8)
    for polygon in polygons:
        points = np.round((polygon - 0.5) * 16.0).astype(np.int32)
        cv2.fillPoly(canvas, [points], 1, shift=4)
    return canvas.astype(bool)
