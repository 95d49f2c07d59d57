"""Files sealed by a manifest, in a folder, zip or tar: nothing in them is believed or followed."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.decided import Sha256
from pipeline.jobs.finished import MANIFEST
from pipeline.jobs.plain_paths import is_safe
from pipeline.whole_files import CHUNK_BYTES


class Listed(BaseModel):
    """A file as the manifest tells it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(max_length=1_000)
    bytes: int = Field(ge=0)
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is not as it was sealed."""

    what: str
    """changed, missing, extra, link, unsafe path or unreadable."""
    file: str
    detail: str = ""

    def __str__(self) -> str:
        """One line, whatever the file calls itself."""
        text = f"{self.what}: {shown(self.file)}"
        return f"{text} ({shown(self.detail)})" if self.detail else text


class Source(Protocol):
    """Where the files lie: name to why it is no plain file, or None where it is one."""

    kinds: dict[str, str | None]
    faults: list[Fault]

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes."""
        ...


class FolderSource:
    """A folder, no link of it followed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.kinds: dict[str, str | None] = {}
        self.faults: list[Fault] = []
        waiting = [""]
        while waiting:
            waiting += self._scan(waiting.pop())

    def _scan(self, inside: str) -> Iterator[str]:
        try:
            with os.scandir(self._root / inside) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.faults.append(Fault(what="unreadable", file=inside, detail=str(error.strerror)))
            return
        for entry in found:
            name = f"{inside}{entry.name}"
            if entry.is_symlink():
                self.kinds[name] = "link"
            elif entry.is_dir(follow_symlinks=False):
                yield f"{name}/"
            else:
                plain = entry.is_file(follow_symlinks=False)
                self.kinds[name] = None if plain else "unreadable"

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes."""
        return (self._root / name).open("rb")


class ZipSource:
    """A zip, nothing of it unpacked; its files lie at the top or in one folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.kinds: dict[str, str | None] = {}
        self.faults: list[Fault] = []
        self._infos: dict[str, zipfile.ZipInfo] = {}
        infos = archive.infolist()
        top = _top([info.filename for info in infos])
        for info in infos:
            self._take(info, top)

    def _take(self, info: zipfile.ZipInfo, top: str) -> None:
        if info.is_dir() and is_safe(info.filename.rstrip("/")):
            return
        if not info.filename.startswith(top):
            what = "extra" if is_safe(info.filename) else "unsafe path"
            self.faults.append(Fault(what=what, file=info.filename))
            return
        name = info.filename.removeprefix(top)
        if name in self.kinds:
            self.faults.append(Fault(what="extra", file=name, detail="twice in the zip"))
            return
        self._infos[name] = info
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        self.kinds[name] = "link" if is_link else None

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes."""
        return self._archive.open(self._infos[name])


class TarSource:
    """A tar without compression, nothing of it unpacked."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.kinds: dict[str, str | None] = {}
        self.faults: list[Fault] = []
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in archive:
            if member.isdir():
                continue
            if member.name in self.kinds:
                self.faults.append(Fault(what="extra", file=member.name, detail="twice in the tar"))
                continue
            self._members[member.name] = member
            linked = "link" if member.issym() or member.islnk() else "unreadable"
            self.kinds[member.name] = None if member.isreg() else linked

    def open(self, name: str) -> IO[bytes]:
        """A file's bytes."""
        stream = self._archive.extractfile(self._members[name])
        assert stream is not None
        return stream


def _top(names: list[str]) -> str:
    if MANIFEST in names:
        return ""
    tops = {name.removesuffix(MANIFEST) for name in names if name.endswith(f"/{MANIFEST}")}
    return next((top for top in sorted(tops) if top.count("/") == 1), "")


def read_small(source: Source, name: str, limit: int, faults: list[Fault]) -> bytes:
    """A file of bounded size; empty where it cannot be read, and a fault says why."""
    kind = source.kinds.get(name, "missing")
    detail = ""
    if kind is None:
        try:
            with source.open(name) as stream:
                content = stream.read(limit + 1)
            if len(content) <= limit:
                return content
            kind, detail = "unreadable", f"larger than {limit:,} bytes"
        except BROKEN as error:
            kind, detail = "unreadable", str(error)
    faults.append(Fault(what=kind, file=name, detail=detail))
    return b""


BROKEN = (
    OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError,
    NotImplementedError,
)  # fmt: skip
"""What reading may say, of a zip or a tar too."""


def fault_of(one: Listed, source: Source) -> Fault | None:
    """What is wrong with a listed file; None: it is as it was."""
    kind = source.kinds.get(one.path, "missing")
    if kind is not None:
        return Fault(what=kind, file=one.path)
    try:
        with source.open(one.path) as stream:
            size, digest = hashed(stream, one.bytes)
    except BROKEN as error:
        return Fault(what="changed", file=one.path, detail=f"unreadable: {error}")
    if size != one.bytes:
        found = f"{size:,}" if size < one.bytes else "more"
        detail = f"bytes expected {one.bytes:,}, found {found}"
        return Fault(what="changed", file=one.path, detail=detail)
    if digest != one.sha256:
        detail = f"SHA-256 expected {one.sha256}, found {digest}"
        return Fault(what="changed", file=one.path, detail=detail)
    return None


def hashed(stream: IO[bytes], n_bytes: int) -> tuple[int, str]:
    """Size and hash, no further read than one byte beyond what is expected."""
    digest, size = hashlib.sha256(), 0
    while size <= n_bytes:
        chunk = stream.read(min(CHUNK_BYTES, n_bytes + 1 - size))
        if not chunk:
            break
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def shown(text: str) -> str:
    """On one line, without what a terminal would obey."""
    return "".join("�" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
