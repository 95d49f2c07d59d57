"""All fixes of all feeds, ship by ship, more rows than memory holds: DuckDB sorts, and spills."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.settings import Settings
from pipeline.errors import BadInput
from pipeline.heard import Mark
from pipeline.tables import TIME
from pipeline.units import mps_from_knots

ORDER = ("mmsi", "sent_at", "lon", "lat", "sog_mps", "cog_deg", "heading_deg", "nav_status")
"""Every column that goes into a track, so that the files' order leaves no trace."""
SORTED = """
    SELECT mmsi, sent_at, lon, lat, sog_mps, cog_deg, heading_deg,
        nav_status::TINYINT AS nav_status, ascii(ais_class)::TINYINT AS ais_class,
        ascii(receiver)::TINYINT AS receiver, file
    FROM fixes WHERE mark IS NULL{among} ORDER BY mmsi, sent_at
"""
"""Words by their first letter: text is dear to sort."""
PUT_RIGHT = """
    CREATE VIEW fixes AS SELECT * EXCLUDE (sent_at, shift_s),
        to_microseconds((-1e6 * coalesce(shift_s, 0))::BIGINT) + sent_at AS sent_at
    FROM {former} LEFT JOIN shifts USING (file)
"""
WORDS = {"ais_class": ("A", "B"), "receiver": ("terrestrial", "satellite")}
ONE_OF_PARTS = "SELECT *, {number}::SMALLINT AS file FROM part_{number}"
OF_MARKS = "SELECT mark, count(*) FROM fixes WHERE mark IS NOT NULL GROUP BY mark"
UNPLACED_MARKS = (
    Mark.POSITION_UNAVAILABLE, Mark.POSITION_OUT_OF_RANGE, Mark.NULL_ISLAND,
)  # fmt: skip
UNPLACED = """
    SELECT mmsi, epoch_us(sent_at) AS at_us FROM fixes WHERE list_contains($marks, mark){among}
    ORDER BY mmsi, at_us
"""
AMONG = " AND mmsi >= {first} AND mmsi < {end}"
BY_MMSI = "SELECT mmsi, count(*) FROM fixes WHERE mark IS NULL GROUP BY mmsi ORDER BY mmsi"
SPANS = """
    SELECT file, min(sent_at), max(sent_at), count(*) FROM fixes WHERE mark IS NULL
    GROUP BY file ORDER BY file
"""
SAID_TWICE = """
    WITH said AS (
        SELECT file, mmsi, lon, lat, sog_mps, cog_deg, sent_at,
            count(*) OVER (PARTITION BY file, mmsi, lon, lat, sog_mps, cog_deg) AS times
        FROM fixes
        WHERE mark IS NULL AND sog_mps > $moving_mps AND hash(mmsi) % $share = 0
    ),
    pairs AS (
        SELECT one.file AS one, other.file AS other, epoch(other.sent_at - one.sent_at) AS by_s
        FROM said AS one JOIN said AS other USING (mmsi, lon, lat, sog_mps, cog_deg)
        WHERE one.file < other.file AND one.times = 1 AND other.times = 1
            AND abs(epoch(other.sent_at - one.sent_at)) < $most_s
    )
    SELECT one, other, count(*) AS n, median(by_s) AS by_s, quantile_cont(by_s, 0.75)
        - quantile_cont(by_s, 0.25) AS spread_s
    FROM pairs GROUP BY one, other ORDER BY one, other
"""
SAMPLED_ROWS = 5_000_000
"""More are judged by a share of their ships: a clock is wrong for all of them."""
BATCH_ROWS = 1_000_000
MMSI_END = 1_000_000_000
"""An MMSI has nine digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A source whose clock is off against the others', and by how much it was put right."""

    source: str
    file: int
    """Its place among the files."""
    shift_s: float
    """s by which it says later than the others."""
    n_pairs: int
    """Messages that it and others both have."""
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What must be known of all files before any ship is looked at."""

    marked: Mapping[str, int]
    """By mark, the number of rows that it keeps out."""
    shifts: tuple[Shift, ...]
    """Sources whose clocks are off."""
    buckets: tuple[tuple[int, int], ...] = ((0, MMSI_END),)
    """Ranges of MMSI, [first, end), ascending, with about as many fixes each."""


@dataclass(slots=True, eq=False)
class Notes:
    """What was found of the files on the way."""

    marked: Counter[str] = field(default_factory=Counter)
    """By mark, the number of rows that it keeps out."""
    shifts: list[Shift] = field(default_factory=list)
    """Sources whose clocks were put right."""
    unplaced_mmsi: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Of reports without a usable position, which tell that a ship was on the air; ascending."""
    unplaced_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """POSIX seconds."""


