"""A hull in the pixels of one image."""

from __future__ import annotations

from collections.abc import Sequence
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


def sea_shares(hulls: Sequence[Hull], sea: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) share of points along each hull's axis that lie on sea.

    Args:
        hulls: in pixel-edge coordinates of the mask.
        sea: (height, width).
    """
    return _on_sea(hulls, sea, np.linspace(-0.4, 0.4, 9), aside=0.0)


def berthed_shares(hulls: Sequence[Hull], sea: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) how much of each hull is afloat, counting water beside it where the mask says land.

    A mask taken from the image ends at the hull itself. One long side on open water counts as all
    afloat: the other lies at a quay or at another hull.

    Args:
        hulls: in pixel-edge coordinates of the mask.
        sea: (height, width).
    """
    along = np.linspace(-0.45, 0.45, 13)
    sides = [_on_sea(hulls, sea, along, aside=side) for side in (-1.0, 1.0)]
    return np.asarray(np.maximum.reduce([sea_shares(hulls, sea), *sides]))


def _on_sea(
    hulls: Sequence[Hull], sea: NDArray[np.bool_], along: NDArray[np.float64], *, aside: float
) -> NDArray[np.float64]:
    """Share of points on sea, at shares of the length, on the axis or `aside` (-1, 1) of it."""
    columns = [(h.row_px, h.col_px, h.length_px, h.width_px, h.axis_grid_deg) for h in hulls]
    row, col, length, width, axis = np.array(columns, float).reshape(-1, 5).T[:, :, None]
    angle = np.radians(axis)
    ahead = along * length
    off = aside * (width / 2.0 + 1.5)
    rows = row - ahead * np.cos(angle) + off * np.sin(angle)
    cols = col + ahead * np.sin(angle) + off * np.cos(angle)
    i = np.clip(rows, 0, sea.shape[0] - 1).astype(int)
    j = np.clip(cols, 0, sea.shape[1] - 1).astype(int)
    return np.asarray(sea[i, j].mean(axis=1))
