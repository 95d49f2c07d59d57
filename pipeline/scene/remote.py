"""Part of a raster on the web, copied as it is: GDAL asks for the blocks that meet the site."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window, from_bounds
from shapely import Geometry

from pipeline.errors import BadInput, TryLater
from pipeline.geo import to_crs
from pipeline.scene.raster import MAX_SIDE_PX, crs_of, refuse_vast_blocks

MARGIN_PX = 16
"""Around the site: what resampling and a hull at its edge need."""
LATER = re.compile(
    r"HTTP response code[^0-9]*(408|429|5\d\d)|CURL error|timed out|resolve|connect|recv", re.I
)
"""In GDAL's messages: what may be otherwise in an hour."""


def copy_window(
    url: str, site: Geometry, out: Path, *, retries: int, timeout_s: float, lasts: bool = True
) -> tuple[int, int]:
    """Copy the part of a COG that meets a lon/lat polygon: same numbers, same lattice.

    Args:
        url: http or https, already found to be one that may be asked.
        site: lon/lat polygon.
        out: GeoTIFF to write.
        retries: of a failed request.
        timeout_s: of one request.
        lasts: worth packing; False for a copy that is read once and removed.

    Returns:
        (height, width) of what was copied.

    Raises:
        BadInput: no raster there, damaged, larger than any scene, or away from the site.
        TryLater: the server does not answer, or asks to wait.
        OSError: the copy cannot be written.
    """
    options = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MAX_RETRY": str(retries),
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        "GDAL_HTTP_TIMEOUT": str(timeout_s),
        "GDAL_HTTP_CONNECTTIMEOUT": str(min(timeout_s, 20.0)),
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
        "CPL_VSIL_CURL_CACHE_SIZE": "33554432",
        "CPL_VSIL_CURL_NON_CACHED": f"/vsicurl/{url}",
    }
    try:
        with rasterio.Env(**options), rasterio.open(f"/vsicurl/{url}", driver="GTiff") as dataset:
            return _copied(dataset, url, site, out, lasts)
    except RasterioError as error:
        out.unlink(missing_ok=True)
        cause = error.__cause__ or error
        problem = " ".join(str(cause).replace("/vsicurl/", "").split())[:300]
        kind = TryLater if LATER.search(problem) else BadInput
        raise kind("Raster cannot be fetched", where=_name(url), found=problem) from None


def _copied(
    dataset: DatasetReader, url: str, site: Geometry, out: Path, lasts: bool
) -> tuple[int, int]:
    _refuse_vast(dataset, url)
    local = to_crs(site, source="EPSG:4326", target=crs_of(dataset, Path(_name(url))))
    met = local.intersection(shapely.box(*dataset.bounds))
    if met.is_empty or not np.isfinite(met.bounds).all():
        raise BadInput("Raster does not meet the site", where=_name(url))
    window = _snapped(from_bounds(*met.bounds, transform=dataset.transform), dataset.shape)
    profile = {
        "driver": "GTiff", "count": dataset.count, "dtype": dataset.dtypes[0],
        "width": window.width, "height": window.height, "crs": dataset.crs,
        "transform": dataset.transform @ Affine.translation(window.col_off, window.row_off),
        "nodata": dataset.nodata,
        "tiled": True, "blockxsize": 256, "blockysize": 256,
        "compress": "DEFLATE" if lasts else "NONE",
    }  # fmt: skip
    pixels = dataset.read(window=window)
    with MemoryFile(ext=".tif") as made:
        with made.open(**profile) as copy:
            copy.write(pixels)
        out.write_bytes(made.read())  # Python, unlike GDAL, says ENOSPC where the disk is full
    return int(window.height), int(window.width)


def _refuse_vast(dataset: DatasetReader, url: str) -> None:
    """Before anything is unpacked: a few kilobytes may claim any size."""
    if max(dataset.shape) > MAX_SIDE_PX or dataset.count > 4:
        raise BadInput(
            "Raster is larger than any scene's band",
            where=_name(url),
            expected=f"at most {MAX_SIDE_PX} px a side, 4 layers",
            found=f"{dataset.height} x {dataset.width}, {dataset.count}",
        )
    refuse_vast_blocks(dataset, _name(url))


def _snapped(window: Window, shape: tuple[int, int]) -> Window:
    """Whole pixels with a margin, inside the raster."""
    top = max(0, int(np.floor(window.row_off)) - MARGIN_PX)
    left = max(0, int(np.floor(window.col_off)) - MARGIN_PX)
    bottom = min(shape[0], int(np.ceil(window.row_off + window.height)) + MARGIN_PX)
    right = min(shape[1], int(np.ceil(window.col_off + window.width)) + MARGIN_PX)
    return Window(left, top, max(1, right - left), max(1, bottom - top))


def _name(url: str) -> str:
    """Without the query, which may hold a signature."""
    return url.split("?", 1)[0]
