"""Rendered water, quays and hulls: small scenes whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from scipy import ndimage

from pipeline.geo import Grid
from pipeline.records import (
    Cargo,
    Image,
    Scene,
    Sensor,
    Site,
    Surface,
    Zone,
    ZoneRole,
)

OVERSAMPLING = 5


@dataclass(frozen=True, kw_only=True)
class Ship:
    row: float
    col: float
    length_m: float
    width_m: float
    axis_deg: float
    bright: float = 0.2
    """Reflectance, or dB for Sentinel-1."""

    def polygon_px(self) -> shapely.Polygon:
        angle = np.radians(self.axis_deg)
        ahead = np.array([-np.cos(angle), np.sin(angle)]) * self.length_m / 20.0
        abeam = np.array([np.sin(angle), np.cos(angle)]) * self.width_m / 20.0
        corners = [(1, 0), (0.85, 1), (-1, 1), (-1, -1), (0.85, -1)]
        centre = np.array([self.row, self.col])
        return shapely.Polygon([(centre + a * ahead + b * abeam)[::-1] for a, b in corners])


def _painted(polygon: shapely.Polygon, height: int, width: int) -> np.ndarray:
    rows, cols = np.mgrid[: height * OVERSAMPLING, : width * OVERSAMPLING]
    x, y = (cols + 0.5) / OVERSAMPLING, (rows + 0.5) / OVERSAMPLING
    west, north, east, south = polygon.bounds
    near = (x > west) & (x < east) & (y > north) & (y < south)
    inside = np.zeros(near.shape, bool)
    inside[near] = shapely.contains_xy(polygon, x[near], y[near])
    return inside


def rendered(
    ships: list[Ship],
    *,
    sensor: Sensor = Sensor.S2,
    height: int = 150,
    width: int = 210,
    quay_row: float | None = None,
    seed: int = 1,
) -> tuple[Image, Surface]:
    """Blurred, noisy pixels; land from a row on, and the exact sea mask."""
    rng = np.random.default_rng(seed)
    optical = sensor is Sensor.S2
    fine = np.full((height * OVERSAMPLING, width * OVERSAMPLING), 0.03 if optical else 0.01)
    if quay_row is not None:
        fine[round(quay_row * OVERSAMPLING) :] = 0.22 if optical else 0.25
    for ship in ships:
        bright = ship.bright if optical else 10.0 ** (ship.bright / 10.0)
        fine[_painted(ship.polygon_px(), height, width)] = bright
    blurred = ndimage.gaussian_filter(fine, 0.6 * OVERSAMPLING)
    pixels = blurred.reshape(height, OVERSAMPLING, width, OVERSAMPLING).mean(axis=(1, 3))
    if optical:
        data = np.stack([pixels + 0.01, pixels + 0.005, pixels, pixels])
        data = np.maximum(data + rng.normal(0, 0.002, data.shape), 1e-4)
        bands = ("B02", "B03", "B04", "B08")
    else:
        data = np.stack([pixels, pixels * 0.15]) * rng.gamma(4.4, 1 / 4.4, (2, height, width))
        bands = ("VV", "VH")
    grid = Grid(
        crs="EPSG:32652",
        x_min_m=499_000.0,
        y_max_m=4_730_000.0,
        pixel_m=10.0,
        height=height,
        width=width,
    )
    sea = np.ones((height, width), bool)
    if quay_row is not None:
        sea[np.arange(height) + 0.5 >= quay_row] = False
    image = Image(grid=grid, bands=bands, data=data.astype(np.float32), valid=np.ones_like(sea))
    distance = np.asarray(
        ndimage.distance_transform_edt(sea) * 10.0 if not sea.all() else np.full(sea.shape, 5e3),
        np.float32,
    )
    return image, Surface(sea=sea, cloud=np.zeros_like(sea), shore_distance_m=distance)


@pytest.fixture
def render() -> Callable[..., tuple[Image, Surface]]:
    return rendered


def box_lonlat(grid: Grid, row0: float, row1: float, col0: float, col1: float) -> shapely.Geometry:
    lon, lat = grid.lonlat_from_px([row0, row0, row1, row1], [col0, col1, col1, col0])
    return shapely.Polygon(list(zip(lon, lat, strict=True)))


def a_zone(polygon: shapely.Geometry, **changes: object) -> Zone:
    zone = Zone(
        zone_id="pier",
        site_id="port",
        name="Pier 1",
        role=ZoneRole.LOAD,
        cargo=Cargo.OIL_PRODUCTS,
        polygon=polygon,
        source="drawn for the test",
        digitised_on="2024-01-01",
        is_guess=False,
    )
    return replace(zone, **changes)


def a_site(grid: Grid, zones: tuple[Zone, ...] = ()) -> Site:
    return Site(
        site_id="port",
        name="Port",
        country="RU",
        aoi=box_lonlat(grid, 0, grid.height, 0, grid.width),
        zones=zones,
        water=(),
        land=(),
        source="drawn for the test",
        digitised_on="2024-01-01",
    )


def a_scene(scene_id: str = "scene-1", sensor: Sensor = Sensor.S2) -> Scene:
    return Scene(
        scene_id=scene_id,
        site_id="port",
        sensor=sensor,
        platform="sentinel-2a",
        provider="test",
        product_ids=("p",),
        sensed_at=datetime(2024, 4, 1, 2, 0, tzinfo=UTC),
        bands=("B08",),
        gsd_m=10.0,
        cloud_fraction=0.0,
        valid_fraction=1.0,
    )
