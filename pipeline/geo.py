"""Where pixels are, and how far places lie apart.

Order is fixed: lon before lat, row before col. Pixel coordinates are pixel *edges*: the origin is
the upper-left corner of the raster and the first pixel's centre is (0.5, 0.5).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from shapely import Geometry
from shapely.geometry import Point

from pipeline.errors import BadInput

Floats = NDArray[np.float64]
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius, IUGG 1980."""
WGS84 = Geod(ellps="WGS84")
LONLAT = CRS.from_epsg(4326)


@functools.lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A north-up raster grid: which pixel covers which ground."""

    crs: str
    """Authority string of a projected CRS in metres, as `EPSG:32653`."""
    x_min_m: float
    """Easting of the left edge."""
    y_max_m: float
    """Northing of the upper edge."""
    pixel_m: float
    """Side of a pixel on the ground grid."""
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse an empty grid and a pixel without size."""
        if self.height < 1 or self.width < 1 or not self.pixel_m > 0:
            raise BadInput(
                "Empty raster grid",
                expected="at least 1 x 1 pixels of positive size",
                found=f"{self.height} x {self.width} of {self.pixel_m} m",
            )

    @property
    def affine(self) -> tuple[float, float, float, float, float, float]:
        """GDAL-free affine coefficients (a, b, c, d, e, f): x = a·col + b·row + c."""
        return (self.pixel_m, 0.0, self.x_min_m, 0.0, -self.pixel_m, self.y_max_m)

    def window(self, row0: int, row1: int, col0: int, col1: int) -> Grid:
        """The grid of rows [row0, row1) and columns [col0, col1)."""
        return replace(
            self,
            x_min_m=self.x_min_m + col0 * self.pixel_m,
            y_max_m=self.y_max_m - row0 * self.pixel_m,
            height=row1 - row0,
            width=col1 - col0,
        )

    def xy_from_px(self, row: Any, col: Any) -> tuple[Floats, Floats]:
        """Easting and northing (m) of pixel-edge coordinates."""
        x = self.x_min_m + np.asarray(col, np.float64) * self.pixel_m
        y = self.y_max_m - np.asarray(row, np.float64) * self.pixel_m
        return x, y

    def px_from_xy(self, x_m: Any, y_m: Any) -> tuple[Floats, Floats]:
        """(row, col) in pixel-edge coordinates from easting and northing."""
        row = (self.y_max_m - np.asarray(y_m, np.float64)) / self.pixel_m
        col = (np.asarray(x_m, np.float64) - self.x_min_m) / self.pixel_m
        return row, col

    def lonlat_from_px(self, row: Any, col: Any) -> tuple[Floats, Floats]:
        """(lon, lat) in degrees WGS 84 of pixel-edge coordinates."""
        lon, lat = _transformer(self.crs, "EPSG:4326").transform(*self.xy_from_px(row, col))
        return np.asarray(lon), np.asarray(lat)

    def px_from_lonlat(self, lon: Any, lat: Any) -> tuple[Floats, Floats]:
        """(row, col) in pixel-edge coordinates of geographic positions."""
        x, y = _transformer("EPSG:4326", self.crs).transform(np.asarray(lon), np.asarray(lat))
        return self.px_from_xy(x, y)

    def convergence_deg(self, lon: float, lat: float) -> float:
        """Angle from true north to grid north at a place, clockwise, degrees.

        A grid azimuth plus this is the true azimuth.
        """
        return convergence_deg(self.crs, lon, lat)


def convergence_deg(crs: str, lon: float, lat: float) -> float:
    """Angle from true north to a projection's north at a place, clockwise, degrees."""
    x, y = _transformer("EPSG:4326", crs).transform(lon, lat)
    lon2, lat2 = _transformer(crs, "EPSG:4326").transform(x, y + 100.0)
    azimuth, _, _ = WGS84.inv(lon, lat, lon2, lat2)
    return float(azimuth)


def to_crs(geometry: Geometry, *, source: str = "EPSG:4326", target: str) -> Geometry:
    """A geometry brought from one CRS to another, x/lon first in both."""
    transformer = _transformer(source, target)
    return shapely.transform(geometry, transformer.transform, interleaved=False)


def utm_crs(lon: float, lat: float) -> str:
    """The UTM zone's `EPSG:326xx` / `EPSG:327xx` at a place (without the Norway exceptions)."""
    zone = int((lon + 180.0) // 6.0) % 60 + 1
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def distance_m(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Floats:
    """Geodesic distance on WGS 84, metres; arrays broadcast."""
    a, b, c, d = np.broadcast_arrays(lon1, lat1, lon2, lat2)
    return np.asarray(WGS84.inv(a, b, c, d)[2], dtype=np.float64)


def sphere_m(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Floats:
    """Distance on a sphere of the earth's mean radius, metres; arrays broadcast."""
    a, b, c, d = (np.deg2rad(v) for v in (lon1, lat1, lon2, lat2))
    half = np.sin((d - b) / 2.0) ** 2 + np.cos(b) * np.cos(d) * np.sin((c - a) / 2.0) ** 2
    return np.asarray(2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def on_sphere(lon: Any, lat: Any) -> Floats:
    """(n, 3) on the unit sphere: no seam at the antimeridian."""
    east, north = np.deg2rad(lon), np.deg2rad(lat)
    return np.stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1
    )


def azimuth_deg(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Floats:
    """Initial geodesic azimuth from 1 to 2, degrees clockwise from north, [0, 360)."""
    a, b, c, d = np.broadcast_arrays(lon1, lat1, lon2, lat2)
    return np.asarray(WGS84.inv(a, b, c, d)[0], dtype=np.float64) % 360.0


def destination(lon: Any, lat: Any, azimuth: Any, range_m: Any) -> tuple[Floats, Floats]:
    """Where one ends up going `range_m` along an azimuth (degrees): (lon, lat)."""
    a, b, c, d = np.broadcast_arrays(lon, lat, azimuth, range_m)
    lon2, lat2, _ = WGS84.fwd(a, b, c, d)
    return np.asarray(lon2), np.asarray(lat2)


def axis_difference_deg(a_deg: Any, b_deg: Any) -> Floats:
    """Smallest angle between two undirected axes, [0, 90] degrees."""
    difference = np.abs(np.asarray(a_deg, np.float64) - np.asarray(b_deg, np.float64)) % 180.0
    return np.minimum(difference, 180.0 - difference)


def contains(geometry: Geometry, lon: float, lat: float) -> bool:
    """Does the polygon (lon/lat) cover the point?"""
    return bool(geometry.covers(Point(lon, lat)))
