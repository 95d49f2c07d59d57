"""Stage 6: voyages from load to discharge, and the oil ledger against the cap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pipeline.voyages.settings
from pipeline.heard import Encounter, Static
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS
from pipeline.jobs.executors import Place
from pipeline.jobs.fetch_scenes import COVERAGE
from pipeline.jobs.find_calls import CALLS, CANDIDATES
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.ingest_ais import STATICS
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import ENCOUNTERS, SEASON
from pipeline.records import (
    Candidate,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    PortCall,
    SeasonEstimate,
    Site,
    Voyage,
)
from pipeline.scene.coast import is_land
from pipeline.sea_routes import Ways
from pipeline.tables import read_records, write_records
from pipeline.voyages.cargo import Heard
from pipeline.voyages.estimate import Season, estimate_season
from pipeline.voyages.join import join_voyages
from pipeline.voyages.ledger import ledger

VOYAGES = "voyages.parquet"
ENTRIES = "ledger.parquet"
TOTALS = "ledger_totals.parquet"
GROUPS = "ledger_groups.parquet"
ESTIMATES = "season_estimates.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoyagesTask:
    """The calls of all sites."""

    folders: tuple[Path, ...]
    coverage: tuple[Path, ...]
    detections: tuple[Path, ...]
    statics: tuple[Path, ...]
    season: Path | None
    """Of the AIS tracks; None where there is no AIS."""
    by_sea: bool
    sites: tuple[Site, ...]
    settings: pipeline.voyages.settings.Settings


def voyages(
    run: Run,
    found: StageResult,
    *,
    fetched: StageResult,
    screened: StageResult,
    ingested: StageResult,
    tracked: StageResult,
) -> StageResult:
    """Join the season's calls into voyages, count the barrels, and reckon what was missed."""
    contents = {name: done.content_sha256 for name, done in found.done.items()}
    inputs = {
        **contents,
        **{f"scene {name}": done.content_sha256 for name, done in fetched.done.items()},
        **{f"detections {name}": done.content_sha256 for name, done in screened.done.items()},
        **{f"ais {name}": done.content_sha256 for name, done in ingested.done.items()},
        **{f"tracks {name}": done.content_sha256 for name, done in tracked.done.items()},
        "coastline": run.config.scene.coastline,
        "settings": sha256_json(run.config.voyages.model_dump(mode="json")),
        "sites": run.hashes.sha256(run.config.sites),
    }
    task = VoyagesTask(
        folders=tuple(found.folders()),
        coverage=tuple(folder / COVERAGE for folder in fetched.folders()),
        detections=tuple(folder / DETECTIONS for folder in screened.folders()),
        statics=tuple(folder / STATICS for folder in ingested.folders()),
        season=tracked.done[SEASON].folder if SEASON in tracked.done else None,
        by_sea=run.config.scene.coastline == "osm",
        sites=run.sites,
        settings=run.config.voyages,
    )
    items = [Item(item_id=SEASON, task=task, inputs=inputs)] if contents else []
    return run.stage(VOYAGE, items)


def _join_season(task: VoyagesTask, out: Path) -> Outcome:
    calls = read_records(PortCall, [folder / CALLS for folder in task.folders])
    candidates = read_records(Candidate, [folder / CANDIDATES for folder in task.folders])
    joined = join_voyages(
        calls,
        candidates=candidates,
        sites=task.sites,
        settings=task.settings,
        heard=_heard(task),
        ways=Ways(is_land if task.by_sea else None),
    )
    counted = ledger(joined, settings=task.settings)
    season = Season(
        calls=calls,
        coverage=read_records(Coverage, task.coverage),
        detections=read_records(Detection, task.detections),
        voyages=joined,
    )
    estimates = estimate_season(season, task.settings)
    write_records(SeasonEstimate, estimates, out / ESTIMATES)
    write_records(Voyage, joined, out / VOYAGES)
    write_records(LedgerEntry, counted.entries, out / ENTRIES)
    write_records(LedgerTotal, counted.totals, out / TOTALS)
    write_records(LedgerGroup, counted.groups, out / GROUPS)
    return Outcome(counts={"voyages": len(joined), "deliveries": len(counted.entries)})


def _heard(task: VoyagesTask) -> Heard:
    met = [] if task.season is None else read_records(Encounter, task.season / ENCOUNTERS)
    return Heard(statics=read_records(Static, task.statics), encounters=met)


VOYAGE = Stage(name="voyages", version=2, work=_join_season, place=Place.HERE)
