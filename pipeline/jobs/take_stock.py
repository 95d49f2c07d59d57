"""How a workspace stands, read from what the stages left there; nothing is worked on or changed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import Config
from pipeline.errors import DarkcallError
from pipeline.heard import Reception
from pipeline.jobs.contract import MANIFEST
from pipeline.jobs.fetch_scenes import COVERAGE, FETCH
from pipeline.jobs.ingest_ais import AIS, FIXES, provider_files
from pipeline.jobs.queue_age import queue_of
from pipeline.jobs.run_record import at_work, runs_of, software_version
from pipeline.jobs.simulate_season import SIMULATE
from pipeline.jobs.track_season import RECEPTION, SEASON, TRACK
from pipeline.jobs.watch_passes import MISSED, WATCH
from pipeline.records import Coverage, CoverageState, Scene
from pipeline.scene.item import ITEM, read_item
from pipeline.sites import load_sites
from pipeline.tables import read_records
from pipeline.upkeep.health import Health, Looks, Newest, Queue, forecast, newest
from pipeline.upkeep.machine import Disk, disk, gpus

SIMULATED_DAY = re.compile(r"^ais-(?P<feed>.+)-\d{4}-\d\d-\d\d$")


def take_stock(config: Config, now: datetime) -> Health:
    """Everything that is told of a workspace and its machine."""
    runs = runs_of(config)
    held = _disk(config.workspace)
    watched = _watched(config)
    scenes = [one for one in _scenes(config.workspace) if watched is None or one[0] in watched]
    queue, problem = _queue(config)
    return Health(
        at=now,
        config=config.name,
        period_end=config.period.end,
        version=software_version(),
        runs=runs,
        running=tuple(at_work(runs)),
        scenes=newest(
            Newest(site_id=site, provider=scene.provider, at=scene.sensed_at)
            for site, scene, _ in scenes
        ),
        ais_files=newest(_ais_files(config, now)),
        heard=newest(_heard(config.workspace)),
        looks=_looks(config, scenes, now),
        queue=queue,
        queue_problem=problem,
        disk=held,
        gpus=gpus().found,
        forecast=forecast(
            runs.records.values(),
            None if held is None else held.free_bytes,
            now=now,
            settings=config.upkeep,
        ),
    )


def _disk(workspace: Path) -> Disk | None:
    try:
        return disk(workspace)
    except OSError:
        return None


def _watched(config: Config) -> set[str] | None:
    """Ids of the sites that are watched today; None where that cannot be told."""
    try:
        return {site.site_id for site in load_sites(config.sites, config.site_ids)}
    except DarkcallError:
        return None


def _queue(config: Config) -> tuple[Queue | None, str | None]:
    try:
        return queue_of(config), None
    except DarkcallError as error:
        return None, str(error)


def _scenes(workspace: Path) -> Iterator[tuple[str, Scene, Path]]:
    """(site, scene, its folder) of everything fetched."""
    for manifest in sorted((workspace / FETCH.name).glob(f"[!.]*/{MANIFEST}")):
        try:
            scene = read_item(manifest.parent / ITEM)
        except DarkcallError:
            continue  # the next run fetches it again
        yield scene.site_id, scene, manifest.parent


def _looks(config: Config, scenes: list[tuple[str, Scene, Path]], now: datetime) -> list[Looks]:
    """By site, over the last days before now, or before the period's end where that has passed."""
    until = min(now, config.period.end)
    since = until - timedelta(days=config.upkeep.coverage_days)
    tables = [folder / COVERAGE for _, scene, folder in scenes if since <= scene.sensed_at < until]
    tables += sorted((config.workspace / WATCH.name).glob(f"[!.]*/{MISSED}"))
    counted: dict[str, Counter[CoverageState]] = defaultdict(Counter)
    for path in tables:
        try:
            rows = read_records(Coverage, path)
        except DarkcallError:
            continue  # a run at work is replacing it
        for row in rows:
            if since <= row.sensed_at < until:
                counted[row.site_id][CoverageState(row.state)] += 1
    return [
        Looks(
            site_id=site_id,
            shares={state: states[state] / states.total() for state in CoverageState},
            n=states.total(),
        )
        for site_id, states in sorted(counted.items())
    ]


def _ais_files(config: Config, now: datetime) -> Iterator[Newest]:
    """The newest fix of each file that was read, by the provider it came from."""
    made = sorted((config.workspace / SIMULATE.name).glob("ais-*/*.csv"))
    for name, path in provider_files([*_input_files(config), *made]).items():
        at = _last_fix(config.workspace / AIS.name / name / FIXES, now)
        if at is not None:
            yield Newest(site_id=None, provider=_provider(config, path), at=at)


def _input_files(config: Config) -> list[Path]:
    found: list[Path] = []
    for entry in config.inputs.ais:
        inside = entry.rglob("*") if entry.is_dir() else [entry]
        found += [path for path in inside if path.is_file() and not path.name.startswith(".")]
    return found


def _provider(config: Config, path: Path) -> str:
    """The simulated feed, else the first folder below the input it lies in, else the input."""
    simulated = SIMULATED_DAY.match(path.parent.name)
    if simulated and path.is_relative_to(config.workspace / SIMULATE.name):
        return simulated["feed"]
    for entry in config.inputs.ais:
        if entry.is_dir() and path.is_relative_to(entry):
            parts = path.relative_to(entry).parts
            return parts[0] if len(parts) > 1 else entry.name
    return path.stem


def _last_fix(path: Path, now: datetime) -> datetime | None:
    """From the file's own statistics; where a clock runs ahead, the last that does not."""
    try:
        with pq.ParquetFile(path) as table:
            told = table.metadata
            column = told.schema.to_arrow_schema().get_field_index("sent_at")
            groups = (told.row_group(k).column(column) for k in range(told.num_row_groups))
            known = (one.statistics for one in groups if one.is_stats_set)
            last = max((one.max for one in known if one.has_min_max), default=None)
            if last is not None and last > now:
                times = table.read(["sent_at"]).column("sent_at")
                until = pa.scalar(now, times.type)
                last = pc.max(times.filter(pc.less_equal(times, until))).as_py()
    except (OSError, pa.ArrowException, KeyError):
        return None
    return None if last is None else last.astimezone(UTC)


def _heard(workspace: Path) -> Iterator[Newest]:
    """The hours in which a ship was heard near each site."""
    path = workspace / TRACK.name / SEASON / RECEPTION
    try:
        rows = read_records(Reception, path) if path.is_file() else []
    except DarkcallError:
        return
    for row in rows:
        if row.n_fixes:
            yield Newest(site_id=row.site_id, provider=None, at=row.hour_at)
