"""Rasters as strangers deliver them, sites around them, and images whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import Affine

from pipeline.geo import Grid
from pipeline.records import (
    Cargo,
    Image,
    Scene,
    Sensor,
    Site,
    Zone,
    ZoneRole,
)
from pipeline.sources import SourceBand, SourceScene

SENSED_AT = datetime(2024, 3, 7, 13, 12, 9, tzinfo=UTC)
S2_BANDS = ("B02", "B03", "B04", "B08")


def _grid(height: int = 40, width: int = 70, *, crs: str = "EPSG:32722") -> Grid:
    """By default in the roads of Paranaguá: south and west, on no round kilometre."""
    return Grid(
        crs=crs, x_min_m=748_130.0, y_max_m=7_175_470.0, pixel_m=10.0, height=height, width=width
    )


def _box_px(grid: Grid, row0: float, row1: float, col0: float, col1: float) -> shapely.Polygon:
    rows, cols = (row0, row0, row1, row1), (col0, col1, col1, col0)
    lon, lat = grid.lonlat_from_px(rows, cols)
    return shapely.Polygon(list(zip(lon, lat, strict=True)))


def _site(aoi: shapely.Geometry, *, zones=(), water=(), land=()) -> Site:
    return Site(
        site_id="roads",
        name="Roads",
        country="BR",
        aoi=aoi,
        zones=tuple(zones),
        water=tuple(water),
        land=tuple(land),
        source="drawn for a test",
        digitised_on="2024-01-01",
    )


def _zone(polygon: shapely.Geometry, zone_id: str = "berth", role=ZoneRole.LOAD) -> Zone:
    return Zone(
        zone_id=zone_id,
        site_id="roads",
        name=zone_id,
        role=role,
        cargo=Cargo.CRUDE,
        polygon=polygon,
        source="drawn for a test",
        digitised_on="2024-01-01",
        is_guess=False,
    )


def _image(grid: Grid, *, sensor: Sensor = Sensor.S2, level: float = 0.02) -> Image:
    bands = S2_BANDS if sensor is Sensor.S2 else ("VV", "VH")
    shape = (len(bands), grid.height, grid.width)
    return Image(
        grid=grid,
        bands=bands,
        data=np.full(shape, level, np.float32),
        valid=np.ones(shape[1:], np.bool_),
    )


def _scene(image: Image, *, scene_id: str = "S2B_TEST_roads", **changes) -> Scene:
    sensor = Sensor.S2 if image.bands[0].startswith("B") else Sensor.S1
    facts = {
        "scene_id": scene_id,
        "site_id": "roads",
        "sensor": sensor,
        "platform": "sentinel-2b" if sensor is Sensor.S2 else "sentinel-1a",
        "provider": "test",
        "product_ids": ("PRODUCT",),
        "sensed_at": SENSED_AT,
        "bands": image.bands,
        "gsd_m": 10.0,
        "cloud_fraction": 0.25 if sensor is Sensor.S2 else None,
        "valid_fraction": 0.75,
        "relative_orbit": 38,
    }
    return Scene(**{**facts, **changes})


def _source(path: Path, bands=S2_BANDS, *, sensor=Sensor.S2, **facts) -> SourceScene:
    meaning = {"scale": 1e-4, "offset": -0.1, "nodata": 0.0, **facts}
    return SourceScene(
        source_id="S2B_TEST",
        sensor=sensor,
        platform="sentinel-2b",
        provider="test",
        product_ids=("PRODUCT",),
        sensed_at=SENSED_AT,
        bands=tuple(
            SourceBand(name=name, path=path, index=index, **meaning)
            for index, name in enumerate(bands, start=1)
        ),
        gsd_m=10.0,
    )


def _geotiff(path: Path, pixels: np.ndarray, *, crs: str | None, transform: Affine, **kw) -> Path:
    """Written by rasterio alone; pixels are (bands, height, width)."""
    profile = {"driver": "GTiff", "dtype": pixels.dtype.name, "crs": crs, "transform": transform}
    count, height, width = pixels.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, **profile, **kw) as out:
        out.write(pixels)
    return path


@pytest.fixture
def make_grid() -> Callable[..., Grid]:
    return _grid


@pytest.fixture
def box_px() -> Callable[..., shapely.Polygon]:
    return _box_px


@pytest.fixture
def make_site() -> Callable[..., Site]:
    return _site


@pytest.fixture
def make_zone() -> Callable[..., Zone]:
    return _zone


@pytest.fixture
def make_image() -> Callable[..., Image]:
    return _image


@pytest.fixture
def make_scene() -> Callable[..., Scene]:
    return _scene


@pytest.fixture
def make_source() -> Callable[..., SourceScene]:
    return _source


@pytest.fixture
def geotiff() -> Callable[..., Path]:
    return _geotiff
