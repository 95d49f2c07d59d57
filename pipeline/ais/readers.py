"""Provider files to fixes and statics. The format is known from the content, not from the name.

A file is read in parts, so that one of any size needs little memory. Every row is one fix, marked
where it is doubtful, or one issue: rows in = rows out + issues.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from pipeline.ais import gfw_events, jsonlines, nmea
from pipeline.ais.dialects import DIALECTS, Dialect, dialect_of
from pipeline.ais.rows import EPOCHS, fixes_of, marked_fixes, said_statics, statics_of
from pipeline.ais.settings import Settings
from pipeline.ais.unpack import (
    BLOCK_BYTES,
    HEAD_BYTES,
    PARQUET_MAGIC,
    SHOWN,
    blocks,
    damaged,
    packed_parquet,
    tidied,
    too_large,
)
from pipeline.errors import BadInput
from pipeline.heard import Fix, OutsideEvent, Static
from pipeline.records import Issue
from pipeline.tables import schema_of

DOCUMENT_BYTES = 1 << 28
"""Of one JSON document, which is read whole; Digitraffic's of all ships is 10 MB."""
GEOMETRY = "geometry"
PLACE = ("longitude", "latitude")
"""What a GeoParquet's geometry stands for, in MarineCadastre's words."""
PARQUET_ROWS = 250_000
"""At a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AisPart:
    """What a part of a provider file holds."""

    format: str
    """Name of the format recognised."""
    fixes: pa.Table
    """Of `Fix`, in the file's order."""
    statics: pa.Table
    """Of `Static`: distinct values with the time they were sent in."""
    issues: list[Issue]
    rows_in: int
    rows_out: int
    """Rows in less those set aside: fixes; of raw AIS the lines of all messages, of any type."""
    n_by_type: Mapping[int, int] = field(default_factory=dict)
    """Of raw AIS: messages by type."""
    events: list[OutsideEvent] = field(default_factory=list)
    """Another provider's findings, where the file holds these and no fixes."""


def read_parts(path: Path, *, settings: Settings) -> Iterator[AisPart]:
    """Read one file, plain, gzipped, zipped or zstandard, part after part; never none.

    Raises:
        BadInput: empty, damaged, too large, or of a kind that is not known; says what was found.
            A file that turns out damaged further on raises when it is read to there.
    """
    try:
        with path.open("rb") as stream:
            plain = stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError as error:
        raise damaged(path, error) from None
    packed = None if plain else packed_parquet(path, settings)
    if plain or packed is not None:
        yield from _read_parquet(path if packed is None else io.BytesIO(packed), path, settings)
        return
    text = blocks(path, settings)
    first = next(text)
    text = itertools.chain([first], text)
    if nmea.looks_like_nmea(tidied(first)):
        yield from _read_nmea(text, path, settings)
    elif first.lstrip()[:1] in (b"{", b"[") and gfw_events.looks_like_events(first):
        yield from _read_events(text, path)
    elif (form := jsonlines.format_of(first)) is not None:
        yield from _read_json(text, form, path, settings)
    else:
        yield from _read_csv(first, text, path, settings)


def _read_nmea(text: Iterable[bytes], path: Path, settings: Settings) -> Iterator[AisPart]:
    lines = (line for block in text for line in block.splitlines())
    for decoded in nmea.decode(lines, source=path.name, settings=settings):
        positions, identities = decoded.reports.tables()
        yield AisPart(
            format=nmea.NAME,
            fixes=marked_fixes(positions, source=path.name, settings=settings),
            statics=said_statics(identities),
            issues=decoded.issues,
            rows_in=decoded.n_lines,
            rows_out=decoded.n_lines - len(decoded.issues),
            n_by_type=dict(sorted(decoded.n_by_type.items())),
        )


def _read_json(
    text: Iterable[bytes], form: str, path: Path, settings: Settings
) -> Iterator[AisPart]:
    for block in _documents(iter(text), path):
        found = jsonlines.Found()
        for numbered in jsonlines.objects(block):
            jsonlines.read(found, numbered, form=form, source=path.name)
        positions, identities = found.reports.tables()
        yield AisPart(
            format=form,
            fixes=marked_fixes(positions, source=path.name, settings=settings),
            statics=said_statics(identities),
            issues=found.issues,
            rows_in=found.n_objects,
            rows_out=found.n_objects - len(found.issues),
        )


def _read_events(text: Iterable[bytes], path: Path) -> Iterator[AisPart]:
    for block in _documents(iter(text), path):
        events, issues, n_objects = [], [], 0
        for line, said in jsonlines.objects(block):
            n_objects += 1
            try:
                events.append(gfw_events.event_of(said))
            except jsonlines.NotRead as reason:
                issues.append(Issue(where=f"{path.name} line {line}", rule=str(reason), value=""))
        yield AisPart(
            format=gfw_events.NAME,
            fixes=schema_of(Fix).empty_table(),
            statics=schema_of(Static).empty_table(),
            issues=issues,
            rows_in=n_objects,
            rows_out=len(events),
            events=events,
        )


