"""Hulls as pixels: the share of each pixel a hull covers, and of its bright parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import Grid
from pipeline.simulate.fleet import Ship

SUB = 5
"""Samples a pixel, each way."""
MARGIN_PX = 3
BOW_SHARE = 0.16
"""Share of the length over which the bow tapers."""
HOUSE = (-0.44, -0.28)
"""The deckhouse aft, in lengths from the centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hull:
    """A ship in a scene."""

    ship: Ship
    lon: float
    lat: float
    heading_deg: float
    course_deg: float
    sog_mps: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stamp:
    """A hull's shares on a window of the raster."""

    rows: slice
    cols: slice
    deck: NDArray[np.float32]
    """(rows, cols) share of the pixel the hull covers."""
    house: NDArray[np.float32]
    """(rows, cols) share its deckhouse covers."""


def stamp(hull: Hull, grid: Grid, *, shift_m: tuple[float, float] = (0.0, 0.0)) -> Stamp | None:
    """Shares of pixels; None where the hull lies outside the raster.

    Args:
        hull: the ship.
        grid: the raster.
        shift_m: (east, north) by which the sensor sees it displaced.
    """
    row, col = (float(v) for v in grid.px_from_lonlat(hull.lon, hull.lat))
    row -= shift_m[1] / grid.pixel_m
    col += shift_m[0] / grid.pixel_m
    reach = int(np.ceil(0.5 * hull.ship.length_m / grid.pixel_m)) + MARGIN_PX
    r0, r1 = max(0, int(row) - reach), min(grid.height, int(row) + reach + 1)
    c0, c1 = max(0, int(col) - reach), min(grid.width, int(col) + reach + 1)
    if r0 >= r1 or c0 >= c1:
        return None
    steps = (np.arange(SUB) + 0.5) / SUB
    south_m = ((np.arange(r0, r1)[:, None] + steps).ravel() - row) * grid.pixel_m
    east_m = ((np.arange(c0, c1)[:, None] + steps).ravel() - col) * grid.pixel_m
    heading = np.deg2rad(hull.heading_deg - grid.convergence_deg(hull.lon, hull.lat))
    along = (-south_m[:, None] * np.cos(heading) + east_m * np.sin(heading)) / hull.ship.length_m
    across = (south_m[:, None] * np.sin(heading) + east_m * np.cos(heading)) / hull.ship.width_m
    taper = np.clip((0.5 - along) / BOW_SHARE, 0.0, 1.0)
    deck = (np.abs(along) <= 0.5) & (np.abs(across) <= 0.5 * taper)
    house = deck & (along >= HOUSE[0]) & (along <= HOUSE[1])
    return Stamp(rows=slice(r0, r1), cols=slice(c0, c1), deck=_shares(deck), house=_shares(house))


def _shares(samples: NDArray[np.bool_]) -> NDArray[np.float32]:
    rows, cols = samples.shape[0] // SUB, samples.shape[1] // SUB
    return np.asarray(samples.reshape(rows, SUB, cols, SUB).mean(axis=(1, 3)), np.float32)
