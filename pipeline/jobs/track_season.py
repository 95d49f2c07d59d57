"""Stage 3, all files at once: the season's tracks, reception, gaps and events.

One item on one machine, or, with `vessel_buckets`, first what must be known of all files, then
ranges of ships apart from each other on any machine, and last the season from what they left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

import pipeline.ais.settings
from pipeline.ais.air import listen
from pipeline.ais.bulk import Notes, Survey, by_ship, survey
from pipeline.ais.gaps import find_gaps
from pipeline.ais.hours import until
from pipeline.ais.kept import (
    JUMP_COLUMNS,
    LOITERING,
    PORT_VISITS,
    TRACKS,
    Kept,
    joined,
    kept_of,
    read_kept,
    write_kept,
)
from pipeline.ais.meetings import FarFromLand, find_encounters
from pipeline.ais.outages import clock_records, disturbed, find_outages, outage_records
from pipeline.ais.reception import reception
from pipeline.ais.tracks import build_tracks, by_mmsi, seconds
from pipeline.clock import day_start
from pipeline.heard import (
    CellReception,
    Encounter,
    Fix,
    Gap,
    Loitering,
    Mark,
    Outage,
    OutsideEvent,
    PortVisit,
    Reception,
    Static,
    Track,
    TrackFix,
)
from pipeline.jobs.contract import Done, Item, Outcome, Stage, StageResult
from pipeline.jobs.executors import Place
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.ingest_ais import EVENTS, FIXES, STATICS
from pipeline.jobs.run import Run
from pipeline.records import Site
from pipeline.scene.coast import far_from_drawn_land, far_from_land
from pipeline.tables import (
    TableWriter,
    read_records,
    read_table,
    to_records,
    write_records,
    write_table,
)

MICROSECONDS = 1_000_000
SET_ASIDE = "set_aside.parquet"
CELLS = "cells.parquet"
OUTAGES = "outages.parquet"
ENCOUNTERS = "encounters.parquet"
GAPS = "gaps.parquet"
RECEPTION = "reception.parquet"
SURVEY = "survey.json"
SEASON = "season"
DAY_FILES = "fixes-*.parquet"
SURVEYED = TypeAdapter(Survey)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyTask:
    """All provider files of the season, to be divided by ship."""

    folders: tuple[Path, ...]
    n_buckets: int
    settings: pipeline.ais.settings.Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketTask:
    """The ships of a range of MMSIs in all provider files."""

    folders: tuple[Path, ...]
    survey: Path
    """Folder of what is known of all files."""
    index: int
    """Of the bucket in it."""
    sites: tuple[Site, ...]
    settings: pipeline.ais.settings.Settings
    drawn_coast: bool = False
    """True: the only land is what the sites' file draws, as in the demo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracksTask:
    """All provider files of the season."""

    folders: tuple[Path, ...]
    sites: tuple[Site, ...]
    start: datetime
    end: datetime
    settings: pipeline.ais.settings.Settings
    drawn_coast: bool = False
    """True: the only land is what the sites' file draws, as in the demo."""
    survey: Path | None = None
    """Folder of what is known of all files, where ships were divided."""
    buckets: tuple[Path, ...] = ()
    """Folders of the buckets, by MMSI; empty: ships are worked on here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracksAt:
    """Where ships that were divided lie; nowhere, where they were not."""

    survey: Path | None = None
    buckets: Mapping[str, Done] = field(default_factory=dict)
    """By item id, which is the order of the MMSIs."""
    held: str | None = None
    """Why the season before stands: without some of its ships this one would be wrong."""


def track(
    run: Run, ingested: StageResult
) -> tuple[StageResult | None, StageResult | None, StageResult]:
    """The season's tracks, reception and gaps from all files.

    Returns the survey of all files and the buckets of ships, both None where ships are not
    divided, and the season.
    """
    if run.config.vessel_buckets == 1:
        return None, None, _season(run, ingested, TracksAt())
    surveyed = _survey(run, ingested)
    divided = _buckets(run, ingested, surveyed)
    failures = [*surveyed.failures, *divided.failures]
    at = TracksAt(
        survey=surveyed.done[SEASON].folder if SEASON in surveyed.done else None,
        buckets=divided.done,
        held=f"{len(failures)} of the pieces that its ships were divided into failed"
        if failures else None,
    )  # fmt: skip
    return surveyed, divided, _season(run, ingested, at)


def _survey(run: Run, ingested: StageResult) -> StageResult:
    task = SurveyTask(
        folders=tuple(ingested.folders()),
        n_buckets=run.config.vessel_buckets,
        settings=run.config.ais,
    )
    inputs = {**_of_files(run, ingested), "buckets": str(task.n_buckets)}
    return run.stage(DIVIDE, [Item(item_id=SEASON, task=task, inputs=inputs)])


def _buckets(run: Run, ingested: StageResult, surveyed: StageResult) -> StageResult:
    items = []
    if SEASON in surveyed.done:
        done = surveyed.done[SEASON]
        inputs = {
            **_of_files(run, ingested), **_of_places(run), "survey": done.content_sha256,
        }  # fmt: skip
        for index in range(len(read_survey(done.folder).buckets)):
            task = BucketTask(
                folders=tuple(ingested.folders()),
                survey=done.folder,
                index=index,
                sites=run.sites,
                settings=run.config.ais,
                drawn_coast=run.config.scene.coastline == "site",
            )
            items.append(Item(item_id=f"bucket-{index:04d}", task=task, inputs=inputs))
    return run.stage(SHIPS, items)


def _season(run: Run, ingested: StageResult, at: TracksAt) -> StageResult:
    config = run.config
    inputs = {
        **_of_files(run, ingested),
        **_of_places(run),
        "period": sha256_json(config.period.model_dump(mode="json")),
        **{name: done.content_sha256 for name, done in at.buckets.items()},
    }
    task = TracksTask(
        folders=tuple(ingested.folders()),
        sites=run.sites,
        start=config.period.start,
        end=config.period.end,
        settings=config.ais,
        drawn_coast=config.scene.coastline == "site",
        survey=at.survey,
        buckets=tuple(done.folder for done in at.buckets.values()),
    )
    return run.stage(TRACK, [Item(item_id=SEASON, task=task, inputs=inputs, held=at.held)])


def _of_files(run: Run, ingested: StageResult) -> dict[str, str]:
    contents = {name: done.content_sha256 for name, done in ingested.done.items()}
    return {**contents, "settings": sha256_json(run.config.ais.model_dump(mode="json"))}


def _of_places(run: Run) -> dict[str, str]:
    return {
        "sites": run.hashes.sha256(run.config.sites),
        "coastline": sha256_json(run.config.scene.coastline),
    }


def read_survey(folder: Path) -> Survey:
    """What is known of all files."""
    return SURVEYED.validate_json((folder / SURVEY).read_bytes())


def _divide(task: SurveyTask, out: Path) -> Outcome:
    files = [folder / FIXES for folder in task.folders]
    found = survey(files, scratch=out, settings=task.settings, n_buckets=task.n_buckets)
    (out / SURVEY).write_bytes(SURVEYED.dump_json(found, indent=1))
    return Outcome(counts={"buckets": len(found.buckets), "clocks_off": len(found.shifts)})


def _track_bucket(task: BucketTask, out: Path) -> Outcome:
    surveyed = read_survey(task.survey)
    bucket = surveyed.buckets[task.index]
    kept = _worked_on(task, out, surveyed=surveyed, bucket=bucket, notes=Notes())
    write_kept(kept, out)
    return Outcome(counts={**kept.counts, "tracks": len(kept.tracks)})


def _worked_on(
    task: BucketTask | TracksTask,
    out: Path,
    *,
    notes: Notes,
    surveyed: Survey | None = None,
    bucket: tuple[int, int] | None = None,
) -> Kept:
    """Part after part of whole ships; what is kept of each is small, the fixes go to disk."""
    statics = by_mmsi(_statics(task.folders, bucket))
    far = _far(task)
    parts = []
    with _Fixes(out).writing() as fixes:
        for part in by_ship(
            [folder / FIXES for folder in task.folders], scratch=out, notes=notes,
            settings=task.settings, surveyed=surveyed, bucket=bucket,
        ):  # fmt: skip
            built = build_tracks(part, statics, settings=task.settings)
            fixes.write(built.fixes, built.set_aside)
            parts.append(kept_of(built, notes, sites=task.sites, far=far, settings=task.settings))
    return joined(parts, task.sites)


def _statics(folders: Sequence[Path], bucket: tuple[int, int] | None) -> list[Static]:
    """Of the ships of a bucket: the rest do not become records, as each bucket reads all files."""
    said = read_table(Static, [folder / STATICS for folder in folders])
    if bucket is not None:
        mmsi = np.asarray(said["mmsi"])
        said = said.filter(pa.array((mmsi >= bucket[0]) & (mmsi < bucket[1])))
    return to_records(Static, said)


def _far(task: BucketTask | TracksTask) -> FarFromLand:
    return far_from_drawn_land(task.sites) if task.drawn_coast else far_from_land


def _gathered(task: TracksTask, out: Path, notes: Notes) -> Kept:
    """What the buckets left, and their fixes day by day, in the order of the MMSIs."""
    assert task.survey is not None
    surveyed = read_survey(task.survey)
    notes.marked.update(surveyed.marked)
    notes.shifts += surveyed.shifts
    parts = []
    with TableWriter(Fix, out / SET_ASIDE) as aside:
        for folder in task.buckets:
            rows = read_table(Fix, folder / SET_ASIDE)
            aside.write(rows)
            jumps = rows.filter(pc.equal(rows["mark"], str(Mark.JUMP))).select(JUMP_COLUMNS)
            parts.append(read_kept(folder, jumps))
    for name in sorted({path.name for folder in task.buckets for path in folder.glob(DAY_FILES)}):
        with TableWriter(TrackFix, out / name) as day:
            for path in (folder / name for folder in task.buckets):
                if path.exists():
                    day.write(read_table(TrackFix, path))
    return joined(parts, task.sites)


def _build_season(task: TracksTask, out: Path) -> Outcome:
    notes = Notes()
    kept = _gathered(task, out, notes) if task.buckets else _worked_on(task, out, notes=notes)
    season = _Season(task=task, kept=kept, notes=notes)
    heard = season.write_reception(out)
    gaps = season.write_gaps(out)
    events = season.write_events(out)
    write_records(Track, kept.tracks, out / TRACKS)
    told = read_records(OutsideEvent, [folder / EVENTS for folder in task.folders])
    write_records(OutsideEvent, told, out / EVENTS)
    return Outcome(
        counts={
            "fixes_in": sum(kept.counts.values()) + sum(notes.marked.values()),
            "marked": sum(notes.marked.values()),
            **kept.counts,
            "tracks": len(kept.tracks),
            **gaps,
            "hours": heard,
            **events,
            "events_of_others": len(told),
        }
    )


class _Fixes:
    """The tables of fixes: one a day, and one of those in no track."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._days: dict[str, TableWriter] = {}
        self._files = ExitStack()

    @contextmanager
    def writing(self) -> Iterator[_Fixes]:
        """While the files are open."""
        with self._files:
            self._aside = self._files.enter_context(TableWriter(Fix, self._out / SET_ASIDE))
            yield self

    def write(self, fixes: pa.Table, set_aside: pa.Table) -> None:
        """Of one part of whole ships."""
        self._aside.write(set_aside)
        for day, rows in _by_day(fixes):
            name = day_file(day)
            if name not in self._days:
                writer = TableWriter(TrackFix, self._out / name)
                self._days[name] = self._files.enter_context(writer)
            self._days[name].write(rows)


