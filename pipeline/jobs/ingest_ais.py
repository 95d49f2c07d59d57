"""Stage 3: provider files to fixes and statics, then the season's tracks, reception and gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import pipeline.ais.settings
from pipeline.ais.gaps import find_gaps
from pipeline.ais.readers import read_parts
from pipeline.ais.reception import reception
from pipeline.ais.rows import merged_statics
from pipeline.ais.tracks import build_tracks
from pipeline.errors import UsageError
from pipeline.jobs.contract import ISSUES, Item, Outcome, Stage, StageResult
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import Fix, Gap, Issue, Reception, Site, Static, Track, TrackFix
from pipeline.tables import TableWriter, read_table, schema_of, to_table, write_records, write_table

FIXES = "fixes.parquet"
STATICS = "statics.parquet"
TRACKS = "tracks.parquet"
GAPS = "gaps.parquet"
RECEPTION = "reception.parquet"
SEASON = "season"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask:
    """One provider file."""

    path: Path
    settings: pipeline.ais.settings.Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TracksTask:
    """All provider files of the season."""

    folders: tuple[Path, ...]
    sites: tuple[Site, ...]
    start: datetime
    end: datetime
    settings: pipeline.ais.settings.Settings


def ingest(run: Run, simulated: StageResult | None) -> StageResult:
    """Read every provider file."""
    settings = sha256_json(run.config.ais.model_dump(mode="json"))
    return run.stage(
        AIS,
        [
            Item(
                item_id=name,
                task=FileTask(path=path, settings=run.config.ais),
                inputs={"file": run.hashes.sha256(path), "settings": settings},
            )
            for name, path in _files(run, simulated).items()
        ],
    )


def _files(run: Run, simulated: StageResult | None) -> dict[str, Path]:
    """Provider files by item id: the file's name, and its folder's where two share one name."""
    paths: list[Path] = []
    for entry in run.config.inputs.ais:
        if not entry.exists():
            raise UsageError("AIS input not found", where=entry, do="Check `inputs.ais`")
        inside = entry.rglob("*") if entry.is_dir() else [entry]
        paths += [path for path in inside if path.is_file() and not path.name.startswith(".")]
    if simulated is not None:
        days = [d.folder for name, d in simulated.done.items() if name.startswith("ais-")]
        paths += [path for folder in days for path in folder.glob("*.csv")]
    named: dict[str, Path] = {}
    for path in sorted(paths):
        name = path.name if path.name not in named else f"{path.parent.name}--{path.name}"
        named[name] = path
    return named


def _read_provider_file(task: FileTask, out: Path) -> Outcome:
    counts: Counter[str] = Counter()
    statics = schema_of(Static).empty_table()
    with TableWriter(Fix, out / FIXES) as fixes, TableWriter(Issue, out / ISSUES) as issues:
        for part in read_parts(task.path, settings=task.settings):
            fixes.write(part.fixes)
            issues.write(to_table(Issue, part.issues))
            statics = merged_statics([statics, part.statics])
            counts.update(
                fixes=part.fixes.num_rows,
                rows_in=part.rows_in,
                rows_out=part.rows_out,
                issues=len(part.issues),
            )
    write_table(Static, statics, out / STATICS)
    return Outcome(
        counts={"fixes": counts["fixes"], "statics": statics.num_rows},
        rows_in=counts["rows_in"],
        rows_out=counts["rows_out"],
        issues_written=counts["issues"],
    )


def track(run: Run, ingested: StageResult) -> StageResult:
    """Build the season's tracks, reception and gaps from all files."""
    config = run.config
    contents = {name: done.content_sha256 for name, done in ingested.done.items()}
    inputs = {
        **contents,
        "settings": sha256_json(config.ais.model_dump(mode="json")),
        "sites": run.hashes.sha256(config.sites),
        "period": sha256_json(config.period.model_dump(mode="json")),
    }
    task = TracksTask(
        folders=tuple(ingested.folders()),
        sites=run.sites,
        start=config.period.start,
        end=config.period.end,
        settings=config.ais,
    )
    return run.stage(TRACK, [Item(item_id=SEASON, task=task, inputs=inputs)])


def _build_season(task: TracksTask, out: Path) -> Outcome:
    fixes = read_table(Fix, [folder / FIXES for folder in task.folders])
    statics = read_table(Static, [folder / STATICS for folder in task.folders])
    built = build_tracks(fixes, statics, settings=task.settings)
    days = _days(built.fixes)
    data_end = end_of_data(built.fixes, task.end)
    heard = (
        reception(
            built.fixes,
            sites=task.sites,
            start=max([task.start, *days[:1]]),
            end=min(task.end, data_end),
            settings=task.settings,
        )
        if days
        else []
    )
    gaps = find_gaps(
        built.fixes,
        built.tracks,
        sites=task.sites,
        reception=heard,
        data_end=data_end,
        settings=task.settings,
    )
    for day in days:
        write_table(TrackFix, _of_day(built.fixes, day), out / day_file(day))
    write_records(Track, built.tracks, out / TRACKS)
    write_records(Reception, heard, out / RECEPTION)
    write_records(Gap, gaps, out / GAPS)
    return Outcome(
        counts={
            "fixes_in": fixes.num_rows,
            **built.counts,
            "tracks": len(built.tracks),
            "gaps": len(gaps),
        }
    )


def day_file(day: datetime) -> str:
    """Name of the table with one day's track fixes."""
    return f"fixes-{day.date().isoformat()}.parquet"


def end_of_data(fixes: pa.Table, period_end: datetime) -> datetime:
    """The last fix there is, or the period's end where there is none or a clock runs ahead of it.

    One wrong date would else make every ship fall silent.
    """
    last = pc.max(fixes.column("sent_at")).as_py() if fixes.num_rows else None
    return period_end if last is None else min(last, period_end)


def _days(fixes: pa.Table) -> list[datetime]:
    """Midnights of the days that have fixes."""
    days = pc.unique(pc.floor_temporal(fixes.column("sent_at"), unit="day"))
    return sorted(days.to_pylist())


def _of_day(fixes: pa.Table, start: datetime) -> pa.Table:
    day = pc.floor_temporal(fixes.column("sent_at"), unit="day")
    return fixes.filter(pc.equal(day, pa.scalar(start, type=day.type)))


AIS = Stage(name="ais", version=3, work=_read_provider_file)
TRACK = Stage(name="tracks", version=3, work=_build_season)
