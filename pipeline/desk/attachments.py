"""Files that people attach: kept under their hash, never run, never shown in place."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.decided import is_sha256
from pipeline.errors import UsageError


class TooLarge(UsageError):
    """The file is larger than the desk takes; what had arrived is thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that lies on disk."""

    sha256: str
    n_bytes: int


async def keep(parts: AsyncIterator[bytes], folder: Path, *, max_bytes: int) -> Kept:
    """Write what arrives, piece by piece; durable once this returns.

    Args:
        parts: the file's bytes.
        folder: where attachments lie.
        max_bytes: limit.

    Raises:
        TooLarge: longer than the limit.
        UsageError: empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{secrets.token_hex(16)}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("xb") as file:
            async for piece in parts:
                size += len(piece)
                if size > max_bytes:
                    raise TooLarge("The file is too large", expected=f"at most {max_bytes:,} bytes")
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if size == 0:
            raise UsageError("The file is empty")
        part.rename(path_of(digest.hexdigest(), folder))
    finally:
        part.unlink(missing_ok=True)
    return Kept(sha256=digest.hexdigest(), n_bytes=size)


def path_of(sha256: str, folder: Path) -> Path:
    """Where the file of a hash lies.

    Raises:
        UsageError: no SHA-256, so that no path can be smuggled in.
    """
    if not is_sha256(sha256):
        raise UsageError("No SHA-256", found=sha256[:80])
    return folder / sha256
