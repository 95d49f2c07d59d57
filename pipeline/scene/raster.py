"""Reading and writing rasters. Every number that leaves here has its scale and offset applied."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader, MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.geo import Grid, to_crs, utm_crs
from pipeline.records import SourceBand

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

PIXEL_M = 10.0
MAX_SIDE_PX = 40_000
"""A Sentinel-1 GRD is about 25,000 px wide; a raster that claims more is refused unread."""
BLOCK_PX = 256
SNAP = 1e-3
"""Share of a pixel by which a grid may be off whole tens of metres and still be read as it is."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """A raster, read by name from this machine only.

    Raises:
        BadInput: missing, truncated, not a raster, or larger than any scene.
    """
    try:
        with warnings.catch_warnings():
            # A missing georeference is our own, clearer, error.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                if max(dataset.shape) > MAX_SIDE_PX:
                    raise BadInput(
                        "Raster is larger than any scene",
                        where=path.name,
                        expected=f"at most {MAX_SIDE_PX} px a side",
                        found=f"{dataset.height} x {dataset.width}",
                    )
                yield dataset
    except RasterioError as error:
        cause = error.__cause__ or error
        raise BadInput(
            "Raster cannot be read, truncated or damaged",
            where=path.name,
            found=" ".join(str(cause).split()),
            do="Fetch it again",
        ) from None


def crs_of(dataset: DatasetReader, path: Path) -> str:
    """The raster's CRS as text.

    Raises:
        BadInput: it has none.
    """
    if dataset.crs is None:
        raise BadInput(
            "Raster has no CRS, its place is unknown",
            where=path.name,
            do="Give it one, as gdal_edit -a_srs does, or remove it",
        )
    epsg = dataset.crs.to_epsg()
    return dataset.crs.to_wkt() if epsg is None else f"EPSG:{epsg}"


def footprint(path: Path) -> Geometry:
    """The raster's extent, lon/lat polygon.

    Raises:
        BadInput: unreadable, or without a CRS.
    """
    with opened(path) as dataset:
        return to_crs(
            shapely.box(*dataset.bounds), source=crs_of(dataset, path), target="EPSG:4326"
        )


def grid_for(path: Path, aoi: Geometry, *, by_gcps: bool = False) -> Grid:
    """The 10 m UTM grid that covers the part of a lon/lat AOI the raster has.

    The raster's own grid where it is one of 10 m in UTM; else the AOI's UTM zone, to whole tens
    of metres. `by_gcps`: the raster is in radar geometry, its extent is that of its geolocation
    grid, and it covers the whole AOI or is read where it does.

    Raises:
        BadInput: the raster does not meet the AOI.
    """
    centre = aoi.centroid
    crs = utm_crs(centre.x, centre.y)
    with opened(path) as dataset:
        if by_gcps:
            points = shapely.MultiPoint([(p.x, p.y) for p in dataset.gcps[0]])
            extent = to_crs(points.convex_hull, target=crs)
        else:
            source = crs_of(dataset, path)
            crs = source if _is_utm_10m(dataset, source) else crs
            extent = to_crs(shapely.box(*dataset.bounds), source=source, target=crs)
    area = to_crs(aoi, target=crs).intersection(extent)
    if area.is_empty or area.area < PIXEL_M * PIXEL_M:
        raise BadInput("Scene does not meet the area of interest", where=path.name)
    west, south, east, north = area.bounds
    left, top = np.floor(west / PIXEL_M + SNAP), np.ceil(north / PIXEL_M - SNAP)
    right, bottom = np.ceil(east / PIXEL_M - SNAP), np.floor(south / PIXEL_M + SNAP)
    return Grid(
        crs=crs,
        x_min_m=float(left * PIXEL_M),
        y_max_m=float(top * PIXEL_M),
        pixel_m=PIXEL_M,
        height=int(top - bottom),
        width=int(right - left),
    )


def _is_utm_10m(dataset: DatasetReader, crs: str) -> bool:
    t = dataset.transform
    whole = all(abs(v / PIXEL_M - round(v / PIXEL_M)) < SNAP for v in (t.c, t.f))
    return (
        crs.startswith(("EPSG:326", "EPSG:327"))
        and (t.b, t.d) == (0.0, 0.0)
        and abs(t.a - PIXEL_M) < SNAP
        and abs(t.e + PIXEL_M) < SNAP
        and whole
    )


def read_band(band: SourceBand, grid: Grid) -> tuple[Floats, Bools]:
    """One band on a grid, in physical units.

    Returns:
        values (height, width) float32, and valid (height, width), False outside the raster and
        where it says no data. Values without data are 0.

    Raises:
        BadInput: the raster is truncated, or lacks the band.
    """
    with opened(band.path) as dataset:
        if band.index > dataset.count:
            raise BadInput(
                "Raster lacks a band",
                where=band.path.name,
                expected=f"band {band.index} ({band.name})",
                found=f"{dataset.count} bands",
            )
        numbers, inside = _numbers(dataset, band, grid)
    valid = inside & np.isfinite(numbers)
    nodata = band.nodata if band.nodata is not None else None
    if nodata is not None and not np.isnan(nodata):
        valid &= numbers != nodata
    values = np.where(valid, numbers * np.float32(band.scale) + np.float32(band.offset), 0.0)
    return values.astype(np.float32), valid


def _numbers(dataset: DatasetReader, band: SourceBand, grid: Grid) -> tuple[Floats, Bools]:
    source = crs_of(dataset, band.path)
    if source == grid.crs and _is_utm_10m(dataset, source):
        return _cut(dataset, band.index, grid)
    return _warp(dataset, band, source, grid)


def _cut(dataset: DatasetReader, index: int, grid: Grid) -> tuple[Floats, Bools]:
    """The grid's window of a raster on the same lattice: no resampling."""
    row0 = round((dataset.transform.f - grid.y_max_m) / grid.pixel_m)
    col0 = round((grid.x_min_m - dataset.transform.c) / grid.pixel_m)
    numbers = np.zeros((grid.height, grid.width), np.float32)
    inside = np.zeros(numbers.shape, np.bool_)
    top, left = max(row0, 0), max(col0, 0)
    bottom = min(row0 + grid.height, dataset.height)
    right = min(col0 + grid.width, dataset.width)
    if bottom > top and right > left:
        window = Window(left, top, right - left, bottom - top)
        place = np.s_[top - row0 : bottom - row0, left - col0 : right - col0]
        numbers[place] = dataset.read(index, window=window).astype(np.float32)
        inside[place] = True
    return numbers, inside


