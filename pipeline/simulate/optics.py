"""Sentinel-2 as it might look: water, land, quays, decks, clouds, blur and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.simulate.chance import chance
from pipeline.simulate.ground import PIXEL_M, Ground
from pipeline.simulate.hulls import Hull, stamp
from pipeline.simulate.settings import Settings

BANDS = ("B02", "B03", "B04", "B08")
BAND_DELAY_S = {"B02": 0.0, "B08": 0.264, "B03": 0.527, "B04": 1.005}
"""Acquired after B02: domain facts 5.1."""
WATER = {"B02": 0.055, "B03": 0.045, "B04": 0.032, "B08": 0.022}
PLANTED = {"B02": 0.04, "B03": 0.06, "B04": 0.055, "B08": 0.24}
PAVED = {"B02": 0.14, "B03": 0.16, "B04": 0.18, "B08": 0.21}
CLOUD = {"B02": 0.62, "B03": 0.60, "B04": 0.60, "B08": 0.63}
DECK_COLOURS = (
    {"B02": 0.09, "B03": 0.09, "B04": 0.19, "B08": 0.22},
    {"B02": 0.13, "B03": 0.15, "B04": 0.14, "B08": 0.17},
    {"B02": 0.10, "B03": 0.16, "B04": 0.11, "B08": 0.19},
    {"B02": 0.16, "B03": 0.16, "B04": 0.17, "B08": 0.19},
)
"""Red lead, grey, green and buff, as weathered decks are painted."""
HOUSE_REFLECTANCE = 0.42
NOISE_SIGMA = 0.0018
"""Reflectance; the instrument's at 10 m is about 1/170 of a bright scene."""


def render(
    ground: Ground,
    hulls: Sequence[Hull],
    cloud: NDArray[np.float32],
    rng: np.random.Generator,
    settings: Settings,
) -> NDArray[np.float32]:
    """(4, height, width) reflectance of `BANDS`."""
    shape = cloud.shape
    haze = float(rng.uniform(0.0, 0.012))
    waves = ndimage.gaussian_filter(rng.normal(size=shape), 1.2) * 0.0025 * rng.uniform(0.5, 2.0)
    gain = float(rng.lognormal(0.0, settings.land_gain_sigma))
    off_px = rng.normal(scale=settings.misregistration_m / PIXEL_M, size=2)
    layers = []
    for name in BANDS:
        land = (
            gain * np.where(ground.paved, PAVED[name], PLANTED[name]) * (1 + 0.18 * ground.texture)
        )
        water = WATER[name] + haze + waves
        layer = ground.land * np.clip(land, 0.02, 0.5) + (1 - ground.land) * water
        for hull in hulls:
            _paint(layer, hull, ground, name, settings)
        layer = cloud * CLOUD[name] * (1 + 0.04 * ground.texture.mean()) + (1 - cloud) * layer
        blurred = ndimage.gaussian_filter(layer, settings.psf_sigma_px)
        blurred = ndimage.shift(blurred, off_px, order=1, mode="nearest")
        layers.append(blurred + rng.normal(scale=NOISE_SIGMA, size=shape))
    return np.asarray(np.clip(np.stack(layers), 1e-4, 1.5), np.float32)


def _paint(
    layer: NDArray[np.float64], hull: Hull, ground: Ground, band: str, settings: Settings
) -> None:
    """Lay a hull over the layer where it stood when this band was taken."""
    colours = chance(settings.seed, "paint", hull.ship.mmsi)
    deck = DECK_COLOURS[int(colours.integers(len(DECK_COLOURS)))][band]
    deck *= float(colours.uniform(0.75, 1.35))
    house = HOUSE_REFLECTANCE * float(colours.uniform(0.7, 1.2))
    gone_m = hull.sog_mps * BAND_DELAY_S[band]
    course = np.deg2rad(hull.course_deg)
    placed = stamp(
        hull, ground.grid, shift_m=(gone_m * float(np.sin(course)), gone_m * float(np.cos(course)))
    )
    if placed is None:
        return
    window = layer[placed.rows, placed.cols]
    reflectance = (placed.deck - placed.house) * deck + placed.house * house
    window *= 1.0 - placed.deck
    window += reflectance
