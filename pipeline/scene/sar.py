"""Sentinel-1 GRD as ESA delivers it: calibrated with its own table, geocoded with its own grid.

Thermal noise is not removed and terrain is not corrected: over water at sea level the first matters
for weak targets in VH, the second does not. Orthorectified products need none of this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.transform import GCPTransformer
from rasterio.warp import reproject
from rasterio.windows import Window
from scipy.interpolate import RegularGridInterpolator

from pipeline.errors import BadInput
from pipeline.geo import Grid
from pipeline.markup import read_xml
from pipeline.records import SourceBand
from pipeline.scene.raster import Bools, Floats, affine, opened

MARGIN_PX = 64
"""Pixels read around the AOI, for the resampling and the geolocation grid's residuals."""


def read_grd_band(band: SourceBand, grid: Grid) -> tuple[Floats, Bools]:
    """Sigma nought (linear) of one polarisation on a grid.

    sigma0 = DN² / A², A the sigma-nought look-up table (Sentinel-1 product specification, 3.1).

    Returns:
        values and valid, both (height, width).

    Raises:
        BadInput: no geolocation grid, no calibration table, or no overlap.
    """
    with opened(band.path) as dataset:
        gcps = control_points(dataset, band)
        window = _window(dataset, gcps, grid)
        numbers = dataset.read(band.index, window=window).astype(np.float32)
    gain = _sigma_nought_table(band, window)
    sigma0 = np.where(numbers > 0, (numbers / gain) ** 2, np.float32(np.nan))
    shifted = [
        GroundControlPoint(row=p.row - window.row_off, col=p.col - window.col_off, x=p.x, y=p.y)
        for p in gcps
    ]
    values = np.full((grid.height, grid.width), np.nan, np.float32)
    reproject(
        sigma0,
        values,
        gcps=shifted,
        src_crs="EPSG:4326",
        src_nodata=np.nan,
        dst_transform=affine(grid),
        dst_crs=grid.crs,
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    valid = np.isfinite(values)
    return np.where(valid, values, np.float32(0)), valid


def control_points(dataset: DatasetReader, band: SourceBand) -> list[GroundControlPoint]:
    """The geolocation grid in the measurement file.

    Raises:
        BadInput: it has none.
    """
    gcps, _ = dataset.gcps
    if len(gcps) < 4:
        raise BadInput("Sentinel-1 measurement has no geolocation grid", where=band.path.name)
    return list(gcps)


def _window(dataset: DatasetReader, gcps: list[GroundControlPoint], grid: Grid) -> Window:
    """Rows and columns that cover the grid, with a margin."""
    rows = np.repeat(np.linspace(0, grid.height, 5), 5)
    cols = np.tile(np.linspace(0, grid.width, 5), 5)
    lon, lat = grid.lonlat_from_px(rows, cols)
    with GCPTransformer(gcps) as transformer:
        lines, samples = transformer.rowcol(list(lon), list(lat), op=float)
    top, bottom = _clip(lines, dataset.height)
    left, right = _clip(samples, dataset.width)
    if bottom <= top or right <= left:
        raise BadInput("Scene does not meet the area of interest")
    return Window(left, top, right - left, bottom - top)


def _clip(values: list[float], size: int) -> tuple[int, int]:
    first = int(np.floor(np.min(values))) - MARGIN_PX
    last = int(np.ceil(np.max(values))) + MARGIN_PX
    return max(first, 0), min(last, size)


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
    except (IndexError, ValueError) as error:
        raise BadInput(
            "Calibration table is damaged", where=band.calibration.name, found=error
        ) from None
    row = np.arange(window.row_off, window.row_off + window.height)
    col = np.arange(window.col_off, window.col_off + window.width)
    # The table is smooth: interpolate along its few columns first, then along each row.
    coarse = look_up(np.stack(np.meshgrid(row, pixels, indexing="ij"), axis=-1))
    gain = np.stack([np.interp(col, pixels, line) for line in coarse])
    return gain.astype(np.float32)
