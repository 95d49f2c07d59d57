"""Stage 1, the other half: what each berth should have been shown and was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pipeline.scene.settings
from pipeline.clock import compact_utc, day_start
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import site_of
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import (
    Coverage,
    CoverageState,
    Site,
)
from pipeline.scene.due import Flight, passes_due
from pipeline.tables import write_records

MISSED = "missed.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTask:
    """The passes known over one site."""

    site: Site
    known: Mapping[str, Flight]
    """By item: fetched or not."""
    failed: tuple[str, ...]
    """Items that could not be fetched."""
    until: datetime
    settings: pipeline.scene.settings.Settings


def watch(run: Run, fetched: StageResult, flights: Mapping[str, Flight]) -> StageResult:
    """List, for each site, passes that failed and passes that should have been."""
    until = min(day_start(run.now.date()), run.config.period.end)
    failures = {failure.item_id for failure in fetched.failures}
    items = []
    for site in run.sites:
        known = {name: flights[name] for name in sorted(flights) if site_of(name) == site.site_id}
        failed = tuple(name for name in known if name in failures)
        said = {name: asdict(one) | {"sensed_at": one.sensed_at.isoformat()}
                for name, one in known.items()}  # fmt: skip
        zones = [zone.zone_id for zone in site.zones]
        items.append(
            Item(
                item_id=site.site_id,
                task=WatchTask(
                    site=site, known=known, failed=failed, until=until, settings=run.config.scene
                ),
                inputs={
                    "passes": sha256_json([said, failed, zones, until.isoformat()]),
                    "settings": sha256_json(run.config.scene.model_dump(mode="json")),
                },
                selected=run.selection.takes(site_id=site.site_id),
            )
        )
    return run.stage(WATCH, items)


def _missed(task: WatchTask, out: Path) -> Outcome:
    due = passes_due(task.known.values(), task.until, task.settings)
    failed = [(name, task.known[name], CoverageState.NOT_FETCHED) for name in task.failed]
    absent = [
        (f"{one.platform}_{compact_utc(one.sensed_at)}", one, CoverageState.NO_PRODUCT)
        for one in due
    ]
    rows = [
        _nothing(task.site, zone.zone_id, name, flight, state)
        for name, flight, state in (*failed, *absent)
        for zone in task.site.zones
    ]
    write_records(Coverage, rows, out / MISSED)
    return Outcome(counts={"not_fetched": len(failed), "no_product": len(absent)})


def _nothing(site: Site, zone_id: str, name: str, flight: Flight, state: CoverageState) -> Coverage:
    return Coverage(
        site_id=site.site_id,
        zone_id=zone_id,
        scene_id=name,
        sensor=str(flight.sensor),
        sensed_at=flight.sensed_at,
        state=str(state),
        clear_fraction=0.0,
        cloud_fraction=0.0,
        imaged_fraction=0.0,
    )


WATCH = Stage(name="calendar", version=1, work=_missed)
