"""Stage 7: the queue of cases, the report that shows them, and the STAC catalogue of it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from shapely import Geometry

import pipeline.evaluate.settings
import pipeline.review.settings
import pipeline.scene.settings
import pipeline.voyages.settings
from pipeline.clock import day_start
from pipeline.geo import distance_m
from pipeline.heard import TrackFix
from pipeline.jobs.contract import Item, Outcome, Stage, StageResult
from pipeline.jobs.detect_ships import DETECTIONS, without_pixels
from pipeline.jobs.evaluate_season import score_findings
from pipeline.jobs.executors import Place
from pipeline.jobs.findings import Findings, FindingsAt
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.jobs.track_season import SEASON
from pipeline.records import (
    Case,
    CoverageState,
    Detection,
    Site,
    ZoneRole,
)
from pipeline.review.cases import make_cases
from pipeline.review.told import Report
from pipeline.rhythm import Cadence
from pipeline.scene.catalogue import write_catalogue
from pipeline.scene.coast import land_in, land_polygon
from pipeline.tables import read_records, read_table, write_records
from pipeline.voyages.cadence import cadence
from pipeline.voyages.hand_ledger import read_declared
from pipeline.voyages.ledger import crossings

CASES = "cases.parquet"
REPORT = "report.html"
MAP_RADIUS_M = 30_000.0
"""Fixes drawn on a site's map lie within this distance of its centre."""
REGION_DEG = 0.8
"""Land shown around the outermost ports."""
MAP_STEP = 10
"""Every tenth fix of a track is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewTask:
    """Where everything lies, and what to say about the run."""

    findings: FindingsAt
    simulated: StageResult | None
    sites: tuple[Site, ...]
    title: str
    config_name: str
    config_sha256: str
    failures: tuple[tuple[str, str, str], ...]
    """(stage, item, message)."""
    rows_set_aside: int
    review: pipeline.review.settings.Settings
    evaluate: pipeline.evaluate.settings.Settings
    voyages: pipeline.voyages.settings.Settings
    declared: Path | None
    """CSV of what states declared."""
    scene: pipeline.scene.settings.Settings


def review(
    run: Run,
    *,
    findings: FindingsAt,
    simulated: StageResult | None,
    earlier: Sequence[StageResult],
) -> StageResult:
    """Fill the queue and write the report."""
    config = run.config
    task = review_task(run, findings=findings, simulated=simulated, earlier=earlier)
    inputs = {
        **findings.contents,
        "said": sha256_json([task.config_sha256, task.failures, task.rows_set_aside]),
        "truth": sha256_json(
            {} if simulated is None else {n: d.content_sha256 for n, d in simulated.done.items()}
        ),
        "sites": run.hashes.sha256(config.sites),
        "declared": _declared_sha256(run),
    }
    items = [Item(item_id=SEASON, task=task, inputs=inputs)] if findings.voyages else []
    return run.stage(REVIEW, items)


def review_task(
    run: Run,
    *,
    findings: FindingsAt,
    simulated: StageResult | None,
    earlier: Sequence[StageResult],
) -> ReviewTask:
    """Where everything lies, and what to say about the run."""
    config = run.config
    return ReviewTask(
        findings=findings,
        simulated=simulated,
        sites=run.sites,
        title=config.title,
        config_name=config.name,
        config_sha256=sha256_json(config.results_depend_on()),
        failures=tuple(
            (result.stage, failure.item_id, run.placeless(failure.message))
            for result in earlier
            for failure in result.failures
        ),
        rows_set_aside=sum(
            done.counts.get("set_aside", 0) for result in earlier for done in result.done.values()
        ),
        review=config.review,
        evaluate=config.evaluate,
        voyages=config.voyages,
        declared=config.inputs.declared,
        scene=config.scene,
    )


def _declared_sha256(run: Run) -> str:
    """Read once before anything runs, so that nonsense in it is told at once."""
    path = run.config.inputs.declared
    if path is None:
        return ""
    read_declared(path)
    return run.hashes.sha256(path)


def _fill_queue(task: ReviewTask, out: Path) -> Outcome:
    from pipeline.review.report import write_report  # noqa: PLC0415 - matplotlib takes a second

    found = task.findings.read()
    cases = cases_of(found, task.sites, task.review)
    write_records(Case, cases, out / CASES)
    write_report(out, told_report(task, found, cases))
    return Outcome(counts={"cases": len(cases)})


def cases_of(
    found: Findings, sites: Sequence[Site], settings: pipeline.review.settings.Settings
) -> list[Case]:
    """The queue."""
    return make_cases(
        found.calls,
        candidates=found.candidates,
        voyages=found.voyages,
        entries=found.entries,
        in_view=found.in_view,
        detections=found.detections,
        sites=sites,
        settings=settings,
    )


def told_report(task: ReviewTask, found: Findings, cases: Sequence[Case]) -> Report:
    """Everything the report tells, before anybody is asked what people decided."""
    score = None if task.simulated is None else score_findings(task.simulated, found, task.evaluate)
    return Report(
        title=task.title,
        config_name=task.config_name,
        config_sha256=task.config_sha256,
        is_simulated=task.simulated is not None,
        sites=task.sites,
        land={site.site_id: land_polygon(site, task.scene) for site in task.sites},
        track_lines=_track_lines(task),
        chip_root=Path("../../screen"),
        coverage=found.coverage,
        missed=found.missed,
        detections=found.detections,
        matches=found.matches,
        gaps=found.gaps,
        in_view=found.in_view,
        calls=found.calls,
        candidates=found.candidates,
        voyages=found.voyages,
        entries=found.entries,
        totals=found.totals,
        groups=found.groups,
        estimates=found.estimates,
        cadences=cadences(found, task.sites, task.voyages),
        crossings=crossings(found.totals),
        declared=[] if task.declared is None else read_declared(task.declared),
        region=_region(task),
        cases=cases,
        failures=list(task.failures),
        rows_set_aside=task.rows_set_aside,
        truth_rows=None if score is None else score.rows(),
    )


def queued_cases(queued: StageResult) -> list[Case]:
    """The queue as the review stage left it, the most valuable case first."""
    return read_records(Case, [done.folder / CASES for done in queued.done.values()])


def cadences(
    found: Findings, sites: Sequence[Site], settings: pipeline.voyages.settings.Settings
) -> list[Cadence]:
    """The rhythm of dark calls at load and at discharge berths."""
    if not found.coverage:
        return []
    start = min(row.sensed_at for row in found.coverage)
    end = max(row.sensed_at for row in found.coverage)
    told = []
    for role in (ZoneRole.LOAD, ZoneRole.DISCHARGE):
        berths = {z.zone_id for s in sites for z in s.zones if z.role is role and z.handles_oil}
        looked_at = [
            row.sensed_at
            for row in found.coverage
            if row.zone_id in berths and row.state == CoverageState.SEEN
        ]
        told.append(
            cadence(
                found.calls, looked_at, role=role, start=day_start(start.date()), end=end,
                settings=settings,
            )
        )  # fmt: skip
    return [one for one in told if one is not None]


def _region(task: ReviewTask) -> Geometry:
    """Land around all sites: the map's, or what the sites drew themselves."""
    if task.scene.coastline == "osm":
        west, south, east, north = shapely.total_bounds([site.aoi for site in task.sites])
        return land_in((float(west), float(south), float(east), float(north)), REGION_DEG)
    return shapely.union_all([land for site in task.sites for land in site.land])