def survey(files: Sequence[Path], *, scratch: Path, settings: Settings, n_buckets: int) -> Survey:
    """Read all files once for what `by_ship` needs to read some of their ships alone.

    Raises:
        BadInput: a file is no table of fixes.
    """
    if not files:
        return Survey(marked={}, shifts=())
    with _fixes_of(files, scratch, settings) as (connection, sources):
        found = _survey(connection, sources, settings)
        rows = connection.sql(BY_MMSI).fetchnumpy()
    mmsi, n = (np.asarray(column, np.int64) for column in rows.values())
    return replace(found, buckets=_even_buckets(mmsi, n, n_buckets))


def by_ship(
    files: Sequence[Path],
    *,
    scratch: Path,
    notes: Notes,
    settings: Settings,
    surveyed: Survey | None = None,
    bucket: tuple[int, int] | None = None,
) -> Iterator[pa.Table]:
    """Clean fixes in `ORDER`, in parts of about a million rows that hold whole MMSIs.

    Args:
        files: tables of `Fix`.
        scratch: folder for what does not fit into memory; emptied again.
        notes: takes what was found on the way.
        settings: memory.
        surveyed: of these files in this order; None: done here.
        bucket: MMSI from, and up to and without; None: all ships.

    Raises:
        BadInput: a file is no table of fixes.
    """
    if not files:
        return
    among = "" if bucket is None else AMONG.format(first=bucket[0], end=bucket[1])
    with _fixes_of(files, scratch, settings) as (connection, sources):
        if surveyed is None:
            surveyed = _survey(connection, sources, settings)
        notes.marked.update(surveyed.marked)
        notes.shifts += surveyed.shifts
        _put_right(connection, surveyed.shifts)
        marks = {"marks": list(UNPLACED_MARKS)}
        unplaced = connection.execute(UNPLACED.format(among=among), marks).fetchnumpy()
        notes.unplaced_mmsi = np.asarray(unplaced["mmsi"], np.int64)
        notes.unplaced_s = np.asarray(unplaced["at_us"], np.float64) / 1e6
        reader = connection.sql(SORTED.format(among=among)).to_arrow_reader(BATCH_ROWS)
        for part in _whole_ships(reader):
            yield in_order(_in_words(part, sources))


