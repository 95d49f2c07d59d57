"""Where a back-up lies: each content once under its SHA-256, and lists of what each back-up holds.

    generations/<when>-<SHA-256 of the list>.json   one a back-up, written last
    objects/<2 digits>/<SHA-256>                    contents

A list that is there is whole: the next back-up adds contents and a list, and changes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.decided import Sha256
from pipeline.errors import ChecksFailed, Locked, UsageError
from pipeline.jobs.finished import fsync
from pipeline.jobs.sealed_files import (
    BROKEN,
    Fault,
    FolderSource,
    Listed,
    Source,
    TarSource,
    ZipSource,
    fault_of,
    is_safe,
)
from pipeline.whole_files import CHUNK_BYTES

FORMAT = "darkcall backup 1"
OBJECTS, GENERATIONS = "objects", "generations"
GENERATION = re.compile(rf"{GENERATIONS}/(\d{{8}}T\d{{6}}Z)-([0-9a-f]{{64}})\.json")
MAX_LIST_BYTES = 512_000_000
"""Ten years of ten ports are a million files, a line of 300 bytes each."""
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644


class Generation(BaseModel):
    """What one back-up holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["darkcall backup 1"]
    name: str = Field(max_length=200)
    title: str = Field(max_length=1_000)
    software: str = Field(max_length=100)
    config_file: str = Field(max_length=200)
    config_sha256: Sha256
    models: dict[str, str]
    """SHA-256 of each sensor's detector, by sensor; or `cfar`."""
    journal: dict[str, Any] | None
    """Entries and head of the decisions' chain; None: nobody was ever asked."""
    inputs: dict[str, Literal["file", "folder", "missing", "left out"]]
    """What the configuration reads, by kind and number."""
    tree: list[Listed]
    """Every file; its bytes lie under its SHA-256."""

    def as_bytes(self) -> bytes:
        """As it is written: the same content, the same bytes."""
        text = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return f"{text}\n".encode()

    @property
    def contents(self) -> dict[str, int]:
        """Bytes of each content, by SHA-256."""
        return {one.sha256: one.bytes for one in self.tree}


def object_name(sha256: str) -> str:
    """Where a content lies."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A list that lies in a back-up."""

    at: str
    """When it was written, as `20240307T020900Z`."""
    sha256: str
    generation: Generation


class Store(Protocol):
    """Where a back-up is written to."""

    def has(self, sha256: str, n_bytes: int) -> bool:
        """Does a content lie there, in that size?"""
        ...

    def put(self, path: Path, sha256: str, n_bytes: int) -> bool:
        """Copy a content; False, and nothing is kept, where it is not the one told."""
        ...

    def publish(self, at: str, sha256: str, content: bytes) -> None:
        """Write the list, last."""
        ...


