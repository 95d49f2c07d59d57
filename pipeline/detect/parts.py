"""Connected components at rising thresholds, and the choice among them: which ones are hulls.

A hull beside a bright quay, or two hulls in touch, is one component at the detection threshold and
comes apart at a higher one. All levels are kept as a tree, each component is described by its
shape, and the best set of components that do not contain one another is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.detect.clutter import Contrast
from pipeline.detect.settings import Settings

Floats = NDArray[np.float64]
_EIGHT = np.ones((3, 3), np.bool_)
RATIO_FLOOR = 0.05  # of the threshold: below it, pixels are sea and their logarithm says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Components of all levels; every array has one entry a component."""

    level: NDArray[np.int64]
    parent: NDArray[np.int64]
    """Index of the component one level below that contains it; -1 at the lowest level."""
    pixels: list[NDArray[np.int64]]
    """Flat indices of its pixels."""
    length_px: Floats
    """Extent along the principal axis."""
    width_px: Floats
    """Area over length."""
    fill: Floats
    """Area over the oriented box's area."""
    contact: Floats
    """Share of the surrounding pixels that are not sea."""
    contrast: Floats
    """Median of ln(ratio) over its pixels."""
    isolation: Floats
    """Mean of ln(ratio) inside minus that of the surrounding sea pixels."""
    over_land: Floats
    """Median of ln(ratio) less the ln(ratio) of the land nearby; 0 far from land."""
    compact: Floats
    """ln of area over that of the rectangle with the same second moments."""
    step: Floats
    """ln of its area over the area of the component that contains it."""

    def __len__(self) -> int:
        """Number of components."""
        return len(self.pixels)


def parts(contrast: Contrast, *, pixel_m: float, step: float, settings: Settings) -> Parts:
    """All components of an image in units of its threshold, lowest level first.

    Args:
        contrast: the image and its sea.
        pixel_m: pixel side on the ground.
        step: factor between one level and the next.
        settings: number of levels and size limits.
    """
    ratio = contrast.ratio
    log_ratio = np.log(np.maximum(ratio, np.float32(RATIO_FLOOR)))
    longest_px = settings.component_length_max_m / pixel_m
    levels, parents, pixels, shapes = [], [], [], []
    owner = np.full(ratio.shape, -1, np.int64).ravel()
    total = 0
    for level in range(settings.levels):
        labels, count = ndimage.label(ratio >= step**level, structure=_EIGHT)
        if not count:
            break
        groups, kept = _groups(labels, settings.component_min_px)
        shape = _shapes(labels, groups, kept, log_ratio=log_ratio, contrast=contrast)
        below = np.array([owner[group[0]] for group in groups], np.int64)
        levels.append(np.full(len(groups), level))
        parents.append(below)
        pixels.extend(groups)
        shapes.append(shape)
        for index, group in enumerate(groups):
            owner[group] = total + index
        total += len(groups)
    if not total:
        return _none()
    columns = np.concatenate(shapes, axis=1)
    columns[2, columns[0] > longest_px] = 0.0
    parent = np.concatenate(parents)
    return _parts(np.concatenate(levels), parent, pixels, columns)


def _parts(
    level: NDArray[np.int64],
    parent: NDArray[np.int64],
    pixels: list[NDArray[np.int64]],
    columns: Floats,
) -> Parts:
    length, width, fill, contact, contrast, isolation, over_land, compact = columns
    return Parts(
        level=level,
        parent=parent,
        pixels=pixels,
        length_px=length,
        width_px=width,
        fill=fill,
        contact=contact,
        contrast=contrast,
        isolation=isolation,
        over_land=over_land,
        compact=compact,
        step=_steps(pixels, parent),
    )


def _steps(pixels: list[NDArray[np.int64]], parent: NDArray[np.int64]) -> Floats:
    size = np.array([len(group) for group in pixels], np.float64)
    return np.where(parent >= 0, np.log(size / size[np.maximum(parent, 0)]), 0.0)


def describe(labels: NDArray[np.int32], contrast: Contrast) -> Parts:
    """Labelled pixel groups as components side by side, whatever their size.

    Args:
        labels: (height, width); 0 is no group.
        contrast: of the same window.
    """
    groups, kept = _groups(labels, 1)
    log_ratio = np.log(np.maximum(contrast.ratio, np.float32(RATIO_FLOOR)))
    columns = _shapes(labels, groups, kept, log_ratio=log_ratio, contrast=contrast)
    parent = np.full(len(groups), -1, np.int64)
    return _parts(np.zeros_like(parent), parent, groups, columns)


def _none() -> Parts:
    nothing = np.zeros(0, np.int64)
    return _parts(nothing, nothing, [], np.zeros((8, 0)))


