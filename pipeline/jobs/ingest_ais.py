"""Stage 3: provider files to fixes and statics, then the season's tracks, reception and gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import pipeline.ais.settings
from pipeline.ais.air import listen
from pipeline.ais.bulk import Notes, by_ship
from pipeline.ais.gaps import find_gaps
from pipeline.ais.hours import (
    ShipHours,
    Silences,
    joined_hours,
    joined_silences,
    ship_hours,
    silences_of,
    until,
)
from pipeline.ais.meetings import (
    SlowSteps,
    find_encounters,
    find_loitering,
    joined_steps,
    slow_steps,
)
from pipeline.ais.outages import clock_records, disturbed, find_outages, outage_records
from pipeline.ais.port_visits import find_port_visits
from pipeline.ais.readers import read_parts
from pipeline.ais.reception import reception
from pipeline.ais.rows import merged_statics
from pipeline.ais.tracks import TrackSet, build_tracks, by_mmsi, seconds
from pipeline.clock import day_start
from pipeline.errors import UsageError
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
from pipeline.jobs.contract import ISSUES, Item, Outcome, Stage, StageResult
from pipeline.jobs.executors import Place
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.run import Run
from pipeline.records import Issue, Site
from pipeline.scene.coast import far_from_drawn_land, far_from_land
from pipeline.tables import (
    TableWriter,
    read_records,
    schema_of,
    to_table,
    write_records,
    write_table,
)

MICROSECONDS = 1_000_000
SET_ASIDE = "set_aside.parquet"
CELLS = "cells.parquet"
OUTAGES = "outages.parquet"
PORT_VISITS = "port_visits.parquet"
ENCOUNTERS = "encounters.parquet"
LOITERING = "loitering.parquet"
FIXES = "fixes.parquet"
STATICS = "statics.parquet"
EVENTS = "events.parquet"
TRACKS = "tracks.parquet"
GAPS = "gaps.parquet"
RECEPTION = "reception.parquet"
SEASON = "season"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask:
    """One provider file."""

    path: Path
    settings: pipeline.ais.settings.Settings
    same_as: str | None = None
    """Item of a file with the very same bytes: this one says nothing that is not said there."""


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


def ingest(run: Run, simulated: StageResult | None) -> StageResult:
    """Read every provider file."""
    settings = sha256_json(run.config.ais.model_dump(mode="json"))
    items = []
    first: dict[str, str] = {}
    for name, path in _files(run, simulated).items():
        digest = run.hashes.sha256(path)
        said = first.setdefault(digest, name) if path.stat().st_size else name
        same_as = None if said == name else said
        items.append(
            Item(
                item_id=name,
                task=FileTask(path=path, settings=run.config.ais, same_as=same_as),
                inputs={"file": digest, "settings": settings}
                | ({} if same_as is None else {"same_as": same_as}),
            )
        )
    return run.stage(AIS, items)


def _files(run: Run, simulated: StageResult | None) -> dict[str, Path]:
    """Provider files by item id."""
    paths: list[Path] = []
    for entry in run.config.inputs.ais:
        if not entry.exists():
            raise UsageError("AIS input not found", where=entry, do="Check `inputs.ais`")
        inside = entry.rglob("*") if entry.is_dir() else [entry]
        paths += [path for path in inside if path.is_file() and not path.name.startswith(".")]
    if simulated is not None:
        days = [d.folder for name, d in simulated.done.items() if name.startswith("ais-")]
        paths += [path for folder in days for path in folder.glob("*.csv")]
    return provider_files(paths)


def provider_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by item id: the file's name, and its folder's where two share one name."""
    named: dict[str, Path] = {}
    for path in sorted(paths):
        name = path.name if path.name not in named else f"{path.parent.name}--{path.name}"
        named[name] = path
    return named


