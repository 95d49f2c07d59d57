"""How well hulls are found on labelled real images, each port by weights that never saw it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.detector import Detector
from pipeline.detect.locate import detections
from pipeline.detect.run import find_hulls
from pipeline.errors import UsageError
from pipeline.evaluate.detection import (
    DetectionScore,
    FoundShip,
    TrueShip,
    found_ship,
    score,
    verdicts,
)
from pipeline.evaluate.rates import measured_rates
from pipeline.geo import Grid
from pipeline.jobs.detect_ships import ground_of, site_of, tiles_of, with_pixels
from pipeline.jobs.hull_labels import (
    PLAIN,
    HullLabel,
    Label,
    is_ignored,
    labelled_image,
    labels_of,
    on_grid,
    undrawn_on,
)
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.jobs.trained import fold_detectors
from pipeline.model import read_model
from pipeline.rates import Rates
from pipeline.records import (
    Detection,
    Image,
    Scene,
    Site,
    Surface,
)
from pipeline.scene.chips import AMBER, Colour, picture, write_sheet
from pipeline.scene.read import read_scene

GREEN: Colour = (80, 220, 80)
"""Of drawn hulls; what was found is amber."""
SHOWN = 8
"""Pictures of each kind in a sheet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledScene:
    """A fetched scene, what lies under it, and the hulls that people drew on it."""

    scene: Scene
    image: Image
    site: Site
    ground: Surface
    labels: list[HullLabel]
    undrawn: list[HullLabel]
    """What is plainly a ship or a boat and nobody drew: neither wanted nor a false alarm."""

    def water_m2(self, shore_edges_m: Sequence[float]) -> NDArray[np.float64]:
        """Sea that can be searched, imaged and clear, by class of shore distance."""
        searched = self.ground.sea & self.image.valid & ~self.ground.cloud
        classes = np.digitize(self.ground.shore_distance_m[searched], shore_edges_m)
        pixels = np.bincount(classes, minlength=len(shore_edges_m) + 1)
        return np.asarray(pixels * self.image.grid.pixel_m**2, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The trained model and the baseline on the same ports."""

    name: str
    model: DetectionScore
    cfar: DetectionScore
    as_drawn: DetectionScore | None
    """The model's, with every answer off a drawn hull a false alarm; None without a list of
    undrawn ones."""
    rates: Rates
    """The model's, as scored."""
    cfar_rates: Rates

    def as_json(self) -> dict[str, Any]:
        """The model's headline figures, and the baseline's under `cfar`."""
        as_drawn = None if self.as_drawn is None else self.as_drawn.as_json()
        return {**self.model.as_json(), "cfar": self.cfar.as_json(), "as_drawn": as_drawn}

    def rows(self) -> list[tuple[str, str]]:
        """One line a figure and class, the two side by side."""
        beside = {"CFAR": dict(self.cfar.rows())}
        if self.as_drawn is not None:
            beside["as drawn"] = dict(self.as_drawn.rows())
        return [
            (label, "   | ".join([value, *(f"{name}: {of[label]}" for name, of in beside.items())]))
            for label, value in self.model.rows()
        ]


def evaluate_detection(
    run: Run, story: Story, model_folder: Path, pictures: Path | None = None
) -> Comparison:
    """Score each labelled port with the fold of the model that never saw it, and with CFAR.

    Args:
        run: configuration and progress.
        story: its fetched scenes.
        model_folder: of the model.
        pictures: folder for a contact sheet of hits, misses and false alarms a port; None for none.

    Raises:
        UsageError: no labels beside the configuration's scenes, no fold for a labelled port.
    """
    model = read_model(model_folder)
    detectors = fold_detectors(model, run.config.detect)
    ours, cfars, drawn = _Tally(), _Tally(), _Tally()
    scenes = [
        one for one in labelled_scenes(run, story) if one.scene.sensor is model.description.sensor
    ]
    with run.progress.stage("score", len(scenes)) as report:
        for one in scenes:
            detector = detectors.get(one.site.site_id)
            if detector is None:
                raise UsageError(
                    f"No fold of model {model.description.name} left this port out",
                    where=one.site.site_id,
                    do="Train again with this port among the folds, or leave the site out",
                )
            found = kept(run, one, detector)
            ours.add(run, one, found)
            drawn.add(run, replace(one, undrawn=[]), found)
            cfars.add(run, one, kept(run, one, CfarDetector(one.scene.sensor, run.config.detect)))
            if pictures is not None:
                picture_port(run, one, found, pictures)
            report.done(one.site.site_id, {"found": len(found), "labels": len(one.labels)})
    if not ours.truths:
        raise UsageError(
            "No labelled scene was fetched", do="Check `inputs.scenes`: images and their labels"
        )
    return Comparison(
        name=model.description.name,
        model=ours.scored(run),
        cfar=cfars.scored(run),
        as_drawn=drawn.scored(run) if run.config.evaluate.undrawn else None,
        rates=ours.rates(run, f"{model.description.name}, {len(scenes)} ports it never saw"),
        cfar_rates=cfars.rates(run, f"cfar, {len(scenes)} ports, its coefficients fitted on them"),
    )


@dataclass(slots=True)
class _Tally:
    """Ships and detections of all ports."""

    truths: list[TrueShip] = field(default_factory=list)
    found: list[FoundShip] = field(default_factory=list)
    water_m2: NDArray[np.float64] | float = 0.0
    """By class of shore distance."""

    def add(self, run: Run, one: LabelledScene, found: Sequence[Detection]) -> None:
        self.truths += [true_ship(label, one) for label in (*one.labels, *one.undrawn)]
        self.found += [found_ship(item, one.image.grid) for item in counted(run, found)]
        self.water_m2 = self.water_m2 + one.water_m2(run.config.evaluate.shore_edges_m)

    def scored(self, run: Run) -> DetectionScore:
        settings = run.config.evaluate
        water_m2 = float(np.sum(self.water_m2))
        return score(self.truths, self.found, water_m2=water_m2, settings=settings)

    def rates(self, run: Run, source: str) -> Rates:
        settings = run.config.evaluate
        water_m2 = np.atleast_1d(self.water_m2)
        return measured_rates(
            self.scored(run).tallies(len(water_m2)),
            (water_m2 / 1e6).tolist(),
            length_edges_m=settings.length_edges_m,
            shore_edges_m=settings.shore_edges_m,
            source=source,
        )


def labelled_scenes(run: Run, story: Story) -> Iterable[LabelledScene]:
    """The fetched scenes that people labelled, one at a time, in the order of their names."""
    labels = labels_of(run.config.inputs.scenes)
    for name, done in with_pixels(run, story.fetched):
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
            undrawn=[
                hull
                for hull in undrawn_on(run.config.evaluate.undrawn, image.grid)
                if hull.source in PLAIN
            ],
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


def counted(run: Run, found: Sequence[Detection]) -> list[Detection]:
    """Detections outside areas whose labels cannot be trusted."""
    areas = run.config.evaluate.ignored_areas
    return [item for item in found if not is_ignored(item.lon, item.lat, areas)]


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


def picture_port(run: Run, one: LabelledScene, found: Sequence[Detection], folder: Path) -> None:
    """A contact sheet: false alarms and misses first, the surest and the largest, then hits."""
    found = counted(run, found)
    truths = [true_ship(label, one) for label in (*one.labels, *one.undrawn)]
    ships = [found_ship(item, one.image.grid) for item in found]
    told = verdicts(truths, ships, run.config.evaluate)
    wrong = sorted(told.false_alarms, key=lambda j: -found[j].score)[:SHOWN]
    missed = sorted(told.missed, key=lambda i: -truths[i].length_m)[:SHOWN]
    hits = sorted(told.hits, key=lambda pair: truths[pair[0]].shore_distance_m)[:SHOWN]
    spots = [
        *((found[j].row_px, found[j].col_px, f"false alarm, {found[j].score:.2f}") for j in wrong),
        *((*_centre(one.labels[i]), f"missed, {truths[i].length_m:.0f} m") for i in missed),
        *((*_centre(one.labels[i]), f"hit, {ships[j].length_m:.0f} for {truths[i].length_m:.0f} m")
          for i, j in hits),
    ]  # fmt: skip
    if not spots:
        return
    outlines = [(_flat(label), GREEN) for label in one.labels]
    outlines += [(item.outline_px, AMBER) for item in found]
    settings = run.config.scene
    tiles = [
        (picture(one.image, row=row, col=col, settings=settings, outlines=outlines), caption)
        for row, col, caption in spots
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder / f"{one.site.site_id}.png", tiles, columns=SHOWN)


def _centre(label: HullLabel) -> tuple[float, float]:
    col, row = label.corners_px.mean(axis=0)
    return float(row), float(col)


def _flat(label: HullLabel) -> list[float]:
    """row0 col0 … row3 col3."""
    return [float(value) for corner in label.corners_px for value in corner[::-1]]
