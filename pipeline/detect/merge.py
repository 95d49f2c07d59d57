"""One hull a ship where windows overlap; two ships in touch stay two."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.detect.hull import Hull
from pipeline.detect.settings import Settings


def merge(found: Sequence[Sequence[Hull]], settings: Settings) -> list[Hull]:
    """Hulls of overlapping windows without their duplicates, sorted by row and col.

    A window's own hulls are never duplicates of one another. Across windows two are one ship where
    their boxes overlap by `merge_overlap` of the smaller: ships abreast overlap far less, and what
    a window's edge leaves of a hull lies inside the whole of it. A hull no edge cuts is kept before
    a cut one, then the likelier.

    Args:
        found: hulls of each window, in pixel-edge coordinates of the whole image.
        settings: `merge_overlap`.
    """
    every = [(hull, window) for window, hulls in enumerate(found) for hull in hulls]
    every.sort(key=lambda item: (item[0].is_cut, -item[0].score, item[0].row_px, item[0].col_px))
    kept: list[tuple[Hull, int]] = []
    for hull, window in every:
        rivals = (other for other, its_window in kept if its_window != window)
        if not any(_same_ship(hull, other, settings.merge_overlap) for other in rivals):
            kept.append((hull, window))
    return sorted((hull for hull, _ in kept), key=lambda hull: (hull.row_px, hull.col_px))


def _same_ship(one: Hull, other: Hull, overlap: float) -> bool:
    reach_px = (one.length_px + other.length_px) / 2.0
    if abs(one.row_px - other.row_px) > reach_px or abs(one.col_px - other.col_px) > reach_px:
        return False
    smaller = min(one.box.area, other.box.area)
    return bool(one.box.intersection(other.box).area >= overlap * smaller)