def _warp(
    dataset: DatasetReader, band: SourceBand, source: str, grid: Grid
) -> tuple[Floats, Bools]:
    """Bilinear resampling onto the grid; a pixel that touches no data has none."""
    options = {
        "src_crs": source,
        "crs": grid.crs,
        "transform": affine(grid),
        "height": grid.height,
        "width": grid.width,
        "resampling": Resampling.bilinear,
        "src_nodata": band.nodata,
        "dtype": "float32",
        "add_alpha": band.nodata is None,
    }
    with WarpedVRT(dataset, **options) as vrt:
        numbers = vrt.read(band.index).astype(np.float32)
        inside = vrt.read_masks(band.index) > 0
    return numbers, inside


def covered(polygon: Geometry, grid: Grid) -> Bools:
    """(height, width); True for pixels whose centre a lon/lat polygon covers."""
    shape = (grid.height, grid.width)
    local = to_crs(polygon, target=grid.crs)
    return np.asarray(geometry_mask([local], shape, affine(grid), invert=True), np.bool_)


def affine(grid: Grid) -> Affine:
    """The grid's transform as rasterio wants it."""
    return Affine(*grid.affine)


def write_cog(path: Path, pixels: NDArray[np.generic], grid: Grid, *, nodata: float) -> None:
    """One band (height, width) as a Cloud Optimized GeoTIFF; the same bytes for the same pixels."""
    profile = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": 1,
        "dtype": pixels.dtype.name,
        "crs": grid.crs,
        "transform": affine(grid),
        "nodata": nodata,
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as staged:
            staged.write(pixels, 1)
        with memory.open() as staged:
            copy_raster(
                staged,
                path,
                driver="COG",
                compress="ZSTD",
                level=1,
                predictor="YES",
                blocksize=BLOCK_PX,
                overview_resampling="average",
                num_threads=1,
            )
