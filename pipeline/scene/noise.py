"""Thermal noise of a Sentinel-1 product, as its annotation tells it: power in digital numbers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from pipeline.errors import BadInput
from pipeline.markup import read_xml

Floats = NDArray[np.float64]


def thermal_noise(path: Path, window: Window) -> NDArray[np.float32]:
    """Noise power to take off DN², on a window of the image.

    Range vectors, linear along the line and between the lines, times the azimuth vectors of the
    blocks that have them (IPF 2.90 and later: scalloping), 1 elsewhere; before, one list of vectors
    is all (Sentinel-1 thermal denoising of products, MPC-0392).

    Args:
        path: `noise-….xml`.
        window: lines and pixels.

    Returns:
        (height, width), DN².

    Raises:
        BadInput: damaged, or negative.
    """
    root = read_xml(path)
    rows = np.arange(window.row_off, window.row_off + window.height, dtype=np.float64)
    cols = np.arange(window.col_off, window.col_off + window.width, dtype=np.float64)
    try:
        noise = _by_range(root, rows, cols)
        for block in root.iter("noiseAzimuthVector"):
            _scallop(noise, block, rows, cols)
        if not (np.isfinite(noise).all() and (noise >= 0.0).all()):
            raise ValueError("noise that is no power")
    except (IndexError, ValueError, TypeError) as error:
        raise BadInput(
            "Noise table is damaged", where=path.name, found=error, do="Fetch the product again"
        ) from None
    return noise.astype(np.float32)


def _by_range(root: ET.Element, rows: Floats, cols: Floats) -> Floats:
    vectors = [*root.iter("noiseRangeVector"), *root.iter("noiseVector")]
    lines, profiles = [], []
    for vector in vectors:
        told = vector.findtext("noiseRangeLut") or vector.findtext("noiseLut")
        lines.append(float(vector.findtext("line") or ""))
        profiles.append(np.interp(cols, _numbers(vector.findtext("pixel")), _numbers(told)))
    order = np.argsort(lines)
    at, table = np.array(lines)[order], np.array(profiles)[order]
    if len(at) == 1:
        return np.repeat(table, len(rows), axis=0)
    upper = np.clip(np.searchsorted(at, rows), 1, len(at) - 1)
    share = np.clip((rows - at[upper - 1]) / (at[upper] - at[upper - 1]), 0.0, 1.0)[:, None]
    return np.asarray((1.0 - share) * table[upper - 1] + share * table[upper])


def _scallop(noise: Floats, block: ET.Element, rows: Floats, cols: Floats) -> None:
    """Multiply a block's lines by its azimuth vector, in place."""

    def bound(name: str) -> float:
        return float(block.findtext(name) or "")

    r0, r1 = np.searchsorted(rows, [bound("firstAzimuthLine"), bound("lastAzimuthLine") + 0.5])
    c0, c1 = np.searchsorted(cols, [bound("firstRangeSample"), bound("lastRangeSample") + 0.5])
    if r0 < r1 and c0 < c1:
        lines, factors = (
            _numbers(block.findtext("line")),
            _numbers(block.findtext("noiseAzimuthLut")),
        )
        noise[r0:r1, c0:c1] *= np.interp(rows[r0:r1], lines, factors)[:, None]


def _numbers(text: str | None) -> Floats:
    return np.array((text or "").split(), np.float64)
