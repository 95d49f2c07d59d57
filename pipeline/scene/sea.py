"""Where a ship could float: the vector coast minus berths, corrected by the image's own evidence.

No shore buffer is cut: berths are what this is about.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy import ndimage
from shapely import Geometry

from pipeline.geo import Grid, to_crs
from pipeline.records import (
    Image,
    Sensor,
    Site,
    Surface,
)
from pipeline.scene.settings import Settings

Mask = NDArray[np.bool_]


def surface(
    image: Image,
    *,
    land: Geometry,
    site: Site,
    cloud: Mask,
    sensor: Sensor,
    settings: Settings,
) -> Surface:
    """Sea, cloud and shore distance under each pixel.

    Args:
        image: pixels, whose own evidence corrects the coast by up to `coast_error_m`.
        land: lon/lat polygon of `coast.land_polygon`.
        site: its berths are always sea; its drawn land and water overrule the image.
        cloud: (height, width) bool, True under cloud; the image gives no evidence there.
        sensor: decides what water and land look like.
        settings: thresholds.
    """
    pad_px = round(settings.shore_pad_m / image.grid.pixel_m)
    vector_land = _raster([land], image.grid, pad_px)
    inner = slice(pad_px, pad_px + image.grid.height), slice(pad_px, pad_px + image.grid.width)
    berths = _raster([zone.polygon for zone in site.zones if zone.is_berth], image.grid)
    fixed = berths | _raster([*site.water, *site.land], image.grid)
    sea = ~vector_land[inner] | berths
    clear = image.valid & ~cloud
    if sensor is Sensor.S2:
        water, ground = _evidence_s2(image, sea, clear, settings)
    else:
        water, ground = _evidence_s1(image, clear, settings)
    pixel_m = image.grid.pixel_m
    reach_px = round(settings.coast_error_m / pixel_m)
    is_sure = sensor is Sensor.S2 and image.band("B03") is not None
    broad_px = round(settings.river_width_m / pixel_m) if is_sure else None
    gained = _gained(water, sea, reach_px=reach_px, broad_px=broad_px)
    lost = ground & sea & clear
    sea = sea ^ ((gained | lost) & ~fixed)
    padded = ~vector_land
    padded[inner] = sea
    distance = _shore_distance(padded, land, image.grid)[inner]
    return Surface(sea=sea, cloud=cloud, shore_distance_m=distance)


def _raster(polygons: list[Geometry], grid: Grid, pad_px: int = 0) -> Mask:
    """Pixels whose centre lies in a lon/lat polygon, on the grid grown by a margin."""
    shape = (grid.height + 2 * pad_px, grid.width + 2 * pad_px)
    shapes = [
        to_crs(polygon, target=grid.crs) for polygon in polygons if not shapely.is_empty(polygon)
    ]
    if not shapes:
        return np.zeros(shape, np.bool_)
    affine = Affine(*grid.affine) @ Affine.translation(-pad_px, -pad_px)
    return np.asarray(rasterize(shapes, shape, transform=affine, dtype="uint8"), np.bool_)


def _gained(water: Mask, sea: Mask, *, reach_px: int, broad_px: int | None) -> Mask:
    """Water the vector coast calls land, connected to the sea.

    Either within the coast's error, or of any length where it is broad: coastlines end at river
    mouths, ports do not.
    """
    if reach_px < 1:
        return np.zeros_like(sea)
    near = np.asarray(
        ndimage.maximum_filter(sea, size=2 * reach_px + 1, mode="constant", cval=0), np.bool_
    )
    candidates: Mask = near & _opened(water, 3) & ~sea
    if broad_px is not None:
        candidates |= _opened(water, broad_px) & ~sea
    if not candidates.any():
        return candidates
    reached = np.asarray(ndimage.binary_propagation(sea, mask=sea | candidates), np.bool_)
    return reached & ~sea


def _opened(mask: Mask, size: int) -> Mask:
    """What a square of an odd side fits into."""
    size |= 1
    return np.asarray(
        ndimage.maximum_filter(ndimage.minimum_filter(mask, size=size), size=size), np.bool_
    )


def _evidence_s2(image: Image, sea: Mask, clear: Mask, settings: Settings) -> tuple[Mask, Mask]:
    """(water, ground): dark in the near infrared; vegetated, or bright and broader than a ship."""
    nothing = np.zeros_like(sea)
    nir = image.band("B08")
    if nir is None:
        return nothing, nothing
    green, red = image.band("B03"), image.band("B04")
    inset_px = round(settings.shore_inset_m / image.grid.pixel_m)
    inside = ndimage.minimum_filter(sea, size=2 * inset_px + 1, mode="nearest")
    sample = nir[inside & clear]
    if sample.size < inset_px**2:
        sample = nir[sea & clear]
    if sample.size < inset_px**2:
        return nothing, nothing
    median = float(np.median(sample))
    deviation = 1.4826 * float(np.median(np.abs(sample - median)))
    # haze and glint may lift the sea itself above the ceiling that is meant for land's shadows
    ceiling = max(settings.water_nir_max, median + 0.01)
    water = clear & (nir < min(median + settings.water_nir_excess * deviation + 0.01, ceiling))
    if green is not None:
        water &= green - nir > settings.water_ndwi_min * (green + nir)
    step = max(settings.water_nir_excess * deviation, settings.ground_nir_excess)
    ground = _broad(clear & sea & (nir > median + step), image.grid.pixel_m, settings)
    if red is not None:
        plants = nir - red > settings.plant_ndvi_min * (nir + red)
        plants &= clear & (nir > settings.plant_nir_min)
        ground |= ndimage.maximum_filter(ndimage.minimum_filter(plants, size=3), size=3)
    return water, ground


def _evidence_s1(image: Image, clear: Mask, settings: Settings) -> tuple[Mask, Mask]:
    """(water, ground) from smoothed backscatter; nothing without VV."""
    power = image.band("VV")
    if power is None:
        return np.zeros_like(clear), np.zeros_like(clear)
    smooth = ndimage.uniform_filter(np.where(clear, power, 0.0), size=5)
    water = clear & (smooth < 10.0 ** (settings.water_sigma0_db / 10.0))
    bright = clear & (smooth > 10.0 ** (settings.land_sigma0_db / 10.0))
    return water, _broad(bright, image.grid.pixel_m, settings)


def _broad(bright: Mask, pixel_m: float, settings: Settings) -> Mask:
    """Bright ground broader than any ship, in patches larger than rafted ships."""
    size = max(3, round(settings.island_core_m / pixel_m)) | 1
    opened = ndimage.maximum_filter(
        ndimage.minimum_filter(bright, size=size, mode="nearest"), size=size
    )
    labels, count = ndimage.label(opened)
    if not count:
        return np.zeros_like(bright)
    area_m2 = np.bincount(labels.ravel()) * pixel_m**2
    large = area_m2 >= settings.island_area_m2
    large[0] = False
    return np.asarray(ndimage.maximum_filter(large[labels], size=3) & bright, np.bool_)


def _shore_distance(sea: Mask, land: Geometry, grid: Grid) -> NDArray[np.float32]:
    """Metres from each pixel centre to the nearest land pixel's centre; 0 on land.

    Where no land lies in the raster at all, the distance from its centre to the land polygon
    stands for all of it; without any land, the raster's diagonal does, as a lower bound.
    """
    if not sea.all():
        distance = ndimage.distance_transform_edt(sea) * grid.pixel_m
        return np.asarray(distance, np.float32)
    x, y = grid.xy_from_px(grid.height / 2.0, grid.width / 2.0)
    far_m = float(np.hypot(*sea.shape)) * grid.pixel_m
    if not shapely.is_empty(land):
        near = to_crs(land, target=grid.crs).distance(shapely.Point(float(x), float(y)))
        far_m = max(near, grid.pixel_m)
    return np.full(sea.shape, far_m, np.float32)
