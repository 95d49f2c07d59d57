"""STAC items with their assets beside them, as open archives deliver scenes.

Scale, offset and no-data value are read where archives put them: STAC 1.1 `bands`, the raster
extension's `raster:bands`, or the asset itself.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from shapely import Geometry, make_valid
from shapely.errors import ShapelyError
from shapely.geometry import shape

from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.fetch.described import Described
from pipeline.records import Sensor
from pipeline.sources import SourceBand, SourceScene

MAX_ITEM_BYTES = 4_000_000
MAX_ASSET_BYTES = 8_000_000_000
"""Ten times a Sentinel-1 GRD's band: what says it is larger is not one."""
BANDS = {Sensor.S1: ("VV", "VH"), Sensor.S2: ("B02", "B03", "B04", "B08")}
COMMON_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "vv": "VV", "vh": "VH"}
"""Asset keys that Earth Search and others use for the bands."""
CLASSES = "SCL"
"""Asset of the scene classification, in any case; an item may lack it."""
PRODUCT = re.compile(
    r"S2[A-D]_MSIL(?:1C|2A)_\d{8}T\d{6}_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})_T(?P<tile>\w{5})_"
)
"""ESA's names of Sentinel-2 products say what some catalogues leave out."""


def looks_like_item(path: Path) -> bool:
    """Is it a JSON object with a STAC version and assets? Unreadable files are no items."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_ITEM_BYTES:
            return False
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "stac_version" in document and "assets" in document


def asset_files(path: Path) -> set[Path]:
    """The files beside and below an item that its assets name, there or not, used or not."""
    assets = json.loads(path.read_text(encoding="utf-8"))["assets"]
    hrefs = [
        str(asset["href"])
        for asset in (assets.values() if isinstance(assets, dict) else ())
        if isinstance(asset, dict) and "href" in asset
    ]
    return {found for href in hrefs if (found := _local(href, path)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemHead:
    """What an item says before its assets are looked at."""

    item_id: str
    sensor: Sensor
    platform: str
    sensed_at: datetime
    footprint: Geometry
    """lon/lat."""
    tile: str
    """Granules of one tile in one pass are the same ground."""
    baseline: str | None
    relative_orbit: int | None
    version: tuple[str, str]
    """Later processing sorts later."""


def read_head(document: dict[str, Any]) -> ItemHead:
    """The head of an item from an archive's answer.

    Raises:
        BadInput: a field is missing or of a wrong kind.
    """
    name = str(document.get("id", "item"))[:128]
    try:
        properties = document["properties"]
        platform = str(properties["platform"]).lower()
        item_id = _id(document)
        match = PRODUCT.match(item_id)
        named = match.groupdict() if match is not None else {}
        baseline = (
            _text(properties, "processing_baseline")
            or _text(properties, "s2:processing_baseline")
            or _text(properties, "processing:version")
            or (f"{named['baseline'][:2]}.{named['baseline'][2:]}" if named else None)
        )
        tile = _text(properties, "grid:code") or _text(properties, "s2:mgrs_tile")
        orbit = _whole(properties, "relative_orbit")
        return ItemHead(
            item_id=item_id,
            sensor=_sensor(platform, Path(name)),
            platform=platform,
            sensed_at=parse_utc(str(properties["datetime"])),
            footprint=_footprint(document["geometry"]),
            tile=tile or named.get("tile") or item_id,
            baseline=baseline,
            relative_orbit=int(named["orbit"]) if orbit is None and named else orbit,
            version=(baseline or "", _text(properties, "updated") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError) as error:
        raise BadInput(
            "STAC item lacks what a scene needs", where=name, found=repr(error)
        ) from None


def band_hrefs(document: dict[str, Any], sensor: Sensor) -> dict[str, tuple[str, str]]:
    """For each band we use, and the classification, the asset's key and its address.

    Raises:
        BadInput: no band we use, or an asset without an address.
    """
    name = str(document.get("id", "item"))[:128]
    try:
        named = {
            _band_name(key): (key, str(asset["href"]))
            for key, asset in document["assets"].items()
            if isinstance(asset, dict)
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("STAC item's assets are damaged", where=name, found=repr(error)) from None
    bands = {band: named[band] for band in BANDS[sensor] if band in named}
    if not bands:
        raise BadInput(
            "STAC item has no band we use", where=name, expected=BANDS[sensor], found=sorted(named)
        )
    sizes = [_size(document["assets"][key]) for key, _ in bands.values()]
    if max(sizes) > MAX_ASSET_BYTES:
        raise BadInput(
            "Asset is larger than any scene's band",
            where=name,
            expected=f"at most {MAX_ASSET_BYTES} bytes",
            found=max(sizes),
        )
    return bands | ({CLASSES: named[CLASSES]} if CLASSES in named else {})


def _size(asset: dict[str, Any]) -> float:
    """Bytes by the file extension; 0 where it does not say."""
    size = asset.get("file:size")
    return float(size) if isinstance(size, int | float) else 0.0


def read_stac_item(path: Path) -> Described:
    """The scene a STAC item describes.

    Raises:
        BadInput: no bands, an asset missing or outside the item's folder, a field of a wrong kind.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    properties = document.get("properties") or {}
    try:
        footprint = _footprint(document["geometry"])
        platform = str(properties["platform"]).lower()
        sensor = _sensor(platform, path)
        source = SourceScene(
            source_id=_id(document),
            sensor=sensor,
            platform=platform,
            provider=_text(properties, "darkcall:provider") or "stac",
            product_ids=_products(document, properties),
            sensed_at=parse_utc(str(properties["datetime"])),
            bands=_harmonised(_bands(document["assets"], sensor, path), properties),
            gsd_m=float(properties.get("gsd", 10.0)),
            processing_baseline=_text(properties, "processing_baseline")
            or _text(properties, "s2:processing_baseline"),
            orbit_state=_text(properties, "orbit_state") or _text(properties, "sat:orbit_state"),
            relative_orbit=_whole(properties, "relative_orbit"),
            heading_deg=_number(properties, "heading_deg"),
            incidence_deg=_number(properties, "incidence_deg"),
            range_over_velocity_s=_number(properties, "range_over_velocity_s"),
            classes=_classes(document["assets"], path),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError) as error:
        raise BadInput(
            "STAC item lacks what a scene needs", where=path.name, found=repr(error)
        ) from None
    return Described(source=source, footprint=footprint)