def _delivered_twice(task: FileTask, out: Path) -> Outcome:
    """No row is counted twice; that the file came twice is kept as an issue."""
    write_records(Fix, [], out / FIXES)
    write_records(Static, [], out / STATICS)
    write_records(OutsideEvent, [], out / EVENTS)
    told = Issue(where=task.path.name, rule="delivered twice", value=str(task.same_as))
    return Outcome(counts={"fixes": 0, "statics": 0, "events": 0}, issues=[told])


def _read_provider_file(task: FileTask, out: Path) -> Outcome:
    if task.same_as is not None:
        return _delivered_twice(task, out)
    counts: Counter[str] = Counter()
    statics = schema_of(Static).empty_table()
    events: list[OutsideEvent] = []
    with TableWriter(Fix, out / FIXES) as fixes, TableWriter(Issue, out / ISSUES) as issues:
        for part in read_parts(task.path, settings=task.settings):
            fixes.write(part.fixes)
            issues.write(to_table(Issue, part.issues))
            events += part.events
            statics = merged_statics([statics, part.statics])
            counts.update(
                fixes=part.fixes.num_rows,
                rows_in=part.rows_in,
                rows_out=part.rows_out,
                issues=len(part.issues),
            )
    write_table(Static, statics, out / STATICS)
    write_records(OutsideEvent, events, out / EVENTS)
    return Outcome(
        counts={"fixes": counts["fixes"], "statics": statics.num_rows, "events": len(events)},
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
        "coastline": sha256_json(config.scene.coastline),
    }
    task = TracksTask(
        folders=tuple(ingested.folders()),
        sites=run.sites,
        start=config.period.start,
        end=config.period.end,
        settings=config.ais,
        drawn_coast=config.scene.coastline == "site",
    )
    return run.stage(TRACK, [Item(item_id=SEASON, task=task, inputs=inputs)])


def _build_season(task: TracksTask, out: Path) -> Outcome:
    """Part after part of whole ships; what is kept of each is small, the fixes go to disk."""
    season = _Season(out=out, task=task)
    files = [folder / FIXES for folder in task.folders]
    statics = by_mmsi(read_records(Static, [folder / STATICS for folder in task.folders]))
    with season.writing():
        for part in by_ship(files, scratch=out, notes=season.notes, settings=task.settings):
            season.take(build_tracks(part, statics, settings=task.settings))
    heard = season.write_reception()
    gaps = season.write_gaps()
    events = season.write_events()
    write_records(Track, season.tracks, out / TRACKS)
    told = read_records(OutsideEvent, [folder / EVENTS for folder in task.folders])
    write_records(OutsideEvent, told, out / EVENTS)
    return Outcome(
        counts={
            "fixes_in": sum(season.counts.values()) + sum(season.notes.marked.values()),
            "marked": sum(season.notes.marked.values()),
            **season.counts,
            "tracks": len(season.tracks),
            **gaps,
            "hours": heard,
            **events,
            "events_of_others": len(told),
        }
    )


