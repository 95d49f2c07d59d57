"""Provider files to fixes and statics. The format is known from the content, not from the name.

Every row is one fix, marked where it is doubtful, or one issue: rows in = fixes + issues.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.ais import nmea
from pipeline.ais.dialects import DIALECTS, Dialect, dialect_of
from pipeline.ais.rows import EPOCHS, fixes_of, marked_fixes, said_statics, statics_of
from pipeline.ais.settings import Settings
from pipeline.errors import BadInput
from pipeline.records import Issue

HEAD_BYTES = 65_536
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PARQUET_MAGIC = b"PAR1"
SHOWN = 100
DAMAGE = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error,
    RuntimeError, ValueError,
)  # fmt: skip
"""What unpacking raises: RuntimeError of an encrypted archive, ValueError of a garbled name."""
LINE_WITH_QUOTE = re.compile(rb'[^\r\n"]*"[^\r\n]*')
CELL = rb'(?:"(?:[^"]|"")*+"[^,]*+|[^",][^,]*+|)'
WELL_QUOTED = re.compile(CELL + rb"(?:," + CELL + rb")*+")
"""A line in which every quote that opens a cell is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AisFile:
    """What one provider file holds."""

    fixes: pa.Table
    """Of `Fix`, in the file's order."""
    statics: pa.Table
    """Of `Static`: distinct values with the time they were sent in."""
    issues: list[Issue]
    rows_in: int
    rows_out: int
    """Rows in less those set aside: fixes; of raw AIS the lines of all messages, of any type."""
    format: str
    """Name of the dialect recognised."""
    n_by_type: Mapping[int, int] = field(default_factory=dict)
    """Of raw AIS: messages by type."""


def read_file(path: Path, *, settings: Settings) -> AisFile:
    """Read one file, plain, gzipped or zipped.

    Raises:
        BadInput: empty, damaged, too large, or of a kind that is not known; says what was found.
    """
    content = _unpack(path, settings)
    if nmea.looks_like_nmea(content):
        return _read_nmea(content, path, settings)
    if content.startswith(PARQUET_MAGIC):
        return _read_parquet(content, path, settings)
    dialect, header = _recognise(content, path, settings)
    bad_lines: list[tuple[int, str]] = []
    table = _parse(content, header, bad_lines, path)
    numbers = _row_numbers(table.num_rows, [number for number, _ in bad_lines])
    fixes, issues = fixes_of(
        table, dialect, source=path.name, row_numbers=numbers, settings=settings
    )
    issues += [
        Issue(where=f"{path.name} row {number}", rule="wrong number of columns", value=text)
        for number, text in bad_lines
    ]
    return AisFile(
        fixes=fixes,
        statics=statics_of(table, dialect),
        issues=issues,
        rows_in=table.num_rows + len(bad_lines),
        rows_out=fixes.num_rows,
        format=dialect.name,
    )


def _read_nmea(content: bytes, path: Path, settings: Settings) -> AisFile:
    decoded = nmea.decode(content.splitlines(), source=path.name)
    return AisFile(
        fixes=marked_fixes(decoded.positions, source=path.name, settings=settings),
        statics=said_statics(decoded.identities),
        issues=decoded.issues,
        rows_in=decoded.n_lines,
        rows_out=decoded.n_lines - len(decoded.issues),
        format=nmea.NAME,
        n_by_type=decoded.n_by_type,
    )


def _unpack(path: Path, settings: Settings) -> bytes:
    try:
        with path.open("rb") as stream, _opened(stream, path) as unpacked:
            limit = min(
                settings.max_file_bytes,
                max(int(path.stat().st_size * settings.max_ratio), HEAD_BYTES),
            )
            content = unpacked.read(limit + 1)
    except DAMAGE as error:
        raise BadInput("AIS file is damaged or truncated", where=path.name, found=error) from None
    if len(content) > limit:
        raise BadInput(
            "AIS file unpacks to more than it should",
            where=path.name,
            expected=f"at most {limit} bytes",
            do="Raise ais.max_ratio or ais.max_file_bytes if it is what it claims to be",
        )
    if not content.strip():
        raise BadInput("AIS file is empty", where=path.name)
    return content if content.startswith(PARQUET_MAGIC) else _tidied(content)


def _tidied(content: bytes) -> bytes:
    """UTF-8 whose rows are its lines.

    A stray byte is taken as Latin-1. A quote that is opened and not closed would swallow the rows
    after it: no provider writes a line break into a cell, so such a line has blanks instead.
    """
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        content = content.decode("utf-8", "latin-1-bytes").encode("utf-8")
    if b'"' in content:
        content = LINE_WITH_QUOTE.sub(_closed, content)
    return content if b"\n" in content or b"\r" in content else content + b"\n"


def _closed(line: re.Match[bytes]) -> bytes:
    text = line.group()
    return text if WELL_QUOTED.fullmatch(text) else text.replace(b'"', b" ")


def _latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin-1-bytes", _latin1)


