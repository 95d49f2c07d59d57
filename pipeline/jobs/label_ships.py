"""Labels for training: from hulls drawn by people, from AIS, from reviewers' decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.geo import Grid
from pipeline.jobs.detect_ships import ground_of, site_of, with_pixels
from pipeline.jobs.hull_labels import ignored_px, labelled_image, labels_of, on_grid, undrawn_on
from pipeline.jobs.reviewed_hulls import CONFIRMED, REFUSED, AddedHull, ReviewedHulls
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.learn.dataset import reaching_the_rim
from pipeline.learn.hulls import SHIP_RATIO, Boxes, Floats
from pipeline.learn.settings import Render
from pipeline.learn.store import Labelled
from pipeline.model import Inputs
from pipeline.records import (
    Detection,
    Image,
    Match,
    Outcome,
    Scene,
)
from pipeline.scene.read import read_scene

SAME_SHARE = 0.5
"""Of the smaller of two outlines that lies in the other: one ship."""


def labels_from_drawings(run: Run, story: Story, inputs: Inputs) -> list[Labelled]:
    """Fetched scenes with the hulls that people drew on them.

    Raises:
        UsageError: no labels beside the configuration's scenes, or none of them was fetched.
    """
    labels = labels_of(run.config.inputs.scenes)
    areas = run.config.evaluate.ignored_areas
    found = []
    for name, done in with_pixels(run, story.fetched):
        scene, image = read_scene(done.folder)
        path = labelled_image(scene, labels)
        if path is None or scene.sensor is not inputs.sensor:
            continue
        hulls = [
            one for one in on_grid(path, labels[path], image.grid, areas) if not one.is_ignored
        ]
        undrawn = undrawn_on(run.config.evaluate.undrawn, image.grid)
        found.append(
            Labelled(
                name=scene.scene_id,
                group=site_of(name),
                data=_pixels(run, name, scene, image, inputs),
                corners_px=np.array([one.corners_px for one in hulls]).reshape(-1, 4, 2),
                outlines=tuple(one.outline_px for one in hulls),
                sources=tuple(one.source for one in hulls),
                ignored=(*ignored_px(areas, image.grid), *(one.corners_px for one in undrawn)),
            )
        )
    if not found:
        raise UsageError(
            "No labelled scene was fetched", do="Check `inputs.scenes`: images and their labels"
        )
    return found


def labels_from_run(
    run: Run, story: Story, inputs: Inputs, said: ReviewedHulls | None = None
) -> list[Labelled]:
    """A run's scenes with the detections that AIS or a person vouches for.

    A detection matched with a ship on the air, or confirmed or moved by a person, is a hull, and so
    is one that a person added; one a person refused is background, which is what makes it a hard
    negative; every other kept or screened detection is ignored, as nobody knows.

    Args:
        run: whose workspace.
        story: its stages, matched.
        inputs: sensor, bands and stretch.
        said: what people said; None: AIS alone is believed.

    Raises:
        UsageError: nothing vouched for.
    """
    findings = story.findings.read()
    matches = {one.detection_id: one for one in findings.matches} if said is None else {}
    said = said or ReviewedHulls()
    by_scene: dict[str, list[Detection]] = defaultdict(list)
    for detection in findings.detections:
        by_scene[detection.scene_id].append(detection)
    found = []
    for name, done in with_pixels(run, story.fetched):
        scene, image = read_scene(done.folder)
        if scene.sensor is not inputs.sensor:
            continue
        added = said.added.get(scene.scene_id, ())
        known = _vouched(image.grid, by_scene[scene.scene_id], matches, said, added)
        if known.outlines:
            found.append(known.labelled(scene, _pixels(run, name, scene, image, inputs)))
    if not found:
        raise UsageError(
            "No detection is vouched for",
            where=run.workspace,
            do="Match with AIS first (`darkcall match`), or decide cases (`darkcall desk`)",
        )
    return found


def _pixels(run: Run, name: str, scene: Scene, image: Image, inputs: Inputs) -> NDArray[np.float32]:
    """What the network is fed, 0 outside of what the sensor imaged."""
    ground = ground_of(scene, image, run.site(site_of(name)), run.config.scene)
    data = inputs.of(image, ground.sea)
    data[:, reaching_the_rim(~image.valid)] = 0.0
    return data


@dataclass(slots=True, kw_only=True)
class _Vouched:
    """A scene's hulls that somebody vouches for, and outlines of which nobody knows."""

    outlines: list[Floats] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    doubtful: list[Floats] = field(default_factory=list)

    def add(self, outline: Floats, source: str) -> None:
        """A hull, unless it is vouched for already; what was doubtful about it no longer is."""
        if any(_is_same(outline, other) for other in self.outlines):
            return
        self.outlines.append(outline)
        self.sources.append(source)
        self.doubtful = [one for one in self.doubtful if not _is_same(outline, one)]

    def labelled(self, scene: Scene, data: NDArray[np.float32]) -> Labelled:
        """What a training reads of the scene; `data` as the network is fed them."""
        return Labelled(
            name=scene.scene_id,
            group=scene.site_id,
            data=data,
            corners_px=np.array(self.outlines).reshape(-1, 4, 2),
            outlines=tuple(self.outlines),
            sources=tuple(self.sources),
            ignored=tuple(self.doubtful),
        )


