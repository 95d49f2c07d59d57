"""A detector without weights: clutter statistics, components, shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.detect import clutter
from pipeline.detect.clutter import Contrast
from pipeline.detect.detector import Reading
from pipeline.detect.hull import Hull
from pipeline.detect.measure import Measured, measure, parted
from pipeline.detect.parts import choose, describe, parts
from pipeline.detect.score import calibrated, likeness
from pipeline.detect.settings import Settings
from pipeline.records import (
    Image,
    Sensor,
    Surface,
)

VERSION = "1"


class CfarDetector:
    """Constant false-alarm rate on the sea, then hulls by shape; see `models/cfar/card.md`."""

    def __init__(self, sensor: Sensor, settings: Settings) -> None:
        self._sensor = sensor
        self._settings = settings

    @property
    def name(self) -> str:
        """Name and version."""
        return f"cfar-{self._sensor.value.lower()}/{VERSION}"

    @property
    def model_sha256(self) -> str | None:
        """None: there are no weights; the few coefficients are settings."""
        return None

    @property
    def reading(self) -> Reading:
        """As measured on labelled ports (Sentinel-2) and AIS-matched chips (Sentinel-1)."""
        settings, sensor = self._settings, self._sensor
        return Reading(
            score_min=settings.score_min,
            score_min_berth=settings.score_min_berth[sensor],
            berth_odds=settings.berth_odds[sensor],
            length_sigma_m=settings.length_sigma_m[sensor],
            length_sigma_share=settings.length_sigma_share,
            width_sigma_m=settings.width_sigma_m[sensor],
            position_sigma_m=settings.position_sigma_m[sensor],
            axis_sigma_deg=settings.axis_sigma_deg[sensor],
        )

    def find(self, image: Image, surface: Surface) -> list[Hull]:
        """Hulls of one image, sorted by row and col; empty where too little sea is in view."""
        settings = self._settings
        look = clutter.optical if self._sensor is Sensor.S2 else clutter.radar
        contrast = look(image, surface, settings)
        if contrast is None:
            return []
        pixel_m = image.grid.pixel_m
        step = settings.level_step[self._sensor]
        found = parts(contrast, pixel_m=pixel_m, step=step, settings=settings)
        scores = likeness(found, pixel_m, settings)
        flat = np.zeros(contrast.ratio.size, np.int32)
        chosen = choose(found, scores, settings)
        for number, index in enumerate(chosen, start=1):
            flat[found.pixels[index]] = number
        labels: NDArray[np.int32] = np.reshape(flat, contrast.sea.shape)
        hulls = []
        for number, index in enumerate(chosen, start=1):
            rows, cols = np.divmod(found.pixels[index], labels.shape[1])
            window = self._window(rows, cols, labels.shape)
            hulls += self._hulls(labels, number, contrast, window, pixel_m)
        return sorted(hulls, key=lambda hull: (hull.row_px, hull.col_px))

    def _window(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], shape: tuple[int, ...]
    ) -> tuple[slice, slice]:
        margin = self._settings.measure_margin_px
        return (
            slice(max(0, int(rows.min()) - margin), min(shape[0], int(rows.max()) + margin + 1)),
            slice(max(0, int(cols.min()) - margin), min(shape[1], int(cols.max()) + margin + 1)),
        )

    def _hulls(
        self,
        labels: NDArray[np.int32],
        number: int,
        contrast: Contrast,
        window: tuple[slice, slice],
        pixel_m: float,
    ) -> list[Hull]:
        """One chosen component as a hull, or as two where two are in touch."""
        near = contrast.window(*window)
        own = labels[window] == number
        others = (labels[window] > 0) & ~own
        settings = self._settings
        whole = self._measured(own, near, others)
        alone = self._hull(own, near, whole, window, pixel_m)
        split = parted(own, near, whole=whole, pixel_m=pixel_m, settings=settings)
        if split is None:
            return [alone]
        pair = []
        for side in (1, 2):
            half = split == side
            measured = self._measured(half, near, others | (own & ~half))
            if measured.length_px * pixel_m < settings.part_length_min_m or (
                measured.width_px * pixel_m < settings.part_width_min_m
            ):
                return [alone]
            pair.append(self._hull(half, near, measured, window, pixel_m))
        return pair if min(hull.score for hull in pair) >= alone.score else [alone]

    def _measured(
        self, own: NDArray[np.bool_], near: Contrast, others: NDArray[np.bool_]
    ) -> Measured:
        return measure(own, near, others=others, sensor=self._sensor, settings=self._settings)

    def _hull(
        self,
        own: NDArray[np.bool_],
        near: Contrast,
        measured: Measured,
        window: tuple[slice, slice],
        pixel_m: float,
    ) -> Hull:
        row, col = window[0].start, window[1].start
        alone = describe(own.astype(np.int32), near)
        likely = likeness(alone, pixel_m, self._settings)
        score = calibrated(likely, self._sensor, self._settings)
        return Hull(
            row_px=measured.row_px + row,
            col_px=measured.col_px + col,
            length_px=measured.length_px,
            width_px=measured.width_px,
            axis_grid_deg=measured.axis_grid_deg,
            corners_px=tuple((r + row, c + col) for r, c in measured.corners_px),
            score=float(score[0]),
            contrast=float(near.deviations[own].max()),
            peak=float(near.signal[own].max()),
            n_pixels=int(own.sum()),
        )
