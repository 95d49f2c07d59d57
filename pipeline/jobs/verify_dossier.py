"""Was a file of a dossier changed, taken out or put in? Nothing in it is believed or followed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.decided import Sha256
from pipeline.decisions.journal import verify_export, verify_extract
from pipeline.errors import DarkcallError, UsageError
from pipeline.jobs.finished import MANIFEST
from pipeline.jobs.hashing import CHUNK_BYTES
from pipeline.jobs.plain_paths import is_safe

FORMAT = "darkcall dossier 1"
SEAL = "manifest.sha256"
STAMP = "manifest.tsr"
JOURNAL = "working/journal.jsonl"
OUTSIDE = (MANIFEST, SEAL, STAMP)
"""What the manifest cannot list: itself, its hash, its time stamp."""
MAX_MANIFEST_BYTES = 64_000_000
"""A season of ten thousand passes takes some 20 MB."""
MAX_SMALL_BYTES = 1_000_000
"""Of the seal and the time stamp."""
FAULTS_SHOWN = 100


class Listed(BaseModel):
    """A file as the manifest tells it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(max_length=1_000)
    bytes: int = Field(ge=0)
    sha256: Sha256


class Journal(BaseModel):
    """What the dossier says of the journal."""

    entries: int
    head_sha256: Sha256
    whole: bool


