"""Was a file of a dossier changed, taken out or put in? Nothing in it is believed or followed."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from pipeline.decided import Sha256
from pipeline.decisions.journal import verify_export, verify_extract
from pipeline.errors import DarkcallError, UsageError
from pipeline.jobs.finished import MANIFEST
from pipeline.jobs.plain_paths import is_safe
from pipeline.jobs.sealed_files import (
    Fault,
    FolderSource,
    Listed,
    Source,
    ZipSource,
    fault_of,
    read_small,
    shown,
)

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
                {"what": one.what, "file": shown(one.file), "detail": shown(one.detail)}
                for one in self.faults
            ],
        }


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
def _opened(path: Path) -> Iterator[Source]:
    if path.is_dir():
        yield FolderSource(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UsageError("No dossier", where=path, found=error) from None
    with archive:
        yield ZipSource(archive)


def _checked(source: Source) -> Checked:
    faults = list(source.faults)
    content = read_small(source, MANIFEST, MAX_MANIFEST_BYTES, faults)
    digest = hashlib.sha256(content).hexdigest()
    seal = read_small(source, SEAL, MAX_SMALL_BYTES, faults)
    if content and seal and seal.split()[:1] != [digest.encode()]:
        faults.append(Fault(what="changed", file=MANIFEST, detail=f"{SEAL} tells another hash"))
    manifest = _parsed(content, faults)
    stamped = False
    if STAMP in source.kinds:
        token = read_small(source, STAMP, MAX_SMALL_BYTES, faults)
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


def _against(manifest: Manifest, source: Source, faults: list[Fault]) -> list[Listed]:
    """The files that are as they were listed."""
    good: dict[str, Listed] = {}
    named: set[str] = set()
    for one in manifest.files:
        if not is_safe(one.path) or one.path in OUTSIDE or one.path in named:
            faults.append(Fault(what="unsafe path", file=one.path, detail="named in the manifest"))
            continue
        named.add(one.path)
        fault = fault_of(one, source)
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


def _journal(source: Source, manifest: Manifest) -> list[Fault]:
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