@contextlib.contextmanager
def _opened(stream: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    magic = stream.read(4)
    stream.seek(0)
    if magic == ZSTD_MAGIC:
        with pa.CompressedInputStream(stream, "zstd") as unpacked:
            yield unpacked
    elif magic.startswith(GZIP_MAGIC):
        with gzip.open(stream) as unpacked:
            yield unpacked  # type: ignore[misc]
    elif magic == ZIP_MAGIC:
        with zipfile.ZipFile(stream) as archive:
            members = [m for m in archive.infolist() if m.filename and not m.is_dir()]
            if len(members) != 1:
                raise BadInput(
                    "AIS archive holds more or less than one file",
                    where=path.name,
                    expected="1",
                    found=len(members),
                )
            with archive.open(members[0]) as unpacked:
                yield unpacked  # type: ignore[misc]
    else:
        yield stream


def _recognise(content: bytes, path: Path, settings: Settings) -> tuple[Dialect, list[str]]:
    """The dialect whose columns the first line names."""
    first = re.split(rb"[\r\n]", content[:HEAD_BYTES].removeprefix(codecs.BOM_UTF8), maxsplit=1)[0]
    header = [name.strip().strip('"') for name in first.decode("utf-8", "replace").split(",")]
    return _dialect_of(header, path, settings), header


def _dialect_of(header: list[str], path: Path, settings: Settings) -> Dialect:
    names = Counter(name.lower() for name in header)
    known = [*(dialect_of(columns) for columns in settings.formats), *DIALECTS]
    for dialect in known:
        if dialect.needs <= names.keys():
            twice = sorted(name for name in dialect.columns.values() if names[name] > 1)
            if twice:
                raise BadInput(
                    "AIS file names a column twice", where=path.name, found=", ".join(twice)
                )
            return dialect
    shown = "".join(c if c.isprintable() else "?" for c in ",".join(header))[:SHOWN]
    raise BadInput(
        "Not an AIS file of a kind that is known",
        where=path.name,
        expected=" or ".join([*(dialect.name for dialect in known), nmea.NAME]),
        found=f"first line {shown!r}",
        do="Name its columns in `ais.formats` if it is one",
    )


def _read_parquet(content: bytes, path: Path, settings: Settings) -> AisFile:
    """A Parquet or GeoParquet with the columns of a dialect; times may be timestamps."""
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        _refuse_vast(file.metadata, path, settings)
        header = file.schema_arrow.names
        dialect = _dialect_of(header, path, settings)
        wanted = set(dialect.columns.values())
        table = file.read(columns=[name for name in header if name.lower() in wanted])
        texts = {name.lower(): _as_text(table.column(name), dialect) for name in table.column_names}
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            "AIS file is damaged or truncated", where=path.name, found=str(error)[:SHOWN]
        ) from None
    cells = pa.table(texts)
    numbers = np.arange(1, cells.num_rows + 1)
    fixes, issues = fixes_of(
        cells, dialect, source=path.name, row_numbers=numbers, settings=settings
    )
    return AisFile(
        fixes=fixes,
        statics=statics_of(cells, dialect),
        issues=issues,
        rows_in=cells.num_rows,
        rows_out=fixes.num_rows,
        format=f"{dialect.name.removesuffix(' CSV')}, as Parquet",
    )


def _refuse_vast(metadata: pq.FileMetaData, path: Path, settings: Settings) -> None:
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    if unpacked > settings.max_file_bytes:
        raise BadInput(
            "AIS file unpacks to more than it should",
            where=path.name,
            expected=f"at most {settings.max_file_bytes} bytes",
            found=unpacked,
            do="Raise ais.max_file_bytes if it is what it claims to be",
        )


def _as_text(column: pa.ChunkedArray, dialect: Dialect) -> pa.Array:
    """As a CSV of the dialect would write it; time stamps without a zone are UTC."""
    values = column.combine_chunks()
    if pa.types.is_floating(values.type) and pc.all(pc.equal(values, pc.floor(values))).as_py():
        values = pc.cast(values, pa.int64())  # 273312000.0 would be written 2.73312e+08
    if not pa.types.is_timestamp(values.type):
        return pc.cast(values, pa.string())
    if dialect.time_format in EPOCHS:
        microseconds = pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64())
        return pc.cast(pc.divide(microseconds, int(EPOCHS[dialect.time_format])), pa.string())
    return pc.strftime(pc.cast(values, pa.timestamp("s"), safe=False), format=dialect.time_format)


def _parse(
    content: bytes, header: list[str], bad_lines: list[tuple[int, str]], path: Path
) -> pa.Table:
    """All cells as text; a row with too few or too many of them is kept aside."""

    def keep_aside(row: pacsv.InvalidRow) -> str:
        # Arrow counts the header as row 1.
        bad_lines.append(((row.number or 1) - 1, (row.text or "")[:SHOWN]))
        return "skip"

    names = [name.lower() for name in header]
    try:
        return pacsv.read_csv(
            io.BytesIO(content),
            read_options=pacsv.ReadOptions(
                column_names=names, skip_rows=1, use_threads=False, encoding="utf8"
            ),
            parse_options=pacsv.ParseOptions(invalid_row_handler=keep_aside),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), check_utf8=True
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise BadInput(
            "AIS file cannot be read as CSV", where=path.name, found=str(error).splitlines()[0]
        ) from None


def _row_numbers(n_rows: int, bad: list[int]) -> NDArray[np.int64]:
    """(n_rows,) place of each parsed row among the file's rows, from 1; blank lines not counted."""
    index = np.arange(n_rows)
    before = np.searchsorted(np.array(bad, np.int64) - np.arange(len(bad)), index + 1, side="right")
    return np.asarray(index + 1 + before)