def _vouched(
    grid: Grid,
    detections: Sequence[Detection],
    matches: Mapping[str, Match],
    said: ReviewedHulls,
    added: Sequence[AddedHull],
) -> _Vouched:
    """Of one scene; what a person drew or moved comes last, as it settles what was in doubt."""
    found, moved = _Vouched(), []
    for one in detections:
        match, verdict = matches.get(one.detection_id), said.verdicts.get(one.detection_id)
        outline = np.array(one.outline_px, np.float64).reshape(-1, 2)[:, ::-1]
        if verdict in REFUSED:
            continue
        if one.detection_id in said.moved:
            middle = _xy_px(grid, said.moved[one.detection_id])
            place = outline + middle - outline.mean(axis=0)
            moved.append((place, f"{one.detection_id} moved by hand"))
        elif verdict in CONFIRMED:
            found.add(outline, f"{one.detection_id} {verdict}")
        elif match is not None and match.outcome == Outcome.MATCHED.value:
            found.add(outline, f"{one.detection_id} is MMSI {match.mmsi}, p {match.p_match:.2f}")
        else:
            found.doubtful.append(outline)
    for outline, source in moved:
        found.add(outline, source)
    for hull in added:
        outline = _between(_xy_px(grid, hull.bow), _xy_px(grid, hull.stern))
        middle = outline.mean(axis=0)
        if (middle >= 0).all() and (middle < (grid.width, grid.height)).all():
            found.add(outline, hull.source)
    return found


def _xy_px(grid: Grid, lonlat: tuple[float, float]) -> Floats:
    row, col = grid.px_from_lonlat(*lonlat)
    return np.array([float(col), float(row)])


def _between(bow: Floats, stern: Floats) -> Floats:
    """(4, 2) box of a ship of common proportions between two clicks, as large as drawn ones are."""
    ahead = bow - stern
    length_px = max(1.0, float(np.hypot(*ahead)))
    margin_px = Render().margin_px
    box = Boxes(
        xy_px=(bow + stern)[None] / 2.0,
        length_px=np.array([length_px + margin_px]),
        width_px=np.array([length_px / SHIP_RATIO + margin_px]),
        angle_rad=np.array([np.arctan2(ahead[1], ahead[0])]),
    )
    return np.asarray(box.corners_px()[0])


def _is_same(one: Floats, other: Floats) -> bool:
    mine, theirs = shapely.Polygon(one), shapely.Polygon(other)
    common = float(mine.intersection(theirs).area)
    return bool(common >= SAME_SHARE * min(mine.area, theirs.area))
