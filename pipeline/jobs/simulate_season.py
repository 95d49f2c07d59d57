"""Stage 0, for a simulated season only: files as archives and AIS providers deliver them.

The truth lies beside them. The ordinary readers then read the files; nothing is handed over in
memory.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import (
    Site,
    TrueCall,
    TrueHull,
    TrueVoyage,
)
from pipeline.scene.coast import is_land, land_polygon
from pipeline.scene.write import write_delivery
from pipeline.simulate.broadcast import day_file_name, day_messages
from pipeline.simulate.render import render_scene
from pipeline.simulate.settings import Settings
from pipeline.simulate.world import World, build_world
from pipeline.tables import read_records, write_records

TRUTH = "truth"
CALLS = "true_calls.parquet"
VOYAGES = "true_voyages.parquet"
HULLS = "true_hulls.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldTask:
    """The part of the world one item writes down."""

    sites: tuple[Site, ...]
    settings: Settings
    pass_id: str | None = None
    feed: str | None = None
    day: date | None = None


def simulate(run: Run) -> StageResult | None:
    """Write the season's scenes, AIS days and truth; None where inputs are real."""
    settings = run.config.simulate
    if settings is None:
        return None
    sites = _with_land(run) if settings.real_coast else run.sites
    world = _world(sites, settings)
    inputs = {
        "settings": sha256_json(settings.model_dump(mode="json")),
        "sites": run.hashes.sha256(run.config.sites),
    }

    def item(item_id: str, task: WorldTask) -> Item:
        return Item(item_id=item_id, task=task, inputs=inputs)

    part = WorldTask(sites=sites, settings=settings)
    items = [item(TRUTH, part)]
    items += [
        item(f"scene-{sensed.pass_id}", replace(part, pass_id=sensed.pass_id))
        for sensed in world.passes
    ]
    items += [
        item(f"ais-{feed}-{day.isoformat()}", replace(part, feed=feed, day=day))
        for feed in world.feeds
        for day in world.days
    ]
    return run.stage(SIMULATE, items)


@functools.lru_cache(maxsize=1)
def _world(sites: tuple[Site, ...], settings: Settings) -> World:
    """Built once a process: each worker meets hundreds of its items."""
    return build_world(sites, settings=settings, is_land=is_land if settings.real_coast else None)


def _with_land(run: Run) -> tuple[Site, ...]:
    """Sites at real places, with the land that the map has around them."""
    return tuple(replace(site, land=(land_polygon(site, run.config.scene),)) for site in run.sites)


def _write_part(task: WorldTask, out: Path) -> Outcome:
    world = _world(task.sites, task.settings)
    if task.pass_id is not None:
        scene, image, hulls = render_scene(world, task.pass_id)
        write_delivery(out, scene, image)
        write_records(TrueHull, hulls, out / HULLS)
        return Outcome(counts={"hulls": len(hulls)})
    if task.feed is not None and task.day is not None:
        content = day_messages(world, task.feed, task.day)
        (out / day_file_name(task.feed, task.day)).write_bytes(content)
        return Outcome(counts={"bytes": len(content)})
    write_records(TrueCall, world.truth_calls, out / CALLS)
    write_records(TrueVoyage, world.truth_voyages, out / VOYAGES)
    return Outcome(counts={"calls": len(world.truth_calls), "voyages": len(world.truth_voyages)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened in a simulated season."""

    calls: list[TrueCall]
    voyages: list[TrueVoyage]
    hulls: list[TrueHull]


def read_truth(result: StageResult) -> Truth:
    """The truth tables of a simulated season."""
    folder = result.done[TRUTH].folder
    scenes = [
        done.folder / HULLS for name, done in result.done.items() if name.startswith("scene-")
    ]
    return Truth(
        calls=read_records(TrueCall, folder / CALLS),
        voyages=read_records(TrueVoyage, folder / VOYAGES),
        hulls=read_records(TrueHull, scenes),
    )


SIMULATE = Stage(name="simulate", version=3, work=_write_part, pixels_here=True)
