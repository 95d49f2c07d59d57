"""Scenes and detections as a static STAC catalogue that any STAC client opens as it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.layout import TemplateLayoutStrategy
from shapely.geometry import mapping

from pipeline.pruned import read_pruned
from pipeline.records import Detection
from pipeline.scene.item import PREFIX, read_document

LICENCE = "other"
FLAT = TemplateLayoutStrategy(item_template="")


def write_catalogue(
    folder: Path, *, items: list[Path], detections: list[Detection], title: str
) -> None:
    """`catalog.json` with a collection of scenes and one of detections, valid and self-contained.

    Args:
        folder: where the catalogue is written.
        items: the scenes' `item.json`; their assets stay where they are.
        detections: what is to be listed; chips are not copied.
        title: of the catalogue.
    """
    catalogue = pystac.Catalog(id="darkcall", description=f"Darkcall: {title}", title=title)
    scenes = [_scene_item(path, folder) for path in sorted(items)]
    found = [_detection_item(d) for d in sorted(detections, key=lambda d: d.detection_id)]
    for name, about, members in (
        ("scenes", "Sentinel scenes over the watched sites", scenes),
        ("detections", "Hull-like objects, kept after screening; unreviewed", found),
    ):
        collection = pystac.Collection(
            id=name,
            description=about,
            extent=_extent(members),
            license=LICENCE,
        )
        collection.add_items(members, strategy=FLAT)
        catalogue.add_child(collection)
    catalogue.normalize_and_save(
        str(folder), catalog_type=pystac.CatalogType.SELF_CONTAINED, strategy=FLAT
    )


def _scene_item(path: Path, folder: Path) -> pystac.Item:
    """The scene's own item, its assets reached from the catalogue's folder, if not pruned."""
    document = read_document(path)
    item = pystac.Item.from_dict(document, preserve_dict=False)
    item.clear_links()
    pruned = read_pruned(path.parent)
    if pruned is not None:
        item.assets = {}
        item.properties[f"{PREFIX}pruned"] = pruned.told
    for asset in item.assets.values():
        target = path.parent / Path(asset.href).name
        asset.href = os.path.relpath(target, folder / "scenes")
    return item


def _detection_item(detection: Detection) -> pystac.Item:
    half = 0.5 * detection.length_m / 111_000.0
    box = shapely.Point(detection.lon, detection.lat).buffer(half, quad_segs=4)
    facts: dict[str, Any] = {
        name: getattr(detection, name)
        for name in (
            "scene_id", "sensor", "score", "length_m", "length_sigma_m", "width_m", "axis_deg",
            "p_tanker", "p_tanker_basis", "zone_id", "detector",
        )
    }  # fmt: skip
    return pystac.Item(
        id=detection.detection_id,
        geometry=mapping(shapely.Point(detection.lon, detection.lat)),
        bbox=list(box.bounds),
        datetime=detection.sensed_at,
        properties={f"{PREFIX}{name}": value for name, value in facts.items()},
    )


def _extent(items: Sequence[pystac.Item]) -> pystac.Extent:
    """The smallest box and time span around the items; the whole Earth where there are none."""
    if not items:
        nothing = [datetime(1970, 1, 1, tzinfo=UTC), None]
        return pystac.Extent(
            pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]), pystac.TemporalExtent([nothing])
        )
    boxes = [item.bbox for item in items if item.bbox is not None]
    times = sorted(item.datetime for item in items if item.datetime is not None)
    west, south = min(b[0] for b in boxes), min(b[1] for b in boxes)
    east, north = max(b[2] for b in boxes), max(b[3] for b in boxes)
    return pystac.Extent(
        pystac.SpatialExtent([[west, south, east, north]]),
        pystac.TemporalExtent([[times[0], times[-1]]]),
    )
