"""A dossier sealed by its manifest, put in its place, and made one file."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.fetch.time_stamp import time_stamp
from pipeline.jobs.dossier_about import Subject
from pipeline.jobs.finished import MANIFEST
from pipeline.jobs.verify_dossier import FORMAT, OUTSIDE, SEAL, STAMP, verify_dossier
from pipeline.whole_files import sha256_of

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip: the same dossier makes the same bytes."""
PLAIN_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A dossier as it was left."""

    folder: Path
    subject: str
    review: str
    manifest_sha256: str
    n_files: int
    n_bytes: int
    is_new: bool
    """False: the very same lay there already."""

    @staticmethod
    def of(folder: Path, subject: Subject, *, is_new: bool) -> Written:
        """From what lies there."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        return Written(
            folder=folder, subject=subject.subject, review=subject.review, is_new=is_new,
            manifest_sha256=sha256_of(folder / MANIFEST), n_files=len(files),
            n_bytes=sum(path.stat().st_size for path in files),
        )  # fmt: skip


def seal(folder: Path, about: Mapping[str, Any]) -> str:
    """List every file with its hash, and hash the list; returns that hash.

    Args:
        folder: the dossier, complete.
        about: what else the manifest tells; JSON.
    """
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in OUTSIDE
    ]
    manifest = {"format": FORMAT, **about, "files": files}
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    content = f"{text}\n".encode()
    (folder / MANIFEST).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (folder / SEAL).write_text(f"{digest}  {MANIFEST}\n")
    return digest


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """A folder beside the dossier's place to write it in; gone at the end."""
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def publish(part: Path, out: Path) -> bool:
    """Put a sealed dossier in its place; False where the very same lies there already.

    Raises:
        UsageError: something lies there that would be lost.
    """
    if not out.exists() and not out.is_symlink():
        part.rename(out)
        return True
    if not _is_free(part, out):
        return False
    former = out.with_name(f".{out.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    out.rename(former)
    part.rename(out)
    shutil.rmtree(former, ignore_errors=True)
    return True


def _is_free(part: Path, out: Path) -> bool:
    """May it be replaced? False: it need not."""
    if out.is_symlink() or not out.is_dir():
        raise _refused("It is no folder", out)
    if not any(out.iterdir()):
        return True
    new, old = verify_dossier(part), None
    if (out / MANIFEST).is_file():
        old = verify_dossier(out)
    if old is None or old.manifest is None or new.manifest is None:
        raise _refused("The folder is not empty and holds no dossier", out)
    if (old.manifest.kind, old.manifest.subject) != (new.manifest.kind, new.manifest.subject):
        raise _refused(f"It holds the dossier of {old.manifest.subject}", out)
    if old.faults:
        raise _refused(f"The dossier there was changed by hand ({old.faults[0]})", out)
    if old.manifest_sha256 == new.manifest_sha256:
        return False
    if (out / STAMP).exists():
        raise _refused("It holds an earlier dossier of it, with a time stamp", out)
    return True


def _refused(what: str, out: Path) -> UsageError:
    return UsageError(what, where=out, do="Name another folder with --out")


def stamp(folder: Path, url: str) -> datetime | None:
    """Have the manifest's hash stamped by an authority; None where it was stamped before.

    Returns:
        When the authority says that it was, aware UTC.

    Raises:
        UsageError: no address. TryLater: no answer. BadInput: no stamp, or one of something else.
    """
    if (folder / STAMP).exists():
        return None
    got = time_stamp(url, bytes.fromhex(sha256_of(folder / MANIFEST)))
    part = folder.with_name(f".{folder.name}.tsr")
    part.write_bytes(got.answer)
    part.replace(folder / STAMP)
    return got.at


def zipped(folder: Path) -> Path:
    """The dossier as one file beside it, the same bytes for the same files; returns it."""
    path = folder.with_name(f"{folder.name}.zip")
    part = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
            name = f"{folder.name}/{file.relative_to(folder).as_posix()}"
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.external_attr, info.create_system = PLAIN_FILE, 3
            info.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target)
    part.replace(path)
    return path
