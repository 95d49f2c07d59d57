"""A scene as a STAC item, there and back. Core fields and our own prefix: see decision 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import pystac
import shapely
from shapely.geometry import mapping

from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.geo import Grid, to_crs
from pipeline.records import Scene, Sensor

ITEM = "item.json"
PREFIX = "darkcall:"
MAX_ITEM_BYTES = 4_000_000
COG = "image/tiff; application=geotiff; profile=cloud-optimized"

BANDS = ("B02", "B03", "B04", "B08", "VV", "VH")
"""Their order in every image."""
CLOUD = "CLOUD"
"""Asset of what the archive's classification calls cloud: 1, else 0."""
OPTIONAL = (
    "processing_baseline",
    "reflectance_offset",
    "orbit_state",
    "relative_orbit",
    "heading_deg",
    "incidence_deg",
    "range_over_velocity_s",
)


def to_item(scene: Scene, grid: Grid, assets: Mapping[str, Mapping[str, Any]]) -> pystac.Item:
    """A STAC item.

    Args:
        scene: what was acquired.
        grid: its pixels' place.
        assets: by name of a band, or `CLOUD`: `href`, `sha256`, `bytes`, and `scale`, `offset`,
            `nodata`.
    """
    footprint = shapely.box(
        grid.x_min_m,
        grid.y_max_m - grid.height * grid.pixel_m,
        grid.x_min_m + grid.width * grid.pixel_m,
        grid.y_max_m,
    )
    geometry = to_crs(footprint, source=grid.crs, target="EPSG:4326")
    properties = {
        "platform": scene.platform,
        "constellation": "sentinel-1" if scene.sensor is Sensor.S1 else "sentinel-2",
        "gsd": scene.gsd_m,
        f"{PREFIX}site_id": scene.site_id,
        f"{PREFIX}sensor": str(scene.sensor),
        f"{PREFIX}provider": scene.provider,
        f"{PREFIX}product_ids": list(scene.product_ids),
        f"{PREFIX}valid_fraction": scene.valid_fraction,
        f"{PREFIX}cloud_fraction": scene.cloud_fraction,
        f"{PREFIX}crs": grid.crs,
        **{f"{PREFIX}{name}": getattr(scene, name) for name in OPTIONAL},
    }
    item = pystac.Item(
        id=scene.scene_id,
        geometry=json.loads(json.dumps(mapping(geometry))),
        bbox=list(geometry.bounds),
        datetime=scene.sensed_at.astimezone(UTC),
        properties=properties,
    )
    for name, described in assets.items():
        facts = dict(described)
        item.add_asset(
            name,
            pystac.Asset(
                href=facts.pop("href"),
                media_type=COG,
                roles=["cloud"] if name == CLOUD else ["data"],
                title=name,
                extra_fields={f"{PREFIX}{key}": value for key, value in facts.items()},
            ),
        )
    return item


def read_item(path: Path) -> Scene:
    """The scene an item describes, without its pixels.

    Raises:
        BadInput: not a scene's item.
    """
    return described(read_document(path), path)


def described(document: Mapping[str, Any], path: Path) -> Scene:
    """The same of an item that has been read; `path` is where, for messages.

    Raises:
        BadInput: not a scene's item.
    """
    try:
        properties = document["properties"]
        return Scene(
            scene_id=document["id"],
            site_id=properties[f"{PREFIX}site_id"],
            sensor=Sensor(properties[f"{PREFIX}sensor"]),
            platform=properties["platform"],
            provider=properties[f"{PREFIX}provider"],
            product_ids=tuple(properties[f"{PREFIX}product_ids"]),
            sensed_at=parse_utc(properties["datetime"]),
            bands=_bands(document["assets"]),
            gsd_m=properties["gsd"],
            cloud_fraction=properties[f"{PREFIX}cloud_fraction"],
            valid_fraction=properties[f"{PREFIX}valid_fraction"],
            **{name: properties[f"{PREFIX}{name}"] for name in OPTIONAL},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("Not a scene's STAC item", where=path, found=repr(error)) from None


def crs_of(document: Mapping[str, Any], path: Path) -> str:
    """The authority string of the CRS that an item's pixels lie in; `path` as above.

    Raises:
        BadInput: not a scene's item.
    """
    try:
        return str(document["properties"][f"{PREFIX}crs"])
    except (KeyError, TypeError) as error:
        raise BadInput("Not a scene's STAC item", where=path, found=repr(error)) from None


def _bands(assets: Mapping[str, Any]) -> tuple[str, ...]:
    """In the image's order, which JSON's sorted keys do not keep."""
    if not assets or not set(assets) <= {*BANDS, CLOUD}:
        raise ValueError(f"assets {sorted(assets)}, expected some of {BANDS}")
    return tuple(name for name in BANDS if name in assets)


def read_document(path: Path) -> dict[str, Any]:
    """A JSON object of bounded size.

    Raises:
        BadInput: too large, unreadable or not an object.
    """
    try:
        if path.stat().st_size > MAX_ITEM_BYTES:
            raise BadInput("STAC item is too large", where=path, expected=f"<= {MAX_ITEM_BYTES} B")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput("STAC item cannot be read", where=path, found=error) from None
    if not isinstance(document, dict):
        raise BadInput("STAC item is not an object", where=path)
    return document
