"""How far a ship's backscatter reaches along her box: radar's second opinion on her length.

A network's box takes in side lobes and smear, as much as the scenes it was trained on had of them,
and that differs from scene to scene. Where most of the backscatter lies is disturbed by that less,
and a length read from both is nearer the ship's on scenes that neither was fitted to
(`models/s1/card.md`, which says how firm that is).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.boxes import Floats, Found

MIDDLE = (0.05, 0.95)
"""Of the backscatter. Fixed, like the strip: a model's `extent_scale` was fitted to them."""
AHEAD_SHARE, AHEAD_PX, ABEAM_PX = 0.3, 3.0, 2.0
"""The strip that is measured reaches so far beyond the box: a share of its length and px beyond
either end, px beyond either side."""
SEA_REACH_PX = 20
"""The sea's median is taken from so far around the box."""


def backscatter_extents_px(found: Found, power: NDArray[np.float32]) -> Floats:
    """Length of the middle 90 % of each ship's backscatter over the sea, along her box.

    Args:
        found: boxes in the pixels of the view.
        power: (height, width) sigma nought, linear, cut where the strongest echoes would decide.

    Returns:
        (n,) px; 0 where nothing rises over the sea.
    """
    return np.array([_extent_px(found, index, power) for index in range(len(found))], np.float64)


def _extent_px(found: Found, index: int, power: NDArray[np.float32]) -> float:
    x, y = found.xy_px[index]
    half_ahead = found.length_px[index] * (0.5 + AHEAD_SHARE) + AHEAD_PX
    half_abeam = found.width_px[index] / 2.0 + ABEAM_PX
    reach = math.hypot(half_ahead, half_abeam) + SEA_REACH_PX
    height, width = power.shape
    top, bottom = max(0, math.floor(y - reach)), min(height, math.ceil(y + reach))
    left, right = max(0, math.floor(x - reach)), min(width, math.ceil(x + reach))
    part = power[top:bottom, left:right].astype(np.float64)
    rows, cols = np.mgrid[top:bottom, left:right] + 0.5  # pixels' middles
    cos, sin = math.cos(found.angle_rad[index]), math.sin(found.angle_rad[index])
    ahead = (cols - x) * cos + (rows - y) * sin
    abeam = (rows - y) * cos - (cols - x) * sin
    strip = (np.abs(ahead) <= half_ahead) & (np.abs(abeam) <= half_abeam)
    excess = np.maximum(part[strip] - np.median(part), 0.0)
    if excess.sum() <= 0.0:
        return 0.0
    edges = np.linspace(-half_ahead, half_ahead, math.ceil(2.0 * half_ahead) + 1)  # a pixel apart
    profile, _ = np.histogram(ahead[strip], edges, weights=excess)
    share = np.concatenate([[0.0], np.cumsum(profile)]) / profile.sum()
    aft, fore = np.interp(MIDDLE, share, edges)
    return float(fore - aft)
