"""Reading and writing rasters. Every number that leaves here has its scale and offset applied."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterator, Sequence
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
from pipeline.sources import SourceBand

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

PIXEL_M = 10.0
COARSEST_PIXEL_M = 20.0
"""Overviews and quick looks are refused: brought to 10 m they would claim detail they lack."""
DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0c": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
"""By first bytes, formats that hold their own pixels: others (VRT, WMS) may name any address."""
NETCDF = {b"\x89HDF": "netCDF", b"CDF\x01": "netCDF", b"CDF\x02": "netCDF"}
VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
MAX_SIDE_PX = 40_000
"""A Sentinel-1 GRD is about 25,000 px wide; a raster that claims more is refused unread."""
MAX_BLOCK_BYTES = 256_000_000
"""GDAL unpacks whole blocks; a whole Sentinel-2 band in one strip has 241 MB."""
BLOCK_PX = 256
SNAP = 1e-3
"""Share of a pixel by which a grid may be off whole tens of metres and still be read as it is."""
DRIFT = 0.1
"""Share of a pixel by which a grid of nearly 10 m may run off across the raster."""


@contextlib.contextmanager
def opened(path: Path, layer: str | None = None) -> Iterator[DatasetReader]:
    """A raster, read by name from this machine only.

    Args:
        path: of the file.
        layer: a variable, where the file is a netCDF; "" for the file as a whole.

    Raises:
        BadInput: missing, truncated, not a raster, or larger than any scene.
    """
    try:
        with warnings.catch_warnings():
            # A missing georeference is our own, clearer, error.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with _dataset(path, layer) as dataset:
                if max(dataset.shape) > MAX_SIDE_PX:
                    raise BadInput(
                        "Raster is larger than any scene",
                        where=path.name,
                        expected=f"at most {MAX_SIDE_PX} px a side",
                        found=f"{dataset.height} x {dataset.width}",
                    )
                refuse_vast_blocks(dataset, path.name)
                yield dataset
    except RasterioError as error:
        cause = error.__cause__ or error
        raise BadInput(
            "Raster cannot be read, truncated or damaged",
            where=path.name,
            found=" ".join(str(cause).split()),
            do="Fetch it again",
        ) from None


def refuse_vast_blocks(dataset: DatasetReader, name: str) -> None:
    """Before anything is unpacked: a few kilobytes may claim any size.

    Raises:
        BadInput: a block would take more memory than any scene's.
    """
    blocks = zip(dataset.block_shapes, dataset.dtypes, strict=True)
    sizes = (math.prod(shape) * np.dtype(kind).itemsize for shape, kind in blocks)
    largest = max(sizes, default=0)  # a netCDF opened as a whole has no bands of its own
    if largest > MAX_BLOCK_BYTES:
        raise BadInput(
            "Raster's blocks are larger than any scene's",
            where=name,
            expected=f"at most {MAX_BLOCK_BYTES} bytes",
            found=largest,
        )


def _dataset(path: Path, layer: str | None) -> DatasetReader:
    """Opened with the driver for a file's content, whatever its name."""
    known, expected = (DRIVERS, "GeoTIFF or JPEG 2000") if layer is None else (NETCDF, "netCDF")
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise BadInput("Raster cannot be read", where=path.name, found=error.strerror) from None
    if head not in known:
        raise BadInput(
            "Not a raster that is read here",
            where=path.name,
            expected=expected,
            found=f"a file that begins with {head!r}" if head else "an empty file",
        )
    # a quote or a colon in the name would end it
    name = str(path) if not layer else f'netcdf:"{path}":{layer}'
    if layer and ('"' in str(path) or not VARIABLE.fullmatch(layer)):
        raise BadInput("Name of a netCDF or its variable is not plain", where=name)
    return rasterio.open(name, driver=known[head])


def crs_of(dataset: DatasetReader, path: Path) -> str:
    """The raster's CRS as text.

    Raises:
        BadInput: it has none, or none with a place on Earth, or no geotransform.
    """
    if dataset.crs is None or not (dataset.crs.is_geographic or dataset.crs.is_projected):
        raise BadInput(
            "Raster has no CRS, its place is unknown",
            where=path.name,
            do="Give it one, as gdal_edit -a_srs does, or remove it",
        )
    if dataset.transform == Affine.identity():
        raise BadInput(
            "Raster has no geotransform, its place is unknown",
            where=path.name,
            do="Give it one, as gdal_edit -a_ullr does, or remove it",
        )
    epsg = dataset.crs.to_epsg()
    return dataset.crs.to_wkt() if epsg is None else f"EPSG:{epsg}"


