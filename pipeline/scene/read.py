"""Delivered files to calibrated images on a site's grid, and fetched scenes back from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pipeline.errors import BadInput
from pipeline.geo import Grid
from pipeline.records import Image, Scene, Sensor, Site, SourceBand, SourceScene
from pipeline.scene.cloud import cloud_fraction, cloud_mask
from pipeline.scene.item import ITEM, PREFIX, read_document, read_item
from pipeline.scene.raster import covered, crs_of, grid_for, opened, read_band
from pipeline.scene.sar import read_grd_band
from pipeline.scene.settings import Settings


def read_source(source: SourceScene, *, site: Site, settings: Settings) -> tuple[Scene, Image]:
    """One acquisition over one site, cropped to the AOI, in physical units.

    Sentinel-2 becomes reflectance (DN × scale + offset, once); Sentinel-1 sigma nought, linear. A
    band that is empty throughout is not available and is left out.

    Raises:
        BadInput: a raster is truncated, has no CRS or does not meet the AOI; no band has data.
    """
    grid = _grid(source, site)
    kept: list[tuple[str, np.ndarray[Any, Any]]] = []
    masks = []
    for band in source.bands:
        values, valid = (
            read_band(band, grid) if band.calibration is None else read_grd_band(band, grid)
        )
        if valid.any():
            kept.append((band.name, values))
            masks.append(valid)
    if not kept:
        raise BadInput("Scene has no data in the area of interest", where=source.source_id)
    image = Image(
        grid=grid,
        bands=tuple(name for name, _ in kept),
        data=np.stack([values for _, values in kept]),
        valid=np.logical_and.reduce(masks) & covered(site.aoi, grid),
    )
    if not image.valid.any():
        raise BadInput("Scene has no data in the area of interest", where=source.source_id)
    return _scene(source, site, image, settings), image


def _grid(source: SourceScene, site: Site) -> Grid:
    """A raw Sentinel-1 GRD has no grid of its own; all else brings one."""
    finest = source.bands[0]
    return grid_for(finest.path, site.aoi, by_gcps=finest.calibration is not None)


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
        valid_fraction=float(image.valid.mean()),
        processing_baseline=source.processing_baseline,
        reflectance_offset=source.bands[0].offset if source.sensor is Sensor.S2 else None,
        orbit_state=source.orbit_state,
        relative_orbit=source.relative_orbit,
        heading_deg=source.heading_deg,
        incidence_deg=source.incidence_deg,
        range_over_velocity_s=source.range_over_velocity_s,
    )


def read_scene(folder: Path) -> tuple[Scene, Image]:
    """A fetched scene from its folder: `item.json` and one COG a band.

    Raises:
        BadInput: the item or a raster is missing or damaged.
    """
    scene = read_item(folder / ITEM)
    assets = read_document(folder / ITEM)["assets"]
    bands = [_stored_band(name, assets[name], folder) for name in scene.bands]
    grid = _stored_grid(bands[0].path)
    layers = [read_band(band, grid) for band in bands]
    image = Image(
        grid=grid,
        bands=scene.bands,
        data=np.stack([values for values, _ in layers]),
        valid=np.logical_and.reduce([valid for _, valid in layers]),
    )
    return scene, image


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


def _stored_grid(path: Path) -> Grid:
    with opened(path) as dataset:
        return Grid(
            crs=crs_of(dataset, path),
            x_min_m=dataset.transform.c,
            y_max_m=dataset.transform.f,
            pixel_m=dataset.transform.a,
            height=dataset.height,
            width=dataset.width,
        )