def _track_lines(task: ReviewTask) -> dict[str, list[list[tuple[float, float]]]]:
    """Thinned tracks around each site, as lines of (lon, lat)."""
    paths = [path for folder in task.findings.season for path in folder.glob("fixes-*.parquet")]
    fixes = read_table(TrackFix, sorted(paths))
    fixes = fixes.sort_by([("track_id", "ascending"), ("sent_at", "ascending")])
    return {site.site_id: _lines_near(fixes, site) for site in task.sites}


def _lines_near(fixes: pa.Table, site: Site) -> list[list[tuple[float, float]]]:
    lon, lat = np.asarray(fixes.column("lon")), np.asarray(fixes.column("lat"))
    tracks = np.asarray(fixes.column("track_id").to_pylist(), dtype=object)
    centre = site.aoi.centroid
    near = np.flatnonzero(distance_m(lon, lat, centre.x, centre.y) <= MAP_RADIUS_M)
    lines: dict[str, list[tuple[float, float]]] = {}
    for index in near[::MAP_STEP]:
        lines.setdefault(tracks[index], []).append((float(lon[index]), float(lat[index])))
    return [line for line in lines.values() if len(line) > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueTask:
    """Scenes and detections to be catalogued."""

    scenes: tuple[Path, ...]
    detections: tuple[Path, ...]
    title: str


def catalogue(run: Run, fetched: StageResult, screened: StageResult) -> StageResult:
    """Scenes and kept detections as a static STAC catalogue."""
    task = CatalogueTask(
        scenes=tuple(fetched.folders()),
        detections=tuple(screened.folders()),
        title=run.config.title,
    )
    inputs = {
        f"{result.stage} {name}": done.content_sha256
        for result in (fetched, screened)
        for name, done in result.done.items()
    }
    pruned = {
        f"pruned {name}": why
        for name, done in fetched.done.items()
        if (why := without_pixels(done.folder)) is not None
    }
    items = [
        Item(item_id=SEASON, task=task, inputs={**inputs, **pruned, "title": run.config.title})
    ] if fetched.done else []  # fmt: skip
    return run.stage(CATALOGUE, items)


def _write_catalogue(task: CatalogueTask, out: Path) -> Outcome:
    found = read_records(Detection, [folder / DETECTIONS for folder in task.detections])
    kept = [item for item in found if item.screened is None]
    items = [folder / "item.json" for folder in task.scenes]
    write_catalogue(out, items=items, detections=kept, title=task.title)
    return Outcome(counts={"scenes": len(items), "detections": len(kept)})


REVIEW = Stage(name="review", version=5, work=_fill_queue, place=Place.HERE)
CATALOGUE = Stage(name="catalogue", version=1, work=_write_catalogue, place=Place.HERE)