class _Season:
    """What the season's parts add up to."""

    def __init__(self, *, out: Path, task: TracksTask) -> None:
        self.notes = Notes()
        self.counts: Counter[str] = Counter(clean=0, repeated=0, splinters=0, zombies=0)
        self.tracks: list[Track] = []
        self._out = out
        self._task = task
        self._days: dict[str, TableWriter] = {}
        self._hours: list[ShipHours] = []
        self._silences: list[tuple[int, Silences]] = []
        self._jumps: list[pa.Table] = []
        self._steps: list[tuple[int, SlowSteps]] = []
        self._visits: list[PortVisit] = []
        self._loitering: list[Loitering] = []
        self._far = far_from_drawn_land(task.sites) if task.drawn_coast else far_from_land
        self._files = ExitStack()
        self._end: datetime | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While the day files are open."""
        with self._files:
            self._aside = self._files.enter_context(TableWriter(Fix, self._out / SET_ASIDE))
            yield

    def take(self, built: TrackSet) -> None:
        """One part of whole ships."""
        settings, n_before = self._task.settings, len(self.tracks)
        self.counts.update(built.counts)
        self.tracks += built.tracks
        self._aside.write(built.set_aside)
        jumps = built.set_aside.filter(pc.equal(built.set_aside["mark"], str(Mark.JUMP)))
        self._jumps.append(jumps.select(["mmsi", "sent_at", "lon", "lat"]))
        self._hours.append(ship_hours(built.on_air, settings))
        self._silences.append((n_before, silences_of(built, self.notes, settings)))
        self._visits += find_port_visits(built.fixes, self._task.sites, settings)
        self._loitering += find_loitering(built.fixes, built.tracks, self._far, settings)
        self._steps.append((n_before, slow_steps(built.fixes, self._far, settings)))
        last = pc.max(built.fixes.column("sent_at")).as_py()
        self._end = last if self._end is None or (last and last > self._end) else self._end
        for day, rows in _by_day(built.fixes):
            name = day_file(day)
            if name not in self._days:
                writer = TableWriter(TrackFix, self._out / name)
                self._days[name] = self._files.enter_context(writer)
            self._days[name].write(rows)

    @property
    def end(self) -> datetime:
        """Of the data; the period's where there are none, or where a clock runs ahead of it.

        One wrong date would else make every ship fall silent.
        """
        return end_of_data(self._end, self._task.end)

    def write_events(self) -> dict[str, int]:
        """Port visits, encounters and loitering."""
        encounters = find_encounters(joined_steps(self._steps), self.tracks, self._task.settings)
        return {
            "port_visits": write_records(PortVisit, self._visits, self._out / PORT_VISITS),
            "encounters": write_records(Encounter, encounters, self._out / ENCOUNTERS),
            "loitering": write_records(Loitering, self._loitering, self._out / LOITERING),
        }

    def write_reception(self) -> int:
        """Hours of the sites; what is learned of the air is kept for the gaps."""
        task = self._task
        hours = joined_hours(self._hours)
        starts = [task.start, datetime.fromtimestamp(0, UTC)]
        if len(hours):
            first = int(hours.hour.min()) * task.settings.reception_bin_s
            starts[1] = day_start(datetime.fromtimestamp(first, UTC).date())
        rows = reception(
            hours, sites=task.sites, start=max(starts), end=min(task.end, self.end),
            settings=task.settings,
        ) if len(hours) else []  # fmt: skip
        write_records(Reception, rows, self._out / RECEPTION)
        is_b = np.array([track.ais_class == "B" for track in self.tracks], np.bool_)
        self._air = listen(hours, is_b=is_b, settings=task.settings)
        self._outages = find_outages(hours, task.settings)
        write_table(CellReception, self._air.table(task.settings), self._out / CELLS)
        return len(rows)

    def write_gaps(self) -> dict[str, int]:
        """Gaps, closed and open, and what kept ships from being heard or placed."""
        settings = self._task.settings
        silences = until(joined_silences(self._silences), self.end.timestamp(), settings)
        gaps = find_gaps(
            silences, self.tracks, air=self._air, outages=self._outages, data_end=self.end,
            settings=settings,
        )  # fmt: skip
        write_records(Gap, gaps, self._out / GAPS)
        jumps = pa.concat_tables(self._jumps) if self._jumps else None
        outages = outage_records(self._outages, settings) + clock_records(self.notes.shifts)
        if jumps is not None:
            outages += disturbed(
                np.asarray(jumps["lon"]), np.asarray(jumps["lat"]), seconds(jumps),
                np.asarray(jumps["mmsi"]), settings,
            )  # fmt: skip
        write_records(Outage, outages, self._out / OUTAGES)
        return {"gaps": len(gaps), "outages": len(outages)}


def day_file(day: datetime) -> str:
    """Name of the table with one day's track fixes."""
    return f"fixes-{day.date().isoformat()}.parquet"


def end_of_data(last: datetime | None, period_end: datetime) -> datetime:
    """The last fix there is, or the period's end: see `_Season.end`."""
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


AIS = Stage(name="ais", version=5, work=_read_provider_file)
TRACK = Stage(name="tracks", version=8, work=_build_season, place=Place.HERE)
