"""What an image does not show: places under cloud, or outside of what the sensor delivered."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import Grid
from pipeline.pruned import read_pruned
from pipeline.records import Image, Scene
from pipeline.scene.cloud import cloud_mask
from pipeline.scene.item import ITEM, read_item
from pipeline.scene.raster import read_plain, write_cog
from pipeline.scene.read import read_scene, stored_grid
from pipeline.scene.settings import Settings

HIDDEN = "hidden.tif"
"""Written before a scene's pixels are dropped, so that ships can still be matched with it."""
NOTHING = 255.0


def hidden_in(folder: Path, settings: Settings) -> tuple[Scene, Grid, NDArray[np.bool_]]:
    """A fetched scene, and which of its pixels show nothing; of a pruned one as it was kept.

    Raises:
        BadInput: the item or a raster is missing or damaged.
    """
    if read_pruned(folder) is not None:
        path = folder / HIDDEN
        return read_item(folder / ITEM), stored_grid(path), read_plain(path)[0] > 0.0
    scene, image = read_scene(folder)
    return scene, image.grid, hidden(image, settings)


def hidden(image: Image, settings: Settings) -> NDArray[np.bool_]:
    """Under cloud, or not delivered."""
    return cloud_mask(image, settings) | ~image.valid


def keep_hidden(folder: Path, settings: Settings, *, into: Path | None = None) -> None:
    """Write down what a scene does not show, by rename, while its pixels are still there.

    Args:
        folder: the scene.
        settings: of the cloud mask.
        into: where it is written; None: beside the pixels.

    Raises:
        BadInput: the item or a raster is missing or damaged.
    """
    _, image = read_scene(folder)
    out = folder if into is None else into
    part = out / f".{HIDDEN}.part"
    write_cog(part, hidden(image, settings).astype(np.uint8), image.grid, nodata=NOTHING)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.rename(out / HIDDEN)