def _documents(text: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """The blocks, if their lines are objects; else the one document that they are parts of."""
    first = next(text)
    if jsonlines.is_lines(first):
        yield first
        yield from text
        return
    whole = bytearray(first)
    for block in text:
        whole += block
        if len(whole) > DOCUMENT_BYTES:
            raise too_large(path, DOCUMENT_BYTES)
    yield bytes(whole)


# --------------------------------------------------------------------------- tables as text


def _read_csv(
    first: bytes, text: Iterable[bytes], path: Path, settings: Settings
) -> Iterator[AisPart]:
    dialect, header = _recognise(tidied(first), path, settings)
    n_before, header_rows = 0, 1
    for block in text:
        bad_lines: list[tuple[int, str]] = []
        table = _parse(tidied(block), header, header_rows, bad_lines, path)
        numbers = _row_numbers(table.num_rows, [number for number, _ in bad_lines]) + n_before
        fixes, issues = fixes_of(
            table, dialect, source=path.name, row_numbers=numbers, settings=settings
        )
        issues += [
            Issue(
                where=f"{path.name} row {number + n_before}",
                rule="wrong number of columns",
                value=cells,
            )
            for number, cells in bad_lines
        ]
        rows_in = table.num_rows + len(bad_lines)
        yield AisPart(
            format=dialect.name,
            fixes=fixes,
            statics=statics_of(table, dialect),
            issues=issues,
            rows_in=rows_in,
            rows_out=fixes.num_rows,
        )
        n_before, header_rows = n_before + rows_in, 0


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
    others = (nmea.NAME, jsonlines.AISSTREAM, jsonlines.DIGITRAFFIC, gfw_events.NAME)
    raise BadInput(
        "Not an AIS file of a kind that is known",
        where=path.name,
        expected=" or ".join([*(dialect.name for dialect in known), *others]),
        found=f"first line {shown!r}",
        do="Name its columns in `ais.formats` if it is one",
    )


def _parse(
    content: bytes,
    header: list[str],
    header_rows: int,
    bad_lines: list[tuple[int, str]],
    path: Path,
) -> pa.Table:
    """All cells as text; a row with too few or too many of them is kept aside."""

    def keep_aside(row: pacsv.InvalidRow) -> str:
        # Arrow counts the header as row 1.
        bad_lines.append(((row.number or 1) - header_rows, (row.text or "")[:SHOWN]))
        return "skip"

    names = [name.lower() for name in header]
    try:
        return pacsv.read_csv(
            io.BytesIO(content),
            read_options=pacsv.ReadOptions(
                column_names=names,
                skip_rows=header_rows,
                use_threads=False,
                encoding="utf8",
                block_size=2 * BLOCK_BYTES,
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
    """(n_rows,) place of each parsed row among the block's, from 1; blank lines not counted."""
    index = np.arange(n_rows)
    before = np.searchsorted(np.array(bad, np.int64) - np.arange(len(bad)), index + 1, side="right")
    return np.asarray(index + 1 + before)


# --------------------------------------------------------------------------- Parquet


def _read_parquet(source: Path | io.BytesIO, path: Path, settings: Settings) -> Iterator[AisPart]:
    """A Parquet or GeoParquet with the columns of a dialect; times may be timestamps."""
    try:
        file = pq.ParquetFile(source)
        _refuse_vast(file.metadata, path, settings)
        header = file.schema_arrow.names
        placed = [*header, *(PLACE if GEOMETRY in header else ())]
        dialect = _dialect_of(placed, path, settings)
        wanted = [name for name in header if name.lower() in set(dialect.columns.values())]
        if not {dialect.columns["lon"], dialect.columns["lat"]} <= {n.lower() for n in header}:
            wanted.append(GEOMETRY)
        n_before = 0
        for batch in itertools.chain(
            file.iter_batches(PARQUET_ROWS, columns=wanted),
            [] if file.metadata.num_rows else [file.schema_arrow.empty_table().select(wanted)],
        ):
            cells = _cells(batch, wanted, dialect)
            yield _part_of(cells, dialect, path, n_before, settings)
            n_before += cells.num_rows
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None


def _cells(batch: pa.RecordBatch, wanted: list[str], dialect: Dialect) -> pa.Table:
    """All cells as text; positions out of the geometry where there are no columns of them."""
    columns = {
        name.lower(): _as_text(batch.column(name), dialect) for name in wanted if name != GEOMETRY
    }
    if GEOMETRY in wanted:
        points = shapely.from_wkb(batch.column(GEOMETRY).to_pylist(), on_invalid="ignore")
        for name, of in (("lon", shapely.get_x), ("lat", shapely.get_y)):
            values = pa.array(of(points), from_pandas=True)
            columns[dialect.columns[name]] = pc.cast(values, pa.string())
    return pa.table(columns)


def _part_of(
    cells: pa.Table, dialect: Dialect, path: Path, n_before: int, settings: Settings
) -> AisPart:
    numbers = np.arange(n_before + 1, n_before + cells.num_rows + 1)
    fixes, issues = fixes_of(
        cells, dialect, source=path.name, row_numbers=numbers, settings=settings
    )
    return AisPart(
        format=f"{dialect.name.removesuffix(' CSV')}, as Parquet",
        fixes=fixes,
        statics=statics_of(cells, dialect),
        issues=issues,
        rows_in=cells.num_rows,
        rows_out=fixes.num_rows,
    )


def _refuse_vast(metadata: pq.FileMetaData, path: Path, settings: Settings) -> None:
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    if max(unpacked, path.stat().st_size) > settings.max_file_bytes:
        raise too_large(path, settings.max_file_bytes)


def _as_text(column: pa.Array, dialect: Dialect) -> pa.Array:
    """As a CSV of the dialect would write it; time stamps without a zone are UTC."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type) and pc.all(pc.equal(values, pc.floor(values))).as_py():
        values = pc.cast(values, pa.int64())  # 273312000.0 would be written 2.73312e+08
    if not pa.types.is_timestamp(values.type):
        return pc.cast(values, pa.string())
    if dialect.time_format in EPOCHS:
        microseconds = pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64())
        return pc.cast(pc.divide(microseconds, int(EPOCHS[dialect.time_format])), pa.string())
    return pc.strftime(pc.cast(values, pa.timestamp("s"), safe=False), format=dialect.time_format)
