"""A detector run over the windows of one scene: reading, thinking and measuring side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.detector import Detector
from pipeline.detect.hull import Hull
from pipeline.detect.merge import merge
from pipeline.detect.settings import Settings
from pipeline.geo import Grid
from pipeline.records import Image, Surface

Window = tuple[int, int, int, int]
"""(row0, row1, col0, col1) in pixels, end-exclusive."""


class Source(Protocol):
    """A scene that gives its pixels window by window."""

    @property
    def grid(self) -> Grid:
        """Of the whole scene."""

    def view(self, window: Window) -> tuple[Image, Surface]:
        """Pixels of one window and what lies under them; may be called from any thread."""


@runtime_checkable
class Staged(Protocol):
    """A detector whose work falls into parts that can run side by side."""

    def prepare(self, image: Image, surface: Surface) -> NDArray[np.float32]:
        """What the network is fed of one view."""

    def infer(self, batch: Sequence[NDArray[np.float32]]) -> Sequence[Any]:
        """One answer a view; all views are of one shape."""

    def finish(self, answer: Any, image: Image, surface: Surface) -> list[Hull]:
        """Hulls of one view from its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Hulls of a scene, and how much of it was looked at."""

    hulls: list[Hull]
    """In pixel-edge coordinates of the scene, sorted by row and col."""
    looked_at: int
    """Windows given to the detector."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Windows not looked at, by reason."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A scene in memory."""

    image: Image
    surface: Surface

    @property
    def grid(self) -> Grid:
        return self.image.grid

    def view(self, window: Window) -> tuple[Image, Surface]:
        rows, cols = slice(*window[:2]), slice(*window[2:])
        return _part(self.image, rows, cols), _under(self.surface, rows, cols)


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
    source = _Held(image, surface)
    return search(source, detector=detector, windows=windows, settings=settings).hulls


def search(
    source: Source, *, detector: Detector, windows: Sequence[Window], settings: Settings
) -> Searched:
    """Hulls of a scene that need not fit into memory.

    Views are read ahead by other threads while the network works, and its answers are measured by
    others still; at most `views_ahead` views are held at a time. The result does not depend on
    which thread is faster.
    """
    skipped: Counter[str] = Counter()
    found: dict[Window, list[Hull]] = {}
    with ThreadPoolExecutor(settings.readers) as readers, ThreadPoolExecutor(1) as finisher:
        finishing: list[tuple[Window, Future[list[Hull]]]] = []
        views = _usable(source, windows, readers, detector, skipped, settings)
        for group in _batches(views, settings.batch):
            answers = _answers(detector, group)
            for (window, view, _), answer in zip(group, answers, strict=True):
                finishing.append((window, finisher.submit(_finish, detector, answer, view)))
            while len(finishing) > settings.views_ahead:
                window, future = finishing.pop(0)
                found[window] = future.result()
        for window, future in finishing:
            found[window] = future.result()
    placed = [
        [_placed(hull, window, source.grid) for hull in found[window]]
        for window in windows
        if window in found
    ]
    return Searched(
        hulls=merge(placed, settings), looked_at=len(found), skipped=dict(sorted(skipped.items()))
    )


View = tuple[Image, Surface]
Ready = tuple[Window, View, NDArray[np.float32] | None]


def _usable(
    source: Source,
    windows: Sequence[Window],
    readers: ThreadPoolExecutor,
    detector: Detector,
    skipped: Counter[str],
    settings: Settings,
) -> Iterator[Ready]:
    """Views worth looking at, in the order of their windows, read ahead."""
    waiting: list[tuple[Window, Future[tuple[View, NDArray[np.float32] | None] | str]]] = []
    for window in windows:
        waiting.append((window, readers.submit(_read, source, window, detector)))
        if len(waiting) >= settings.views_ahead:
            yield from _next(waiting, skipped)
    while waiting:
        yield from _next(waiting, skipped)


def _next(
    waiting: list[tuple[Window, Future[tuple[View, NDArray[np.float32] | None] | str]]],
    skipped: Counter[str],
) -> Iterator[Ready]:
    window, future = waiting.pop(0)
    ready = future.result()
    if isinstance(ready, str):
        skipped[ready] += 1
    else:
        yield window, ready[0], ready[1]


def _read(
    source: Source, window: Window, detector: Detector
) -> tuple[View, NDArray[np.float32] | None] | str:
    """A view with the network's input, or why it is not looked at."""
    image, surface = source.view(window)
    if not image.valid.any():
        return "no data"
    if not (surface.sea & image.valid).any():
        return "no water"
    if not (surface.sea & image.valid & ~surface.cloud).any():
        return "cloud"
    inputs = detector.prepare(image, surface) if isinstance(detector, Staged) else None
    return (image, surface), inputs


def _batches(views: Iterator[Ready], size: int) -> Iterator[list[Ready]]:
    """Neighbouring views of one shape together."""
    group: list[Ready] = []
    for view in views:
        image = view[1][0]
        if group and (len(group) == size or group[0][1][0].data.shape != image.data.shape):
            yield group
            group = []
        group.append(view)
    if group:
        yield group


def _answers(detector: Detector, group: Sequence[Ready]) -> Sequence[Any]:
    if isinstance(detector, Staged):
        return detector.infer([inputs for _, _, inputs in group if inputs is not None])
    return [detector.find(*view) for _, view, _ in group]


def _finish(detector: Detector, answer: Any, view: View) -> list[Hull]:
    if isinstance(detector, Staged):
        return detector.finish(answer, *view)
    hulls: list[Hull] = answer
    return hulls


def _part(image: Image, rows: slice, cols: slice) -> Image:
    data = image.data[:, rows, cols]
    grid = image.grid.window(rows.start, rows.stop, cols.start, cols.stop)
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
