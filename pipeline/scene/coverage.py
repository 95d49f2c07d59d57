"""What a pass could show of each berth. "No call" is never inferred from "no image"."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Geometry

from pipeline.geo import Grid, to_crs
from pipeline.records import (
    Coverage,
    CoverageState,
    Image,
    Scene,
    Site,
)
from pipeline.scene.settings import Settings


def coverage(
    scene: Scene, image: Image, cloud: NDArray[np.bool_], site: Site, settings: Settings
) -> list[Coverage]:
    """One row a zone: the shares of its area that were imaged, cloudy, and clear.

    Args:
        scene: the pass.
        image: its pixels.
        cloud: (height, width), True under cloud.
        site: whose zones are asked about.
        settings: where `seen` begins and `partly` ends.
    """
    return [
        _of_zone(scene, image, cloud, zone.zone_id, zone.polygon, settings) for zone in site.zones
    ]


def _of_zone(
    scene: Scene,
    image: Image,
    cloud: NDArray[np.bool_],
    zone_id: str,
    polygon: Geometry,
    settings: Settings,
) -> Coverage:
    inside, area_px = _pixels_of(polygon, image.grid)
    imaged = np.count_nonzero(image.valid & inside) / area_px
    cloudy = np.count_nonzero(image.valid & cloud & inside) / area_px
    clear = max(0.0, min(1.0, imaged) - cloudy)
    return Coverage(
        site_id=scene.site_id,
        zone_id=zone_id,
        scene_id=scene.scene_id,
        sensor=str(scene.sensor),
        sensed_at=scene.sensed_at,
        state=str(_state(imaged, clear, settings)),
        clear_fraction=clear,
        cloud_fraction=min(1.0, cloudy),
        imaged_fraction=min(1.0, imaged),
    )


def _pixels_of(polygon: Geometry, grid: Grid) -> tuple[NDArray[np.bool_], float]:
    """Pixels whose centre a lon/lat polygon covers, and how many it would have on an endless grid.

    Both are counted on the polygon's own extent, so that a zone beyond the image counts as such.
    """
    local = to_crs(polygon, target=grid.crs)
    west, south, east, north = local.bounds
    rows = np.arange(np.floor((grid.y_max_m - north) / grid.pixel_m),
                     np.ceil((grid.y_max_m - south) / grid.pixel_m))  # fmt: skip
    cols = np.arange(np.floor((west - grid.x_min_m) / grid.pixel_m),
                     np.ceil((east - grid.x_min_m) / grid.pixel_m))  # fmt: skip
    x, y = grid.xy_from_px(*np.meshgrid(rows + 0.5, cols + 0.5, indexing="ij"))
    covered = shapely.contains_xy(local, x, y)
    inside = np.zeros((grid.height, grid.width), np.bool_)
    on_rows = (rows >= 0) & (rows < grid.height)
    on_cols = (cols >= 0) & (cols < grid.width)
    index = np.ix_(rows[on_rows].astype(int), cols[on_cols].astype(int))
    inside[index] = covered[np.ix_(on_rows, on_cols)]
    return inside, max(1.0, float(covered.sum()))


def _state(imaged: float, clear: float, settings: Settings) -> CoverageState:
    if imaged < settings.imaged_min:
        return CoverageState.NOT_IMAGED
    if clear >= settings.seen_min:
        return CoverageState.SEEN
    return CoverageState.CLOUDY if clear < settings.partly_min else CoverageState.PARTLY