@contextmanager
def _fixes_of(
    files: Sequence[Path], scratch: Path, settings: Settings
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """A connection with the files as its view `fixes`, and their sources."""
    with tempfile.TemporaryDirectory(dir=scratch) as spill, duckdb.connect() as connection:
        connection.execute(
            f"SET memory_limit = '{settings.sort_bytes}B'; SET temp_directory = '{spill}';"
            "SET TimeZone = 'UTC'; SET preserve_insertion_order = false;"
            "SET enable_progress_bar = false"
        )
        try:
            yield connection, _open(connection, files)
        except duckdb.OutOfMemoryException:
            raise  # neither memory nor room to spill: not the files' fault
        except duckdb.Error as error:
            if "No space left" in str(error):
                raise
            raise BadInput("Table is not one of Fix", found=str(error).splitlines()[0]) from None


def _survey(
    connection: duckdb.DuckDBPyConnection, sources: list[str], settings: Settings
) -> Survey:
    marked = dict(connection.sql(OF_MARKS).fetchall())
    shifts = _shifted(connection, sources, settings) if len(sources) > 1 else []
    return Survey(marked=marked, shifts=tuple(shifts))


def _even_buckets(
    mmsi: NDArray[np.int64], n: NDArray[np.int64], n_buckets: int
) -> tuple[tuple[int, int], ...]:
    """Ranges of MMSI that hold about as many of the `n` fixes each; ships are never divided."""
    shares = np.arange(1, n_buckets) / n_buckets
    after = np.searchsorted(np.cumsum(n), shares * n.sum(), side="left") + 1
    starts = sorted({int(one) for one in mmsi[after[after < len(mmsi)]]} - {0})
    edges = [0, *starts, MMSI_END]
    return tuple(pairwise(edges))


def _open(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[str]:
    """The files as one view with their number; each holds what one source has said."""
    sources = []
    for number, path in enumerate(files):
        connection.read_parquet(str(path)).create_view(f"part_{number}")
        first = connection.view(f"part_{number}").select("source").limit(1).fetchall()
        sources.append(str(first[0][0]) if first else path.name)
    parts = (ONE_OF_PARTS.format(number=number) for number in range(len(files)))
    connection.execute("CREATE VIEW fixes AS " + " UNION ALL BY NAME ".join(parts))
    return sources


def _in_words(part: pa.Table, sources: list[str]) -> pa.Table:
    """Letters and numbers as the words they stand for, as dictionaries: no text is copied."""
    part = part.combine_chunks()
    for name, words in WORDS.items():
        letters = pa.array([ord(word[0]) for word in words], pa.int8())
        index = pc.index_in(part.column(name), value_set=letters).combine_chunks()
        column = pa.DictionaryArray.from_arrays(index, pa.array(words))
        part = part.set_column(part.schema.get_field_index(name), name, column)
    file = part.column("file").combine_chunks()
    source = pa.DictionaryArray.from_arrays(file, pa.array(sources, pa.string()))
    return part.drop_columns(["file"]).append_column("source", source)


def _put_right(connection: duckdb.DuckDBPyConnection, shifts: Sequence[Shift]) -> None:
    """The view of fixes with the times of clocks that are off put right."""
    if shifts:
        connection.execute("CREATE TEMP TABLE shifts (file SMALLINT, shift_s DOUBLE)")
        for one in shifts:
            connection.execute("INSERT INTO shifts VALUES (?, ?)", [one.file, one.shift_s])
        connection.execute("ALTER VIEW fixes RENAME TO as_said")
        connection.execute(PUT_RIGHT.format(former="as_said"))


def _shifted(
    connection: duckdb.DuckDBPyConnection, sources: list[str], settings: Settings
) -> list[Shift]:
    """Sources that have messages of others at other times: receivers whose clock is off.

    Two receivers cannot tell which of them is right; then the later one is taken to be wrong, as a
    message may be stamped late, but not before it was sent. Of more the one that most contradict.
    """
    spans = {file: (first, last, n) for file, first, last, n in connection.sql(SPANS).fetchall()}
    most_s = settings.clock_off_max_s
    if not _near([(first, last) for first, last, _ in spans.values()], timedelta(seconds=most_s)):
        return []
    n_rows = sum(n for _, _, n in spans.values())
    found = connection.execute(
        SAID_TWICE,
        {
            "moving_mps": mps_from_knots(settings.still_kn),
            "share": 1 + n_rows // SAMPLED_ROWS, "most_s": most_s,
        },
    ).fetchall()  # fmt: skip
    sure = [
        (one, other, n, by_s) for one, other, n, by_s, spread_s in found
        if n >= settings.clock_pairs_min and spread_s <= settings.clock_off_min_s / 2
    ]  # fmt: skip
    shifts: list[Shift] = []
    while apart := [row for row in sure if abs(row[3]) >= settings.clock_off_min_s]:
        votes = Counter(name for one, other, _, _ in apart for name in (one, other))
        later = Counter(other if by_s > 0 else one for one, other, _, by_s in apart)
        wrong = min(votes, key=lambda name: (-votes[name], -later[name], name))
        said = [
            (by_s if other == wrong else -by_s, n)
            for one, other, n, by_s in apart if wrong in (one, other)
        ]  # fmt: skip
        first, last, _ = spans[wrong]
        shifts.append(
            Shift(
                source=sources[wrong], file=wrong,
                shift_s=float(np.median([by_s for by_s, _ in said])),
                n_pairs=sum(n for _, n in said), first_at=first, last_at=last,
            )
        )  # fmt: skip
        sure = [row for row in sure if wrong not in row[:2]]
    return sorted(shifts, key=lambda shift: shift.source)


def _near(spans: list[tuple[datetime, datetime]], most: timedelta) -> bool:
    """Could any two sources have the same message?"""
    ordered = sorted(spans)
    return any(last + most > first for (_, last), (first, _) in pairwise(ordered))


def _whole_ships(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches cut where an MMSI ends."""
    held: list[pa.Table] = []
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        mmsi = np.asarray(rows.column("mmsi"))
        cut = int(np.searchsorted(mmsi, mmsi[-1])) if len(mmsi) else 0
        if cut or (held and len(mmsi) and held[-1].column("mmsi")[-1].as_py() != mmsi[0]):
            yield pa.concat_tables([*held, rows.slice(0, cut)])
            held = []
        held.append(rows.slice(cut))
    if held:
        yield pa.concat_tables(held)


def in_order(fixes: pa.Table) -> pa.Table:
    """Fixes sorted by MMSI and time, sorted wholly: ties follow the other columns of `ORDER`."""
    index = fixes.schema.get_field_index("sent_at")
    fixes = fixes.set_column(index, "sent_at", fixes.column("sent_at").cast(TIME)).combine_chunks()
    mmsi, time = np.asarray(fixes.column("mmsi")), np.asarray(fixes.column("sent_at").cast("int64"))
    tied = np.zeros(fixes.num_rows + 1, np.bool_)
    tied[1:-1] = (np.diff(mmsi) == 0) & (np.diff(time) == 0)
    rows = np.flatnonzero(tied[:-1] | tied[1:])
    if len(rows) == 0:
        return fixes
    keys = [(name, "ascending") for name in ORDER]
    place = np.arange(fixes.num_rows)
    few = fixes.take(rows).append_column("row", pa.array(rows))
    place[rows] = np.asarray(few.sort_by(keys).column("row"))
    return fixes.take(place)
