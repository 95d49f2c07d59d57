"""Stage 2: hulls in each scene, then each site's detections screened across its passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pipeline.detect.settings
import pipeline.scene.settings
from pipeline.detect.arrivals import arrivals
from pipeline.detect.empty import Picture, pictures, screen_berths
from pipeline.detect.locate import detections
from pipeline.detect.run import find_hulls
from pipeline.detect.screen import screen_site
from pipeline.geo import Grid
from pipeline.jobs.berth_pictures import PICTURES, read_pictures, write_pictures
from pipeline.jobs.contract import Done, Item, Outcome, Stage, StageResult
from pipeline.jobs.executors import Place
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.jobs.trained import detector_for, fingerprint
from pipeline.pruned import read_pruned
from pipeline.records import (
    Detection,
    Image,
    Scene,
    Site,
    Surface,
)
from pipeline.scene.chips import write_chip
from pipeline.scene.cloud import cloud_mask
from pipeline.scene.coast import land_polygon
from pipeline.scene.item import ITEM, read_item
from pipeline.scene.read import read_scene
from pipeline.scene.sea import surface
from pipeline.scene.tiles import Window, windows
from pipeline.tables import read_records, write_records

DETECTIONS = "detections.parquet"
CHIPS = "chips"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectTask:
    """One fetched scene of one site."""

    folder: Path
    site: Site
    scene: pipeline.scene.settings.Settings
    detect: pipeline.detect.settings.Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenTask:
    """All scenes of one site."""

    folders: tuple[Path, ...]
    fetched: tuple[Path, ...]
    """Their scenes, in the same order."""
    site: Site
    scene: pipeline.scene.settings.Settings
    detect: pipeline.detect.settings.Settings


def detect(run: Run, fetched: StageResult) -> StageResult:
    """Find hulls in every fetched scene."""
    config = run.config
    settings = sha256_json([config.scene.model_dump(mode="json"), config.detect.of_one_scene()])
    sites = run.hashes.sha256(config.sites)
    models = sha256_json({s: fingerprint(name) for s, name in config.detect.models.items()})
    return run.stage(
        DETECT,
        [
            Item(
                item_id=name,
                task=DetectTask(
                    folder=done.folder,
                    site=run.site(site_of(name)),
                    scene=config.scene,
                    detect=config.detect,
                ),
                inputs={
                    "scene": done.content_sha256,
                    "settings": settings,
                    "sites": sites,
                    "models": models,
                },
                selected=run.selection.takes(site_id=site_of(name), at=_sensed_at(run, done)),
                held=without_pixels(done.folder),
            )
            for name, done in fetched.done.items()
        ],
    )


def without_pixels(folder: Path) -> str | None:
    """Why a fetched scene has no pixels to work on; None: it has them."""
    pruned = read_pruned(folder)
    return None if pruned is None else pruned.told


def _sensed_at(run: Run, done: Done) -> datetime | None:
    if run.selection.since is None and run.selection.until is None:
        return None
    return read_item(done.folder / "item.json").sensed_at


def site_of(item_id: str) -> str:
    """The site an item `<site>--<scene>` belongs to."""
    return item_id.split("--", 1)[0]


def with_pixels(run: Run, fetched: StageResult) -> list[tuple[str, Done]]:
    """Fetched scenes by name that still have their pixels; each that has none is told."""
    there: list[tuple[str, Done]] = []
    gone: list[tuple[str, str]] = []
    for name, done in sorted(fetched.done.items()):
        why = without_pixels(done.folder)
        if why is None:
            there.append((name, done))
        else:
            gone.append((name, why))
    if gone:
        with run.progress.stage("left out", len(gone)) as report:
            for name, why in gone:
                report.failed(name, why)
    return there


def ground_of(
    scene: Scene, image: Image, site: Site, settings: pipeline.scene.settings.Settings
) -> Surface:
    """What lies under a fetched scene's pixels: sea, cloud and the way to the shore."""
    return surface(
        image,
        land=land_polygon(site, settings),
        site=site,
        cloud=cloud_mask(image, settings),
        sensor=scene.sensor,
        settings=settings,
    )


def tiles_of(grid: Grid, settings: pipeline.detect.settings.Settings) -> list[Window]:
    """Windows that a scene is searched in."""
    return windows(
        grid.height, grid.width, tile_px=settings.tile_px, overlap_px=settings.tile_overlap_px
    )


