"""What does not move: land, quays and water of a site, on its grid."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.geo import Grid, to_crs, utm_crs
from pipeline.records import Site
from pipeline.simulate.chance import chance
from pipeline.simulate.settings import Settings

PIXEL_M = 10.0
SUB = 3
"""Samples a pixel, each way, of the coast's course."""
QUAY_M = 60.0
"""Depth of the paved strip along the shore."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """Layers of a site; arrays are (height, width)."""

    grid: Grid
    land: NDArray[np.float32]
    """Share of the pixel that is land, [0, 1]."""
    texture: NDArray[np.float32]
    """Unit-variance texture of the land, the same in every pass."""
    paved: NDArray[np.bool_]
    """Quays and jetties."""
    inside: NDArray[np.bool_]
    """Pixels of the AOI."""


@functools.lru_cache(maxsize=8)
def ground(site: Site, settings: Settings) -> Ground:
    """The site's layers; the coast wanders off its drawing by up to a pixel, as real ones do."""
    aoi = to_crs(site.aoi, target=utm_crs(site.aoi.centroid.x, site.aoi.centroid.y))
    west, south, east, north = aoi.bounds
    left, top = np.floor(west / PIXEL_M), np.ceil(north / PIXEL_M)
    grid = Grid(
        crs=utm_crs(site.aoi.centroid.x, site.aoi.centroid.y),
        x_min_m=float(left * PIXEL_M),
        y_max_m=float(top * PIXEL_M),
        pixel_m=PIXEL_M,
        height=int(top - np.floor(south / PIXEL_M)),
        width=int(np.ceil(east / PIXEL_M) - left),
    )
    rng = chance(settings.seed, "ground", site.site_id)
    shape = (grid.height, grid.width)
    drawn = to_crs(shapely.unary_union(list(site.land)), target=grid.crs)
    land = _share_of_land(drawn, grid, rng, settings)
    solid = land > 0.5
    texture = ndimage.gaussian_filter(rng.normal(size=shape), 2.0) / 0.14
    return Ground(
        grid=grid,
        land=land,
        texture=texture.astype(np.float32),
        paved=solid & (ndimage.distance_transform_edt(solid) * PIXEL_M < QUAY_M),
        inside=_contains(aoi, grid, 1)[0],
    )


def _share_of_land(
    drawn: shapely.Geometry, grid: Grid, rng: np.random.Generator, settings: Settings
) -> NDArray[np.float32]:
    east_m, north_m = rng.uniform(-settings.land_wander_m, settings.land_wander_m, 2)
    moved = shapely.transform(drawn, lambda xy: xy + np.array([east_m, north_m]))
    samples = _contains(moved, grid, SUB)
    return np.asarray(samples.mean(axis=0), np.float32)


def _contains(polygon: shapely.Geometry, grid: Grid, sub: int) -> NDArray[np.bool_]:
    """(sub², height, width): is each sample of each pixel inside?"""
    shapely.prepare(polygon)
    steps = (np.arange(sub) + 0.5) / sub
    layers = []
    for row_step in steps:
        for col_step in steps:
            rows = np.arange(grid.height)[:, None] + row_step
            cols = np.arange(grid.width)[None, :] + col_step
            x, y = grid.xy_from_px(rows, cols)
            layers.append(shapely.contains_xy(polygon, *np.broadcast_arrays(x, y)))
    return np.stack(layers)