class _Season:
    """What is made of all ships together."""

    def __init__(self, *, task: TracksTask, kept: Kept, notes: Notes) -> None:
        self._task = task
        self._kept = kept
        self._notes = notes
        self._end = end_of_data(kept.end, task.end)

    def write_events(self, out: Path) -> dict[str, int]:
        """Port visits, encounters and loitering."""
        kept = self._kept
        encounters = find_encounters(kept.steps, kept.tracks, self._task.settings)
        return {
            "port_visits": write_records(PortVisit, kept.visits, out / PORT_VISITS),
            "encounters": write_records(Encounter, encounters, out / ENCOUNTERS),
            "loitering": write_records(Loitering, kept.loitering, out / LOITERING),
        }

    def write_reception(self, out: Path) -> int:
        """Hours of the sites; what is learned of the air is kept for the gaps."""
        task, hours = self._task, self._kept.hours
        starts = [task.start, datetime.fromtimestamp(0, UTC)]
        if len(hours):
            first = int(hours.hour.min()) * task.settings.reception_bin_s
            starts[1] = day_start(datetime.fromtimestamp(first, UTC).date())
        rows = reception(
            hours, sites=task.sites, start=max(starts), end=min(task.end, self._end),
            settings=task.settings,
        ) if len(hours) else []  # fmt: skip
        write_records(Reception, rows, out / RECEPTION)
        is_b = np.array([track.ais_class == "B" for track in self._kept.tracks], np.bool_)
        self._air = listen(hours, is_b=is_b, settings=task.settings)
        self._outages = find_outages(hours, task.settings)
        write_table(CellReception, self._air.table(task.settings), out / CELLS)
        return len(rows)

    def write_gaps(self, out: Path) -> dict[str, int]:
        """Gaps, closed and open, and what kept ships from being heard or placed."""
        settings, kept = self._task.settings, self._kept
        silences = until(kept.silences, self._end.timestamp(), settings)
        gaps = find_gaps(
            silences, kept.tracks, air=self._air, outages=self._outages, data_end=self._end,
            settings=settings,
        )  # fmt: skip
        write_records(Gap, gaps, out / GAPS)
        jumps = kept.jumps
        outages = outage_records(self._outages, settings) + clock_records(self._notes.shifts)
        outages += disturbed(
            np.asarray(jumps["lon"]), np.asarray(jumps["lat"]), seconds(jumps),
            np.asarray(jumps["mmsi"]), settings,
        )  # fmt: skip
        write_records(Outage, outages, out / OUTAGES)
        return {"gaps": len(gaps), "outages": len(outages)}


