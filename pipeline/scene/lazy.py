"""A raster of the user's own, read window by window: no STAC item, no site, no size limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import shapely
from rasterio.io import DatasetReader
from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.geo import Grid, to_crs
from pipeline.records import (
    Image,
    Sensor,
    Site,
    Surface,
)
from pipeline.scene.cloud import cloud_mask
from pipeline.scene.coast import land_polygon, land_within
from pipeline.scene.raster import footprint, grid_for, opened, read_bands
from pipeline.scene.sea import surface
from pipeline.scene.settings import Settings
from pipeline.sources import SourceBand

SIDE_MIN_PX = 16
"""Nothing smaller can show a ship and the water around it."""
NAMES = {Sensor.S2: ("B02", "B03", "B04", "B08"), Sensor.S1: ("VV", "VH")}


@dataclass(frozen=True, kw_only=True, eq=False)
class LazyScene:
    """Pixels on the 10 m UTM grid, and what lies under them, a window at a time."""

    bands: tuple[SourceBand, ...]
    grid: Grid
    sensor: Sensor
    settings: Settings

    @cached_property
    def _land(self) -> Geometry:
        """Around the whole raster, lon/lat: the coastline is asked once, not once a window."""
        return land_polygon(site_around(_box(self.grid)), self.settings)

    def view(self, window: tuple[int, int, int, int]) -> tuple[Image, Surface]:
        """Pixels of rows [row0, row1) and cols [col0, col1), and what lies under them."""
        grid = self.grid.window(*window)
        layers = read_bands(self.bands, grid)
        image = Image(
            grid=grid,
            bands=tuple(band.name for band in self.bands),
            data=np.stack([values for values, _ in layers]),
            valid=np.logical_or.reduce([valid for _, valid in layers]),
        )
        here = site_around(_box(grid))
        land = land_within(self._land, here, self.settings)
        cloud = cloud_mask(image, self.settings)
        if land.is_empty:
            far = np.full(cloud.shape, self.settings.coast_margin_m, np.float32)
            return image, Surface(sea=np.ones_like(cloud), cloud=cloud, shore_distance_m=far)
        ground = surface(
            image,
            land=land,
            site=here,
            cloud=cloud,
            sensor=self.sensor,
            settings=self.settings,
        )
        return image, ground


def open_lazily(
    path: Path, sensor: Sensor, settings: Settings, *, names: Sequence[str] = ()
) -> LazyScene:
    """A GeoTIFF or JPEG 2000 of any size, on its own grid or brought to 10 m in UTM.

    Args:
        path: the raster.
        sensor: whose bands it has.
        settings: coast, clouds, water.
        names: of its bands in order; without them the file's own descriptions count.

    Raises:
        BadInput: no raster, no place on Earth, too small, too coarse, bands that cannot be told.
    """
    extent = footprint(path)
    with opened(path) as dataset:
        bands = _bands(dataset, path, sensor, names)
    grid = grid_for(path, extent)
    if min(grid.height, grid.width) < SIDE_MIN_PX:
        raise BadInput(
            "Image is too small to show a ship",
            where=path.name,
            expected=f"{SIDE_MIN_PX} px of 10 m a side at least",
            found=f"{grid.height} x {grid.width}",
        )
    return LazyScene(bands=bands, grid=grid, sensor=sensor, settings=settings)


def site_around(aoi: Geometry) -> Site:
    """A place with no name and no berths, lon/lat polygon."""
    return Site(
        site_id="image",
        name="image",
        country="",
        aoi=aoi,
        zones=(),
        water=(),
        land=(),
        source="the image's own extent",
        digitised_on="",
    )


def _box(grid: Grid) -> Geometry:
    west, north = grid.x_min_m, grid.y_max_m
    east, south = west + grid.width * grid.pixel_m, north - grid.height * grid.pixel_m
    return to_crs(shapely.box(west, south, east, north), source=grid.crs, target="EPSG:4326")


def _bands(
    dataset: DatasetReader, path: Path, sensor: Sensor, names: Sequence[str]
) -> tuple[SourceBand, ...]:
    known = NAMES[sensor]
    told: list[str | None] = [*names] or [_name(text, known) for text in dataset.descriptions]
    if not names and not any(told) and dataset.count == len(known):
        told = list(known)
    if names and len(names) != dataset.count:
        raise BadInput(
            "Image has another number of bands than were named",
            where=path.name,
            expected=f"{len(names)} ({' '.join(names)})",
            found=dataset.count,
        )
    chosen = [(index, name) for index, name in enumerate(told, 1) if name in known]
    described = " ".join(text or "?" for text in dataset.descriptions)
    if not chosen or len({name for _, name in chosen}) < len(chosen):
        raise BadInput(
            "It cannot be told which band is which",
            where=path.name,
            expected=f"bands described as {' '.join(known)}, or {len(known)} bands in that order",
            found=f"{dataset.count} bands: {described}",
            do="Name them: --bands B02,B03,B04,B08 (- for a band to pass over)",
        )
    return tuple(_band(dataset, path, index, name, sensor) for index, name in chosen)


def _name(text: str | None, known: Sequence[str]) -> str | None:
    """`Band 8`, `B8`, `b08 (842 nm)`, `sigma0_vv` → the band's name."""
    if not text:
        return None
    for name in known:
        digits = name.lstrip("B0")
        pattern = rf"(?<![a-z0-9])b(and)?[ _]?0?{digits}(?![0-9a])" if name[0] == "B" else name
        if re.search(pattern, text, re.IGNORECASE):
            return name
    return None


def _band(dataset: DatasetReader, path: Path, index: int, name: str, sensor: Sensor) -> SourceBand:
    kind = dataset.dtypes[index - 1]
    scale, offset = dataset.scales[index - 1], dataset.offsets[index - 1]
    whole = kind.startswith(("int", "uint"))
    if sensor is Sensor.S1 and whole and (scale, offset) == (1.0, 0.0):
        raise BadInput(
            "Radar image holds whole numbers, no sigma nought",
            where=path.name,
            expected="calibrated sigma0, linear, float32",
            found=kind,
            do="Calibrate it, or run a GRD product through `darkcall fetch`",
        )
    if sensor is Sensor.S2 and whole and (scale, offset) == (1.0, 0.0):
        if kind.endswith("8"):
            raise BadInput(
                "Image holds 8-bit colours, no reflectance",
                where=path.name,
                expected="reflectance, as floats or times 10,000",
                found=kind,
                do="Use the bands, not the true-colour picture",
            )
        scale = 1e-4
    nodata = dataset.nodata
    if nodata is None and whole:
        nodata = 0.0
    return SourceBand(name=name, path=path, index=index, scale=scale, offset=offset, nodata=nodata)