def _id(document: dict[str, Any]) -> str:
    """The id, which names a folder of the workspace."""
    item_id = str(document["id"])
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", item_id):
        raise ValueError(f"id {item_id[:128]!r}: letters, digits and . _ - only, at most 128")
    return item_id


def _footprint(geometry: Any) -> Geometry:
    footprint = shape(geometry)
    if footprint.is_empty or footprint.geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"geometry is {footprint.geom_type}, a scene's is a polygon with area")
    west, south, east, north = footprint.bounds
    if not (-180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise ValueError(f"geometry reaches {footprint.bounds}, not degrees of longitude, latitude")
    return make_valid(footprint)


def _sensor(platform: str, path: Path) -> Sensor:
    for sensor, mission in ((Sensor.S1, "sentinel-1"), (Sensor.S2, "sentinel-2")):
        if platform.startswith(mission):
            return sensor
    raise BadInput(
        "STAC item of a platform that is not used",
        where=path.name,
        expected="sentinel-1… or sentinel-2…",
        found=platform,
        do="Remove it, or fetch a Sentinel scene",
    )


def _products(document: dict[str, Any], properties: dict[str, Any]) -> tuple[str, ...]:
    listed = properties.get("darkcall:product_ids") or [properties.get("s2:product_uri")]
    return tuple(str(name) for name in listed if name) or (str(document["id"]),)


def _band_name(key: str) -> str:
    """The band an asset's key stands for, or the key."""
    return COMMON_NAMES.get(key.lower(), key.upper())


def _bands(assets: dict[str, Any], sensor: Sensor, item: Path) -> tuple[SourceBand, ...]:
    named = {_band_name(key): asset for key, asset in assets.items()}
    bands = tuple(_band(name, named[name], sensor, item) for name in BANDS[sensor] if name in named)
    if not bands:
        raise BadInput(
            "STAC item has no band we use",
            where=item.name,
            expected=BANDS[sensor],
            found=sorted(assets),
        )
    return bands


def _classes(assets: dict[str, Any], item: Path) -> SourceBand | None:
    """The scene classification, where its file lies beside the item."""
    asset = next((asset for key, asset in assets.items() if key.upper() == CLASSES), None)
    path = None if asset is None else _local(str(asset["href"]), item)
    if path is None or not path.is_file():
        return None
    return classes_band(path)


def classes_band(path: Path, layer: str | None = None, index: int = 1) -> SourceBand:
    """A scene classification: its numbers are classes, 0 is no data.

    Args:
        path: of the file.
        layer: a variable, where the file is a netCDF.
        index: band of the file or time step of the variable, from 1.
    """
    return SourceBand(
        name=CLASSES, path=path, layer=layer, index=index, scale=1.0, offset=0.0, nodata=0.0
    )


def _band(name: str, asset: dict[str, Any], sensor: Sensor, item: Path) -> SourceBand:
    href = str(asset["href"])
    path = _local(href, item)
    if path is None:
        raise BadInput(
            "Asset lies outside its item's folder",
            where=item.name,
            found=href,
            do="Put the file beside the item and name it there",
        )
    if not path.is_file():
        raise BadInput(
            "Asset is missing",
            where=item.name,
            expected=path.name,
            do="Fetch it into the item's folder",
        )
    inner = (asset.get("bands") or asset.get("raster:bands") or [{}])[0]

    def said(key: str) -> Any:
        spellings = (key, f"raster:{key}", f"darkcall:{key}")
        values = (place.get(spelling) for spelling in spellings for place in (asset, inner))
        return next((value for value in values if value is not None), None)

    nodata, scale, offset = said("nodata"), said("scale"), said("offset")
    if scale is None and sensor is Sensor.S2:
        raise BadInput(
            f"Asset {name} has no scale, its numbers have no meaning",
            where=item.name,
            expected="scale and offset in `bands` or `raster:bands`",
            do="Add them; 0.0001 with offset -0.1 from baseline 04.00 on, unless harmonised",
        )
    return SourceBand(
        name=name,
        path=path,
        index=1,
        scale=_factor(1.0 if scale is None else scale),
        offset=0.0 if offset is None else _finite(offset),
        nodata=None if nodata is None else float(nodata),
    )


def _local(href: str, item: Path) -> Path | None:
    """The file below the item's folder that an href names, else None.

    Archives keep web addresses in the items they hand out: the file's own name is looked for beside
    the item. Nothing is fetched, and no other place of this machine is read.
    """
    if href.startswith(("https://", "http://", "s3://")):
        href = PurePosixPath(urlsplit(href).path).name
    folder = item.parent.resolve()
    try:
        path = (folder / href).resolve()
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a null byte
        return None
    return path if folder in path.parents and len(path.name.encode()) < 256 else None


def _harmonised(
    bands: tuple[SourceBand, ...], properties: dict[str, Any]
) -> tuple[SourceBand, ...]:
    """Earth Search lists the offset even where its files have it applied, and says so apart."""
    applied = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
    if any(properties.get(name) is True for name in applied):
        return tuple(replace(band, offset=0.0) for band in bands)
    return bands


def _factor(value: Any) -> float:
    factor = _finite(value)
    if factor <= 0.0:
        raise ValueError(f"scale {value!r}, a positive number is needed")
    return factor


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} where a number is needed")
    return number


def _number(properties: dict[str, Any], name: str) -> float | None:
    names = (f"darkcall:{name}", f"view:{name.replace('_deg', '_angle')}")
    value = next((properties[key] for key in names if properties.get(key) is not None), None)
    return None if value is None else _finite(value)


def _whole(properties: dict[str, Any], name: str) -> int | None:
    names = (f"darkcall:{name}", f"sat:{name}")
    value = next((properties[key] for key in names if properties.get(key) is not None), None)
    return None if value is None else int(value)


def _text(properties: dict[str, Any], name: str) -> str | None:
    value = properties.get(name, properties.get(f"darkcall:{name}"))
    return None if value is None else str(value)