def day_file(day: datetime) -> str:
    """Name of the table with one day's track fixes."""
    return f"fixes-{day.date().isoformat()}.parquet"


def end_of_data(last: datetime | None, period_end: datetime) -> datetime:
    """The last fix there is; the period's end without one, or where a clock runs ahead of it.

    One wrong date would else make every ship fall silent.
    """
    return period_end if last is None else min(last, period_end)


def _by_day(fixes: pa.Table) -> Iterator[tuple[datetime, pa.Table]]:
    """Midnights, each with the fixes of its day in their order."""
    day = np.asarray(pc.floor_temporal(fixes.column("sent_at"), unit="day").cast(pa.int64()))
    order = np.argsort(day, kind="stable")
    rows, day = fixes.take(order), day[order]
    edges = np.flatnonzero(np.diff(day)) + 1
    starts = [0, *edges.tolist()] if len(day) else []
    for start, end in zip(starts, [*edges.tolist(), len(day)], strict=False):
        midnight = datetime.fromtimestamp(int(day[start]) // MICROSECONDS, UTC)
        yield midnight, rows.slice(start, end - start)


DIVIDE = Stage(name="buckets", version=1, work=_divide, place=Place.HERE)
SHIPS = Stage(name="ships", version=1, work=_track_bucket)
TRACK = Stage(name="tracks", version=8, work=_build_season, place=Place.HERE)
