"""Sites from GeoJSON: each port's area of interest, berths, anchorages and hand-drawn water.

A feature's `properties.kind` is `site`, `zone`, `water` or `land`; every polygon carries `source`
and `digitised_on`, and a zone whose position no source gives carries `is_guess: true`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely import Geometry
from shapely.errors import ShapelyError
from shapely.geometry import shape

from pipeline.errors import UsageError
from pipeline.records import (
    Cargo,
    Site,
    Zone,
    ZoneRole,
)

KINDS = ("site", "zone", "water", "land")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feature:
    kind: str
    site_id: str
    polygon: Geometry
    properties: dict[str, Any]


def load_sites(path: Path, only: tuple[str, ...] = ()) -> tuple[Site, ...]:
    """The sites of a GeoJSON file, sorted by id.

    Args:
        path: FeatureCollection in lon/lat.
        only: keep these site ids; empty keeps all.

    Raises:
        UsageError: file missing, not GeoJSON, a polygon invalid or without source, unknown site.
    """
    features = [_parse(feature, path) for feature in _features(path)]
    site_ids = sorted({item.site_id for item in features if item.kind == "site"})
    unknown = sorted(set(only) - set(site_ids)) or sorted(
        {item.site_id for item in features} - set(site_ids)
    )
    if unknown:
        raise UsageError(f"No such site: {', '.join(unknown)}", where=path, expected=site_ids)
    chosen = [site_id for site_id in site_ids if not only or site_id in only]
    return tuple(_site(site_id, features) for site_id in chosen)


def _features(path: Path) -> list[Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("Sites file not found", where=path, do="Check `sites:`") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError("Sites file is not GeoJSON", where=path, found=error) from None
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise UsageError(
            "Sites file is not GeoJSON", where=path, expected="a FeatureCollection with features"
        )
    return list(document["features"])


def _parse(feature: Any, path: Path) -> _Feature:
    properties = feature.get("properties") or {}
    name = properties.get("zone_id") or properties.get("site_id") or "a feature without id"
    for key in ("kind", "site_id", "source", "digitised_on"):
        if not properties.get(key):
            raise UsageError(f"Feature {name} has no `{key}`", where=path)
    if properties["kind"] not in KINDS:
        raise UsageError(
            f"Feature {name}: unknown kind", where=path, expected=KINDS, found=properties["kind"]
        )
    try:
        polygon = shape(feature.get("geometry"))
    except (ShapelyError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise UsageError(f"Feature {name}: not a geometry", where=path, found=error) from None
    if polygon.geom_type not in ("Polygon", "MultiPolygon") or polygon.is_empty:
        raise UsageError(
            f"Feature {name} is empty",
            where=path,
            expected="a polygon with area",
            found=polygon.geom_type,
            do="Draw it again",
        )
    if not polygon.is_valid:
        raise UsageError(f"Feature {name}: invalid polygon", where=path, do="Check for crossings")
    return _Feature(
        kind=properties["kind"],
        site_id=properties["site_id"],
        polygon=polygon,
        properties=properties,
    )


def _site(site_id: str, features: list[_Feature]) -> Site:
    own = [item for item in features if item.site_id == site_id]
    (frame,) = (item for item in own if item.kind == "site")
    zones = [_zone(item) for item in own if item.kind == "zone"]
    return Site(
        site_id=site_id,
        name=frame.properties.get("name", site_id),
        country=frame.properties.get("country", "ZZ"),
        aoi=frame.polygon,
        zones=tuple(sorted(zones, key=lambda zone: zone.zone_id)),
        water=tuple(item.polygon for item in own if item.kind == "water"),
        land=tuple(item.polygon for item in own if item.kind == "land"),
        source=frame.properties["source"],
        digitised_on=frame.properties["digitised_on"],
    )


def _zone(item: _Feature) -> Zone:
    properties = item.properties
    try:
        role = ZoneRole(str(properties.get("role")))
        cargo = Cargo(str(properties.get("cargo", "unknown")))
    except ValueError as error:
        raise UsageError(
            f"Zone {properties.get('zone_id')}: {error}",
            expected=[*map(str, ZoneRole), *map(str, Cargo)],
        ) from None
    return Zone(
        zone_id=properties["zone_id"],
        site_id=item.site_id,
        name=properties.get("name", properties["zone_id"]),
        role=role,
        cargo=cargo,
        polygon=item.polygon,
        source=properties["source"],
        digitised_on=properties["digitised_on"],
        is_guess=bool(properties.get("is_guess", False)),
    )
