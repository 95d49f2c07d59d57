"""All fixes of all feeds, ship by ship, more rows than memory holds: DuckDB sorts, and spills."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.ais.settings import Settings
from pipeline.errors import BadInput

ORDER = ("mmsi", "sent_at", "lon", "lat", "sog_mps", "cog_deg", "heading_deg", "nav_status")
"""Every column that goes into a track, so that the files' order leaves no trace."""
SORTED = """
    SELECT mmsi, sent_at, lon, lat, sog_mps, cog_deg, heading_deg, nav_status, ais_class, receiver,
        source
    FROM fixes WHERE mark IS NULL ORDER BY mmsi, sent_at
"""
BATCH_ROWS = 1_000_000
TIME = pa.timestamp("us", tz="UTC")


def by_ship(
    files: Sequence[Path], *, scratch: Path, marked: Counter[str], settings: Settings
) -> Iterator[pa.Table]:
    """Clean fixes in `ORDER`, in parts of about a million rows that hold whole MMSIs.

    Args:
        files: tables of `Fix`.
        scratch: folder for what does not fit into memory; emptied again.
        marked: takes, by mark, the number of rows that it keeps out.
        settings: memory.

    Raises:
        BadInput: a file is no table of fixes.
    """
    if not files:
        return
    with tempfile.TemporaryDirectory(dir=scratch) as spill, duckdb.connect() as connection:
        connection.execute(
            f"SET memory_limit = '{settings.sort_bytes}B'; SET temp_directory = '{spill}';"
            "SET TimeZone = 'UTC'; SET preserve_insertion_order = false"
        )
        try:
            connection.read_parquet([str(path) for path in files]).create_view("fixes")
            marked.update(
                dict(
                    connection.sql(
                        "SELECT mark, count(*) FROM fixes WHERE mark IS NOT NULL GROUP BY mark"
                    ).fetchall()
                )
            )
            reader = connection.sql(SORTED).to_arrow_reader(BATCH_ROWS)
        except duckdb.Error as error:
            raise BadInput("Table is not one of Fix", found=str(error).splitlines()[0]) from None
        yield from (in_order(part) for part in _whole_ships(reader))


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
