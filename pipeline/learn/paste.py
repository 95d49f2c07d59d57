"""Real hulls cut out of one place and laid on other water, at quays and beside other hulls."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.dataset import LabelledImage
from pipeline.learn.hulls import Boxes, Floats, filled, joined, mapped, warp
from pipeline.learn.settings import Render

_RIM_PX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOut:
    """One hull with a rim of what lay around it; coordinates of the cut-out."""

    group: str
    data: NDArray[np.float32]
    """(bands, height, width) stretched."""
    present: NDArray[np.bool_]
    cover: NDArray[np.float32]
    """(height, width) share of each pixel that is hull."""
    sea: NDArray[np.float32]
    """(bands,) the water beside it."""
    contrast: float
    """Of its typical pixel over that water, brightest band, stretched."""
    box: Boxes
    """One box."""


def cut_outs(image: LabelledImage, *, aspect_min: float = 1.8) -> list[CutOut]:
    """Hulls of one image that can be laid elsewhere: slender, whole and inside it."""
    found = []
    for index, outline in enumerate(image.outlines):
        box = image.boxes.take(np.array([index]))
        if box.length_px[0] / box.width_px[0] < aspect_min or box.length_px[0] < 8.0:
            continue
        low = np.floor(outline.min(axis=0)).astype(int) - _RIM_PX
        high = np.ceil(outline.max(axis=0)).astype(int) + _RIM_PX
        if low.min() < 0 or high[0] > image.shape[1] or high[1] > image.shape[0]:
            continue
        part = image.data[:, low[1] : high[1], low[0] : high[0]].copy()
        inside = filled([outline - low], part.shape[1:])
        water = image.water[low[1] : high[1], low[0] : high[0]]
        if water.sum() < 8 or inside.sum() < 8:
            continue
        sea = np.median(part[:, water], axis=1).astype(np.float32)
        excess = (part - sea[:, None, None]).max(axis=0)
        contrast = float(np.percentile(excess[inside], 60))
        if contrast < 0.04:
            continue
        moved = Boxes(
            xy_px=box.xy_px - low,
            length_px=box.length_px,
            width_px=box.width_px,
            angle_rad=box.angle_rad,
        )
        found.append(
            CutOut(
                group=image.group,
                data=part,
                present=image.present,
                cover=_cover(excess / contrast, inside),
                sea=sea,
                contrast=contrast,
                box=moved,
            )
        )
    return found


def _cover(share: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much of each pixel is hull, from its excess over the water in hulls' typical excess."""
    near = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.6)
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    cover = np.where(core, 1.0, np.clip(share / 0.6, 0.0, 1.0)) * near
    return np.asarray(cover, np.float32)


def paste(
    chip: NDArray[np.float32],
    boxes: Boxes,
    water: NDArray[np.bool_],
    cuts: list[CutOut],
    rng: np.random.Generator,
    settings: Render,
) -> tuple[NDArray[np.float32], Boxes]:
    """Lay up to `paste_max` cut-outs on a chip's water.

    Args:
        chip: (bands, side, side) stretched; changed in place.
        boxes: hulls already there.
        water: (side, side) where a hull may lie.
        cuts: hulls to choose from; all have the chip's bands.
        rng: chance.
        settings: lengths and places.

    Returns:
        The chip, and the boxes with those of the pasted hulls.
    """
    free = water.copy()
    if not cuts or free.sum() < 60:
        return chip, boxes
    for _ in range(int(rng.integers(0, settings.paste_max + 1))):
        cut = cuts[int(rng.integers(len(cuts)))]
        placed = _place(cut, boxes, free, rng, settings)
        if placed is None:
            continue
        affine, scale = placed
        side = chip.shape[1:]
        blurred = _shrunk(cut, scale)
        cover = np.clip(warp(blurred.cover, affine, side, smooth=False), 0.0, 1.0)
        laid = cover > 0.3
        if laid.sum() < 6 or (laid & ~free).sum() > 0.12 * laid.sum():
            continue
        # a hull from a hazy place would vanish on clear water: it keeps its excess over the water
        gain = max(1.0, rng.uniform(*settings.paste_contrast) / cut.contrast)
        paint = gain * np.exp(rng.normal(0.0, settings.paste_paint, len(chip)))
        here = np.median(chip[:, water], axis=1)
        for band in np.flatnonzero(chip.any(axis=(1, 2))):
            layer = warp(blurred.data[band], affine, side, smooth=True)
            wanted = here[band] + paint[band] * (layer - cut.sea[band])
            chip[band] += cover * (wanted - chip[band])
        boxes = joined(boxes, mapped(cut.box, affine, scale, settings.margin_px))
        free &= cover < 0.3
    return chip, boxes


