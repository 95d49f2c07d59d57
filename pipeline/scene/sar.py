"""Sentinel-1 GRD as ESA delivers it: calibrated with its own table, geocoded with its own grid.

Thermal noise is taken off where the product tells it. Places are those of sea level: land is
displaced by its height. Orthorectified products need none of this.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

from pipeline.errors import BadInput
from pipeline.geo import Grid
from pipeline.markup import read_xml
from pipeline.scene.geolocation import GeolocationGrid, read_geolocation
from pipeline.scene.noise import thermal_noise
from pipeline.scene.raster import Bools, Floats, opened
from pipeline.sources import SourceBand

NODE_PX = 32
"""Ground pixels between places that are looked up in the geolocation grid; linear between."""


def geolocation_of(band: SourceBand) -> GeolocationGrid:
    """The geolocation grid that belongs to a measurement.

    Raises:
        BadInput: the product lacks it, or it is damaged.
    """
    return read_geolocation(_annotation(band))


def _annotation(band: SourceBand) -> Path:
    """`annotation/X.xml` beside `annotation/calibration/calibration-X.xml`."""
    assert band.calibration is not None
    return band.calibration.parents[1] / band.calibration.name.removeprefix("calibration-")


def noise_file(band: SourceBand) -> Path | None:
    """`noise-X.xml` beside `calibration-X.xml`; None where there is none."""
    if band.calibration is None:
        return None
    name = band.calibration.name.replace("calibration-", "noise-", 1)
    path = band.calibration.with_name(name)
    return path if path.is_file() else None


def read_grd_band(
    band: SourceBand, grid: Grid, geolocation: GeolocationGrid
) -> tuple[Floats, Bools]:
    """Sigma nought (linear) of one polarisation on a grid, bilinear.

    sigma0 = (DN² - N) / A², A the sigma-nought look-up table and N the thermal noise (Sentinel-1
    product specification, 3.1); what noise leaves below zero is zero, and still data. A product
    without noise table keeps its noise.

    Returns:
        values and valid, both (height, width); a pixel that touches no data has none.

    Raises:
        BadInput: no calibration table, or no overlap.
    """
    line, pixel = _line_pixel(grid, geolocation)
    with opened(band.path) as dataset:
        window = _window(line, pixel, dataset.shape, band)
        numbers = dataset.read(band.index, window=window).astype(np.float32)
    gain = _sigma_nought_table(band, window)
    power = numbers**2
    noise = noise_file(band)
    if noise is not None:
        power = np.maximum(power - thermal_noise(noise, window), 0.0)
    sigma0 = np.where(numbers > 0, power / gain**2, np.float32(np.nan))
    place = np.stack([line - window.row_off, pixel - window.col_off])
    place[np.isnan(place)] = -9.0  # outside the image, as a number
    values = ndimage.map_coordinates(sigma0, place, order=1, mode="constant", cval=np.nan)
    valid = np.isfinite(values)
    return np.where(valid, values, np.float32(0)).astype(np.float32), valid


def _line_pixel(grid: Grid, geolocation: GeolocationGrid) -> tuple[Floats, Floats]:
    """Image coordinates of every ground pixel's centre; NaN outside the image."""
    rows = _nodes(grid.height)
    cols = _nodes(grid.width)
    lon, lat = grid.lonlat_from_px(*np.meshgrid(rows, cols, indexing="ij"))
    looked_up = np.stack(geolocation.line_pixel(lon, lat), axis=-1)
    between = RegularGridInterpolator((rows, cols), looked_up)
    centres = np.meshgrid(np.arange(grid.height) + 0.5, np.arange(grid.width) + 0.5, indexing="ij")
    found = between(np.stack(centres, axis=-1)).astype(np.float32)
    return found[..., 0], found[..., 1]


def _nodes(size: int) -> NDArray[np.float64]:
    return np.linspace(0.0, size, max(2, -(-size // NODE_PX) + 1))


def _window(line: Floats, pixel: Floats, shape: tuple[int, int], band: SourceBand) -> Window:
    """Lines and pixels that cover the grid."""
    seen = np.isfinite(line) & (line < shape[0]) & (pixel < shape[1]) & (line >= 0) & (pixel >= 0)
    if not seen.any():
        raise BadInput(
            "Scene does not meet the area of interest",
            where=band.path.name,
            do="Check the site's polygon, or remove the scene",
        )
    top, left = int(line[seen].min()), int(pixel[seen].min())
    bottom = min(int(line[seen].max()) + 2, shape[0])
    right = min(int(pixel[seen].max()) + 2, shape[1])
    return Window(left, top, right - left, bottom - top)


def _sigma_nought_table(band: SourceBand, window: Window) -> NDArray[np.float32]:
    """The look-up table, bilinear between its lines and pixels, on the window."""
    assert band.calibration is not None
    root = read_xml(band.calibration)
    try:
        vectors = list(root.iter("calibrationVector"))
        lines = np.array([float(v.findtext("line", "")) for v in vectors])
        pixels = np.array((vectors[0].findtext("pixel") or "").split(), np.float64)
        table = np.array([(v.findtext("sigmaNought") or "").split() for v in vectors], np.float64)
        look_up = RegularGridInterpolator(
            (lines, pixels), table, bounds_error=False, fill_value=None
        )
        if not (np.isfinite(table).all() and (table > 0).all()):
            raise ValueError("gains that are not positive numbers")
    except (IndexError, ValueError) as error:
        raise BadInput(
            "Calibration table is damaged",
            where=band.calibration.name,
            found=error,
            do="Fetch the product again",
        ) from None
    row = np.arange(window.row_off, window.row_off + window.height)
    col = np.arange(window.col_off, window.col_off + window.width)
    # The table is smooth: interpolate along its few columns first, then along each row.
    coarse = look_up(np.stack(np.meshgrid(row, pixels, indexing="ij"), axis=-1))
    gain = np.stack([np.interp(col, pixels, line) for line in coarse])
    return gain.astype(np.float32)
