"""How well hulls are found on labelled real images, each port by weights that never saw it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.detector import Detector
from pipeline.detect.locate import detections
from pipeline.detect.run import find_hulls
from pipeline.errors import UsageError
from pipeline.evaluate.detection import DetectionScore, FoundShip, TrueShip, found_ship, score
from pipeline.geo import Grid
from pipeline.jobs.detect_ships import ground_of, site_of, tiles_of
from pipeline.jobs.hull_labels import (
    HullLabel,
    Label,
    ignored_px,
    is_ignored,
    labelled_image,
    labels_of,
    on_grid,
)
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.jobs.trained import fold_detectors
from pipeline.model import read_model
from pipeline.records import Detection, Image, Scene, Site, Surface
from pipeline.scene.read import read_scene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledScene:
    """A fetched scene, what lies under it, and the hulls that people drew on it."""

    scene: Scene
    image: Image
    site: Site
    ground: Surface
    labels: list[HullLabel]

    @property
    def water_m2(self) -> float:
        """Sea that can be searched: imaged and clear."""
        searched = self.ground.sea & self.image.valid & ~self.ground.cloud
        return float(searched.sum()) * self.image.grid.pixel_m**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The trained model and the baseline on the same ports."""

    name: str
    model: DetectionScore
    cfar: DetectionScore

    def as_json(self) -> dict[str, Any]:
        """The model's headline figures, and the baseline's under `cfar`."""
        return {**self.model.as_json(), "cfar": self.cfar.as_json()}

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure and class, the two side by side."""
        cfar = dict(self.cfar.rows())
        return [(label, f"{value}   | CFAR: {cfar[label]}") for label, value in self.model.rows()]


def evaluate_detection(run: Run, story: Story, model_folder: Path) -> Comparison:
    """Score each labelled port with the fold of the model that never saw it, and with CFAR.

    Raises:
        UsageError: no labels beside the configuration's scenes, no fold for a labelled port.
    """
    model = read_model(model_folder)
    detectors = fold_detectors(model, run.config.detect)
    truths: list[TrueShip] = []
    found: list[FoundShip] = []
    by_cfar: list[FoundShip] = []
    water_m2 = 0.0
    scenes = list(labelled_scenes(run, story))
    with run.progress.stage("score", len(scenes)) as report:
        for one in scenes:
            if one.scene.sensor is not model.description.sensor:
                continue
            truths += [true_ship(label, one) for label in one.labels]
            detector = detectors.get(one.site.site_id)
            if detector is None:
                raise UsageError(
                    f"No fold of model {model.description.name} left this port out",
                    where=one.site.site_id,
                    do="Train again with this port among the folds, or leave the site out",
                )
            cfar = CfarDetector(one.scene.sensor, run.config.detect)
            ours, theirs = kept(run, one, detector), kept(run, one, cfar)
            found += scored_ships(run, one, ours)
            by_cfar += scored_ships(run, one, theirs)
            water_m2 += one.water_m2
            report.done(one.site.site_id, {"found": len(ours), "cfar": len(theirs)})
    if not truths:
        raise UsageError(
            "No labelled scene was fetched", do="Check `inputs.scenes`: images and their labels"
        )
    settings = run.config.evaluate
    return Comparison(
        name=model.description.name,
        model=score(truths, found, water_m2=water_m2, settings=settings),
        cfar=score(truths, by_cfar, water_m2=water_m2, settings=settings),
    )


def labelled_scenes(run: Run, story: Story) -> Iterable[LabelledScene]:
    """The fetched scenes that people labelled, one at a time, in the order of their names."""
    labels = labels_of(run.config.inputs.scenes)
    for name, done in sorted(story.fetched.done.items()):
        scene, image = read_scene(done.folder)
        path = labelled_image(scene, labels)
        if path is None:
            continue
        site = run.site(site_of(name))
        yield LabelledScene(
            scene=scene,
            image=image,
            site=site,
            ground=ground_of(scene, image, site, run.config.scene),
            labels=_labels(path, labels[path], image.grid, run),
        )


def _labels(path: Path, labels: Sequence[Label], grid: Grid, run: Run) -> list[HullLabel]:
    return on_grid(path, labels, grid, run.config.evaluate.ignored_areas)


def kept(run: Run, one: LabelledScene, detector: Detector) -> list[Detection]:
    """What the detect stage would keep of a scene with this detector."""
    settings = run.config.detect
    hulls = find_hulls(
        one.image,
        one.ground,
        detector=detector,
        windows=tiles_of(one.image.grid, settings),
        settings=settings,
    )
    found = detections(
        hulls,
        scene=one.scene,
        grid=one.image.grid,
        surface=one.ground,
        site=one.site,
        detector=detector,
        settings=settings,
    )
    return [item for item in found if item.screened is None]


def scored_ships(run: Run, one: LabelledScene, found: Sequence[Detection]) -> list[FoundShip]:
    """Detections outside areas whose labels cannot be trusted."""
    areas = run.config.evaluate.ignored_areas
    return [
        found_ship(item, one.image.grid)
        for item in found
        if not is_ignored(item.lon, item.lat, areas)
    ]


def true_ship(label: HullLabel, one: LabelledScene) -> TrueShip:
    """A drawn hull as it is scored."""
    grid = one.image.grid
    col, row = label.corners_px.mean(axis=0)
    x, y = grid.xy_from_px(row, col)
    i = int(np.clip(row, 0, grid.height - 1))
    j = int(np.clip(col, 0, grid.width - 1))
    return TrueShip(
        scene_id=one.scene.scene_id,
        x_m=float(x),
        y_m=float(y),
        length_m=label.length_m,
        axis_deg=label.axis_grid_deg,
        shore_distance_m=float(one.ground.shore_distance_m[i, j]),
        is_ignored=label.is_ignored,
    )


def ignored_areas_px(run: Run, one: LabelledScene) -> list[NDArray[np.float64]]:
    """Ignored areas in a scene's pixels."""
    return ignored_px(run.config.evaluate.ignored_areas, one.image.grid)
