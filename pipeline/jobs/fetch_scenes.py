"""Stage 1: one folder a scene (COGs and a STAC item) and what each pass could see of each berth."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pipeline.scene.settings
from pipeline.errors import DarkcallError, QuotaSpent
from pipeline.fetch.described import Described
from pipeline.fetch.folder import Tools, find_sources
from pipeline.fetch.settings import SentinelHubProvider
from pipeline.jobs.archives import (
    ORIGINAL,
    Known,
    RemoteTask,
    bring_in,
    known_passes,
    ledger_of,
    task_inputs,
    units_of_pass,
    units_this_month,
)
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult, item_key
from pipeline.jobs.executors import Place
from pipeline.jobs.finished import read_manifest
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.pruned import read_pruned
from pipeline.records import Coverage, Site
from pipeline.scene.cloud import cloud_mask
from pipeline.scene.coverage import coverage
from pipeline.scene.due import Flight
from pipeline.scene.netcdf import variables
from pipeline.scene.overpass import check_time
from pipeline.scene.raster import footprint
from pipeline.scene.read import read_source
from pipeline.scene.sar import noise_file
from pipeline.scene.write import write_scene
from pipeline.sources import SourceScene
from pipeline.tables import write_records

COVERAGE = "coverage.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTask:
    """One source over one site."""

    source: SourceScene
    site: Site
    settings: pipeline.scene.settings.Settings


def fetch(run: Run, simulated: StageResult | None) -> tuple[StageResult, dict[str, Flight]]:
    """Bring every source that meets a site and the period into the workspace.

    Returns:
        How it ended, and the passes it was about, by item, whether or not they could be fetched.
    """
    folders = list(run.config.inputs.scenes)
    if simulated is not None:
        folders += [d.folder for name, d in simulated.done.items() if name.startswith("scene-")]
    items: dict[str, Item] = {}
    tools = Tools(
        footprint_of=footprint,
        layers_of=variables,
        unpack_to=run.workspace / ".cache" / "unpacked",
    )
    for folder in folders:
        found = find_sources(folder, settings=run.config.fetch, tools=tools)
        for site in run.sites:
            for item in _scene_items(run, site, found.sources):
                items[item.item_id] = item
        for item in _rejected(run, found.rejected):
            items[item.item_id] = item
    budget = _Budget(run)
    flights = {name: _flight(item.task) for name, item in items.items() if _is_pass(item)}
    for known in known_passes(run):
        asked = pass_items(run, known)
        flights |= {item.item_id: _flight(item.task) for item in asked if _is_pass(item)}
        for item in budget.within(known, asked):
            items[item.item_id] = item
    waiting = any(isinstance(item.task, RemoteTask) for item in items.values())
    stage = replace(FETCH, waiting=waiting, place=_place_of(items.values()))
    return run.stage(stage, [items[name] for name in sorted(items)]), flights


def _place_of(items: Iterable[Item]) -> Place:
    """What spends a quota is fetched where the run was started: its ledger is one file."""
    tasks = (item.task for item in items)
    paid = any(
        isinstance(task, RemoteTask) and isinstance(task.provider, SentinelHubProvider)
        for task in tasks
    )
    return Place.HERE if paid else Place.ANY


def _is_pass(item: Item) -> bool:
    return isinstance(item.task, SceneTask | RemoteTask)


def _flight(task: SceneTask | RemoteTask) -> Flight:
    one = task.one if isinstance(task, RemoteTask) else task.source
    return Flight(sensor=one.sensor, platform=one.platform, sensed_at=one.sensed_at)


def _scene_items(run: Run, site: Site, found: Iterable[Described]) -> list[Item]:
    period = run.config.period
    settings = sha256_json(run.config.scene.model_dump(mode="json"))
    place = _place(site)
    meeting = [
        described.source
        for described in found
        if described.footprint is not None
        and described.footprint.intersects(site.aoi)
        and period.start <= described.source.sensed_at < period.end
    ]
    return [
        Item(
            item_id=f"{site.site_id}--{source.source_id}",
            task=SceneTask(source=source, site=site, settings=run.config.scene),
            inputs={
                "settings": settings,
                "site": place,
                "source": sha256_json(source.described()),
                **{path.name: run.hashes.sha256(path) for path in _files(source)},
            },
            selected=run.selection.takes(site_id=site.site_id, at=source.sensed_at),
            held=_held(run, f"{site.site_id}--{source.source_id}", site, source.sensed_at),
        )
        for source in meeting
    ]


def _held(run: Run, item_id: str, site: Site, at: datetime) -> str | None:
    """A scene without pixels stays as it was fetched, unless it is asked for by force."""
    asked = run.mode.active and run.mode.force
    if asked and run.selection.takes(site_id=site.site_id, at=at):
        return None
    pruned = read_pruned(run.workspace / FETCH.name / item_id)
    return None if pruned is None else pruned.told


def _place(site: Site) -> str:
    """What of a site a fetched scene depends on."""
    return sha256_json([site.aoi.wkt, [zone.polygon.wkt for zone in site.zones]])


def _files(source: SourceScene) -> list[Path]:
    """All that the pixels depend on."""
    noise = [path for band in source.bands if (path := noise_file(band)) is not None]
    return [*source.files(), *noise]


def pass_items(run: Run, known: Known) -> list[Item]:
    """An item for each pass an archive has over a site, in their order, then for each failure."""
    settings = sha256_json([run.config.scene.model_dump(mode="json"), run.config.fetch.evidence])
    place = _place(known.site)
    site_id, provider = known.site.site_id, known.provider
    items = [
        Item(
            item_id=f"{site_id}--{one.pass_id}_{provider.name}",
            task=RemoteTask(
                provider=provider,
                one=one,
                pass_id=f"{one.pass_id}_{provider.name}",
                site=known.site,
                settings=run.config.scene,
                evidence=run.config.fetch.evidence,
                ledger=ledger_of(run.workspace, provider),
            ),
            inputs={"settings": settings, "site": place, **task_inputs(one)},
            selected=run.selection.takes(site_id=site_id, at=one.sensed_at),
            held=_held(run, f"{site_id}--{one.pass_id}_{provider.name}", known.site, one.sensed_at),
        )
        for one in known.passes
    ]
    return items + _rejected(
        run,
        ((f"{provider.name}-{site_id}-{what}", error) for what, error in known.failures),
    )


def is_done(run: Run, item: Item) -> bool:
    """Is an item fetched, from what it would be fetched from now, or pruned since?"""
    if item.held is not None:
        return True
    folder = run.workspace / FETCH.name / item.item_id
    manifest = read_manifest(folder, lean=run.depot is not None)
    return manifest is not None and manifest["key"] == item_key(FETCH, item)


class _Budget:
    """Processing units still free, by provider, in this run and month."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._left: dict[str, float] = {}

    def within(self, known: Known, items: list[Item]) -> list[Item]:
        """The items; those beyond the budget wait, which is said of each."""
        provider = known.provider
        if not isinstance(provider, SentinelHubProvider):
            return items
        if provider.name not in self._left:
            ledger = ledger_of(self._run.workspace, provider)
            spent = units_this_month(ledger, self._run.now)
            left = min(provider.units_a_run, provider.units_a_month - spent)
            self._left[provider.name] = left
        out = []
        for one, item in zip(known.passes, items, strict=False):
            cost = 0.0
            if item.selected and (self._run.mode.force or not is_done(self._run, item)):
                cost = units_of_pass(provider, known.site, one)
            if cost > self._left[provider.name]:
                waiting = QuotaSpent(
                    "Processing units are spent",
                    where=provider.name,
                    expected=f"{cost:.1f}",
                    found=f"{max(0.0, self._left[provider.name]):.1f} left",
                    do="Raise `units_a_run` or `units_a_month`, or run again later",
                )
                out.append(replace(item, task=waiting))
                continue
            self._left[provider.name] -= cost
            out.append(item)
        return out + items[len(known.passes) :]


