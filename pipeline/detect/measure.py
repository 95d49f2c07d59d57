"""Centre, axis, length and width of a hull from its pixels, to a fraction of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.detect.clutter import Contrast
from pipeline.detect.settings import Settings
from pipeline.records import Sensor

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_VARIANCE_OF_PIXEL = 1.0 / 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A hull's oriented box, pixel-edge coordinates of its window."""

    row_px: float
    col_px: float
    length_px: float
    width_px: float
    axis_grid_deg: float
    """Clockwise from grid north, [0, 180)."""

    @property
    def corners_px(self) -> tuple[tuple[float, float], ...]:
        """Four (row, col), going round."""
        angle = math.radians(self.axis_grid_deg)
        ahead = (-math.cos(angle) * self.length_px / 2.0, math.sin(angle) * self.length_px / 2.0)
        abeam = (math.sin(angle) * self.width_px / 2.0, math.cos(angle) * self.width_px / 2.0)
        return tuple(
            (
                self.row_px + along * ahead[0] + side * abeam[0],
                self.col_px + along * ahead[1] + side * abeam[1],
            )
            for along, side in ((1, -1), (1, 1), (-1, 1), (-1, -1))
        )


def measure(
    component: Mask, contrast: Contrast, *, others: Mask, sensor: Sensor, settings: Settings
) -> Measured:
    """The oriented box of one component.

    Each pixel counts by how much of it is hull: its excess over the sea against the component's
    own typical excess, clipped at one so that a bright superstructure does not pull the centre.
    Second moments of that coverage, less those of the optics and of the pixel, are a rectangle's:
    length = √(12 λ).

    Args:
        component: (height, width) pixels of the hull in a window.
        contrast: of the same window.
        others: pixels of other hulls, which are not counted.
        sensor: whose optics blur the hull.
        settings: optics and what counts as all hull.
    """
    cover = _coverage(component, contrast, others, settings.full_excess_share[sensor])
    moments = cv2.moments(cover.astype(np.float32))
    area = moments["m00"]
    row, col = moments["m01"] / area, moments["m10"] / area
    blur = settings.psf_sigma_px[sensor] ** 2 + _VARIANCE_OF_PIXEL
    down, right, cross = (moments[name] / area for name in ("mu02", "mu20", "mu11"))
    spread, middle = math.hypot((right - down) / 2.0, cross), (right + down) / 2.0
    angle = 0.5 * math.atan2(2.0 * cross, right - down)
    length = math.sqrt(12.0 * max(middle + spread - blur, _VARIANCE_OF_PIXEL))
    across = math.sqrt(12.0 * max(middle - spread - blur, _VARIANCE_OF_PIXEL))
    return Measured(
        row_px=row + 0.5,
        col_px=col + 0.5,
        length_px=max(length, across),
        width_px=min(length, across),
        axis_grid_deg=(math.degrees(angle) + 90.0) % 180.0,
    )


def _coverage(component: Mask, contrast: Contrast, others: Mask, full_share: float) -> Floats:
    """(height, width) share of each pixel that is hull, [0, 1]."""
    typical = float(np.median(contrast.ratio[component])) * full_share
    grown = cv2.dilate(component.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
    counted = component | (grown & contrast.sea & ~others)
    share = np.clip(contrast.ratio / max(typical, 1e-6), 0.0, 1.0)
    share[component] = np.maximum(share[component], 0.05)
    return np.where(counted, share, 0.0).astype(np.float64)


def parted(
    component: Mask, contrast: Contrast, *, whole: Measured, pixel_m: float, settings: Settings
) -> NDArray[np.int32] | None:
    """Labels 1 and 2 of two hulls in touch, side by side or end to end.

    Side by side: a valley runs along a broad component; without one, a component too broad for its
    length is cut in the middle. End to end: a gap crosses a component too long
    for its width.

    Args:
        component: (height, width) pixels in a window.
        contrast: of the same window.
        whole: the component measured as one hull.
        pixel_m: pixel side.
        settings: `raft_*` and `chain_*`.

    Returns:
        (height, width) labels, or None where it is one hull.
    """
    rows, cols = np.nonzero(component)
    angle = math.radians(whole.axis_grid_deg)
    north, east = whole.row_px - (rows + 0.5), cols + 0.5 - whole.col_px
    ahead = north * math.cos(angle) + east * math.sin(angle)
    abeam = east * math.cos(angle) - north * math.sin(angle)
    values = contrast.ratio[component]
    aspect = whole.length_px / whole.width_px
    cut = None
    if whole.width_px * pixel_m >= settings.raft_width_min_m:
        central = np.abs(ahead) < 0.35 * whole.length_px
        place = abeam
        cut = _cut(
            abeam[central],
            values[central],
            share=settings.raft_valley,
            is_certain=aspect < settings.raft_aspect_max,
        )
    elif aspect > settings.chain_aspect_min:
        place = ahead
        cut = _cut(ahead, values, share=settings.chain_valley, is_certain=False)
    if cut is None:
        return None
    labels = np.zeros(component.shape, np.int32)
    labels[rows, cols] = np.where(place < cut, 1, 2)
    return labels


def _cut(
    place_px: Floats, values: NDArray[np.float32], *, share: float, is_certain: bool
) -> float | None:
    """Where two hulls part: at a valley, else, where there must be two, at the middle."""
    if not place_px.size:
        return None
    profile, first = _profile(place_px, values)
    valley = _valley(profile, share)
    if valley is not None:
        return first + valley
    return float((place_px.min() + place_px.max()) / 2.0) if is_certain else None


def _profile(place_px: Floats, values: NDArray[np.float32]) -> tuple[Floats, float]:
    """Mean value at each whole step, each pixel shared by linear weights, and the first step."""
    first = math.floor(float(place_px.min()))
    at = place_px - first
    low = np.floor(at).astype(np.int64)
    high_share = at - low
    size = int(low.max()) + 2
    weight = np.bincount(low, 1.0 - high_share, size) + np.bincount(low + 1, high_share, size)
    total = np.bincount(low, (1.0 - high_share) * values, size)
    total += np.bincount(low + 1, high_share * values, size)
    return np.where(weight > 0.5, total / np.maximum(weight, 1e-9), 0.0), float(first)


def _valley(profile: Floats, share: float) -> int | None:
    """The step deepest below the lower of the crests on its sides, where deep enough."""
    best, cut = share, None
    for index in range(1, len(profile) - 1):
        crest = min(profile[:index].max(), profile[index + 1 :].max())
        if crest > 0 and profile[index] / crest < best:
            best, cut = profile[index] / crest, index
    return cut
