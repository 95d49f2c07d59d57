"""The world's land, unpacked once a machine: the coastline in the wheel takes seconds to unpack.

What is kept lies in the user's cache folder, 184 MB, and may be deleted at any time. Its SHA-256
stands before it: a file that was cut off or changed is made again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import mmap
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import platformdirs
import shapely
from numpy.typing import NDArray
from roaring_landmask import LandmaskProvider, Shapes
from shapely import Geometry

from pipeline.whole_files import whole_file

# WKB sizes (OGC 06-103r4, 8.2): a polygon is byte order + type + ring count, a ring is its point
# count and two doubles a point; a multipolygon begins like a polygon.
_HEAD_BYTES = 9
_RING_BYTES = 4
_POINT_BYTES = 16
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The world's land as WKB with an index, a quarter of the memory of its parsed polygons."""

    wkb: bytes | memoryview
    """A plain 2-D multipolygon, lon/lat."""
    offsets: NDArray[np.int64]
    """(polygons + 1,) where each begins in it, and the end of the last."""
    bounds: NDArray[np.float64]
    """(polygons, 4) west south east north, degrees."""

    def polygon(self, index: int) -> Geometry:
        """One of its polygons, parsed."""
        return shapely.from_wkb(bytes(self.wkb[self.offsets[index] : self.offsets[index + 1]]))


@functools.lru_cache(maxsize=1)
def world() -> World:
    """OpenStreetMap's land, kept for the next process where there is room for it."""
    path = kept_at()
    try:
        return _read(path)
    except (OSError, ValueError, EOFError):
        unpacked = _unpacked()
    with contextlib.suppress(OSError):  # no home, no room: the next process unpacks it again
        _keep(unpacked, path)
    return unpacked


def kept_at() -> Path:
    """Where this user's copy lies, or would."""
    name = f"land-osm-{version('roaring-landmask')}.bin"
    return platformdirs.user_cache_path("darkcall", appauthor=False) / name


def _unpacked() -> World:
    wkb = bytes(Shapes.wkb(LandmaskProvider.Osm))
    polygons = shapely.get_parts(shapely.from_wkb(wkb))
    rings = shapely.get_num_interior_rings(polygons).astype(np.int64) + 1
    points = shapely.get_num_coordinates(polygons).astype(np.int64)
    sizes = _HEAD_BYTES + _RING_BYTES * rings + _POINT_BYTES * points
    offsets = np.concatenate([[0], np.cumsum(sizes)]) + _HEAD_BYTES
    assert offsets[-1] == len(wkb), "the coastline's WKB is not a plain 2-D multipolygon"
    return World(wkb=wkb, offsets=offsets, bounds=shapely.bounds(polygons))


def _keep(unpacked: World, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    index = io.BytesIO()
    np.save(index, unpacked.offsets)
    np.save(index, unpacked.bounds)
    digest = hashlib.sha256(index.getbuffer())
    digest.update(unpacked.wkb)
    with whole_file(path) as file:
        file.write(digest.digest())
        file.write(index.getbuffer())
        file.write(unpacked.wkb)


def _read(path: Path) -> World:
    """Raises OSError, EOFError or ValueError where there is none that can be believed."""
    with path.open("rb") as file:
        if file.read(_DIGEST_BYTES) != hashlib.file_digest(file, "sha256").digest():
            raise ValueError("not what was written")
        file.seek(_DIGEST_BYTES)
        offsets, bounds = np.load(file), np.load(file)
        start = file.tell()
        # mapped, so that processes side by side hold it in memory once
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if offsets[-1] != len(whole) - start or len(bounds) != len(offsets) - 1:
        raise ValueError("not what was written")
    return World(wkb=whole[start:], offsets=offsets, bounds=bounds)
