"""What the archive itself says lies in a pixel: Sen2Cor's scene classification (`SCL`, 20 m)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from pipeline.geo import Grid
from pipeline.scene.raster import affine, crs_of, opened
from pipeline.sources import SourceBand

CLOUDS = (8, 9, 10)
"""Cloud of medium and of high probability, thin cirrus (Sen2Cor, Sentinel-2 L2A product format).

Class 3, shadow, is left out: over water it is mostly dark water.
"""


def said_cloud(band: SourceBand, grid: Grid) -> NDArray[np.bool_]:
    """(height, width) True where the classification says cloud; False where it says nothing.

    Raises:
        BadInput: the raster is damaged or has no place.
    """
    with opened(band.path, band.layer) as dataset:
        options: dict[str, Any] = {
            "src_crs": crs_of(dataset, band.path),
            "crs": grid.crs,
            "transform": affine(grid),
            "height": grid.height,
            "width": grid.width,
            "resampling": Resampling.nearest,
        }
        with WarpedVRT(dataset, **options) as vrt:
            return np.isin(vrt.read(band.index), CLOUDS)
