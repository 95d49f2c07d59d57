"""Delivered files to calibrated images on a site's grid, and fetched scenes back from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.enums import ColorInterp
from shapely import Geometry

from pipeline.errors import BadInput
from pipeline.geo import Grid, to_crs
from pipeline.pruned import read_pruned
from pipeline.records import (
    Image,
    Scene,
    Sensor,
    Site,
)
from pipeline.scene.classes import said_cloud
from pipeline.scene.cloud import cloud_fraction, cloud_mask
from pipeline.scene.geolocation import GeolocationGrid
from pipeline.scene.item import CLOUD, ITEM, PREFIX, described, read_document
from pipeline.scene.raster import (
    covered,
    crs_of,
    footprint,
    grid_for,
    opened,
    read_band,
    read_bands,
)
from pipeline.scene.sar import geolocation_of, read_grd_band
from pipeline.scene.settings import Settings
from pipeline.sources import SourceBand, SourceScene


def read_source(source: SourceScene, *, site: Site, settings: Settings) -> tuple[Scene, Image]:
    """One acquisition over one site, cropped to the AOI, in physical units.

    Sentinel-2 becomes reflectance (DN × scale + offset, once); Sentinel-1 sigma nought, linear. A
    band that is empty throughout is not available and is left out. A Sentinel-1 GRD's time, angle
    and range are taken at the AOI's centre.

    Raises:
        BadInput: a raster is truncated, has no CRS or does not meet the AOI; no band has data.
    """
    _check_bands(source)
    finest = source.bands[0]
    radar = None if finest.calibration is None else geolocation_of(finest)
    extent = None if radar is None else radar.extent()
    grid = grid_for(finest.path, site.aoi, extent=extent, layer=finest.layer)
    kept: list[tuple[str, np.ndarray[Any, Any]]] = []
    masks = []
    for band in source.bands:
        values, valid = read_band(band, grid) if radar is None else read_grd_band(band, grid, radar)
        if valid.any():
            kept.append((band.name, values))
            masks.append(valid)
    valid = np.logical_and.reduce([*masks, covered(site.aoi, grid)])
    if not kept or not valid.any():
        raise _not_imaged(f"{source.source_id} ({finest.path.name})")
    image = Image(
        grid=grid,
        bands=tuple(name for name, _ in kept),
        data=np.stack([values for _, values in kept]),
        valid=valid,
        said_cloud=None if source.classes is None else said_cloud(source.classes, grid),
    )
    if radar is not None:
        source = _at_aoi(source, site.aoi, radar)
    return _scene(source, site, image, settings), image


def read_granules(
    granules: Sequence[SourceScene], *, site: Site, settings: Settings
) -> tuple[Scene, Image]:
    """As `read_source`, of a pass that an archive delivers in several Sentinel-2 tiles.

    Where tiles overlap they show the same ground at the same instant: the first that has data
    counts. Time, platform and offset are those of the first.

    Raises:
        BadInput: as `read_source`; tiles of different satellites or with different bands.
    """
    if len(granules) == 1:
        return read_source(granules[0], site=site, settings=settings)
    first = granules[0]
    kinds = {(one.platform, tuple(band.name for band in one.bands)) for one in granules}
    if len(kinds) > 1:
        raise BadInput(
            "Tiles of one pass do not belong together",
            where=first.source_id,
            found=sorted(" ".join([name, *bands]) for name, bands in kinds),
            do="Fetch the pass again",
        )
    extents = [footprint(one.bands[0].path) for one in granules]
    extent = shapely.union_all(extents)
    grid = grid_for(first.bands[0].path, site.aoi, extent=extent)
    names = [band.name for band in first.bands]
    data = np.zeros((len(names), grid.height, grid.width), np.float32)
    valid = np.zeros(data.shape[1:], np.bool_)
    cloud = None if any(one.classes is None for one in granules) else np.zeros_like(valid)
    for one in granules:
        _check_bands(one)
        layers = [read_band(band, grid) for band in one.bands]
        new = np.logical_and.reduce([there for _, there in layers]) & ~valid
        data[:, new] = np.stack([values[new] for values, _ in layers])
        if cloud is not None and one.classes is not None:
            cloud[new] = said_cloud(one.classes, grid)[new]
        valid |= new
    valid &= covered(site.aoi, grid)
    if not valid.any():
        raise _not_imaged(first.source_id)
    image = Image(grid=grid, bands=tuple(names), data=data, valid=valid, said_cloud=cloud)
    products = tuple(dict.fromkeys(name for one in granules for name in one.product_ids))
    return _scene(replace(first, product_ids=products), site, image, settings), image


def _not_imaged(where: str) -> BadInput:
    return BadInput(
        "Scene has no data in the area of interest",
        where=where,
        do="Nothing is lost: this pass did not image the site",
    )


def _check_bands(source: SourceScene) -> None:
    """A file with other bands than were described is not the file that was described."""
    for path in source.files():
        names = [b.name for b in source.bands if b.path == path and b.layer is None]
        if not names:
            continue
        with opened(path) as dataset:
            surplus = dataset.colorinterp[len(names) :]
            found = dataset.count
        if found < len(names) or any(kind is not ColorInterp.alpha for kind in surplus):
            raise BadInput(
                "Raster has other bands than were described",
                where=path.name,
                expected=f"{len(names)} ({' '.join(names)})",
                found=found,
                do="Describe its bands in a STAC item beside it or in `fetch.geotiff_defaults`",
            )


def _at_aoi(source: SourceScene, aoi: Geometry, radar: GeolocationGrid) -> SourceScene:
    """A pass lasts 25 s and its angles span 15 degrees: what matters is how the site was seen."""
    seen = radar.at(aoi.centroid.x, aoi.centroid.y)
    near_s = source.range_over_velocity_s
    return replace(
        source,
        sensed_at=seen.sensed_at,
        incidence_deg=seen.incidence_deg,
        range_over_velocity_s=None if near_s is None else near_s * seen.slant_range_ratio,
    )


def _scene(source: SourceScene, site: Site, image: Image, settings: Settings) -> Scene:
    cloud = None
    if source.sensor is Sensor.S2:
        cloud = cloud_fraction(image, cloud_mask(image, settings))
    return Scene(
        scene_id=f"{source.source_id}_{site.site_id}",
        site_id=site.site_id,
        sensor=source.sensor,
        platform=source.platform,
        provider=source.provider,
        product_ids=source.product_ids,
        sensed_at=source.sensed_at,
        bands=image.bands,
        gsd_m=source.gsd_m,
        cloud_fraction=cloud,
        valid_fraction=_valid_fraction(site.aoi, image),
        processing_baseline=source.processing_baseline,
        reflectance_offset=source.bands[0].offset if source.sensor is Sensor.S2 else None,
        orbit_state=source.orbit_state,
        relative_orbit=source.relative_orbit,
        heading_deg=source.heading_deg,
        incidence_deg=source.incidence_deg,
        range_over_velocity_s=source.range_over_velocity_s,
    )


def _valid_fraction(aoi: Geometry, image: Image) -> float:
    """Of the whole AOI, not of the part of it that the raster has."""
    area_m2 = to_crs(aoi, target=image.grid.crs).area
    return float(min(1.0, image.valid.sum() * image.grid.pixel_m**2 / area_m2))


def read_scene(folder: Path) -> tuple[Scene, Image]:
    """A fetched scene from its folder: `item.json` and one COG a band.

    Raises:
        BadInput: the item or a raster is missing or damaged.
    """
    stored = open_stored(folder)
    layers = [read_band(stored.bands[name], stored.grid) for name in stored.scene.bands]
    said = stored.bands.get(CLOUD)
    image = Image(
        grid=stored.grid,
        bands=stored.scene.bands,
        data=np.stack([values for values, _ in layers]),
        valid=np.logical_and.reduce([valid for _, valid in layers]),
        said_cloud=None if said is None else read_band(said, stored.grid)[0] > 0,
    )
    return stored.scene, image


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A fetched scene whose pixels have not been read."""

    scene: Scene
    grid: Grid
    bands: Mapping[str, SourceBand]
    """By name; the archive's cloud mask among them, if it has one."""

    def read(self, names: Sequence[str], grid: Grid) -> Image:
        """Some bands on another grid, in physical units.

        Raises:
            BadInput: the scene lacks a band, or a raster is damaged.
        """
        lacking = [name for name in names if name not in self.bands]
        if lacking:
            raise BadInput("Scene lacks a band", where=self.scene.scene_id, expected=lacking[0])
        layers = read_bands([self.bands[name] for name in names], grid)
        return Image(
            grid=grid,
            bands=tuple(names),
            data=np.stack([values for values, _ in layers]),
            valid=np.logical_and.reduce([valid for _, valid in layers]),
        )


