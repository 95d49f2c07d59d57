"""One hull a ship where windows overlap; two ships in touch stay two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

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
    hulls = [hull for hull, _ in every]
    rivals = _same_ships(hulls, np.array([window for _, window in every]), settings.merge_overlap)
    is_kept = np.zeros(len(hulls), bool)
    for index in range(len(hulls)):
        is_kept[index] = not is_kept[rivals.get(index, [])].any()
    kept = (hull for hull, stays in zip(hulls, is_kept, strict=True) if stays)
    return sorted(kept, key=lambda hull: (hull.row_px, hull.col_px))


def _same_ships(
    hulls: Sequence[Hull], window: NDArray[np.int64], overlap: float
) -> dict[int, list[int]]:
    """For each hull the earlier ones of other windows that are the same ship."""
    if not hulls:
        return {}
    boxes = shapely.polygons([[(col, row) for row, col in hull.corners_px] for hull in hulls])
    one, other = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    near = (other < one) & (window[one] != window[other])
    one, other = one[near], other[near]
    areas = shapely.area(boxes)
    common = shapely.area(shapely.intersection(boxes[one], boxes[other]))
    same = common >= overlap * np.minimum(areas[one], areas[other])
    rivals: dict[int, list[int]] = defaultdict(list)
    for later, earlier in zip(one[same], other[same], strict=True):
        rivals[int(later)].append(int(earlier))
    return rivals
