"""Scenes to disk: as the workspace keeps them, and as an archive would deliver them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.records import (
    Image,
    Scene,
    Sensor,
)
from pipeline.scene.item import CLOUD, ITEM, to_item
from pipeline.scene.raster import write_cog

DN_PER_REFLECTANCE = 10_000
DELIVERED_OFFSET_DN = 1_000
"""Sentinel-2 products of baseline 04.00 and later carry DN = 10000 × reflectance + 1000."""
DELIVERED_BASELINE = "05.10"
DN_MAX = 65_535


def write_scene(folder: Path, scene: Scene, image: Image, *, source_sha256: str) -> None:
    """The working copy: one COG a band and `item.json`.

    Sentinel-2 is stored as uint16 reflectance × 10000 with 0 for no data; a valid pixel at or below
    zero is stored as 1, so that dark water is not lost. Sentinel-1 is float32, NaN for no data.
    """
    _write(folder, scene, image, offset_dn=0, stem="", extra={"source_sha256": source_sha256})


def write_delivery(folder: Path, scene: Scene, image: Image) -> None:
    """The scene as an archive delivers it: Sentinel-2 digital numbers with the offset of +1000."""
    offset_dn = DELIVERED_OFFSET_DN if scene.sensor is Sensor.S2 else 0
    _write(folder, scene, image, offset_dn=offset_dn, stem=f"{scene.scene_id}_", extra={})


def _write(
    folder: Path, scene: Scene, image: Image, *, offset_dn: int, stem: str, extra: dict[str, str]
) -> None:
    assets: dict[str, dict[str, Any]] = {}
    layers = {
        name: _encode(band, image.valid, scene.sensor, offset_dn)
        for name, band in zip(image.bands, image.data, strict=True)
    }
    if image.said_cloud is not None:
        facts = {"scale": 1.0, "offset": 0.0, "nodata": 255.0}
        layers[CLOUD] = image.said_cloud.astype(np.uint8), facts
    for name, (pixels, facts) in layers.items():
        path = folder / f"{stem}{name}.tif"
        write_cog(path, pixels, image.grid, nodata=facts["nodata"])
        content = path.read_bytes()
        stored = {**facts, "nodata": "nan" if np.isnan(facts["nodata"]) else facts["nodata"]}
        assets[name] = {
            "href": f"./{path.name}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            **stored,
        }
    document = to_item(scene, image.grid, assets).to_dict(include_self_link=False)
    document["properties"].update({f"darkcall:{key}": value for key, value in extra.items()})
    name = ITEM if not stem else f"{scene.scene_id}.json"
    (folder / name).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _encode(
    band: NDArray[np.float32], valid: NDArray[np.bool_], sensor: Sensor, offset_dn: int
) -> tuple[NDArray[Any], dict[str, float]]:
    if sensor is Sensor.S1:
        pixels = np.where(valid, band, np.float32(np.nan)).astype(np.float32)
        return pixels, {"scale": 1.0, "offset": 0.0, "nodata": float("nan")}
    numbers = np.rint(band * DN_PER_REFLECTANCE) + offset_dn
    numbers = np.where(valid, np.clip(numbers, 1, DN_MAX), 0).astype(np.uint16)
    scale = 1.0 / DN_PER_REFLECTANCE
    return numbers, {"scale": scale, "offset": -offset_dn * scale, "nodata": 0.0}