class FolderStore:
    """A folder that grows."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for left in root.glob(f"{OBJECTS}/.part-*"):
            left.unlink(missing_ok=True)
        (root / OBJECTS).mkdir(parents=True, exist_ok=True)
        (root / GENERATIONS).mkdir(exist_ok=True)

    def has(self, sha256: str, n_bytes: int) -> bool:
        """Does a content lie there, in that size?"""
        try:
            return (self._root / object_name(sha256)).stat().st_size == n_bytes
        except OSError:
            return False

    def put(self, path: Path, sha256: str, n_bytes: int) -> bool:
        """Copy a content; False, and nothing is kept, where it is not the one told."""
        part = self._root / OBJECTS / f".part-{sha256}"
        with path.open("rb") as source, part.open("wb") as target:
            found = copied(source, target, n_bytes)
        if found != (n_bytes, sha256):
            part.unlink()
            return False
        place = self._root / object_name(sha256)
        place.parent.mkdir(exist_ok=True)
        part.rename(place)
        return True

    def publish(self, at: str, sha256: str, content: bytes) -> None:
        """Write the list, last."""
        folder = self._root / GENERATIONS
        part = folder / f".part-{sha256}"
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(folder / f"{at}-{sha256}.json")
        fsync(folder)

    def forget(self, keep: int) -> int:
        """Let go of all lists but the newest, then of contents that no list names.

        Returns:
            contents that went.
        """
        source = FolderSource(self._root)
        names = sorted(name for name in source.kinds if GENERATION.fullmatch(name))
        for name in names[:-keep]:
            (self._root / name).unlink()
        named = {
            sha256
            for name in names[-keep:]
            for sha256 in read_list(source, name).generation.contents
        }
        lying = [name for name in source.kinds if name.startswith(f"{OBJECTS}/")]
        going = [name for name in lying if Path(name).name not in named]
        for name in going:
            (self._root / name).unlink()
        return len(going)


class _ArchiveStore:
    """One file, written anew."""

    def __init__(self) -> None:
        self._there: dict[str, int] = {}

    def has(self, sha256: str, n_bytes: int) -> bool:
        """Does a content lie there, in that size?"""
        return self._there.get(sha256) == n_bytes

    def put(self, path: Path, sha256: str, n_bytes: int) -> bool:
        """Copy a content; False, and nothing is kept, where it is not the one told."""
        with path.open("rb") as source:
            if copied(source, None, n_bytes) != (n_bytes, sha256):
                return False
        with path.open("rb") as source:
            self._add(object_name(sha256), source, n_bytes)
        self._there[sha256] = n_bytes
        return True

    def publish(self, at: str, sha256: str, content: bytes) -> None:
        """Write the list, last."""
        self._add(f"{GENERATIONS}/{at}-{sha256}.json", io.BytesIO(content), len(content))

    def _add(self, name: str, source: IO[bytes], n_bytes: int) -> None:
        raise NotImplementedError


class ZipStore(_ArchiveStore):
    """A zip."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__()
        self._archive = archive

    def _add(self, name: str, source: IO[bytes], n_bytes: int) -> None:
        info = zipfile.ZipInfo(name, ZIP_DATE)
        info.external_attr, info.create_system = PLAIN_FILE << 16, 3
        info.file_size = n_bytes
        with self._archive.open(info, "w") as target:
            shutil.copyfileobj(source, target)


