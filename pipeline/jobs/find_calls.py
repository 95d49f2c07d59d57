"""Stage 5: port calls, AIS visits and dark ones, with ranked candidates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pipeline.calls.settings
from pipeline.calls.find import find_calls
from pipeline.heard import (
    Gap,
    Track,
    TrackFix,
)
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS, site_of
from pipeline.jobs.fetch_scenes import COVERAGE
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.ingest_ais import GAPS, SEASON, TRACKS
from pipeline.jobs.match_ais import MATCHES
from pipeline.jobs.run import Run
from pipeline.records import (
    Candidate,
    Coverage,
    Detection,
    Match,
    PortCall,
    Site,
)
from pipeline.tables import read_records, read_table, write_records

CALLS = "calls.parquet"
CANDIDATES = "candidates.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsTask:
    """Everything known of one site."""

    site: Site
    detections: Path
    matches: tuple[Path, ...]
    coverage: tuple[Path, ...]
    season: Path
    settings: pipeline.calls.settings.Settings


def find(
    run: Run,
    *,
    fetched: StageResult,
    screened: StageResult,
    matched: StageResult,
    tracked: StageResult,
) -> StageResult:
    """Find the port calls of every site."""
    settings = sha256_json(run.config.calls.model_dump(mode="json"))
    sites = run.hashes.sha256(run.config.sites)
    items = []
    for site in run.sites:
        if SEASON not in tracked.done or site.site_id not in screened.done:
            continue
        scenes = {n: d for n, d in fetched.done.items() if site_of(n) == site.site_id}
        matches = {n: d for n, d in matched.done.items() if site_of(n) == site.site_id}
        inputs = {
            **{f"scene {name}": done.content_sha256 for name, done in scenes.items()},
            **{f"match {name}": done.content_sha256 for name, done in matches.items()},
            "detections": screened.done[site.site_id].content_sha256,
            "tracks": tracked.done[SEASON].content_sha256,
            "settings": settings,
            "sites": sites,
        }
        task = CallsTask(
            site=site,
            detections=screened.done[site.site_id].folder / DETECTIONS,
            matches=tuple(done.folder / MATCHES for done in matches.values()),
            coverage=tuple(done.folder / COVERAGE for done in scenes.values()),
            season=tracked.done[SEASON].folder,
            settings=run.config.calls,
        )
        items.append(
            Item(
                item_id=site.site_id,
                task=task,
                inputs=inputs,
                selected=run.selection.takes(site_id=site.site_id),
            )
        )
    return run.stage(FIND, items)


def _find_at_site(task: CallsTask, out: Path) -> Outcome:
    calls, candidates = find_calls(
        task.site,
        detections=read_records(Detection, task.detections),
        matches=read_records(Match, task.matches),
        coverage=read_records(Coverage, task.coverage),
        gaps=read_records(Gap, task.season / GAPS),
        tracks=read_records(Track, task.season / TRACKS),
        fixes=read_table(TrackFix, sorted(task.season.glob("fixes-*.parquet"))),
        settings=task.settings,
    )
    write_records(PortCall, calls, out / CALLS)
    write_records(Candidate, candidates, out / CANDIDATES)
    return Outcome(counts={"calls": len(calls), "candidates": len(candidates)})


FIND = Stage(name="calls", version=5, work=_find_at_site)
