"""Labelled images in memory, ready to be cut into chips."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.hulls import Boxes, Floats, filled

Layer = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """One image and its hulls; pixel-edge coordinates, x = col, y = row."""

    name: str
    group: str
    """Port or scene: what a split may not divide."""
    data: NDArray[np.float32]
    """(bands, height, width) stretched values; 0 throughout a missing band."""
    fill: float
    """Stretched value that stands for no data."""
    present: NDArray[np.bool_]
    """(bands,) False where the image lacks a band."""
    water: NDArray[np.bool_]
    """(height, width) open water by the image itself, no hulls."""
    boxes: Boxes
    outlines: tuple[Floats, ...]
    """For each box the hull's outline, (n, 2) x, y."""
    ignored: tuple[Floats, ...] = ()
    """Polygons where labels cannot be trusted."""
    lengths_m: Floats = field(default_factory=lambda: np.zeros(0))
    """(n,) length known from elsewhere (AIS), NaN where only the box tells; or empty."""

    @cached_property
    def shore(self) -> Floats:
        """(n, 2) x, y of water next to what is none."""
        land = cv2.dilate((~self.water).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        return _thinned(self.water & land, 3)

    @cached_property
    def sea(self) -> Floats:
        """(n, 2) x, y of water."""
        return _thinned(self.water, 8)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.data.shape[1], self.data.shape[2]


def water_of(data: NDArray[np.float32], outlines: list[Floats]) -> NDArray[np.bool_]:
    """Open water by its darkness in the longest band, Otsu's threshold (1979) on the stretch.

    Args:
        data: (bands, height, width), stretched; longest wavelength last.
        outlines: hulls, which are no open water.
    """
    bands = [band for band in data if (band > 0).any()]
    longest = bands[-1]
    seen = ~reaching_the_rim(np.all(data <= 0, axis=0))
    if not seen.any():
        return np.zeros(longest.shape, bool)
    top = float(np.percentile(longest[seen], 99))
    levels = np.clip(longest / max(top, 1e-6) * 255.0, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels[seen].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    water = seen & (levels <= threshold) & ~filled(outlines, longest.shape)
    opened = cv2.morphologyEx(water.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(opened, bool)


def _thinned(mask: NDArray[np.bool_], step: int) -> Floats:
    rows, cols = np.nonzero(mask[::step, ::step])
    return np.stack([cols, rows], axis=1).astype(np.float64) * step


def reaching_the_rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a (height, width) mask that is connected to the image's border.

    No data lie outside the swath; a hole inside it is water as dark as no data.
    """
    _, labels = cv2.connectedComponents(np.asarray(mask, np.uint8))
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, rim[rim > 0])
