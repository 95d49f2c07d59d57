"""A detector run over the windows of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.detect.detector import Detector
from pipeline.detect.hull import Hull
from pipeline.detect.merge import merge
from pipeline.detect.settings import Settings
from pipeline.geo import Grid
from pipeline.records import Image, Surface

Window = tuple[int, int, int, int]
"""(row0, row1, col0, col1) in pixels, end-exclusive."""


def find_hulls(
    image: Image,
    surface: Surface,
    *,
    detector: Detector,
    windows: Sequence[Window],
    settings: Settings,
) -> list[Hull]:
    """Hulls of a whole image, found window by window and merged across the seams.

    Windows without a single valid, clear sea pixel are never looked at.

    Args:
        image: pixels.
        surface: what lies under them.
        detector: finds hulls in one window.
        windows: (row0, row1, col0, col1) in pixels, end-exclusive, overlapping by more than the
            longest ship.
        settings: merging.

    Returns:
        Hulls in pixel-edge coordinates of the image, sorted by row and col.
    """
    usable = surface.sea & image.valid & ~surface.cloud
    found = []
    for window in windows:
        rows, cols = slice(*window[:2]), slice(*window[2:])
        if usable[rows, cols].any():
            hulls = detector.find(_part(image, rows, cols), _under(surface, rows, cols))
            found.append([_placed(hull, window, image.grid) for hull in hulls])
    return merge(found, settings)


def _part(image: Image, rows: slice, cols: slice) -> Image:
    data = image.data[:, rows, cols]
    grid = replace(
        image.grid,
        x_min_m=image.grid.x_min_m + cols.start * image.grid.pixel_m,
        y_max_m=image.grid.y_max_m - rows.start * image.grid.pixel_m,
        height=data.shape[1],
        width=data.shape[2],
    )
    return Image(grid=grid, bands=image.bands, data=data, valid=image.valid[rows, cols])


def _under(surface: Surface, rows: slice, cols: slice) -> Surface:
    return Surface(
        sea=surface.sea[rows, cols],
        cloud=surface.cloud[rows, cols],
        shore_distance_m=surface.shore_distance_m[rows, cols],
    )


def _placed(hull: Hull, window: Window, grid: Grid) -> Hull:
    """The hull in the image's coordinates; cut where its box meets an edge inside the image."""
    row0, row1, col0, col1 = window
    corners = np.asarray(hull.corners_px) + np.array([row0, col0])
    low, high = corners.min(axis=0), corners.max(axis=0)
    is_cut = bool(
        (low[0] < row0 + 1 and row0 > 0)
        or (high[0] > row1 - 1 and row1 < grid.height)
        or (low[1] < col0 + 1 and col0 > 0)
        or (high[1] > col1 - 1 and col1 < grid.width)
    )
    return replace(
        hull,
        row_px=hull.row_px + row0,
        col_px=hull.col_px + col0,
        corners_px=tuple((float(row), float(col)) for row, col in corners),
        is_cut=is_cut,
    )