def open_stored(folder: Path) -> Stored:
    """A fetched scene's item and grid.

    Raises:
        BadInput: the item or a raster is missing or damaged, or the pixels were pruned.
    """
    document = read_document(folder / ITEM)
    scene, assets = described(document, folder / ITEM), document["assets"]
    try:
        names = [*scene.bands, *([CLOUD] if CLOUD in assets else [])]
        bands = {name: _stored_band(name, assets[name], folder) for name in names}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            "Scene's STAC item is damaged",
            where=folder / ITEM,
            found=repr(error),
            do="Fetch the scene again",
        ) from None
    pruned = read_pruned(folder)
    if pruned is not None:
        raise BadInput("Scene has no pixels any more", where=scene.scene_id, do=pruned.told)
    return Stored(scene=scene, grid=stored_grid(bands[scene.bands[0]].path), bands=bands)


def _stored_band(name: str, asset: dict[str, Any], folder: Path) -> SourceBand:
    href = Path(str(asset["href"])).name  # an item names files beside it and no others
    return SourceBand(
        name=name,
        path=folder / href,
        index=1,
        scale=float(asset[f"{PREFIX}scale"]),
        offset=float(asset[f"{PREFIX}offset"]),
        nodata=float(asset[f"{PREFIX}nodata"]),
    )


def stored_grid(path: Path) -> Grid:
    """The grid of a raster of a fetched scene."""
    with opened(path) as dataset:
        return Grid(
            crs=crs_of(dataset, path),
            x_min_m=dataset.transform.c,
            y_max_m=dataset.transform.f,
            pixel_m=dataset.transform.a,
            height=dataset.height,
            width=dataset.width,
        )
