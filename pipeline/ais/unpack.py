"""Provider files, plain or packed, as blocks of whole lines: any size in little memory."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipeline.ais.settings import Settings
from pipeline.errors import BadInput

HEAD_BYTES = 65_536
BLOCK_BYTES = 1 << 24
"""Of text at a time: some 130,000 rows."""
LINE_BYTES_MAX = 1 << 28
"""A JSON document may be one line: 10 MB for all ships of Finland."""
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
NO_ROW = b"\r\n"
"""A line of these alone is no row; one of blanks is, and is set aside."""
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


def blocks(path: Path, settings: Settings) -> Iterator[bytes]:
    """The file's text, unpacked, in blocks that end where a line does; never none.

    Raises:
        BadInput: empty, damaged, or unpacking to more than the settings allow.
    """
    most = min(
        settings.max_file_bytes,
        max(int(path.stat().st_size * settings.max_ratio), HEAD_BYTES),
    )
    total, held, rest, blank = 0, b"", b"", True
    try:
        with path.open("rb") as stream, _opened(stream, path) as unpacked:
            while piece := unpacked.read(min(BLOCK_BYTES, most - total + 1)):
                total += len(piece)
                if total > most:
                    raise too_large(path, most)
                if held.strip(NO_ROW):
                    blank = False
                    yield held
                held, rest = _cut(rest + piece, path)
    except DAMAGE as error:
        raise damaged(path, error) from None
    last = held + rest
    if last.strip() or (last.strip(NO_ROW) and not blank):
        yield last
    elif blank:
        raise BadInput("AIS file is empty", where=path.name)


def packed_parquet(path: Path, settings: Settings) -> bytes | None:
    """The whole of a Parquet that lies in a gzip, zip or zstd; None where it is none.

    Raises:
        BadInput: damaged, or unpacking to more than the settings allow.
    """
    try:
        with path.open("rb") as stream, _opened(stream, path) as unpacked:
            if unpacked.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
                return None
            content = PARQUET_MAGIC + unpacked.read(settings.max_file_bytes + 1)
    except DAMAGE as error:
        raise damaged(path, error) from None
    if len(content) > settings.max_file_bytes:
        raise too_large(path, settings.max_file_bytes)
    return content


def damaged(path: Path, error: object) -> BadInput:
    """The one message for what cannot be unpacked."""
    return BadInput("AIS file is damaged or truncated", where=path.name, found=str(error)[:SHOWN])


def too_large(path: Path, most: int) -> BadInput:
    """The one message for what unpacks to more than is credible."""
    return BadInput(
        "AIS file unpacks to more than it should",
        where=path.name,
        expected=f"at most {most} bytes",
        do="Raise ais.max_ratio or ais.max_file_bytes if it is what it claims to be",
    )


def tidied(content: bytes) -> bytes:
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


def _cut(text: bytes, path: Path) -> tuple[bytes, bytes]:
    """The whole lines of a text, and what follows the last."""
    end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
    if end == 0 and len(text) > LINE_BYTES_MAX:
        raise BadInput(
            "AIS file has a line longer than any file of AIS has",
            where=path.name,
            expected=f"at most {LINE_BYTES_MAX} bytes",
        )
    return text[:end], text[end:]


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
