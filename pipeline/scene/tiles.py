"""Overlapping windows that cover a scene exactly. Integers only."""

from __future__ import annotations

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

    Row-major order; the last window of a row or column ends at the raster's edge.

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
    step = tile - overlap
    starts = [*range(0, length - tile, step), length - tile]
    return [(start, start + tile) for start in starts]
