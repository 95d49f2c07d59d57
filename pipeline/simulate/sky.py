"""Clouds: correlated noise cut at a share of the sky that is drawn for each pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.simulate.settings import Settings

BROAD_PX = 38.0
FINE_PX = 9.0
EDGE = 0.35
"""Standard deviations of the noise over which a cloud's edge thickens."""


def cloud_thickness(
    shape: tuple[int, int], rng: np.random.Generator, month: int, settings: Settings
) -> NDArray[np.float32]:
    """(height, width) in [0, 1]: 0 clear, 1 opaque."""
    share = _cover(rng, month, settings)
    if share == 0.0:
        return np.zeros(shape, np.float32)
    if share == 1.0:
        return np.ones(shape, np.float32)
    noise = _noise(shape, BROAD_PX, rng) + 0.35 * _noise(shape, FINE_PX, rng)
    cut = np.quantile(noise, 1.0 - share)
    return np.clip((noise - cut) / EDGE, 0.0, 1.0).astype(np.float32)


def _cover(rng: np.random.Generator, month: int, settings: Settings) -> float:
    clear, overcast = settings.sky(month)
    drawn = rng.random()
    if drawn < clear:
        return 0.0
    if drawn > 1.0 - overcast:
        return 1.0
    return float(rng.uniform(0.08, 0.85))


def _noise(
    shape: tuple[int, int], scale_px: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Gaussian noise correlated over `scale_px`, of unit variance; drawn coarse, then enlarged."""
    step = max(1, int(scale_px // 3))
    coarse = (shape[0] // step + 4, shape[1] // step + 4)
    field = ndimage.gaussian_filter(rng.normal(size=coarse), scale_px / step)
    fine = ndimage.zoom(field, step, order=1)[: shape[0], : shape[1]]
    return np.asarray((fine - fine.mean()) / fine.std())
