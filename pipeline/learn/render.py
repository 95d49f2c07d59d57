"""Chips for training: real places turned, zoomed, veiled, with real hulls laid into them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.dataset import LabelledImage
from pipeline.learn.hulls import Affine, Boxes, Floats, filled, mapped, warp
from pipeline.learn.paste import CutOut, cut_outs, paste
from pipeline.learn.settings import Render

Layers = NDArray[np.float32]
"""(bands, side, side)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """What the model sees and what it should say."""

    data: NDArray[np.float32]
    """(bands, side, side) stretched; 0 where a band is missing."""
    boxes: Boxes
    """Hulls it should find."""
    ignored: NDArray[np.bool_]
    """(side, side) where it is neither rewarded nor punished."""


class Renderer:
    """Draws chips from labelled images; the same generator gives the same chips."""

    def __init__(self, images: Sequence[LabelledImage], settings: Render) -> None:
        self._images = list(images)
        self._settings = settings
        self._cuts = [cut for image in images for cut in cut_outs(image)]
        # a port with four times the hulls is drawn twice as often
        weights = np.sqrt([len(image.boxes) + 4.0 for image in images])
        self._weights = weights / weights.sum()
        self._blurred = [_pyramid(image) for image in images]

    def chip(self, rng: np.random.Generator) -> Chip:
        """One chip."""
        settings = self._settings
        index = int(rng.choice(len(self._images), p=self._weights))
        image = self._images[index]
        affine, scale = _view(image, rng, settings)
        side = (settings.chip_px, settings.chip_px)
        level = min(range(3), key=lambda k: abs(_LEVELS[k] - scale))
        source = self._blurred[index][level]
        data = np.stack([warp(layer, affine, side, smooth=True) for layer in source])
        seen = warp(np.ones(image.shape, np.float32), affine, side, smooth=False) > 0.99
        present = image.present[:, None, None]
        data = np.where(seen & present, np.maximum(data, image.fill), present * image.fill)
        data = data.astype(np.float32)
        water = warp(image.water.astype(np.float32), affine, side, smooth=False) > 0.8
        boxes = mapped(image.boxes, affine, scale, settings.margin_px)
        inside = _inside(boxes, settings.chip_px)
        boxes = boxes.take(inside > 0.0)
        whole = inside[inside > 0.0] > 0.6
        cuts = self._fitting(image)
        data, boxes = paste(data, boxes, water, cuts, rng, settings)
        whole = np.concatenate([whole, np.ones(len(boxes) - len(whole), bool)])
        whole &= _inside(boxes, settings.chip_px) > 0.6
        wanted = whole & (boxes.length_px >= settings.length_min_px)
        ignored = self._ignored(image, affine, boxes.take(~wanted), side)
        data, hidden = _weathered(data, image, rng, settings)
        clear = ~hidden[tuple(np.clip(boxes.xy_px[:, ::-1].astype(int).T, 0, side[0] - 1))]
        ignored |= hidden
        wanted &= clear
        kept = boxes.take(wanted)
        kept = Boxes(
            xy_px=kept.xy_px,
            length_px=kept.length_px,
            width_px=np.maximum(kept.width_px, settings.width_min_px),
            angle_rad=kept.angle_rad,
        )
        return Chip(data=data, boxes=kept, ignored=ignored)

    def _fitting(self, image: LabelledImage) -> list[CutOut]:
        return [cut for cut in self._cuts if (cut.present | ~image.present).all()]

    def _ignored(
        self, image: LabelledImage, affine: Affine, unwanted: Boxes, side: tuple[int, int]
    ) -> NDArray[np.bool_]:
        areas = [area @ affine[:, :2].T + affine[:, 2] for area in image.ignored]
        areas += list(_grown(unwanted, 1.0).corners_px())
        return filled(areas, side)


_LEVELS = (1.0, 0.75, 0.55)


def _pyramid(image: LabelledImage) -> list[NDArray[np.float32]]:
    """The image blurred as optics of a coarser pixel would, so that zooming out does not alias."""
    out = [image.data]
    for level in _LEVELS[1:]:
        sigma = 0.5 * math.sqrt(1.0 / level**2 - 1.0)
        out.append(np.stack([cv2.GaussianBlur(band, (0, 0), sigma) for band in image.data]))
    return out


