"""Tables on disk: GeoParquet with a declared Arrow schema, made from the records.

`schema_of(Detection)` gives the schema; each field carries `unit` and `meaning` in its metadata.
Reading is strict: a table whose columns or types differ from the record is refused.
"""

from __future__ import annotations

import functools
import json
import os
import types
import typing
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyproj import CRS

from pipeline.errors import BadInput, ChecksFailed
from pipeline.table_versions import brought_up, marked

R = TypeVar("R")

TIME = pa.timestamp("us", tz="UTC")
"""Of every time in every table."""
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: TIME,
    list[str]: pa.list_(pa.string()),
    list[float]: pa.list_(pa.float64()),
}
GEOMETRY_COLUMN = "geometry"


def schema_of(record: type) -> pa.Schema:
    """Arrow schema of a record class: one field a column, with its unit and meaning."""
    return _schema_of(record)


@functools.cache
def _schema_of(record: Hashable) -> pa.Schema:
    """Made once: thousands of small tables are read in a row."""
    assert isinstance(record, type)
    hints = typing.get_type_hints(record)
    columns = []
    for item in fields(record):
        kind, nullable = _arrow_type(hints[item.name])
        metadata = {key: str(value) for key, value in item.metadata.items()}
        columns.append(pa.field(item.name, kind, nullable=nullable, metadata=metadata))
    told = marked({b"record": record.__name__.encode()}, record.__name__)
    return pa.schema(columns, metadata=told)


def _arrow_type(hint: Any) -> tuple[pa.DataType, bool]:
    if typing.get_origin(hint) is types.UnionType:
        (inner,) = (option for option in typing.get_args(hint) if option is not type(None))
        return _ARROW[inner], True
    return _ARROW[hint], False


def to_table(record: type[R], rows: Iterable[R]) -> pa.Table:
    """Records as a table of their schema."""
    rows = list(rows)
    schema = schema_of(record)
    arrays = [
        pa.array([getattr(row, column.name) for row in rows], type=column.type) for column in schema
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    check_nulls(table)
    return table


def to_records(record: type[R], table: pa.Table) -> list[R]:
    """A table's rows as records."""
    names = [item.name for item in fields(record)]  # type: ignore[arg-type]
    columns = [table.column(name).to_pylist() for name in names]
    return [record(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def check_nulls(table: pa.Table) -> None:
    """Refuse a null in a column that promises none (Arrow itself does not enforce it).

    Raises:
        ChecksFailed: naming the column and the number of nulls.
    """
    for column in table.schema:
        count = table.column(column.name).null_count
        if count and not column.nullable:
            raise ChecksFailed(
                "Nulls in a column that promises none",
                where=column.name,
                expected="0",
                found=count,
            )


def write_records(record: type[R], rows: Iterable[R], path: Path) -> int:
    """Write records as (Geo)Parquet; returns the number of rows."""
    table = to_table(record, rows)
    write_table(record, table, path)
    return int(table.num_rows)


def write_table(record: type, table: pa.Table, path: Path) -> None:
    """Write a table of a record's schema; adds a WKB point where the record has a position.

    The bytes depend on the content alone. Published by rename after fsync.
    """
    with TableWriter(record, path) as writer:
        writer.write(table)


class TableWriter:
    """A table written part after part, for what does not fit into memory; see `write_table`."""

    def __init__(self, record: type, path: Path) -> None:
        self._record = record
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._open: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        table = table.cast(schema_of(self._record))
        check_nulls(table)
        position = getattr(self._record, "GEOMETRY", None)
        if position is not None:
            table = _with_points(table, *position)
        if self._open is None:
            self._open = pq.ParquetWriter(
                self._part, table.schema, compression="zstd", store_schema=True, version="2.6"
            )
        if table.num_rows:
            self._open.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._open is None:
            self.write(schema_of(self._record).empty_table())
        if self._open is not None:
            self._open.close()
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        with self._part.open("rb+") as stream:
            os.fsync(stream.fileno())
        self._part.rename(self._path)


def _wkb_points(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> pa.Array:
    """Points as little-endian WKB, 21 bytes each, without a Python object a row."""
    cells = np.zeros(len(xs), [("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])
    cells["order"], cells["kind"], cells["x"], cells["y"] = 1, 1, xs, ys
    offsets = np.arange(len(xs) + 1, dtype=np.int32) * cells.itemsize
    return pa.Array.from_buffers(
        pa.binary(), len(xs), [None, pa.py_buffer(offsets), pa.py_buffer(cells.tobytes())]
    )


def _with_points(table: pa.Table, lon: str, lat: str) -> pa.Table:
    """GeoParquet 1.1: a WKB column and the `geo` key of the file metadata."""
    xs = np.asarray(table.column(lon), dtype=np.float64)
    ys = np.asarray(table.column(lat), dtype=np.float64)
    points = _wkb_points(xs, ys)
    geo = {
        "version": "1.1.0",
        "primary_column": GEOMETRY_COLUMN,
        "columns": {
            GEOMETRY_COLUMN: {
                "encoding": "WKB",
                "geometry_types": ["Point"],
                "crs": CRS.from_user_input("OGC:CRS84").to_json_dict(),
            }
        },
    }
    unit = {"unit": "deg", "meaning": "position as a WKB point, longitude first"}
    table = table.append_column(pa.field(GEOMETRY_COLUMN, pa.binary(), metadata=unit), points)
    metadata = {**(table.schema.metadata or {}), b"geo": json.dumps(geo, sort_keys=True).encode()}
    return table.replace_schema_metadata(metadata)


def read_table(record: type, paths: Path | Sequence[Path]) -> pa.Table:
    """One or several files of a record's schema, as one table without the WKB column.

    Raises:
        BadInput: a file is missing, unreadable, of another schema or of a newer version.
    """
    expected = schema_of(record)
    parts = []
    for path in [paths] if isinstance(paths, Path) else paths:
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise BadInput("Table cannot be read", where=path, found=error) from error
        if GEOMETRY_COLUMN in table.column_names:
            table = table.drop_columns([GEOMETRY_COLUMN])
        table = brought_up(table, record.__name__, path)
        if table.schema.names != expected.names or table.schema.types != expected.types:
            raise BadInput(
                f"Table is not one of {record.__name__}",
                where=path,
                expected=expected.names,
                found=table.schema.names,
            )
        parts.append(table.cast(expected))
    return pa.concat_tables(parts) if parts else expected.empty_table()


def read_records(record: type[R], paths: Path | Sequence[Path]) -> list[R]:
    """The rows of one or several files as records."""
    return to_records(record, read_table(record, paths))
