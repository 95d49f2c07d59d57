"""Files that are there whole or not at all, whatever is killed and when, and their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
"""Read or written at a time where a file may be of any size."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, on the disk and in its place by one rename when the block has ended.

    Where the block fails, what stood there stays. The name until then begins with a dot and ends
    with `.part`; only a kill leaves it behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):  # its folder is not there
            part.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8; see `whole_file`."""
    with whole_file(path) as stream:
        stream.write(text.encode())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex; read in bounded memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