def footprint(path: Path, layer: str | None = None) -> Geometry:
    """The raster's extent, lon/lat polygon.

    Raises:
        BadInput: unreadable, or without a place on Earth.
    """
    with opened(path, layer) as dataset:
        # a straight edge in one CRS is a curve in the other
        outline = _outline(dataset)
        edges = shapely.segmentize(outline, outline.length / 64.0)
        extent = to_crs(edges, source=crs_of(dataset, path), target="EPSG:4326")
    if not np.isfinite(extent.bounds).all():
        raise BadInput(
            "Raster lies nowhere on Earth", where=path.name, do="Check its CRS and geotransform"
        )
    return extent


def _outline(dataset: DatasetReader) -> Geometry:
    """The raster's edge in its own CRS, rotated ones included."""
    height, width = dataset.shape
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    return shapely.Polygon([dataset.transform @ corner for corner in corners])


def grid_for(
    path: Path, aoi: Geometry, *, extent: Geometry | None = None, layer: str | None = None
) -> Grid:
    """The 10 m UTM grid that covers the part of a lon/lat AOI the raster has.

    The raster's own grid where it is one of 10 m in UTM; else the AOI's UTM zone, to whole tens
    of metres.

    Args:
        path: the raster.
        aoi: lon/lat polygon.
        extent: the raster's outline, lon/lat, where it is in radar geometry and cannot tell itself.
        layer: a variable, where the raster is a netCDF.

    Raises:
        BadInput: the raster does not meet the AOI, or is too coarse to show ships.
    """
    centre = aoi.centroid
    crs = utm_crs(centre.x, centre.y)
    if extent is not None:
        area = to_crs(aoi.intersection(extent), target=crs)
    else:
        with opened(path, layer) as dataset:
            source = crs_of(dataset, path)
            crs = source if _is_utm_10m(dataset, source) else crs
            # met in the raster's CRS: the raster may be far larger than a UTM zone, the AOI is not
            local = to_crs(aoi, target=source)
            elsewhere = not np.isfinite(local.bounds).all()
            met = shapely.Polygon() if elsewhere else local.intersection(_outline(dataset))
            _refuse_coarse(dataset, path, met, source=source, target=crs)
        area = to_crs(met, source=source, target=crs)
    if area.is_empty or area.area < PIXEL_M * PIXEL_M:
        raise BadInput(
            "Scene does not meet the area of interest",
            where=path.name,
            do="Check the site's polygon, or remove the scene",
        )
    return _grid_over(area, crs)


def grid_over(aoi: Geometry) -> Grid:
    """The 10 m grid over a lon/lat polygon in its UTM zone, to whole tens of metres."""
    crs = utm_crs(aoi.centroid.x, aoi.centroid.y)
    return _grid_over(to_crs(aoi, target=crs), crs)


def _grid_over(area: Geometry, crs: str) -> Grid:
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


def _refuse_coarse(
    dataset: DatasetReader, path: Path, met: Geometry, *, source: str, target: str
) -> None:
    if met.is_empty:
        return
    x, y = met.centroid.x, met.centroid.y
    t = dataset.transform
    pixel = shapely.Polygon(
        [(x, y), (x + t.a, y + t.d), (x + t.a + t.b, y + t.d + t.e), (x + t.b, y + t.e)]
    )
    pixel_m = float(np.sqrt(to_crs(pixel, source=source, target=target).area))
    if not pixel_m <= COARSEST_PIXEL_M:
        raise BadInput(
            "Raster is too coarse to show ships",
            where=path.name,
            expected=f"pixels of at most {COARSEST_PIXEL_M:g} m",
            found=f"{pixel_m:.1f} m",
            do="Fetch the bands at full resolution, not an overview",
        )


def _is_utm_10m(dataset: DatasetReader, crs: str) -> bool:
    t = dataset.transform
    whole = all(abs(v / PIXEL_M - round(v / PIXEL_M)) < SNAP for v in (t.c, t.f))
    return (
        crs.startswith(("EPSG:326", "EPSG:327"))
        and (t.b, t.d) == (0.0, 0.0)
        and abs(t.a - PIXEL_M) * dataset.width < DRIFT * PIXEL_M
        and abs(t.e + PIXEL_M) * dataset.height < DRIFT * PIXEL_M
        and whole
    )


def read_plain(path: Path) -> Floats:
    """(bands, height, width) of a small raster as it is, its place not asked for.

    Raises:
        BadInput: missing, truncated, not a raster.
    """
    with opened(path) as dataset:
        return np.asarray(dataset.read(), np.float32)


