"""A hull in the pixels of one image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Hull:
    """One hull-like object; pixel-edge coordinates of the image it was found in."""

    row_px: float
    """Centre."""
    col_px: float
    """Centre."""
    length_px: float
    width_px: float
    axis_grid_deg: float
    """Clockwise from grid north (up), [0, 180): bow unknown."""
    corners_px: tuple[tuple[float, float], ...]
    """Four (row, col) of the oriented box."""
    score: float
    """Calibrated probability that this is a ship."""
    contrast: float
    """Peak over the local background, in background deviations."""
    peak: float
    """Brightest pixel: reflectance (matched filter over the bands) or sigma nought, linear."""
    n_pixels: int
    """Pixels of the component it was measured from."""
    is_cut: bool = False
    """True where the edge of the searched window cuts it."""
    afloat: float | None = None
    """How much of it the detector found afloat, [0, 1]; None where it did not look."""

    @property
    def box(self) -> shapely.Geometry:
        """The oriented box as a polygon, x = col, y = row."""
        return shapely.Polygon([(col, row) for row, col in self.corners_px])


def sea_share(hull: Hull, sea: NDArray[np.bool_]) -> float:
    """Share of points along a hull's axis that lie on sea.

    Args:
        hull: in pixel-edge coordinates of the mask.
        sea: (height, width).
    """
    angle = math.radians(hull.axis_grid_deg)
    along = np.linspace(-0.4, 0.4, 9) * hull.length_px
    rows = np.clip(hull.row_px - along * math.cos(angle), 0, sea.shape[0] - 1).astype(int)
    cols = np.clip(hull.col_px + along * math.sin(angle), 0, sea.shape[1] - 1).astype(int)
    return float(sea[rows, cols].mean())


def berthed_share(hull: Hull, sea: NDArray[np.bool_]) -> float:
    """How much of a hull is afloat, counting the water beside it where the mask calls it land.

    A mask taken from the image ends at the hull itself. One long side on open water counts as all
    afloat: the other lies at a quay or at another hull.

    Args:
        hull: in pixel-edge coordinates of the mask.
        sea: (height, width).
    """
    angle = math.radians(hull.axis_grid_deg)
    along = np.linspace(-0.45, 0.45, 13) * hull.length_px
    sides = []
    for side in (-1.0, 1.0):
        off = side * (hull.width_px / 2.0 + 1.5)
        rows = hull.row_px - along * math.cos(angle) + off * math.sin(angle)
        cols = hull.col_px + along * math.sin(angle) + off * math.cos(angle)
        i = np.clip(rows, 0, sea.shape[0] - 1).astype(int)
        j = np.clip(cols, 0, sea.shape[1] - 1).astype(int)
        sides.append(float(sea[i, j].mean()))
    return max(sea_share(hull, sea), *sides)
