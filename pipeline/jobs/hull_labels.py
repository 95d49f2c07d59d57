"""Hulls drawn by people: a COCO file beside the images, brought to a scene's grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput, UsageError
from pipeline.evaluate.settings import IgnoredArea
from pipeline.geo import Grid, contains, to_crs
from pipeline.records import Scene
from pipeline.scene.raster import footprint, grid_for

LABELS = "annotations_coco.json"
PLAIN = frozenset({"ship", "small craft"})
"""Verdicts on undrawn hulls that leave a place out of scoring; an unclear one does not."""
Label = Mapping[str, Any]
"""One COCO annotation with `obb`, `segmentation`, `length_m` and `axis_deg`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HullLabel:
    """One drawn hull on a scene's grid."""

    corners_px: NDArray[np.float64]
    """(4, 2) x, y of the oriented box, pixel-edge coordinates."""
    outline_px: NDArray[np.float64]
    """(n, 2) x, y."""
    length_m: float
    axis_grid_deg: float
    """Clockwise from grid north, [0, 180)."""
    is_ignored: bool
    """In an area where labels cannot be trusted."""
    source: str


def labels_of(folders: Sequence[Path]) -> dict[Path, list[Label]]:
    """Labels by image file.

    Raises:
        BadInput: a COCO file cannot be read.
        UsageError: no folder has one.
    """
    by_image: dict[Path, list[Label]] = {}
    for folder in folders:
        path = folder / LABELS
        if not path.exists():
            continue
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            files = {image["id"]: folder / image["file_name"] for image in document["images"]}
            by_image |= {path: [] for path in files.values()}
            for one in document["annotations"]:
                by_image[files[one["image_id"]]].append(one)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput("Labels cannot be read", where=path, found=error) from None
    if not by_image:
        raise UsageError("No labelled images", where=[str(f) for f in folders], expected=LABELS)
    return by_image


def labelled_image(scene: Scene, labels: Mapping[Path, Sequence[Label]]) -> Path | None:
    """The labelled file that a scene was made from: its product id begins with the file's name."""
    names = {product.split()[0] for product in scene.product_ids}
    return next((path for path in labels if path.name in names), None)


def on_grid(
    path: Path, labels: Sequence[Label], grid: Grid, areas: Sequence[IgnoredArea]
) -> list[HullLabel]:
    """An image's labels in the pixels of a grid cut from it.

    Raises:
        BadInput: a label lacks a part.
    """
    native = grid_for(path, footprint(path))
    try:
        return [_hull(one, path.name, native, grid, areas) for one in labels]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("A label lacks a part", where=path.name, found=repr(error)) from None


def undrawn_on(path: Path | None, grid: Grid) -> list[HullLabel]:
    """Hulls that the labels lack, in a grid's pixels: ignored labels, `source` their verdict.

    Args:
        path: GeoJSON of polygons with `verdict` and `length_m`, or None for none.
        grid: they must lie inside of.

    Raises:
        BadInput: not such a file.
    """
    if path is None:
        return []
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        hulls = [_undrawn(one, grid) for one in features]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInput("Undrawn hulls cannot be read", where=path, found=repr(error)) from None
    return [one for one in hulls if _centre_within(one.corners_px, grid)]


def _undrawn(feature: Mapping[str, Any], grid: Grid) -> HullLabel:
    lon, lat = np.asarray(feature["geometry"]["coordinates"][0][:4], np.float64).T
    rows, cols = grid.px_from_lonlat(lon, lat)
    corners = np.stack([cols, rows], axis=1)
    ahead = corners[0] - corners[3]
    return HullLabel(
        corners_px=corners,
        outline_px=corners,
        length_m=float(feature["properties"]["length_m"]),
        axis_grid_deg=float(np.degrees(np.arctan2(ahead[0], -ahead[1]))) % 180.0,
        is_ignored=True,
        source=str(feature["properties"]["verdict"]),
    )


def _centre_within(corners_px: NDArray[np.float64], grid: Grid) -> bool:
    col, row = corners_px.mean(axis=0)
    return bool(0 <= col < grid.width and 0 <= row < grid.height)


def ignored_px(areas: Sequence[IgnoredArea], grid: Grid) -> list[NDArray[np.float64]]:
    """Ignored areas as polygons of (n, 2) x, y in a grid's pixels, those that touch it."""
    found = []
    for area in areas:
        outline = np.array(to_crs(area.polygon, target=grid.crs).exterior.coords)
        rows, cols = grid.px_from_xy(outline[:, 0], outline[:, 1])
        inside = rows.max() > 0 and cols.max() > 0
        if inside and rows.min() < grid.height and cols.min() < grid.width:
            found.append(np.stack([cols, rows], axis=1))
    return found


def is_ignored(lon: float, lat: float, areas: Sequence[IgnoredArea]) -> bool:
    """Does the place lie where labels cannot be trusted?"""
    return any(contains(area.polygon, lon, lat) for area in areas)


def _hull(
    label: Label, image: str, native: Grid, grid: Grid, areas: Sequence[IgnoredArea]
) -> HullLabel:
    corners = _moved(np.asarray(label["obb"], np.float64).reshape(-1, 2), native, grid)
    largest = max(label["segmentation"], key=len)
    lon, lat = grid.lonlat_from_px(*corners.mean(axis=0)[::-1])
    return HullLabel(
        corners_px=corners,
        outline_px=_moved(np.asarray(largest, np.float64).reshape(-1, 2), native, grid),
        length_m=float(label["length_m"]),
        axis_grid_deg=float(label["axis_deg"]) % 180.0,
        is_ignored=is_ignored(float(lon), float(lat), areas),
        source=f"{image} label {label['id']}",
    )


def _moved(points: NDArray[np.float64], native: Grid, grid: Grid) -> NDArray[np.float64]:
    """(n, 2) x, y from one grid's pixels to another's."""
    lon, lat = native.lonlat_from_px(points[:, 1], points[:, 0])
    rows, cols = grid.px_from_lonlat(lon, lat)
    return np.stack([cols, rows], axis=1)
