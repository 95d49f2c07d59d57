"""STAC items with their assets beside them, as open archives deliver scenes.

Scale, offset and no-data value are read where archives put them: STAC 1.1 `bands`, the raster
extension's `raster:bands`, or the asset itself.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import shape

from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.fetch.described import Described
from pipeline.records import Sensor, SourceBand, SourceScene

MAX_ITEM_BYTES = 4_000_000
BANDS = {Sensor.S1: ("VV", "VH"), Sensor.S2: ("B02", "B03", "B04", "B08")}
COMMON_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "vv": "VV", "vh": "VH"}
"""Asset keys that Earth Search and others use for the bands."""


def looks_like_item(path: Path) -> bool:
    """Is it a JSON object of `type` Feature with a STAC version? Unreadable files are no items."""
    try:
        if path.stat().st_size > MAX_ITEM_BYTES:
            return False
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "stac_version" in document and "assets" in document


def read_stac_item(path: Path) -> Described:
    """The scene a STAC item describes.

    Raises:
        BadInput: no bands, an asset missing or outside the item's folder, a field of a wrong kind.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    properties = document.get("properties") or {}
    try:
        footprint = shape(document["geometry"])
        platform = str(properties["platform"]).lower()
        sensor = Sensor.S1 if "sentinel-1" in platform else Sensor.S2
        source = SourceScene(
            source_id=str(document["id"]),
            sensor=sensor,
            platform=platform,
            provider=_text(properties, "darkcall:provider") or "stac",
            product_ids=_products(document, properties),
            sensed_at=parse_utc(str(properties["datetime"])),
            bands=_bands(document["assets"], BANDS[sensor], path),
            gsd_m=float(properties.get("gsd", 10.0)),
            processing_baseline=_text(properties, "processing_baseline")
            or _text(properties, "s2:processing_baseline"),
            orbit_state=_text(properties, "orbit_state") or _text(properties, "sat:orbit_state"),
            relative_orbit=_whole(properties, "relative_orbit"),
            heading_deg=_number(properties, "heading_deg"),
            incidence_deg=_number(properties, "incidence_deg"),
            range_over_velocity_s=_number(properties, "range_over_velocity_s"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ShapelyError) as error:
        raise BadInput(
            "STAC item lacks what a scene needs", where=path.name, found=repr(error)
        ) from None
    return Described(source=source, footprint=footprint)


def _products(document: dict[str, Any], properties: dict[str, Any]) -> tuple[str, ...]:
    listed = properties.get("darkcall:product_ids") or [properties.get("s2:product_uri")]
    return tuple(str(name) for name in listed if name) or (str(document["id"]),)


def _bands(assets: dict[str, Any], wanted: tuple[str, ...], item: Path) -> tuple[SourceBand, ...]:
    named = {COMMON_NAMES.get(key.lower(), key.upper()): asset for key, asset in assets.items()}
    bands = tuple(_band(name, named[name], item) for name in wanted if name in named)
    if not bands:
        raise BadInput(
            "STAC item has no band we use", where=item.name, expected=wanted, found=sorted(assets)
        )
    return bands


def _band(name: str, asset: dict[str, Any], item: Path) -> SourceBand:
    path = (item.parent / str(asset["href"])).resolve()
    if item.parent.resolve() not in path.parents:
        raise BadInput("Asset lies outside its item's folder", where=item.name, found=asset["href"])
    if not path.is_file():
        raise BadInput("Asset is missing", where=item.name, expected=path.name)
    inner = (asset.get("bands") or asset.get("raster:bands") or [{}])[0]

    def said(key: str) -> Any:
        spellings = (key, f"raster:{key}", f"darkcall:{key}")
        values = (place.get(spelling) for spelling in spellings for place in (asset, inner))
        return next((value for value in values if value is not None), None)

    nodata = said("nodata")
    scale = float(1.0 if said("scale") is None else said("scale"))
    offset = float(said("offset") or 0.0)
    if not (0.0 < scale < math.inf and math.isfinite(offset)):
        raise ValueError(f"scale {scale} and offset {offset} of {name}")
    return SourceBand(
        name=name,
        path=path,
        index=1,
        scale=scale,
        offset=offset,
        nodata=None if nodata is None else float(nodata),
    )


def _number(properties: dict[str, Any], name: str) -> float | None:
    names = (f"darkcall:{name}", f"view:{name.replace('_deg', '_angle')}")
    value = next((properties[key] for key in names if properties.get(key) is not None), None)
    return None if value is None else float(value)


def _whole(properties: dict[str, Any], name: str) -> int | None:
    names = (f"darkcall:{name}", f"sat:{name}")
    value = next((properties[key] for key in names if properties.get(key) is not None), None)
    return None if value is None else int(value)


def _text(properties: dict[str, Any], name: str) -> str | None:
    value = properties.get(name, properties.get(f"darkcall:{name}"))
    return None if value is None else str(value)