def read_band(band: SourceBand, grid: Grid) -> tuple[Floats, Bools]:
    """One band on a grid, in physical units.

    Returns:
        values (height, width) float32, and valid (height, width), False outside the raster and
        where it says no data. Values without data are 0.

    Raises:
        BadInput: the raster is truncated, or lacks the band.
    """
    with opened(band.path, band.layer) as dataset:
        return _physical(dataset, band, grid)


def read_bands(bands: Sequence[SourceBand], grid: Grid) -> list[tuple[Floats, Bools]]:
    """As `read_band` for each, every file opened once.

    Raises:
        BadInput: a raster is truncated, or lacks a band.
    """
    with contextlib.ExitStack() as stack:
        places = {(band.path, band.layer) for band in bands}
        files = {place: stack.enter_context(opened(*place)) for place in places}
        return [_physical(files[band.path, band.layer], band, grid) for band in bands]


def _physical(dataset: DatasetReader, band: SourceBand, grid: Grid) -> tuple[Floats, Bools]:
    if band.index > dataset.count:
        raise BadInput(
            "Raster lacks a band",
            where=band.path.name,
            expected=f"band {band.index} ({band.name})",
            found=f"{dataset.count} bands",
        )
    if dataset.dtypes[band.index - 1].startswith("complex"):
        raise BadInput(
            "Raster holds complex numbers",
            where=band.path.name,
            expected="detected amplitude, as in Sentinel-1 GRD",
            do="Use the GRD product of this pass",
        )
    nodata = dataset.nodata if band.nodata is None else band.nodata
    numbers, inside = _numbers(dataset, band.index, nodata, grid)
    valid = inside & np.isfinite(numbers)
    if nodata is not None and not np.isnan(nodata):
        valid &= numbers != _single(nodata)
    # in place: a window has millions of pixels a band
    numbers *= np.float32(band.scale)
    numbers += np.float32(band.offset)
    numbers[~valid] = 0.0
    return numbers, valid


def _numbers(
    dataset: DatasetReader, index: int, nodata: float | None, grid: Grid
) -> tuple[Floats, Bools]:
    source = crs_of(dataset, Path(dataset.name))
    if source == grid.crs and _is_utm_10m(dataset, source):
        return _cut(dataset, index, grid)
    return _warp(dataset, index, nodata, source, grid)


def _cut(dataset: DatasetReader, index: int, grid: Grid) -> tuple[Floats, Bools]:
    """The grid's window of a raster on the same lattice: no resampling."""
    row0 = round((dataset.transform.f - grid.y_max_m) / grid.pixel_m)
    col0 = round((grid.x_min_m - dataset.transform.c) / grid.pixel_m)
    top, left = max(row0, 0), max(col0, 0)
    bottom = min(row0 + grid.height, dataset.height)
    right = min(col0 + grid.width, dataset.width)
    if (bottom - top, right - left) == (grid.height, grid.width):
        whole = dataset.read(index, window=Window(left, top, grid.width, grid.height))
        return _single(whole), np.ones(whole.shape, np.bool_)
    numbers = np.zeros((grid.height, grid.width), np.float32)
    inside = np.zeros(numbers.shape, np.bool_)
    if bottom > top and right > left:
        window = Window(left, top, right - left, bottom - top)
        place = np.s_[top - row0 : bottom - row0, left - col0 : right - col0]
        numbers[place] = _single(dataset.read(index, window=window))
        inside[place] = True
    return numbers, inside


def _single(numbers: NDArray[np.generic] | float) -> Floats:
    """As float32; what that cannot hold, as a float64 no-data value, becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers).astype(np.float32)


def _warp(
    dataset: DatasetReader, index: int, nodata: float | None, source: str, grid: Grid
) -> tuple[Floats, Bools]:
    """Bilinear resampling onto the grid; a pixel without any data around it has none."""
    options = {
        "src_crs": source,
        "crs": grid.crs,
        "transform": affine(grid),
        "height": grid.height,
        "width": grid.width,
        "resampling": Resampling.bilinear,
        "src_nodata": nodata,
        # a no-data value of float64 rasters, -1.8e308, is none that float32 can hold
        "nodata": None if nodata is None else np.nan,
        "dtype": "float32",
        "add_alpha": nodata is None,
    }
    with WarpedVRT(dataset, **options) as vrt:
        numbers = vrt.read(index).astype(np.float32)
        inside = vrt.read_masks(index) > 0
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
        with memory.open() as staged, MemoryFile(ext=".tif") as made:
            copy_raster(
                staged,
                made.name,
                driver="COG",
                compress="ZSTD",
                level=1,
                predictor="YES",
                blocksize=BLOCK_PX,
                overview_resampling="average",
                num_threads=1,
            )
            # Python, unlike GDAL, says ENOSPC where the disk is full
            path.write_bytes(made.read())