class TarStore(_ArchiveStore):
    """A tar."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        super().__init__()
        self._archive = archive

    def _add(self, name: str, source: IO[bytes], n_bytes: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = n_bytes, PLAIN_FILE & 0o777
        self._archive.addfile(info, source)


@contextmanager
def writing_to(out: Path) -> Iterator[tuple[Store, Path]]:
    """The store behind a path, and where what was written can be read until then.

    A file is put in its place at the end, if nothing went wrong.

    Raises:
        UsageError: the path is of something else. Locked: another back-up is written there.
    """
    if out.suffix in (".zip", ".tar"):
        if out.exists() and not out.is_file():
            raise UsageError("A back-up cannot be written there", where=out, found="no file")
        part = out.with_name(f".{out.name}.part")
        try:
            if out.suffix == ".zip":
                with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
                    yield ZipStore(packed), part
            else:
                with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
                    yield TarStore(archive), part
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
            with reading_from(part) as source:
                check(newest(source, out).generation, source, out)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
        return
    _refuse_other(out)
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked("Another back-up is written there", where=out) from None
        yield FolderStore(out), out


def _refuse_other(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError("A back-up cannot be written there", where=out, found="no folder")
    known = {OBJECTS, GENERATIONS, ".lock"}
    if out.is_dir() and {entry.name for entry in out.iterdir()} - known:
        raise UsageError("The folder holds something else than a back-up", where=out,
                         do="Name an empty folder, or one with a back-up")  # fmt: skip


@contextmanager
def reading_from(path: Path) -> Iterator[Source]:
    """What lies in a back-up, be it a folder, a zip or a tar.

    Raises:
        UsageError: none of these.
    """
    with ExitStack() as opened:
        try:
            if path.is_dir():
                source: Source = FolderSource(path)
            elif zipfile.is_zipfile(path):
                source = ZipSource(opened.enter_context(zipfile.ZipFile(path)))
            else:
                source = TarSource(opened.enter_context(tarfile.open(path, "r:")))
        except BROKEN as error:
            raise UsageError("No back-up", where=path, found=error) from None
        yield source


def newest(source: Source, where: Path, at: str | None = None) -> Stored:
    """The newest list of a back-up, or one by its time.

    Raises:
        UsageError: there is none. ChecksFailed: it was changed.
    """
    names = sorted(name for name in source.kinds if GENERATION.fullmatch(name))
    chosen = [name for name in names if at is None or name.startswith(f"{GENERATIONS}/{at}")]
    if not chosen:
        raise UsageError(
            "No back-up", where=where, expected="a list in `generations`" if at is None else at,
            found=", ".join(Path(name).name[:16] for name in names) or "none",
        )  # fmt: skip
    return read_list(source, chosen[-1])


def read_list(source: Source, name: str) -> Stored:
    """A list whose own hash is the one in its name.

    Raises:
        ChecksFailed: it is not.
    """
    match = GENERATION.fullmatch(name)
    assert match is not None
    try:
        if source.kinds[name] is not None:
            raise OSError("no plain file")
        with source.open(name) as stream:
            content = stream.read(MAX_LIST_BYTES + 1)
        if hashlib.sha256(content).hexdigest() != match.group(2):
            raise ValueError("its SHA-256 is not the one in its name")
        generation = Generation.model_validate(json.loads(content))
        _check_paths(generation)
    except (ValidationError, ValueError, RecursionError, *BROKEN) as error:
        found = str(error).split("\n")[0]
        raise ChecksFailed("The back-up's list was changed", where=name, found=found) from None
    return Stored(at=match.group(1), sha256=match.group(2), generation=generation)


def _check_paths(generation: Generation) -> None:
    """No path leads out, none twice, none is a folder of another."""
    paths = [one.path for one in generation.tree]
    folders = {str(parent) for path in paths for parent in Path(path).parents}
    for path in paths:
        if not is_safe(path) or path in folders:
            raise ValueError(f"unsafe path {path!r}")
    if len(set(paths)) < len(paths):
        raise ValueError("a path twice")


def check(
    generation: Generation, source: Source, where: Path, *, only: frozenset[str] | None = None
) -> None:
    """Read every content of a list again.

    Args:
        generation: the list.
        source: where the contents lie.
        where: for the message.
        only: contents read; of the others only the size is looked at. None: all are read.

    Raises:
        ChecksFailed: a content is damaged or missing; the first is named.
    """
    faults: list[Fault] = []
    for sha256, n_bytes in sorted(generation.contents.items()):
        name = object_name(sha256)
        if only is not None and sha256 not in only:
            if source.kinds.get(name, "missing") is not None:
                faults.append(Fault(what="missing", file=name))
            continue
        fault = fault_of(Listed(path=name, bytes=n_bytes, sha256=sha256), source)
        if fault is not None:
            faults.append(fault)
    if faults:
        raise ChecksFailed(
            "The back-up is damaged", where=where,
            found=f"{len(faults)} contents, first {faults[0]}",
            do="Take out the damaged file and back up again, or take another copy",
        )  # fmt: skip


def copied(source: IO[bytes], target: IO[bytes] | None, n_bytes: int) -> tuple[int, str]:
    """Copy to the disk while hashing, no further than one byte beyond what is expected."""
    digest, size = hashlib.sha256(), 0
    while size <= n_bytes:
        chunk = source.read(min(CHUNK_BYTES, n_bytes + 1 - size))
        if not chunk:
            break
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    if target is not None:
        target.flush()
        os.fsync(target.fileno())
    return size, digest.hexdigest()