def _rejected(run: Run, rejected: Iterable[tuple[str, DarkcallError]]) -> list[Item]:
    """What is no scene fails as an item of its own, so that it is counted and said."""
    items = []
    for name, error in rejected:
        digest = hashlib.sha256(run.placeless(f"{name} {error}").encode()).hexdigest()
        item_id = f"rejected-{Path(name).name.lstrip('.')}-{digest[:8]}"
        items.append(Item(item_id=item_id, task=error, inputs={"error": digest}))
    return items


def _bring_in(task: SceneTask | RemoteTask | DarkcallError, out: Path) -> Outcome:
    if isinstance(task, DarkcallError):
        raise task
    if isinstance(task, RemoteTask):
        scene, image, said = bring_in(task, out)
        if not task.evidence:
            shutil.rmtree(out / ORIGINAL)
    else:
        middle = task.site.aoi.centroid
        check_time(task.source.platform, task.source.sensed_at, middle.x, middle.y)
        scene, image = read_source(task.source, site=task.site, settings=task.settings)
        said = hashlib.sha256(task.source.described().encode()).hexdigest()
    cloud = cloud_mask(image, task.settings)
    rows = coverage(scene, image, cloud, task.site, task.settings)
    write_scene(out, scene, image, source_sha256=said)
    write_records(Coverage, rows, out / COVERAGE)
    return Outcome(counts={"zones": len(rows)})


FETCH = Stage(name="fetch", version=4, work=_bring_in, pixels=True)