def _shrunk(cut: CutOut, scale: float) -> CutOut:
    """Blurred as the optics would blur the smaller hull, so that shrinking does not alias."""
    if scale >= 0.9:
        return cut
    sigma = 0.5 * math.sqrt(1.0 / scale**2 - 1.0)
    blur = [cv2.GaussianBlur(layer, (0, 0), sigma) for layer in cut.data]
    cover = np.asarray(cv2.GaussianBlur(cut.cover, (0, 0), sigma * 0.7), np.float32)
    return replace(cut, data=np.stack(blur), cover=cover)


def _place(
    cut: CutOut,
    boxes: Boxes,
    free: NDArray[np.bool_],
    rng: np.random.Generator,
    settings: Render,
) -> tuple[Floats, float] | None:
    """An affine map from the cut-out to the chip, and its scale."""
    native = float(cut.box.length_px[0])
    low, high = settings.paste_length_px
    low = max(low, settings.paste_scale[0] * native)
    high = min(high, settings.paste_scale[1] * native)
    if low >= high:
        return None
    length = math.exp(rng.uniform(math.log(low), math.log(high)))
    scale = length / native
    width = max(float(cut.box.width_px[0]) - settings.margin_px, 1.0) * scale + 0.7
    spot = rng.uniform()
    if spot < settings.raft_share and len(boxes):
        centre, angle = abreast(boxes, width, rng)
    elif spot < settings.raft_share + settings.quay_share:
        found = at_edge(free, width, rng)
        if found is None:
            return None
        centre, angle = found
    else:
        rows, cols = np.nonzero(free)
        pick = int(rng.integers(rows.size))
        centre = np.array([cols[pick] + rng.uniform(), rows[pick] + rng.uniform()])
        angle = rng.uniform(0.0, 2.0 * math.pi)
    turn = angle - float(cut.box.angle_rad[0]) + (math.pi if rng.uniform() < 0.5 else 0.0)
    rotation = scale * np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    shift = centre - rotation @ cut.box.xy_px[0]
    return np.concatenate([rotation, shift[:, None]], axis=1), scale


def abreast(boxes: Boxes, width_px: float, rng: np.random.Generator) -> tuple[Floats, float]:
    """Centre and axis of a hull beside one of the boxes, in line with it."""
    one = int(rng.integers(len(boxes)))
    angle = float(boxes.angle_rad[one])
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    gap = rng.uniform(-0.5, 1.5)
    off = side * (0.5 * (float(boxes.width_px[one]) - 1.0 + width_px) + gap)
    along = rng.normal(0.0, 0.15) * float(boxes.length_px[one])
    ahead = np.array([math.cos(angle), math.sin(angle)])
    abeam = np.array([-ahead[1], ahead[0]])
    return boxes.xy_px[one] + off * abeam + along * ahead, angle + rng.normal(0.0, 0.03)


def at_edge(
    free: NDArray[np.bool_], width_px: float, rng: np.random.Generator
) -> tuple[Floats, float] | None:
    """Centre and axis of a hull half a beam off the edge of the water, in line with it."""
    off = cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5)
    near = np.abs(off - (0.5 * width_px + rng.uniform(0.2, 1.2))) < 0.5
    rows, cols = np.nonzero(near)
    if not rows.size:
        return None
    pick = int(rng.integers(rows.size))
    row, col = int(rows[pick]), int(cols[pick])
    smooth = cv2.GaussianBlur(off, (0, 0), 2.0)
    down = float(np.gradient(smooth[:, col])[row])
    right = float(np.gradient(smooth[row])[col])
    if math.hypot(down, right) < 0.15:
        return None
    angle = math.atan2(down, right) + math.pi / 2.0 + rng.normal(0.0, 0.03)
    return np.array([col + rng.uniform(), row + rng.uniform()]), angle
