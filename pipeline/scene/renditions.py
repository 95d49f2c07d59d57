"""Fetched scenes as a person looks at them: crops of a place, and tiles of the whole, as PNG."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path

import numpy as np

from pipeline.geo import Grid
from pipeline.records import Sensor
from pipeline.scene.chips import picture, png, stretched
from pipeline.scene.read import open_stored
from pipeline.scene.settings import Settings

WEB_MERCATOR = "EPSG:3857"
HALF_WORLD_M = math.pi * 6_378_137.0
"""Half the width of the map that web maps cut into tiles (OGC 17-083r2, annex D.1)."""
TILE_PX = 256


class Rendition(StrEnum):
    """Which bands are shown; the stretch of each is fixed, so that pictures compare."""

    COLOUR = "colour"
    NIR = "nir"
    VV = "vv"
    VH = "vh"

    @property
    def bands(self) -> tuple[str, ...]:
        """Shown as blue, green and red, or one in grey."""
        return _BANDS[self]

    @staticmethod
    def of(sensor: str) -> tuple[Rendition, ...]:
        """What can be shown of a sensor's scenes."""
        if sensor == Sensor.S2:
            return Rendition.COLOUR, Rendition.NIR
        return Rendition.VV, Rendition.VH


_BANDS = {
    Rendition.COLOUR: ("B02", "B03", "B04"),
    Rendition.NIR: ("B03", "B04", "B08"),
    Rendition.VV: ("VV",),
    Rendition.VH: ("VH",),
}


def crop(
    folder: Path, rendition: Rendition, *, lon: float, lat: float, settings: Settings
) -> bytes:
    """A place in a fetched scene, grid north up; only its window is read.

    Args:
        folder: the scene.
        rendition: which bands.
        lon: centre, degrees.
        lat: centre, degrees.
        settings: size and stretch.

    Raises:
        BadInput: the scene lacks the bands, or is damaged.
    """
    stored = open_stored(folder)
    row, col = (float(edge) for edge in stored.grid.px_from_lonlat(lon, lat))
    half = math.ceil(settings.chip_m / stored.grid.pixel_m / 2.0) + 1
    top, left = math.floor(row) - half, math.floor(col) - half
    window = stored.grid.window(top, top + 2 * half + 1, left, left + 2 * half + 1)
    image = stored.read(rendition.bands, window)
    shown = picture(
        image, row=row - top, col=col - left, settings=settings, bands=rendition.bands,
        marked=False,
    )  # fmt: skip
    return png(shown)


def tile(
    folder: Path, rendition: Rendition, *, zoom: int, x: int, y: int, settings: Settings
) -> bytes:
    """One tile of a web map, clear where the scene has no pixels.

    Args:
        folder: the scene.
        rendition: which bands.
        zoom: 0 shows the whole world in one tile.
        x: column of the tile, from the antimeridian eastwards.
        y: row of the tile, from the north.
        settings: the stretch.

    Raises:
        BadInput: the scene lacks the bands, or is damaged.
    """
    side_m = 2.0 * HALF_WORLD_M / 2**zoom
    grid = Grid(
        crs=WEB_MERCATOR,
        x_min_m=-HALF_WORLD_M + x * side_m,
        y_max_m=HALF_WORLD_M - y * side_m,
        pixel_m=side_m / TILE_PX,
        height=TILE_PX,
        width=TILE_PX,
    )
    image = open_stored(folder).read(rendition.bands, grid)
    clear = np.where(image.valid, 255, 0).astype(np.uint8)
    return png(np.dstack([stretched(image, rendition.bands, settings), clear]))