def _groups(
    labels: NDArray[np.int32], least_px: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Flat pixel indices of each component that is large enough, and those components' labels."""
    flat = labels.ravel()
    index = np.flatnonzero(flat)
    order = np.argsort(flat[index], kind="stable")
    index = index[order]
    sizes = np.bincount(flat[index])[1:]
    pieces = np.split(index, np.cumsum(sizes)[:-1])
    kept = np.flatnonzero(sizes >= least_px)
    return [pieces[item] for item in kept], kept + 1


def _shapes(
    labels: NDArray[np.int32],
    groups: list[NDArray[np.int64]],
    kept: NDArray[np.int64],
    *,
    log_ratio: NDArray[np.float32],
    contrast: Contrast,
) -> Floats:
    """(8, components): from `length_px` to `compact`."""
    if not groups:
        return np.zeros((8, 0))
    index = np.concatenate(groups)
    sizes = np.array([len(group) for group in groups])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    row, col = np.divmod(index, labels.shape[1])
    length, across, spread = _extents(row.astype(np.float64), col.astype(np.float64), starts, sizes)
    values = log_ratio.ravel()[index].astype(np.float64)
    middle = np.array([np.median(values[a : a + n]) for a, n in zip(starts, sizes, strict=True)])
    inside = np.add.reduceat(values, starts) / sizes
    contact, outside = _rim(labels, kept, log_ratio, contrast.sea)
    land = contrast.land.ravel()[index].astype(np.float64)
    beside = np.add.reduceat(land, starts) / np.maximum(np.add.reduceat(land > 0, starts), 1)
    over_land = np.where(beside > 0, middle - np.log(np.maximum(beside, RATIO_FLOOR)), 0.0)
    compact = np.log(sizes / (12.0 * spread))
    box = length * across
    return np.stack(
        [
            length,
            sizes / length,
            sizes / box,
            contact,
            middle,
            inside - outside,
            over_land,
            compact,
        ]
    )


def _extents(
    row: Floats, col: Floats, starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Extent along and across each principal axis, px, pixels counted whole, and √|covariance|."""

    def mean(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, starts) / sizes)

    row = row - np.repeat(mean(row), sizes)
    col = col - np.repeat(mean(col), sizes)
    down, right, cross = mean(row * row) + 1 / 12, mean(col * col) + 1 / 12, mean(row * col)
    angle = 0.5 * np.arctan2(2.0 * cross, right - down)
    cos, sin = np.repeat(np.cos(angle), sizes), np.repeat(np.sin(angle), sizes)
    along, across = col * cos + row * sin, row * cos - col * sin
    spans = [
        np.maximum.reduceat(axis, starts) - np.minimum.reduceat(axis, starts) + 1.0
        for axis in (along, across)
    ]
    return spans[0], spans[1], np.sqrt(np.maximum(down * right - cross**2, 1 / 144))


def _rim(
    labels: NDArray[np.int32],
    kept: NDArray[np.int64],
    log_ratio: NDArray[np.float32],
    sea: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Share of each component's rim that is not sea, and the mean ln(ratio) of the rest."""
    grown = ndimage.maximum_filter(labels, size=3)
    rim = (grown > 0) & (labels == 0)
    owner = grown[rim]
    most = int(labels.max()) + 1
    on_sea = sea[rim]
    count = np.bincount(owner, minlength=most)
    wet = np.bincount(owner, weights=on_sea, minlength=most)
    total = np.bincount(owner, weights=np.where(on_sea, log_ratio[rim], 0.0), minlength=most)
    contact = 1.0 - wet / np.maximum(count, 1)
    outside = total / np.maximum(wet, 1)
    return contact[kept], outside[kept]


def choose(found: Parts, likeness: Floats, settings: Settings) -> list[int]:
    """Indices of the components that are most like hulls, none inside another.

    From the highest level down, a component is replaced by what was chosen inside it where that
    looks more like hulls, by a margin, on average.

    Args:
        found: the tree.
        likeness: probability of being a hull for each component.
        settings: `split_margin`, `score_keep`.
    """
    inside: dict[int, list[int]] = {}
    chosen: list[int] = []
    for index in range(len(found) - 1, -1, -1):
        best = _better(index, inside.pop(index, []), likeness, settings)
        parent = int(found.parent[index])
        if parent >= 0:
            inside.setdefault(parent, []).extend(best)
        else:
            chosen.extend(best)
    return sorted(item for item in chosen if likeness[item] >= settings.score_keep)


def _better(index: int, within: list[int], likeness: Floats, settings: Settings) -> list[int]:
    if not within:
        return [index]
    least = max(settings.score_keep, float(likeness[within].max()) * settings.split_least)
    likely = [item for item in within if likeness[item] >= least]
    if likely and np.mean(likeness[likely]) > likeness[index] + settings.split_margin:
        return likely
    return [index]
