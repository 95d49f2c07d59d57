"""Sentinel-2 bands as the Copernicus Browser and EO Browser hand them out: one raw TIFF a band.

Their numbers are Sentinel Hub's UINT16, 65535 for reflectance 1, harmonised, 0 for no data; their
grid is Web Mercator, whose "10 m" are 10·cos(latitude) on the ground. The file's name gives the
time asked for, mostly a whole day, not the time of the pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from shapely import Geometry

from pipeline.clock import compact_utc, parse_utc
from pipeline.errors import BadInput
from pipeline.fetch.described import Described
from pipeline.fetch.overpass import TOLERANCE, sentinel2_overpass
from pipeline.fetch.stac import BANDS as SENSOR_BANDS
from pipeline.records import Sensor
from pipeline.sources import SourceBand, SourceScene

NAME = re.compile(
    r"(?P<start>\d{4}-\d\d-\d\d-\d\d_\d\d)_(?P<end>\d{4}-\d\d-\d\d-\d\d_\d\d)"
    r"_Sentinel-(?P<mission>[123])_(?P<product>.+?)_(?P<band>[A-Za-z0-9]+)_\(Raw\)\.tiff?",
    re.IGNORECASE,
)
BANDS = SENSOR_BANDS[Sensor.S2]
FULL_SCALE = 65_535.0
"""UINT16 of reflectance 1 (Sentinel Hub, sampleType UINT16)."""
ONE_PASS = timedelta(minutes=50)
"""Windows shorter than it cannot hold two passes (Sentinel Hub documentation, mosaicking)."""


def is_download(path: Path) -> bool:
    """Is the file named as such a download is?"""
    return NAME.fullmatch(path.name) is not None


def downloads(paths: Sequence[Path]) -> list[Path]:
    """The first file of each acquisition among such downloads."""
    firsts: dict[tuple[Path, str], Path] = {}
    for path in sorted(paths):
        firsts.setdefault((path.parent, _stem(path)), path)
    return list(firsts.values())


def read_download(first: Path, footprint_of: Callable[[Path], Geometry]) -> Described:
    """The acquisition that a file and its siblings of other bands are.

    Args:
        first: any of its files.
        footprint_of: extent of a raster, lon/lat.

    Raises:
        BadInput: not Sentinel-2, a window of several passes, none of the bands we use.
    """
    match = NAME.fullmatch(first.name)
    if match is None or match["mission"] != "2":
        raise BadInput(
            "Download of a mission that is not read in this form",
            where=first.name,
            expected="Sentinel-2, raw bands",
            do="Fetch Sentinel-1 as GRD in SAFE format",
        )
    bands = _bands(first)
    extent = footprint_of(bands[0].path)
    sensed_at, how = _time(match, extent, first)
    level = re.sub(r"[^A-Za-z0-9]+", "-", match["product"])
    place = re.sub(r"[^A-Za-z0-9]+", "-", first.parent.name)
    source = SourceScene(
        source_id=f"S2_{level}_{compact_utc(sensed_at)}_{place}",
        sensor=Sensor.S2,
        platform="sentinel-2",
        provider="copernicus-browser",
        product_ids=(f"{_stem(first)} ({how})",),
        sensed_at=sensed_at,
        bands=bands,
        gsd_m=10.0,
    )
    return Described(source=source, footprint=extent)


def _bands(first: Path) -> tuple[SourceBand, ...]:
    files = {
        other["band"].upper(): path
        for path in sorted(first.parent.iterdir())
        if _stem(path) == _stem(first) and (other := NAME.fullmatch(path.name)) is not None
    }
    bands = tuple(
        SourceBand(
            name=name, path=files[name], index=1, scale=1.0 / FULL_SCALE, offset=0.0, nodata=0.0
        )
        for name in BANDS
        if name in files
    )
    if not bands:
        raise BadInput(
            "Download has no band we use", where=first.name, expected=BANDS, found=sorted(files)
        )
    return bands


def _time(match: re.Match[str], extent: Geometry, first: Path) -> tuple[datetime, str]:
    """When the satellite passed, and how that is known."""
    start, end = _instant(match["start"]), _instant(match["end"])
    if timedelta() <= end - start < ONE_PASS:
        return start + (end - start) / 2.0, "middle of the window asked for"
    if not timedelta() < end - start <= timedelta(days=1):
        raise BadInput(
            "Download spans several passes, which it mixes",
            where=first.name,
            expected="a window of one day",
            found=f"{match['start']} to {match['end']}",
            do="Download each day by itself",
        )
    centre = extent.centroid
    return sentinel2_overpass(start.date(), float(centre.x), float(centre.y)), TOLERANCE


def _stem(path: Path) -> str:
    """The name less its band."""
    match = NAME.fullmatch(path.name)
    return "" if match is None else path.name[: match.start("band") - 1]


def _instant(text: str) -> datetime:
    return parse_utc(f"{text[:10]}T{text[11:].replace('_', ':')}:00Z")
