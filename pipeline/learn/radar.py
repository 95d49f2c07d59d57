"""Radar chips for training: real ships on speckled sea and real coasts, in linear power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.dataset import LabelledImage
from pipeline.learn.hulls import Boxes, Floats, boxes_of, filled, joined, mapped, warp
from pipeline.learn.paste import abreast, at_edge
from pipeline.learn.radar_settings import RadarRender
from pipeline.learn.render import Chip
from pipeline.model import Stretch

Power = NDArray[np.float32]
"""(2, height, width) sigma nought, linear: VV, VH; VH is NaN where there is none."""
VV, VH = 0, 1
SINGLE_PX = 200
"""Images up to this side show one labelled ship: they are cut-outs; larger ones are places."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadarShip:
    """One ship with the sea around it."""

    power: Power
    cover: NDArray[np.float32]
    """(height, width) share of each pixel that is ship or its side lobes."""
    box: Boxes


class RadarRenderer:
    """Composes chips; the same generator gives the same chips."""

    def __init__(
        self, images: Sequence[LabelledImage], settings: RadarRender, stretch: Stretch
    ) -> None:
        self._settings = settings
        self._stretch = stretch
        small = [image for image in images if max(image.shape) <= SINGLE_PX]
        self._ships = [
            ship for image in small if len(image.boxes) and (ship := _ship(image, stretch))
        ]
        self._places = [image for image in images if image not in small]

    def chip(self, rng: np.random.Generator) -> Chip:
        """One chip."""
        settings = self._settings
        side = settings.chip_px
        on_coast = bool(self._places) and rng.uniform() < settings.coast_share
        if on_coast:
            power, boxes, water, ignored = self._coast(rng)
        else:
            power = _sea(side, rng, settings)
            boxes, water = _none(), np.ones((side, side), bool)
            ignored = np.zeros((side, side), bool)
        if rng.uniform() < settings.ghost_share and self._ships:
            self._lay(power, _none(), water, rng, ghost=True)
        _points(power, water, rng, settings)
        for _ in range(int(rng.integers(0, settings.ships_max + 1))):
            boxes = self._lay(power, boxes, water, rng)
        power *= 10.0 ** (rng.normal(0.0, settings.calibration_db) / 10.0)
        if rng.uniform() < settings.dropout:
            power[VH] = np.nan
        inside = _centred(boxes, side)
        unwanted = boxes.take(~inside | (boxes.length_px < 5.0))
        ignored |= filled(list(unwanted.corners_px()), (side, side))
        kept = boxes.take(inside & (boxes.length_px >= 5.0))
        return Chip(data=self._stretched(power), boxes=_widened(kept), ignored=ignored)

    def _stretched(self, power: Power) -> NDArray[np.float32]:
        seen = np.ones(power.shape[1:], bool)
        layers = [
            np.zeros(power.shape[1:], np.float32)
            if np.isnan(band).all()
            else self._stretch(band, valid=seen, water=seen)
            for band in power
        ]
        return np.stack(layers)

    def _coast(
        self, rng: np.random.Generator
    ) -> tuple[Power, Boxes, NDArray[np.bool_], NDArray[np.bool_]]:
        """A view of a real scene, its brightness brought to a sea's as Sentinel-1 sees one."""
        settings = self._settings
        side = settings.chip_px
        image = self._places[int(rng.integers(len(self._places)))]
        turn = math.radians(float(rng.choice([0.0, 180.0])) + rng.uniform(-15.0, 15.0))
        mirror = -1.0 if rng.uniform() < 0.5 else 1.0
        matrix = np.array(
            [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        ) @ np.diag([mirror, 1.0])
        middle = np.array([rng.uniform(0, image.shape[1]), rng.uniform(0, image.shape[0])])
        affine = np.concatenate([matrix, (side / 2.0 - matrix @ middle)[:, None]], axis=1)
        amplitude = np.sqrt(_power(image.data[VV], self._stretch))
        height, width = image.shape
        padded = cv2.copyMakeBorder(amplitude, side, side, side, side, cv2.BORDER_REFLECT_101)
        shifted = affine.copy()
        shifted[:, 2] -= affine[:, :2] @ np.array([side, side], float)
        view = (
            np.maximum(
                warp(np.asarray(padded, np.float32), shifted, (side, side), smooth=False), 1e-4
            )
            ** 2
        )
        seen = warp(np.ones((height, width), np.float32), affine, (side, side), smooth=False) > 0.99
        water = warp(image.water.astype(np.float32), affine, (side, side), smooth=False) > 0.7
        sea = (
            float(np.median(view[water & seen])) if (water & seen).any() else float(np.median(view))
        )
        level = 10.0 ** (rng.uniform(*settings.sea_vv_db) / 10.0)
        vv = view * level / max(sea, 1e-6)
        cross = 10.0 ** (rng.uniform(*settings.cross_db) / 10.0)
        speckle = rng.gamma(settings.looks * 2, 1.0 / (settings.looks * 2), view.shape)
        noise = 10.0 ** (rng.uniform(*settings.noise_db) / 10.0)
        power = np.stack([vv + noise, vv * cross * speckle + noise]).astype(np.float32)
        boxes = mapped(image.boxes, affine, 1.0, 1.0)
        areas = [area @ affine[:, :2].T + affine[:, 2] for area in image.ignored]
        ignored = filled(areas, (side, side)) | ~seen
        return power, boxes, water & seen, ignored

    def _lay(
        self,
        power: Power,
        boxes: Boxes,
        water: NDArray[np.bool_],
        rng: np.random.Generator,
        *,
        ghost: bool = False,
    ) -> Boxes:
        """Lay one ship onto free water; in place. A ghost is 18 to 28 dB fainter and no ship."""
        settings = self._settings
        ship = self._ships[int(rng.integers(len(self._ships)))]
        placed = _place(ship, boxes, water, rng, settings)
        if placed is None:
            return boxes
        affine, scale = placed
        side = power.shape[1:]
        cover = np.clip(warp(ship.cover, affine, side, smooth=False), 0.0, 1.0)
        laid = cover > 0.4
        if laid.sum() < 4 or (laid & ~water).sum() > 0.15 * laid.sum():
            return boxes
        gain = 10.0 ** (rng.uniform(-settings.gain_db, settings.gain_db) / 10.0)
        if ghost:
            gain *= 10.0 ** (-rng.uniform(18.0, 28.0) / 10.0)
        for band in (VV, VH):
            source = ship.power[band]
            if np.isnan(source).all():
                source = ship.power[VV] * np.float32(10.0 ** (-rng.uniform(5.0, 11.0) / 10.0))
            hull = warp(np.sqrt(source), affine, side, smooth=False) ** 2 * gain
            if ghost:
                power[band] += cover * hull
            else:
                power[band] += cover * np.maximum(hull - power[band], -0.5 * power[band])
        if ghost:
            return boxes
        water &= cover < 0.3
        return joined(boxes, mapped(ship.box, affine, scale, 1.0))


def _power(stretched: NDArray[np.float32], stretch: Stretch) -> NDArray[np.float32]:
    """Linear power of what the decibel stretch made."""
    decibel = stretched * (stretch.high_db - stretch.low_db) + stretch.low_db
    return np.asarray(10.0 ** (decibel / 10.0), np.float32)


def _ship(image: LabelledImage, stretch: Stretch) -> RadarShip | None:
    """The labelled ship of a small image, its side lobes included."""
    power = np.stack(
        [
            _power(layer, stretch) if there else np.full(layer.shape, np.nan, np.float32)
            for layer, there in zip(image.data, image.present, strict=True)
        ]
    )
    if not image.present[VV]:
        return None
    box = image.boxes.take(np.array([0]))
    inside = filled([_grown(box, 3.0)], image.shape)
    rim = power[VV][~inside]
    sea = float(np.median(rim)) if rim.size > 30 else float(np.percentile(power[VV], 20))
    bright = power[VV] > 4.0 * sea
    core = filled([_grown(box, 0.5)], image.shape)
    near = cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    lobes = bright & filled([_grown(box, 9.0)], image.shape)
    cover = cv2.GaussianBlur((core | (near & bright) | lobes).astype(np.float32), (0, 0), 0.8)
    if (bright & core).sum() < 3:
        return None
    return RadarShip(power=power, cover=np.asarray(cover, np.float32), box=box)


def _grown(box: Boxes, by_px: float) -> Floats:
    larger = Boxes(
        xy_px=box.xy_px,
        length_px=box.length_px + 2.0 * by_px,
        width_px=box.width_px + 2.0 * by_px,
        angle_rad=box.angle_rad,
    )
    return np.asarray(larger.corners_px()[0])


def _sea(side: int, rng: np.random.Generator, settings: RadarRender) -> Power:
    """Open sea: smooth texture times speckle, over the noise floor."""
    level = 10.0 ** (rng.uniform(*settings.sea_vv_db) / 10.0)
    cross = 10.0 ** (rng.uniform(*settings.cross_db) / 10.0)
    noise = 10.0 ** (rng.uniform(*settings.noise_db) / 10.0)
    coarse = rng.normal(size=(side // 10 + 2, side // 10 + 2)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    texture = np.exp(rng.uniform(0.0, settings.texture) * np.asarray(field, np.float64))
    layers = []
    for mean in (level * texture + noise, level * cross * texture + noise):
        fine = rng.gamma(settings.looks / 1.6, 1.6 / settings.looks, (side, side))
        # the product's pixels are half its resolution: neighbours share their speckle
        smooth = cv2.GaussianBlur(fine, (0, 0), 0.5)
        layers.append(mean * np.asarray(smooth))
    return np.stack(layers).astype(np.float32)


def _points(
    power: Power, water: NDArray[np.bool_], rng: np.random.Generator, settings: RadarRender
) -> None:
    """Buoys and turbines: bright, a pixel or two, sometimes with a cross of side lobes."""
    rows, cols = np.nonzero(water)
    for _ in range(int(rng.integers(0, settings.points_max + 1)) if rows.size else 0):
        pick = int(rng.integers(rows.size))
        spot = np.zeros(water.shape, np.float32)
        spot[rows[pick], cols[pick]] = 1.0
        shape = cv2.GaussianBlur(spot, (0, 0), rng.uniform(0.5, 0.8))
        if rng.uniform() < 0.4:
            reach = 2 * int(rng.integers(2, 6)) + 1
            shape = shape + 0.02 * cv2.blur(spot, (reach, 1)) * reach
            shape = shape + 0.02 * cv2.blur(spot, (1, reach)) * reach
        peak = 10.0 ** (rng.uniform(-5.0, 12.0) / 10.0)
        power[VV] += peak * shape
        power[VH] += peak * shape * np.float32(10.0 ** (-rng.uniform(5.0, 11.0) / 10.0))


def _place(
    ship: RadarShip,
    boxes: Boxes,
    water: NDArray[np.bool_],
    rng: np.random.Generator,
    settings: RadarRender,
) -> tuple[Floats, float] | None:
    """An affine map from the ship's image to the chip, and its scale."""
    scale = math.exp(rng.uniform(math.log(settings.scale[0]), math.log(settings.scale[1])))
    own = float(ship.box.angle_rad[0])
    turn = math.radians(float(rng.choice([0.0, 180.0])))
    turn += math.radians(rng.uniform(-settings.turn_deg, settings.turn_deg))
    if rng.uniform() < settings.free_turn_share:
        turn = rng.uniform(0.0, 2.0 * math.pi)
    width = float(ship.box.width_px[0]) * scale
    rows, cols = np.nonzero(water)
    if rows.size < 50:
        return None
    pick = int(rng.integers(rows.size))
    centre = np.array([cols[pick] + rng.uniform(), rows[pick] + rng.uniform()])
    spot = rng.uniform()
    if spot < settings.raft_share and len(boxes):
        centre, angle = abreast(boxes, width, rng)
        turn = angle - own
    elif spot < settings.raft_share + settings.shore_share and not water.all():
        found = at_edge(water, width, rng)
        if found is not None:
            centre, angle = found
            turn = angle - own
    rotation = scale * np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    shift = centre - rotation @ ship.box.xy_px[0]
    return np.concatenate([rotation, shift[:, None]], axis=1), scale


def _none() -> Boxes:
    return boxes_of(np.zeros((0, 4, 2)))


def _centred(boxes: Boxes, side: int) -> NDArray[np.bool_]:
    return np.asarray(((boxes.xy_px > 1.0) & (boxes.xy_px < side - 1.0)).all(axis=1))


def _widened(boxes: Boxes) -> Boxes:
    return Boxes(
        xy_px=boxes.xy_px,
        length_px=boxes.length_px,
        width_px=np.maximum(boxes.width_px, 2.0),
        angle_rad=boxes.angle_rad,
    )
