"""Sentinel-1 as it might look: sea clutter, bright land, hulls of scatterers, speckle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.simulate.ground import PIXEL_M, Ground
from pipeline.simulate.hulls import Hull, stamp
from pipeline.simulate.passes import Pass
from pipeline.simulate.settings import Settings

BANDS = ("VV", "VH")
SEA_DB = {"VV": -19.0, "VH": -27.0}
LAND_DB = {"VV": -8.5, "VH": -14.5}
PAVED_DB = {"VV": -5.0, "VH": -13.0}
HULL_DB = {"VV": 2.0, "VH": -6.0}
SHARE_OF_SCATTERERS = 0.22
"""Of a hull's pixels that hold a corner reflector much brighter than the rest."""


def displacement_m(hull: Hull, sensed: Pass) -> tuple[float, float]:
    """(east, north) by which a moving ship is displaced along the flight direction.

    d = -(R/V) · v · sin(course - heading) · sin(incidence): AIS research B.3.
    """
    assert sensed.heading_deg is not None
    assert sensed.incidence_deg is not None
    assert sensed.range_over_velocity_s is not None
    angle = np.deg2rad(hull.course_deg - sensed.heading_deg)
    along_m = (
        -sensed.range_over_velocity_s
        * hull.sog_mps
        * np.sin(angle)
        * np.sin(np.deg2rad(sensed.incidence_deg))
    )
    heading = np.deg2rad(sensed.heading_deg)
    return float(along_m * np.sin(heading)), float(along_m * np.cos(heading))


def render(
    ground: Ground,
    hulls: Sequence[Hull],
    sensed: Pass,
    rng: np.random.Generator,
    settings: Settings,
) -> NDArray[np.float32]:
    """(2, height, width) sigma nought, linear power, of `BANDS`."""
    shape = ground.land.shape
    wind_db = float(rng.uniform(-3.0, 4.0))
    # Gamma texture under speckle makes the K distribution of sea clutter.
    swell = ndimage.gaussian_filter(rng.gamma(6.0, 1 / 6.0, size=shape), 1.0)
    swell = 1 + (swell - 1) * 2.0
    glints = [_glints(rng) for _ in hulls]
    gain = float(rng.lognormal(0.0, settings.sar_land_gain_sigma))
    off_px = rng.normal(scale=settings.sar_misregistration_m / PIXEL_M, size=2)
    layers = []
    for name in BANDS:
        sea = _power(SEA_DB[name] + wind_db * (1.0 if name == "VV" else 0.5)) * np.clip(
            swell, 0.2, 4
        )
        land = gain * _power(
            np.where(ground.paved, PAVED_DB[name], LAND_DB[name]) + 2.2 * ground.texture
        )
        layer = ground.land * land + (1 - ground.land) * sea
        for hull, glint in zip(hulls, glints, strict=True):
            _add(layer, hull, glint, ground, sensed, _power(HULL_DB[name]))
        seen = ndimage.gaussian_filter(layer, settings.sar_psf_sigma_px)
        seen = ndimage.shift(seen, off_px, order=1, mode="nearest")
        speckle = rng.gamma(settings.sar_looks, 1 / settings.sar_looks, size=shape)
        layers.append(seen * speckle)
    return np.stack(layers).astype(np.float32)


def _power(decibel: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(10.0 ** (np.asarray(decibel) / 10.0))


def _glints(rng: np.random.Generator) -> np.random.Generator:
    """One generator a hull and pass, so that both polarisations see the same scatterers."""
    return np.random.default_rng(rng.integers(2**63))


def _add(
    layer: NDArray[np.float64],
    hull: Hull,
    glint: np.random.Generator,
    ground: Ground,
    sensed: Pass,
    power: NDArray[np.float64],
) -> None:
    placed = stamp(hull, ground.grid, shift_m=displacement_m(hull, sensed))
    if placed is None:
        return
    state = glint.bit_generator.state
    uneven = 0.25 + 0.3 * glint.exponential(size=placed.deck.shape)
    corners = glint.random(placed.deck.shape) < SHARE_OF_SCATTERERS
    uneven += np.where(corners, glint.exponential(3.0, placed.deck.shape), 0.0)
    glint.bit_generator.state = state
    size = (hull.ship.length_m / 100.0) ** 0.7
    layer[placed.rows, placed.cols] += placed.deck * power * size * uneven
    layer[placed.rows, placed.cols] += placed.house * power * size * 6.0
