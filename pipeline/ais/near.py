"""Fixes near places, and those that stand around an instant: an as-of join out of core.

All places are served by one pass over a season's fixes; what does not fit into memory is spilled.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.ais.settings import Settings
from pipeline.geo import EARTH_RADIUS_M
from pipeline.heard import TrackFix
from pipeline.tables import TIME, schema_of

Ints = NDArray[np.int64]
BATCH_ROWS = 500_000
NEAR = """
    SELECT c.place, {columns}
    FROM fixes AS f
    JOIN cells AS c ON c.x = floor(f.lon)::INTEGER AND c.y = floor(f.lat)::INTEGER
    JOIN places AS p ON p.place = c.place
    WHERE 2 * {radius_m} * asin(sqrt(
        sin(radians(f.lat - p.lat) / 2) ** 2
        + cos(radians(f.lat)) * cos(radians(p.lat)) * sin(radians(f.lon - p.lon) / 2) ** 2
    )) <= {reach_m}
    ORDER BY c.place, f.track_id, f.sent_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where fixes are wanted."""

    name: str
    lon: float
    lat: float


def fixes_near(
    files: Sequence[Path],
    places: Sequence[Place],
    *,
    reach_m: float,
    scratch: Path,
    settings: Settings,
) -> Iterator[tuple[str, pa.Table]]:
    """Each place's fixes of `TrackFix`, by track and time; places without any are left out.

    Args:
        files: tables of `TrackFix`.
        places: one after another in the answer.
        reach_m: m around a place.
        scratch: folder for what does not fit into memory; emptied again.
        settings: memory.
    """
    if not files or not places:
        return
    columns = ", ".join(f"f.{name}" for name in schema_of(TrackFix).names)
    query = NEAR.format(columns=columns, radius_m=EARTH_RADIUS_M, reach_m=float(reach_m))
    with tempfile.TemporaryDirectory(dir=scratch) as spill, duckdb.connect() as connection:
        connection.execute(
            f"SET memory_limit = '{settings.sort_bytes}B'; SET temp_directory = '{spill}';"
            "SET TimeZone = 'UTC'; SET preserve_insertion_order = false;"
            "SET enable_progress_bar = false;"
            "CREATE TEMP TABLE places (place INTEGER, lon DOUBLE, lat DOUBLE);"
            "CREATE TEMP TABLE cells (place INTEGER, x INTEGER, y INTEGER)"
        )
        for number, place in enumerate(places):
            row = [number, place.lon, place.lat]
            connection.execute("INSERT INTO places VALUES (?, ?, ?)", row)
            cells = [[number, x, y] for x, y in _cells(place, reach_m)]
            connection.executemany("INSERT INTO cells VALUES (?, ?, ?)", cells)
        connection.read_parquet([str(path) for path in files]).create_view("fixes")
        reader = connection.sql(query).to_arrow_reader(BATCH_ROWS)
        yield from _by_place(reader, places)


def _cells(place: Place, reach_m: float) -> list[tuple[int, int]]:
    """Degree cells that a circle meets; near a pole all of its rows'."""
    up = math.degrees(reach_m / EARTH_RADIUS_M)
    south, north = max(place.lat - up, -90.0), min(place.lat + up, 90.0)
    narrowest = math.cos(math.radians(max(abs(south), abs(north))))
    wide = min(up / max(narrowest, 1e-9), 180.0)
    columns = range(math.floor(place.lon - wide), math.floor(place.lon + wide) + 1)
    # 180 E is a longitude too, though all others of its cell are written as 180 W
    xs = {(x + 180) % 360 - 180 for x in columns}
    xs |= {180} if -180 in xs else set()
    return [(x, y) for x in xs for y in range(math.floor(south), math.floor(north) + 1)]


def _by_place(
    reader: pa.RecordBatchReader, places: Sequence[Place]
) -> Iterator[tuple[str, pa.Table]]:
    """A stream ordered by place, cut where the place changes."""
    held: list[pa.Table] = []
    current = -1
    for batch in reader:
        table = pa.Table.from_batches([batch])
        number = np.asarray(table.column("place"))
        cuts = [0, *(np.flatnonzero(number[1:] != number[:-1]) + 1).tolist(), len(number)]
        for start, end in itertools.pairwise(cuts):
            if start == end:
                continue
            if number[start] != current and held:
                yield places[current].name, _joined(held)
                held = []
            current = int(number[start])
            held.append(table.slice(start, end - start))
    if held:
        yield places[current].name, _joined(held)


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    table = pa.concat_tables(parts).drop_columns(["place"]).combine_chunks()
    return table.cast(schema_of(TrackFix))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixesInTime:
    """One place's fixes, ready to be asked who stood where around an instant."""

    table: pa.Table
    """Of `TrackFix`, by track and time."""
    time_us: Ints
    track: Ints
    """Number of each row's track, ascending."""
    names: list[str]
    """Of the tracks."""

    @staticmethod
    def of(table: pa.Table) -> FixesInTime:
        """From a table sorted by track and time."""
        coded = table.column("track_id").combine_chunks().dictionary_encode()
        return FixesInTime(
            table=table,
            time_us=np.asarray(table.column("sent_at").cast(TIME).cast(pa.int64()), np.int64),
            track=np.asarray(coded.indices, np.int64),
            names=coded.dictionary.to_pylist(),
        )

    def around(self, at: datetime, window: timedelta) -> pa.Table:
        """The last fix of each track before an instant and the first from then on, in a window."""
        at_us = _posix_us(at)
        within_us = window // timedelta(microseconds=1)
        first = np.searchsorted(self.track, np.arange(len(self.names)))
        after_end = np.append(first[1:], len(self.track))
        # Rows of one track are in time: the first from the instant on is found by counting.
        early = np.concatenate([[0], np.cumsum(self.time_us < at_us)])
        after = first + early[after_end] - early[first]
        before = after - 1
        has_before = (before >= first) & (after > first)
        has_before[has_before] = at_us - self.time_us[before[has_before]] <= within_us
        has_after = after < after_end
        has_after[has_after] = self.time_us[after[has_after]] - at_us <= within_us
        rows = np.sort(np.concatenate([before[has_before], after[has_after]]))
        return self.table.take(pa.array(rows))


def _posix_us(at: datetime) -> int:
    return int(pc.cast(pa.scalar(at, TIME), pa.int64()).as_py())
