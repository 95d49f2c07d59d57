"""Provider files to fixes and statics. The format is known from the content, not from the name.

Every row is one fix, marked where it is doubtful, or one issue: rows in = fixes + issues.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from pipeline.ais.dialects import DIALECTS, Dialect
from pipeline.ais.rows import fixes_of, statics_of
from pipeline.ais.settings import Settings
from pipeline.errors import BadInput
from pipeline.records import Issue

HEAD_BYTES = 65_536
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AisFile:
    """What one provider file holds."""

    fixes: pa.Table
    """Of `Fix`, in the file's order."""
    statics: pa.Table
    """Of `Static`: distinct values with the time they were sent in."""
    issues: list[Issue]
    rows_in: int
    format: str
    """Name of the dialect recognised."""


def read_file(path: Path, *, settings: Settings) -> AisFile:
    """Read one CSV file, plain, gzipped or zipped.

    Raises:
        BadInput: empty, damaged, too large, or of a kind that is not known; says what was found.
    """
    content = _unpack(path, settings)
    dialect, header = _recognise(content, path)
    bad_lines: list[tuple[int, str]] = []
    table = _parse(content, header, bad_lines, path)
    fixes, issues = fixes_of(table, dialect, source=path.name, settings=settings)
    issues += [
        Issue(where=f"{path.name} line {number}", rule="wrong number of columns", value=text)
        for number, text in bad_lines
    ]
    return AisFile(
        fixes=fixes,
        statics=statics_of(table, dialect),
        issues=issues,
        rows_in=table.num_rows + len(bad_lines),
        format=dialect.name,
    )


def _unpack(path: Path, settings: Settings) -> bytes:
    try:
        with path.open("rb") as stream, _opened(stream, path) as unpacked:
            limit = min(
                settings.max_file_bytes,
                max(int(path.stat().st_size * settings.max_ratio), HEAD_BYTES),
            )
            content = unpacked.read(limit + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
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
    return content


@contextlib.contextmanager
def _opened(stream: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    magic = stream.read(4)
    stream.seek(0)
    if magic.startswith(GZIP_MAGIC):
        with gzip.open(stream) as unpacked:
            yield unpacked  # type: ignore[misc]
    elif magic == ZIP_MAGIC:
        with zipfile.ZipFile(stream) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
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


def _recognise(content: bytes, path: Path) -> tuple[Dialect, list[str]]:
    """The dialect whose columns the first line names."""
    first, _, _ = content[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf").partition(b"\n")
    header = [name.strip().strip('"') for name in first.decode("utf-8", "replace").split(",")]
    names = {name.lower() for name in header}
    for dialect in DIALECTS:
        if dialect.needs <= names:
            return dialect, header
    shown = "".join(c if c.isprintable() else "?" for c in ",".join(header))[:SHOWN]
    raise BadInput(
        "Not an AIS file of a kind that is known",
        where=path.name,
        expected=" or ".join(dialect.name for dialect in DIALECTS),
        found=f"first line {shown!r}",
    )


def _parse(
    content: bytes, header: list[str], bad_lines: list[tuple[int, str]], path: Path
) -> pa.Table:
    """All cells as text; a line with too few or too many of them is kept aside."""

    def keep_aside(row: pacsv.InvalidRow) -> str:
        bad_lines.append((row.number or 0, (row.text or "")[:SHOWN]))
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
