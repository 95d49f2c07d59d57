"""Overlapping windows that cover a scene exactly. Integers only."""

from __future__ import annotations

import math
from typing import NamedTuple

from pipeline.errors import BadInput


class Window(NamedTuple):
    """Rows [row0, row1) and columns [col0, col1) of a raster."""

    row0: int
    row1: int
    col0: int
    col1: int


def windows(height: int, width: int, *, tile_px: int, overlap_px: int) -> list[Window]:
    """Windows of at most `tile_px` a side; neighbours share at least `overlap_px`.

    As few as can be, of one size and no larger than they need to be, so that no pixel is searched
    twice for nothing. Row-major order; the last of a row or column ends at the raster's edge.

    Raises:
        BadInput: the overlap leaves no progress, or the raster is empty.
    """
    if not 0 <= overlap_px < tile_px or height < 1 or width < 1:
        raise BadInput(
            "Tiles cannot cover the raster",
            expected="0 <= overlap < tile, at least one pixel",
            found=f"tile {tile_px}, overlap {overlap_px}, raster {height} x {width}",
        )
    return [
        Window(row0, row1, col0, col1)
        for row0, row1 in _spans(height, tile_px, overlap_px)
        for col0, col1 in _spans(width, tile_px, overlap_px)
    ]


def _spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    if length <= tile:
        return [(0, length)]
    count = math.ceil((length - overlap) / (tile - overlap))
    side = math.ceil((length + (count - 1) * overlap) / count)
    starts = [number * (length - side) // (count - 1) for number in range(count)]
    return [(start, start + side) for start in starts]
