"""Clouds: bright, white and broader than any ship or quay, or said by the archive."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.scene.settings import Settings

VISIBLE = ("B02", "B03", "B04")


def cloud_mask(image: Image, settings: Settings) -> NDArray[np.bool_]:
    """True under cloud, (height, width); all False for Sentinel-1 and without a visible band.

    The image's own evidence, and the archive's classification where the scene has one. From the
    four bands alone, thin cirrus and cloud shadow are not claimed: they cannot be told from haze
    and dark water. Bright things narrower than `cloud_open_m` are opened away whoever calls them
    clouds, so a deck is not a cloud.
    """
    bands = [band for name in VISIBLE if (band := image.band(name)) is not None]
    nir = image.band("B08")
    if not bands:
        return np.zeros(image.valid.shape, np.bool_)
    visible = sum(bands[1:], bands[0]) / len(bands)
    bright = image.valid & (visible >= settings.cloud_visible_min)
    if nir is not None:
        bright &= nir >= settings.cloud_nir_min
    # colours of the few bright pixels alone: most of a sea is dark
    spectrum = np.stack([band[bright] for band in (bands if nir is None else [*bands, nir])])
    mean = np.maximum(spectrum.mean(axis=0), np.float32(1e-6))
    bright[bright] = np.ptp(spectrum, axis=0) <= settings.cloud_colour_max * mean
    pixel_m = image.grid.pixel_m
    cloud = _broad(bright, pixel_m, open_m=settings.cloud_open_m, grow_m=settings.cloud_grow_m)
    if image.said_cloud is not None:
        # Sen2Cor has grown its clouds already
        cloud |= _broad(image.said_cloud, pixel_m, open_m=settings.cloud_open_m, grow_m=0.0)
    return cloud & image.valid


def _broad(
    bright: NDArray[np.bool_], pixel_m: float, *, open_m: float, grow_m: float
) -> NDArray[np.bool_]:
    """What survives opening by a square, grown by the clouds' thin edges."""
    if not bright.any():
        return bright
    open_px = max(1, round(open_m / pixel_m))
    grow_px = open_px + 2 * round(grow_m / pixel_m)
    # an even square's erosion and dilation must lean to opposite sides to cancel
    lean = (grow_px - 1) // 2
    core = cv2.erode(bright.astype(np.uint8), np.ones((open_px, open_px), np.uint8))
    square = np.ones((grow_px, grow_px), np.uint8)
    return np.asarray(cv2.dilate(core, square, anchor=(lean, lean)), np.bool_)


def cloud_fraction(image: Image, cloud: NDArray[np.bool_]) -> float:
    """Share of the valid pixels under cloud, [0, 1]; 0 where nothing is valid."""
    valid = int(image.valid.sum())
    return float((cloud & image.valid).sum() / valid) if valid else 0.0
