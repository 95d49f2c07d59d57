"""Land around a site, as a polygon: the vector coast, corrected by hand where someone drew it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from roaring_landmask import LandmaskProvider, RoaringMask
from shapely import Geometry

from pipeline.geo import destination
from pipeline.records import Site
from pipeline.scene.settings import Settings
from pipeline.scene.world import world

_GRID_DEG = 0.02


def land_polygon(site: Site, settings: Settings) -> Geometry:
    """Land within the AOI's surroundings, lon/lat WGS 84; empty where there is none.

    Hand-drawn water is always cut out of the coastline and hand-drawn land always added, land last:
    a quay drawn inside a drawn river stays.
    """
    bounds = _around(site.aoi.bounds, settings.coast_margin_m)
    land = _osm_land(bounds) if settings.coastline == "osm" else shapely.Polygon()
    if site.water:
        land = land.difference(shapely.union_all(site.water))
    if site.land:
        drawn = shapely.clip_by_rect(shapely.union_all(site.land), *bounds)
        land = land.union(drawn)
    return land


def land_in(bounds: tuple[float, float, float, float], margin_deg: float) -> Geometry:
    """OpenStreetMap's land in a lon/lat box and around it, for maps."""
    west, south, east, north = bounds
    box = (west - margin_deg, south - margin_deg, east + margin_deg, north + margin_deg)
    return _osm_land(box)


def land_within(land: Geometry, site: Site, settings: Settings) -> Geometry:
    """The part of a larger place's land polygon that `land_polygon` would give for a site in it."""
    bounds = _around(site.aoi.bounds, settings.coast_margin_m)
    return shapely.make_valid(shapely.clip_by_rect(land, *bounds))


def _around(
    bounds: tuple[float, float, float, float], margin_m: float
) -> tuple[float, float, float, float]:
    """A lon/lat box grown by a distance on the ground."""
    west, south, east, north = bounds
    reach_m = margin_m * math.sqrt(2.0)  # the diagonal's components are the margin
    widest = max(abs(south), abs(north))
    lon, lat = destination([west, east], [south, north], [225.0, 45.0], [reach_m, reach_m])
    lon_west, _ = destination(west, math.copysign(widest, south), 270.0, margin_m)
    grow_deg = max((west - float(lon_west)) % 360.0, west - lon[0], lon[1] - east)
    return (west - grow_deg, max(-90.0, lat[0]), east + grow_deg, min(90.0, lat[1]))


@functools.lru_cache(maxsize=64)
def _osm_land(bounds: tuple[float, float, float, float]) -> Geometry:
    """OpenStreetMap's land inside a lon/lat box, exact."""
    land = world()
    west, south, east, north = bounds
    meets = (
        (land.bounds[:, 0] <= east)
        & (land.bounds[:, 2] >= west)
        & (land.bounds[:, 1] <= north)
        & (land.bounds[:, 3] >= south)
    )
    pieces = [
        shapely.clip_by_rect(land.polygon(int(index)), *bounds) for index in np.flatnonzero(meets)
    ]
    return shapely.union_all([shapely.make_valid(piece) for piece in pieces])


def far_from_land(
    lon: NDArray[np.float64], lat: NDArray[np.float64], distance_m: float
) -> NDArray[np.bool_]:
    """(n,) is there no land of OpenStreetMap's within a distance? Near places are asked once.

    Asked of the coastline's raster of half a kilometre, on rings as near to each other as a fifth
    of the distance: an islet that slips between is overlooked.
    """
    column, row = np.round(lon / _GRID_DEG), np.round(lat / _GRID_DEG)
    code, index = np.unique((column * 100_000.0 + row).astype(np.int64), return_inverse=True)
    column = np.round(code / 100_000.0)
    x, y = column * _GRID_DEG, (code - column * 100_000.0) * _GRID_DEG
    dry = is_land(x, y)
    for azimuth in np.arange(0.0, 360.0, 15.0):
        for range_m in distance_m * np.linspace(0.2, 1.0, 5):
            todo = np.flatnonzero(~dry)
            at = destination(x[todo], y[todo], azimuth, range_m)
            dry[todo] = is_land(*at)
    return np.asarray(~dry[index])


def is_land(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) by OpenStreetMap's coastline as a raster of half a kilometre."""
    return np.asarray(
        _mask().contains_many(
            np.ascontiguousarray((lon + 180.0) % 360.0 - 180.0),
            np.ascontiguousarray(np.clip(lat, -90.0, 90.0)),
        )
    )


@functools.lru_cache(maxsize=1)
def _mask() -> RoaringMask:
    return RoaringMask.new(LandmaskProvider.Osm)


def far_from_drawn_land(
    sites: tuple[Site, ...],
) -> Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.bool_]]:
    """The same where the only land is what the sites' file draws."""
    land = [polygon for site in sites for polygon in site.land]

    def far(
        lon: NDArray[np.float64], lat: NDArray[np.float64], distance_m: float
    ) -> NDArray[np.bool_]:
        near = np.zeros(len(lon), np.bool_)
        for polygon in land:
            box = shapely.box(*_around(polygon.bounds, distance_m))
            near |= shapely.contains_xy(box, lon, lat)
        return ~near

    return far
