"""Stage 5: port calls, AIS visits and dark ones, site by site; then who made them, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pipeline.calls.settings
from pipeline.calls.find import find_calls, named, without_used_leads
from pipeline.calls.names import candidates, name_calls
from pipeline.calls.suspects import Air
from pipeline.calls.visits import Fixes
from pipeline.heard import Gap, Hit, HitBy, Track, TrackFix
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS, site_of
from pipeline.jobs.executors import Place
from pipeline.jobs.fetch_scenes import COVERAGE
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.look_up import HITS
from pipeline.jobs.match_ais import IN_VIEW, MATCHES
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import GAPS, SEASON, TRACKS
from pipeline.records import (
    AisInView,
    Candidate,
    Coverage,
    Detection,
    Match,
    PortCall,
    SeenStay,
    Site,
    Suspicion,
)
from pipeline.scene.coast import is_land
from pipeline.tables import read_records, read_table, write_records

CALLS = "calls.parquet"
CANDIDATES = "candidates.parquet"
STAYS = "stays.parquet"
SUSPICIONS = "suspicions.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsTask:
    """Everything known of one site."""

    site: Site
    detections: Path
    matches: tuple[Path, ...]
    coverage: tuple[Path, ...]
    in_view: tuple[Path, ...]
    season: Path
    hits: Path | None
    """Watch list hits."""
    by_sea: bool
    """Are ways reckoned round the land? Not at an invented coast."""
    settings: pipeline.calls.settings.Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesTask:
    """The calls of every site."""

    folders: tuple[Path, ...]
    settings: pipeline.calls.settings.Settings


def find(
    run: Run,
    *,
    fetched: StageResult,
    screened: StageResult,
    matched: StageResult,
    tracked: StageResult,
    looked_up: StageResult,
) -> StageResult:
    """Find the port calls of every site; the dark ones are not named yet."""
    coastline = run.config.scene.coastline
    settings = sha256_json([run.config.calls.model_dump(mode="json"), coastline])
    hits = looked_up.done.get(SEASON)
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
            "hits": "" if hits is None else hits.content_sha256,
            "settings": settings,
            "sites": sites,
        }
        task = CallsTask(
            site=site,
            detections=screened.done[site.site_id].folder / DETECTIONS,
            matches=tuple(done.folder / MATCHES for done in matches.values()),
            coverage=tuple(done.folder / COVERAGE for done in scenes.values()),
            in_view=tuple(done.folder / IN_VIEW for done in matches.values()),
            season=tracked.done[SEASON].folder,
            hits=None if hits is None else hits.folder / HITS,
            by_sea=coastline == "osm",
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
    found = find_calls(
        task.site,
        detections=read_records(Detection, task.detections),
        matches=read_records(Match, task.matches),
        coverage=read_records(Coverage, task.coverage),
        air=_air(task),
        is_land=is_land if task.by_sea else None,
        settings=task.settings,
    )
    write_records(PortCall, found.calls, out / CALLS)
    write_records(SeenStay, found.stays, out / STAYS)
    write_records(Suspicion, found.suspicions, out / SUSPICIONS)
    return Outcome(counts={"calls": len(found.calls), "dark": len(found.stays)})


def _air(task: CallsTask) -> Air:
    tracks = read_records(Track, task.season / TRACKS)
    fixes = read_table(TrackFix, sorted(task.season.glob("fixes-*.parquet")))
    gaps = read_records(Gap, task.season / GAPS)
    return Air(
        gaps=sorted(gaps, key=lambda gap: gap.gap_id),
        tracks={track.track_id: track for track in tracks},
        fixes=Fixes.of(fixes),
        listed={} if task.hits is None else _listed(read_records(Hit, task.hits)),
        in_view=read_records(AisInView, task.in_view),
    )


def _listed(hits: Sequence[Hit]) -> dict[int, HitBy]:
    """Each ship's strongest hit."""
    order = list(HitBy)
    listed: dict[int, HitBy] = {}
    for hit in hits:
        how = HitBy(hit.matched_by)
        if hit.mmsi not in listed or order.index(how) < order.index(listed[hit.mmsi]):
            listed[hit.mmsi] = how
    return listed


def name(run: Run, called: StageResult) -> StageResult:
    """Say who made the dark calls, all sites together: a ship is in one place at a time."""
    inputs = {
        **{f"calls {name}": done.content_sha256 for name, done in called.done.items()},
        "settings": sha256_json(run.config.calls.model_dump(mode="json")),
    }
    task = NamesTask(folders=tuple(called.folders()), settings=run.config.calls)
    items = [Item(item_id=SEASON, task=task, inputs=inputs)] if called.done else []
    return run.stage(NAME, items)


def _name(task: NamesTask, out: Path) -> Outcome:
    stays = read_records(SeenStay, [folder / STAYS for folder in task.folders])
    suspicions = read_records(Suspicion, [folder / SUSPICIONS for folder in task.folders])
    calls = read_records(PortCall, [folder / CALLS for folder in task.folders])
    odds = name_calls(stays, suspicions, task.settings)
    stay_of = {stay.call_id: stay for stay in stays}
    told = [
        named(call, stay_of[call.call_id], odds[call.call_id], task.settings)
        if call.call_id in stay_of
        else call
        for call in calls
    ]
    ranked = [row for stay in stays for row in candidates(stay, odds[stay.call_id], task.settings)]
    told = without_used_leads(told)
    write_records(PortCall, told, out / CALLS)
    write_records(Candidate, ranked, out / CANDIDATES)
    return Outcome(
        counts={"calls": len(told), "dark": len(stays), "named": sum(
            call.mmsi is not None and call.is_dark for call in told)}
    )  # fmt: skip


FIND = Stage(name="calls", version=10, work=_find_at_site)
NAME = Stage(name="names", version=4, work=_name, place=Place.HERE)