def _view(image: LabelledImage, rng: np.random.Generator, settings: Render) -> tuple[Affine, float]:
    """A random similarity, mirrored or not, that brings some place to the chip's middle."""
    height, width = image.shape
    side = settings.chip_px
    if len(image.boxes) and rng.uniform() < settings.hull_share:
        centre = image.boxes.xy_px[int(rng.integers(len(image.boxes)))]
    else:
        centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        spots = image.shore if rng.uniform() < settings.shore_share else image.sea
        if len(spots):
            centre = spots[int(rng.integers(len(spots)))]
    centre = centre + rng.uniform(-0.4, 0.4, 2) * side
    scale = math.exp(rng.uniform(math.log(settings.scale[0]), math.log(settings.scale[1])))
    turn = rng.uniform(0.0, 2.0 * math.pi)
    matrix = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    if rng.uniform() < 0.5:
        matrix = matrix @ np.diag([-1.0, 1.0])
    shift = np.array([side / 2.0, side / 2.0]) - matrix @ centre
    return np.concatenate([matrix, shift[:, None]], axis=1), scale


def _inside(boxes: Boxes, side: int) -> Floats:
    """(n,) share of each box along its axis that lies in the chip; 0 where its centre does not."""
    if not len(boxes):
        return np.zeros(0)
    steps = np.linspace(-0.5, 0.5, 21)
    ahead = np.stack([np.cos(boxes.angle_rad), np.sin(boxes.angle_rad)], 1)
    points = boxes.xy_px[:, None] + (boxes.length_px[:, None] * steps)[..., None] * ahead[:, None]
    within = ((points > 0) & (points < side)).all(axis=2)
    return np.asarray(within.mean(axis=1))


def _grown(boxes: Boxes, by_px: float) -> Boxes:
    return Boxes(
        xy_px=boxes.xy_px,
        length_px=boxes.length_px + 2.0 * by_px,
        width_px=boxes.width_px + 2.0 * by_px,
        angle_rad=boxes.angle_rad,
    )


def _weathered(
    data: Layers, image: LabelledImage, rng: np.random.Generator, settings: Render
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The chip under other light, air and optics, perhaps without some of its bands.

    Returns:
        The chip, and (side, side) True where an invented cloud hides it.
    """
    bands = data.shape[0]
    if settings.blur_px and rng.uniform() < 0.3:
        sigma = rng.uniform(0.2, settings.blur_px)
        data = np.stack([cv2.GaussianBlur(band, (0, 0), sigma) for band in data])
    lit = _lit(data, rng, settings)
    hidden = np.zeros(data.shape[1:], bool)
    if rng.uniform() < settings.cloud_share:
        lit, hidden = _clouded(lit, rng)
    noisy = lit + rng.normal(0.0, rng.uniform(0.0, settings.noise), lit.shape)
    there = image.present & _kept_bands(bands, rng, settings)
    if not there.any():
        there = image.present
    out = np.where(there[:, None, None], np.maximum(noisy, image.fill), 0.0)
    return out.astype(np.float32), hidden


def _lit(data: Layers, rng: np.random.Generator, settings: Render) -> NDArray[np.float64]:
    """Other light and air: reflectance × gain + veil, as the stretch sees it."""
    bands = data.shape[0]
    gain = math.exp(rng.uniform(math.log(settings.gain[0]), math.log(settings.gain[1])))
    gains = gain * np.exp(rng.normal(0.0, settings.band_gain, bands))
    thickness = rng.uniform(-settings.haze / 4.0, settings.haze) * rng.choice([0.2, 1.0])
    veil = np.asarray(thickness * rng.uniform(0.5, 1.0, bands))
    squared = data.astype(np.float64) ** 2 * gains[:, None, None] + veil[:, None, None]
    return np.where(data > 0, np.sqrt(np.maximum(squared, 0.0)), 0.0)


def _kept_bands(bands: int, rng: np.random.Generator, settings: Render) -> NDArray[np.bool_]:
    if rng.uniform() >= settings.dropout:
        return np.ones(bands, bool)
    alone = settings.dropout_alone > 0.0 and rng.uniform() < settings.dropout_alone
    kept = np.zeros(bands, bool) if alone else rng.uniform(size=bands) < 0.6
    kept[bands - 1 if alone and rng.uniform() < 0.5 else int(rng.integers(bands))] = True
    return kept


def _clouded(
    data: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A cumulus field: smooth noise of several sizes above a level, white in all bands."""
    side = data.shape[1]
    field = np.zeros((side, side))
    for cells in (3, 6, 12, 24):
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        wide = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        field += np.asarray(wide, np.float64) / cells**0.7
    level = np.quantile(field, rng.uniform(0.5, 0.95))
    thick = np.clip((field - level) * rng.uniform(1.0, 4.0), 0.0, 1.0)
    return data * (1.0 - thick) + rng.uniform(0.6, 0.95) * thick, thick > 0.5