class Manifest(BaseModel):
    """What is checked of a manifest; the rest is for people."""

    format: Literal["darkcall dossier 1"]
    kind: Literal["call", "season"]
    subject: str = Field(max_length=200)
    review: str = Field(max_length=4_000)
    journal: Journal
    files: list[Listed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is not as it was sealed."""

    what: str
    """changed, missing, extra, link, unsafe path or unreadable."""
    file: str
    detail: str = ""

    def __str__(self) -> str:
        """One line, whatever the file calls itself."""
        text = f"{self.what}: {_shown(self.file)}"
        return f"{text} ({_shown(self.detail)})" if self.detail else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How a dossier was found."""

    manifest: Manifest | None
    """None where it cannot be read."""
    manifest_sha256: str
    n_bytes: int
    """Of the files that are as they were."""
    n_good: int
    stamped: bool
    """It holds a time stamp of this manifest; whose, only `openssl ts -verify` tells."""
    faults: tuple[Fault, ...]

    def as_json(self) -> dict[str, Any]:
        """One flat object."""
        told = self.manifest
        return {
            "holds": not self.faults,
            "kind": told and told.kind,
            "subject": told and told.subject,
            "review": told and told.review,
            "files": self.n_good,
            "bytes": self.n_bytes,
            "manifest_sha256": self.manifest_sha256,
            "journal_entries": told and told.journal.entries,
            "time_stamp": self.stamped,
            "faults": [
                {"what": one.what, "file": _shown(one.file), "detail": _shown(one.detail)}
                for one in self.faults
            ],
        }


class _Source(Protocol):
    """Where the files lie: name to why it is no plain file, or None where it is one."""

    kinds: dict[str, str | None]
    faults: list[Fault]

    def open(self, name: str) -> IO[bytes]: ...


class _Folder:
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
        return (self._root / name).open("rb")


class _Zip:
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
        return self._archive.open(self._infos[name])


def _top(names: list[str]) -> str:
    if MANIFEST in names:
        return ""
    tops = {name.removesuffix(MANIFEST) for name in names if name.endswith(f"/{MANIFEST}")}
    return next((top for top in sorted(tops) if top.count("/") == 1), "")


def verify_dossier(path: Path) -> Checked:
    """Check every file against the manifest, and the manifest against its own hash.

    Args:
        path: the dossier's folder, or its zip.

    Raises:
        UsageError: there is no dossier.
    """
    with _opened(path) as source:
        if MANIFEST not in source.kinds and SEAL not in source.kinds:
            raise UsageError(
                "No dossier", where=path, expected=f"a folder or zip with {MANIFEST}",
                do="Write one with: darkcall report CALL",
            )  # fmt: skip
        return _checked(source)


@contextmanager
def _opened(path: Path) -> Iterator[_Source]:
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UsageError("No dossier", where=path, found=error) from None
    with archive:
        yield _Zip(archive)


def _checked(source: _Source) -> Checked:
    faults = list(source.faults)
    content = _small(source, MANIFEST, MAX_MANIFEST_BYTES, faults)
    digest = hashlib.sha256(content).hexdigest()
    seal = _small(source, SEAL, MAX_SMALL_BYTES, faults)
    if content and seal and seal.split()[:1] != [digest.encode()]:
        faults.append(Fault(what="changed", file=MANIFEST, detail=f"{SEAL} tells another hash"))
    manifest = _parsed(content, faults)
    stamped = False
    if STAMP in source.kinds:
        token = _small(source, STAMP, MAX_SMALL_BYTES, faults)
        stamped = bytes.fromhex(digest) in token
        if token and not stamped:
            faults.append(Fault(what="changed", file=STAMP, detail="is of another manifest"))
    good = [] if manifest is None else _against(manifest, source, faults)
    if manifest is not None and any(one.path == JOURNAL for one in good):
        faults += _journal(source, manifest)
    return Checked(
        manifest=manifest, manifest_sha256=digest, n_good=len(good), stamped=stamped,
        n_bytes=sum(one.bytes for one in good), faults=tuple(faults),
    )  # fmt: skip


def _small(source: _Source, name: str, limit: int, faults: list[Fault]) -> bytes:
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
        except _BROKEN as error:
            kind, detail = "unreadable", str(error)
    faults.append(Fault(what=kind, file=name, detail=detail))
    return b""


_BROKEN = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
"""What reading may say, of a zip too."""


def _parsed(content: bytes, faults: list[Fault]) -> Manifest | None:
    if not content:
        return None
    try:
        return Manifest.model_validate(json.loads(content))
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"])
        detail = f"`{where}` is not as a dossier's"
    except (ValueError, RecursionError):
        detail = "not JSON"
    faults.append(Fault(what="unreadable", file=MANIFEST, detail=detail))
    return None


def _against(manifest: Manifest, source: _Source, faults: list[Fault]) -> list[Listed]:
    """The files that are as they were listed."""
    good: dict[str, Listed] = {}
    named: set[str] = set()
    for one in manifest.files:
        if not is_safe(one.path) or one.path in OUTSIDE or one.path in named:
            faults.append(Fault(what="unsafe path", file=one.path, detail="named in the manifest"))
            continue
        named.add(one.path)
        fault = _fault_of(one, source)
        if fault is None:
            good[one.path] = one
        else:
            faults.append(fault)
    for name in sorted(set(source.kinds) - named - set(OUTSIDE)):
        if not is_safe(name):
            faults.append(Fault(what="unsafe path", file=name))
        else:
            faults.append(Fault(what=source.kinds[name] or "extra", file=name))
    return list(good.values())


def _fault_of(one: Listed, source: _Source) -> Fault | None:
    kind = source.kinds.get(one.path, "missing")
    if kind is not None:
        return Fault(what=kind, file=one.path)
    try:
        with source.open(one.path) as stream:
            size, digest = _hashed(stream, one.bytes)
    except _BROKEN as error:
        return Fault(what="changed", file=one.path, detail=f"unreadable: {error}")
    if size != one.bytes:
        found = f"{size:,}" if size < one.bytes else "more"
        detail = f"bytes expected {one.bytes:,}, found {found}"
        return Fault(what="changed", file=one.path, detail=detail)
    if digest != one.sha256:
        detail = f"SHA-256 expected {one.sha256}, found {digest}"
        return Fault(what="changed", file=one.path, detail=detail)
    return None


def _hashed(stream: IO[bytes], n_bytes: int) -> tuple[int, str]:
    """Size and hash, no further read than one byte beyond what is expected."""
    digest, size = hashlib.sha256(), 0
    while size <= n_bytes:
        chunk = stream.read(min(CHUNK_BYTES, n_bytes + 1 - size))
        if not chunk:
            break
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _journal(source: _Source, manifest: Manifest) -> list[Fault]:
    """Its chain, where the whole of it is there; else each line's own seal."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.jsonl"
        with source.open(JOURNAL) as stream, copy.open("wb") as target:
            shutil.copyfileobj(stream, target)
        try:
            if not manifest.journal.whole:
                verify_extract(copy)
            elif verify_export(copy).sha256 != manifest.journal.head_sha256:
                return [Fault(what="changed", file=JOURNAL, detail="ends elsewhere than told")]
        except DarkcallError as error:
            found = f"{error.what}: {error.where}".replace(str(copy), JOURNAL)
            return [Fault(what="changed", file=JOURNAL, detail=found)]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return [Fault(what="unreadable", file=JOURNAL, detail=type(error).__name__)]
    return []


def _shown(text: str) -> str:
    """On one line, without what a terminal would obey."""
    return "".join("�" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
