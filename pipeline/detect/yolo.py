"""The trained detector: a network's oriented boxes become hulls, one a ship."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import special

from pipeline.detect.boxes import Floats, Found
from pipeline.detect.detector import Reading
from pipeline.detect.engines import Engine, open_engine
from pipeline.detect.extent import backscatter_extents_px
from pipeline.detect.hull import Hull, berthed_shares
from pipeline.detect.settings import Settings
from pipeline.detect.views import TURNS, fused, overlapping, turned, turned_back, weighed
from pipeline.model import Model, hull_lengths_m
from pipeline.records import Image, Sensor, Surface


class YoloDetector:
    """Finds hulls with a trained network; see the model's card for what it can and cannot do."""

    def __init__(self, model: Model, engine: Engine, settings: Settings) -> None:
        self._model = model
        self._engine = engine
        self._settings = settings

    @property
    def name(self) -> str:
        """Name and version."""
        return f"{self._model.description.name}/{self._model.description.version}"

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of the weights."""
        return self._model.sha256

    @property
    def engine_name(self) -> str:
        """What runs the network."""
        return self._engine.name

    @property
    def reading(self) -> Reading:
        """As measured on ports that the weights had not seen."""
        described = self._model.description
        errors = described.errors
        return Reading(
            score_min=described.score_min,
            score_min_berth=described.score_min,
            berth_odds=1.0,
            length_sigma_m=errors.length_sigma_m,
            length_sigma_share=errors.length_sigma_share,
            width_sigma_m=errors.width_sigma_m,
            position_sigma_m=errors.position_sigma_m,
            axis_sigma_deg=errors.axis_sigma_deg,
        )

    def find(self, image: Image, surface: Surface) -> list[Hull]:
        """Hulls of one image, sorted by row and col."""
        (answer,) = self.infer([self.prepare(image, surface)])
        return self.finish(answer, image, surface)

    def prepare(self, image: Image, surface: Surface) -> NDArray[np.float32]:
        """(bands, height, width) that the network is fed of one view."""
        return self._model.inputs(image, surface.sea)

    def infer(self, batch: Sequence[NDArray[np.float32]]) -> list[Found]:
        """Boxes in each of some stretched views of one shape, duplicates still among them."""
        sensor = self._model.description.sensor
        views = self._settings.views[sensor]
        fine = self._looked_at(batch, views)
        coarser = [
            self._coarser(batch, share, max(1, views // 2))
            for share in self._settings.coarser[sensor]
        ]
        pixel_m = self._model.description.pixel_m
        return [
            weighed(found, looks, self._settings, pixel_m=pixel_m)
            for found, *looks in zip(fine, *coarser, strict=True)
        ]

    def _coarser(
        self, batch: Sequence[NDArray[np.float32]], share: float, views: int
    ) -> list[Found]:
        """Boxes in views brought to a share of their resolution, in pixels of the views."""
        height, width = batch[0].shape[1:]
        shape = max(1, round(height * share)), max(1, round(width * share))
        small = [
            np.stack([cv2.resize(band, shape[::-1], interpolation=cv2.INTER_AREA) for band in one])
            for one in batch
        ]
        grown = np.array([width / shape[1], height / shape[0]])
        return [
            replace(
                found,
                xy_px=found.xy_px * grown,
                length_px=found.length_px * grown.mean(),
                width_px=found.width_px * grown.mean(),
            )
            for found in self._looked_at(small, views, join=True)
        ]

    def _looked_at(
        self, batch: Sequence[NDArray[np.float32]], views: int, *, join: bool = False
    ) -> list[Found]:
        """Boxes of so many turns of each view; `join`: one a ship even of one turn."""
        turns = TURNS[:views]
        told = [
            [
                turned_back(found, turn, inputs.shape[1:])
                for found, inputs in zip(
                    self._told([turned(inputs, turn) for inputs in batch]), batch, strict=True
                )
            ]
            for turn in turns
        ]
        if len(turns) == 1 and not join:
            return told[0]
        return [fused(of_one, self._settings) for of_one in zip(*told, strict=True)]

    def _told(self, batch: Sequence[NDArray[np.float32]]) -> list[Found]:
        bands, height, width = batch[0].shape
        stride = self._model.description.stride_px
        fill = self._model.description.stretch.fill
        padded = np.full(
            (len(batch), bands, height + -height % stride, width + -width % stride),
            fill,
            np.float32,
        )
        for view, inputs in zip(padded, batch, strict=True):
            view[:, :height, :width] = inputs
            view[~inputs.any(axis=(1, 2))] = 0.0  # a band that is not there has no rim either
        answers = self._engine.infer(padded)
        return [_decoded(answer, (height, width), self._settings) for answer in answers]

    def finish(self, answer: Found, image: Image, surface: Surface) -> list[Hull]:
        """Boxes of one view as measured hulls, one a ship."""
        calibration = self._model.description.calibration
        likely = answer.take(_calibrated(answer.score, calibration) >= self._settings.score_keep)
        hulls = self.hulls(without_duplicates(likely, self._settings), image)
        shares = berthed_shares(hulls, surface.sea)
        return [replace(h, afloat=float(share)) for h, share in zip(hulls, shares, strict=True)]

    def boxes(self, inputs: NDArray[np.float32]) -> Found:
        """Boxes in one (bands, height, width) stretched view, one a ship."""
        found = without_duplicates(self.infer([inputs])[0], self._settings)
        if self._model.description.sensor is not Sensor.S1:
            return found
        band = next((band for band in inputs if band.any()), inputs[0])
        return replace(found, extent_px=self._extents_px(found, band))

    def hulls(self, found: Found, image: Image) -> list[Hull]:
        """Boxes as measured hulls with calibrated scores, sorted by row and col."""
        described = self._model.description
        pixel_m = image.grid.pixel_m
        probability = _calibrated(found.score, described.calibration)
        extent = np.zeros(len(found))
        if described.extent_scale:
            band = next(one for name in described.bands if (one := image.band(name)) is not None)
            levels = described.stretch(band, valid=image.valid, water=image.valid)
            extent = self._extents_px(found, levels)
        length_m = hull_lengths_m(
            found.length_px * pixel_m, extent * pixel_m,
            described.length_scale, described.extent_scale,
        )  # fmt: skip
        length = np.maximum(0.5, length_m / pixel_m)
        width = np.minimum(_scaled(found.width_px, described.width_scale, pixel_m), length)
        sized = replace(found, length_px=length, width_px=width, score=probability)
        bright = np.nan_to_num(image.data.max(axis=0))
        corners = sized.corners_px()
        order = np.lexsort((sized.xy_px[:, 0], sized.xy_px[:, 1]))
        return [_hull(sized, int(index), corners[index], bright) for index in order]

    def _extents_px(self, found: Found, levels: NDArray[np.float32]) -> Floats:
        return backscatter_extents_px(found, self._model.description.stretch.power(levels))


def open_yolo(model: Model, settings: Settings) -> YoloDetector:
    """A detector of a model's folder on the engine that the settings or the machine choose.

    Raises:
        UsageError: damaged weights, no such engine or device.
    """
    engine = open_engine(model, engine=settings.engine, device=settings.device)
    return YoloDetector(model, engine, settings)


def _scaled(length_px: Floats, scale: tuple[float, float], pixel_m: float) -> Floats:
    return np.maximum(0.5, scale[0] / pixel_m + scale[1] * length_px)


def _calibrated(score: Floats, calibration: tuple[float, float]) -> Floats:
    logit = special.logit(np.clip(score, 1e-6, 1.0 - 1e-6))
    return np.asarray(special.expit(calibration[0] + calibration[1] * logit))


def _decoded(answer: NDArray[np.float32], shape: tuple[int, int], settings: Settings) -> Found:
    """Boxes above the floor and inside the view, likeliest first."""
    x, y, first, second, score, angle = answer[:, answer[4] >= settings.raw_score_min].astype(float)
    is_along = first >= second
    found = Found(
        xy_px=np.stack([x, y], axis=1),
        length_px=np.where(is_along, first, second),
        width_px=np.where(is_along, second, first),
        angle_rad=np.where(is_along, angle, angle + math.pi / 2.0),
        score=score,
    )
    inside = (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    found = found.take(inside & (found.width_px > 0))
    order = np.lexsort((found.xy_px[:, 0], found.xy_px[:, 1], -found.score))
    return found.take(order[: settings.boxes_max])


def without_duplicates(found: Found, settings: Settings) -> Found:
    """One box a ship: of boxes that overlap too much for two ships the likeliest stays.

    Args:
        found: likeliest first.
        settings: `box_iou`, `box_share`.
    """
    first = [group[0] for group in overlapping(found, settings)]
    return found.take(np.array(first, np.int64))


def _hull(found: Found, index: int, corners: Floats, bright: NDArray[np.float32]) -> Hull:
    contrast, peak, n_pixels = _signal(corners, bright)
    return Hull(
        row_px=float(found.xy_px[index, 1]),
        col_px=float(found.xy_px[index, 0]),
        length_px=float(found.length_px[index]),
        width_px=float(found.width_px[index]),
        # from +x clockwise as displayed to from up clockwise
        axis_grid_deg=float(np.degrees(found.angle_rad[index]) + 90.0) % 180.0,
        corners_px=tuple((float(y), float(x)) for x, y in corners),
        score=float(found.score[index]),
        contrast=contrast,
        peak=peak,
        n_pixels=n_pixels,
    )


def _signal(corners: Floats, bright: NDArray[np.float32]) -> tuple[float, float, int]:
    """Peak over the surroundings' median in their deviations, the peak, and pixels in the box."""
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 4, 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 4
    part = bright[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(part.shape, np.uint8)
    points = np.round((corners - low - 0.5) * 16.0).astype(np.int32)
    cv2.fillPoly(mask, [points], 1, shift=4)
    inside = mask.astype(bool)
    if not inside.any():
        return 0.0, 0.0, 0
    around = part[~inside]
    peak = float(part[inside].max())
    if around.size < 8:
        return 0.0, peak, int(inside.sum())
    middle = float(np.median(around))
    deviation = 1.4826 * float(np.median(np.abs(around - middle)))
    return (peak - middle) / max(deviation, 1e-4), peak, int(inside.sum())