def _detect_in_scene(task: DetectTask, out: Path) -> Outcome:
    scene, image = read_scene(task.folder)
    ground = ground_of(scene, image, task.site, task.scene)
    detector = detector_for(scene.sensor, task.detect)
    tiles = tiles_of(image.grid, task.detect)
    hulls = find_hulls(image, ground, detector=detector, windows=tiles, settings=task.detect)
    found = detections(
        hulls,
        scene=scene,
        grid=image.grid,
        surface=ground,
        site=task.site,
        detector=detector,
        settings=task.detect,
    )
    found = _with_chips(found, image, out, task.scene)
    write_records(Detection, found, out / DETECTIONS)
    write_pictures(pictures(scene, image, ground, task.site), out / PICTURES)
    kept = sum(item.screened is None for item in found)
    return Outcome(
        counts={"kept": kept, "screened": len(found) - kept},
        rows_in=len(hulls),
        rows_out=len(found),
    )


def _with_chips(
    found: list[Detection], image: Image, out: Path, settings: pipeline.scene.settings.Settings
) -> list[Detection]:
    """A crop for each detection a person may be shown: the kept ones, and all inside zones."""
    (out / CHIPS).mkdir(exist_ok=True)
    pictured = []
    for item in found:
        if item.screened is None or item.zone_id is not None:
            chip = f"{CHIPS}/{item.detection_id}.png"
            write_chip(out / chip, image, row=item.row_px, col=item.col_px, settings=settings)
            item = replace(item, chip=chip)  # noqa: PLW2901
        pictured.append(item)
    return pictured


def screen(run: Run, fetched: StageResult, detected: StageResult) -> StageResult:
    """Mark, site by site, what only many passes together can show to be no ship."""
    config = run.config
    settings = sha256_json(
        [config.scene.model_dump(mode="json"), config.detect.model_dump(mode="json")]
    )
    sites = run.hashes.sha256(config.sites)
    items = []
    for site in run.sites:
        scenes = {name: d for name, d in detected.done.items() if site_of(name) == site.site_id}
        task = ScreenTask(
            folders=tuple(done.folder for done in scenes.values()),
            fetched=tuple(fetched.done[name].folder for name in scenes),
            site=site,
            scene=config.scene,
            detect=config.detect,
        )
        contents = {name: done.content_sha256 for name, done in scenes.items()}
        inputs = {**contents, "settings": settings, "sites": sites}
        items.append(Item(item_id=site.site_id, task=task, inputs=inputs))
    return run.stage(SCREEN, items)


def _screen_site(task: ScreenTask, out: Path) -> Outcome:
    found = [
        replace(item, chip=item.chip and f"../../{DETECT.name}/{folder.name}/{item.chip}")
        for folder in task.folders
        for item in read_records(Detection, folder / DETECTIONS)
    ]
    screened = screen_site(found, site=task.site, settings=task.detect)
    shown = [one for folder in task.folders for one in read_pictures(folder / PICTURES)]
    screened = screen_berths(screened, shown, task.detect)
    added = _arrivals(task, shown, screened, out)
    screened += added
    write_records(Detection, screened, out / DETECTIONS)
    kept = sum(item.screened is None for item in screened)
    return Outcome(
        counts={"kept": kept, "screened": len(screened) - kept},
        rows_in=len(found) + len(added),
        rows_out=len(screened),
    )


def _arrivals(
    task: ScreenTask, shown: list[Picture], kept: list[Detection], out: Path
) -> list[Detection]:
    """Hulls that only the difference to the empty berth shows, each with its crop."""
    items = [read_item(folder / ITEM) for folder in task.fetched]
    folders = {item.scene_id: folder for item, folder in zip(items, task.fetched, strict=True)}
    scenes = {item.scene_id: item for item in items}
    added = arrivals(shown, kept, scenes=scenes, site=task.site, settings=task.detect)
    added = screen_berths(added, shown, task.detect)
    pictured = []
    for scene_id in sorted({one.scene_id for one in added}):
        own = [one for one in added if one.scene_id == scene_id]
        if without_pixels(folders[scene_id]) is not None:
            pictured += own
            continue
        _, image = read_scene(folders[scene_id])
        pictured += _with_chips(own, image, out, task.scene)
    return pictured


DETECT = Stage(name="detect", version=6, work=_detect_in_scene, place=Place.GPU, pixels=True)
SCREEN = Stage(name="screen", version=5, work=_screen_site, pixels=True)
