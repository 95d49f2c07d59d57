"""How well the detector does on labelled real images: every label is compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import BadInput, UsageError
from pipeline.evaluate.detection import DetectionScore, TrueShip, found_ship, score
from pipeline.evaluate.settings import IgnoredArea, Settings
from pipeline.geo import Grid, contains
from pipeline.jobs.contract import Done
from pipeline.jobs.detect_ships import DETECTIONS, ground_of, site_of
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.records import Detection
from pipeline.scene.raster import footprint, grid_for
from pipeline.scene.read import read_scene
from pipeline.tables import read_records

LABELS = "annotations_coco.json"


def evaluate_detection(run: Run, story: Story) -> DetectionScore:
    """Score every labelled scene that was detected.

    Raises:
        UsageError: no labels beside the configuration's scenes, or nothing was detected.
    """
    labels = _labels(run.config.inputs.scenes)
    truths: list[TrueShip] = []
    found = []
    water_m2 = 0.0
    scored = 0
    for name, done in sorted(story.fetched.done.items()):
        site = run.site(site_of(name))
        if site.site_id not in story.screened.done:
            continue
        scene, image = read_scene(done.folder)
        path = _image_path(scene.product_ids, labels)
        if path is None:
            continue
        ground = ground_of(scene, image, site, run.config.scene)
        native = grid_for(path, footprint(path))
        kept = [d for d in _kept(story.screened.done[site.site_id]) if d.scene_id == scene.scene_id]
        settings = run.config.evaluate
        truths += [
            _true_ship(one, scene.scene_id, native, image.grid, ground.shore_distance_m, settings)
            for one in labels[path]
        ]
        found += [
            found_ship(one, image.grid)
            for one in kept
            if not _is_ignored(one.lon, one.lat, settings.ignored_areas)
        ]
        searched = ground.sea & image.valid & ~ground.cloud
        water_m2 += float(searched.sum()) * image.grid.pixel_m**2
        scored += 1
    if not scored:
        raise UsageError(
            "No labelled scene was detected", do=f"Check `inputs.scenes` for {LABELS} and images"
        )
    return score(truths, found, water_m2=water_m2, settings=run.config.evaluate)


def _labels(folders: Sequence[Path]) -> dict[Path, list[Mapping[str, Any]]]:
    """Labels by image file."""
    by_image: dict[Path, list[Mapping[str, Any]]] = {}
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


def _image_path(
    product_ids: Sequence[str], labels: Mapping[Path, Sequence[Mapping[str, Any]]]
) -> Path | None:
    """The labelled image that a scene was made from: its product id begins with the file's name."""
    names = {product.split()[0] for product in product_ids}
    return next((path for path in labels if path.name in names), None)


def _kept(done: Done) -> list[Detection]:
    found = read_records(Detection, done.folder / DETECTIONS)
    return [one for one in found if one.screened is None]


def _true_ship(
    label: Mapping[str, Any],
    scene_id: str,
    native: Grid,
    grid: Grid,
    shore_distance_m: np.ndarray[Any, Any],
    settings: Settings,
) -> TrueShip:
    corners = np.asarray(label["obb"], np.float64).reshape(-1, 2)
    col, row = corners.mean(axis=0)
    lon, lat = native.lonlat_from_px(row, col)
    here = grid.px_from_lonlat(lon, lat)
    x, y = grid.xy_from_px(*here)
    i = int(np.clip(here[0], 0, grid.height - 1))
    j = int(np.clip(here[1], 0, grid.width - 1))
    return TrueShip(
        scene_id=scene_id,
        x_m=float(x),
        y_m=float(y),
        length_m=float(label["length_m"]),
        axis_deg=float(label["axis_deg"]) % 180.0,
        shore_distance_m=float(shore_distance_m[i, j]),
        is_ignored=_is_ignored(float(lon), float(lat), settings.ignored_areas),
    )


def _is_ignored(lon: float, lat: float, areas: Sequence[IgnoredArea]) -> bool:
    return any(contains(area.polygon, lon, lat) for area in areas)
