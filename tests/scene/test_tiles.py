"""Tiles cover a raster exactly, and neighbours share what a ship needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.scene.tiles import windows

SIZES = st.integers(1, 240)


@given(height=SIZES, width=SIZES, step_px=st.integers(3, 40), overlap_px=st.integers(0, 60))
def test_every_pixel_is_covered_and_neighbours_overlap(height, width, step_px, overlap_px):
    tile_px = overlap_px + step_px
    tiles = windows(height, width, tile_px=tile_px, overlap_px=overlap_px)

    seen = np.zeros((height, width), int)
    for tile in tiles:
        assert 0 <= tile.row0 < tile.row1 <= height
        assert 0 <= tile.col0 < tile.col1 <= width
        assert tile.row1 - tile.row0 <= tile_px
        assert tile.col1 - tile.col0 <= tile_px
        seen[tile.row0 : tile.row1, tile.col0 : tile.col1] += 1
    assert seen.min() >= 1

    assert tiles == sorted(set(tiles))
    assert len({(t.row1 - t.row0, t.col1 - t.col0) for t in tiles}) == 1
    for starts, ends in (
        (sorted({t.row0 for t in tiles}), sorted({t.row1 for t in tiles})),
        (sorted({t.col0 for t in tiles}), sorted({t.col1 for t in tiles})),
    ):
        assert all(end - start >= overlap_px for end, start in zip(ends, starts[1:], strict=False))


@given(row=SIZES, col=SIZES, below=SIZES, beyond=SIZES, length=st.integers(1, 20))
def test_a_ship_no_longer_than_the_overlap_lies_whole_in_some_tile(row, col, below, beyond, length):
    tiles = windows(row + length + below, col + length + beyond, tile_px=50, overlap_px=20)
    assert any(
        t.row0 <= row and row + length <= t.row1 and t.col0 <= col and col + length <= t.col1
        for t in tiles
    )


def test_the_last_tile_ends_at_the_edge_and_nothing_is_wasted():
    spans = [(t.col0, t.col1) for t in windows(8, 25, tile_px=10, overlap_px=2)]
    assert spans == [(0, 10), (7, 17), (15, 25)]
    assert len(windows(10, 18, tile_px=10, overlap_px=2)) == 2
    # a pixel too wide for one: two of half the width, not two of the whole
    spans = [(t.col0, t.col1) for t in windows(8, 101, tile_px=100, overlap_px=20)]
    assert spans == [(0, 61), (40, 101)]
    # a Sentinel-2 tile
    sides = {t.row1 - t.row0 for t in windows(10_980, 10_980, tile_px=1280, overlap_px=128)}
    assert sides == {1214}


@given(length=st.integers(1, 500), step_px=st.integers(1, 60), overlap_px=st.integers(0, 60))
def test_fewer_or_smaller_tiles_would_not_cover(length, step_px, overlap_px):
    tile_px = overlap_px + step_px
    tiles = windows(1, length, tile_px=tile_px, overlap_px=overlap_px)
    count, side = len(tiles), tiles[0].col1 - tiles[0].col0
    if count > 1:
        assert (count - 1) * (tile_px - overlap_px) + overlap_px < length
        assert count * (side - 1) - (count - 1) * overlap_px < length


@pytest.mark.parametrize(
    ("height", "width", "tile_px", "overlap_px"),
    [(0, 9, 4, 1), (9, 0, 4, 1), (9, 8, 4, 4), (9, 8, 4, -1), (9, 8, 0, 0)],
)
def test_tiles_that_cannot_cover_are_refused(height, width, tile_px, overlap_px):
    with pytest.raises(BadInput, match="cannot cover"):
        windows(height, width, tile_px=tile_px, overlap_px=overlap_px)
