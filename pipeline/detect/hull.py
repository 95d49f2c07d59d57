"""A hull in the pixels of one image."""

from __future__ import annotations

from dataclasses import dataclass

import shapely


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

    @property
    def box(self) -> shapely.Geometry:
        """The oriented box as a polygon, x = col, y = row."""
        return shapely.Polygon([(col, row) for row, col in self.corners_px])
