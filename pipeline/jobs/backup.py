"""Everything that a workspace's results rest on, copied once and proven; the next copies news."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pipeline.clock import compact_utc
from pipeline.config import BASE, Config, Secrets
from pipeline.decisions import backup as decisions_backup
from pipeline.decisions.journal import verify
from pipeline.errors import DiskFull, UsageError
from pipeline.jobs.backup_store import (
    FORMAT,
    FolderStore,
    Generation,
    Store,
    Stored,
    check,
    newest,
    reading_from,
    writing_to,
)
from pipeline.jobs.evidence import Evidence, record_evidence
from pipeline.jobs.fetch_scenes import FETCH
from pipeline.jobs.finished import MANIFEST, PART, TRASH, read_manifest
from pipeline.jobs.hashing import HashCache, sha256_json
from pipeline.jobs.open_decisions import DATABASE, open_decisions
from pipeline.jobs.prune import (
    CACHE,
    LEFT_OVER,
    every_lock,
    free_bytes,
    note_of,
    pixel_files,
)
from pipeline.jobs.sealed_files import Listed, is_safe
from pipeline.jobs.trained import fingerprint
from pipeline.pruned import PRUNED, Dropped, read_pruned
from pipeline.scene.hidden import HIDDEN, keep_hidden
from pipeline.scene.item import ITEM, read_item
from pipeline.whole_files import sha256_of

WORKSPACE, CONFIGURATION, INPUTS = "workspace", "configuration", "inputs"
DECISIONS = "decisions.zip"
LOCKS = ".locks"
LARGE = ("ais/", "scenes/")
"""Inputs that may be gigabytes, and are kept by whoever delivered them."""
LEFT_OUT = "not in the back-up, which holds the pixels of evidence alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a back-up came to."""

    out: Path
    at: str
    sha256: str
    """Of its list: keep it in another place."""
    files: int
    n_bytes: int
    copied_files: int
    copied_bytes: int
    is_new: bool
    """False: nothing has changed since the last one."""
    faults: tuple[str, ...]
    """What is not as it should be, and was backed up as it is, or not at all."""

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return asdict(self) | {"out": str(self.out)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be in a back-up, and how it is proven."""

    quick: bool = False
    """Read only what is new again; of the rest look at the size."""
    evidence_only: bool = False
    """Leave out the pixels of scenes that nothing refers to."""
    inputs: bool = True
    """AIS files and scenes that the configuration reads, too."""
    keep: int | None = None
    """How many back-ups of a folder stay; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be copied, and its name in the back-up."""

    path: Path
    name: str
    sha256: str | None = None
    """As the manifest beside it tells; None: none tells."""


@dataclass(kw_only=True)
class _Copying:
    """A back-up being written."""

    store: Store
    hashes: HashCache
    former: Stored | None
    """The last back-up in the same folder."""
    tree: list[Listed] = field(default_factory=list)
    copied: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, one: _File) -> None:
        """Copy a file that is not there yet; what is not as its manifest tells is told."""
        n_bytes = one.path.stat().st_size
        sha256 = one.sha256 or self.hashes.sha256(one.path)
        if not self._kept(one.path, sha256, n_bytes):
            n_bytes, sha256 = one.path.stat().st_size, sha256_of(one.path)
            if one.sha256 is not None:
                self.faults.append(f"{one.name} is not what was written there; copied as it is")
            if not self._kept(one.path, sha256, n_bytes):
                self.faults.append(f"{one.name} changes while it is copied; left out")
                return
        self.tree.append(Listed(path=one.name, bytes=n_bytes, sha256=sha256))

    def _kept(self, path: Path, sha256: str, n_bytes: int) -> bool:
        if self.store.has(sha256, n_bytes):
            return True
        if not self.store.put(path, sha256, n_bytes):
            return False
        self.copied[sha256] = n_bytes
        return True


def back_up(
    config: Config, config_path: Path, out: Path, *, now: datetime, wanted: Wanted
) -> BackedUp:
    """Copy what has changed since the last back-up, and prove that all of it can be read again.

    Args:
        config: whose workspace.
        config_path: its file.
        out: a folder, or a file that ends with .zip or .tar.
        now: aware UTC.
        wanted: what is copied and how it is proven.

    Raises:
        UsageError: no workspace; `out` lies in it, or is something else.
        Locked: a run is at work, or another back-up. DiskFull: too little room.
        ChecksFailed: what was written cannot be read again; the journal's chain is broken.
    """
    _refuse(config, out)
    with every_lock(config.workspace), writing_to(out) as (store, where):
        evidence = record_evidence(config)
        copying = _Copying(
            store=store, hashes=HashCache(config.workspace / CACHE / "sha256.json"),
            former=_former(store, where),
        )  # fmt: skip
        spare = _spare_scenes(config, evidence) if wanted.evidence_only else []
        files = list(_workspace_files(config.workspace, copying.faults))
        files = [one for one in files if one.path not in {p for each in spare for p in each.paths}]
        inputs, read = _inputs(config, config_path, copying.faults, wanted)
        files += read
        _room(config, copying, files, where)
        journal = _decisions(config, copying)
        for one in files:
            copying.add(one)
        for scene in spare:
            _leave_out(scene, config, copying, now)
        copying.hashes.save()
        generation = Generation(
            format=FORMAT, name=config.name, title=config.title, software=version("darkcall"),
            config_file=config_path.name, journal=journal, inputs=inputs,
            config_sha256=sha256_json(config.results_depend_on()),
            models=fingerprints(config),
            tree=sorted(copying.tree, key=lambda one: one.path),
        )  # fmt: skip
        sha256, at, is_new = _publish(generation, copying, where, now, wanted)
    return BackedUp(
        out=out, at=at, sha256=sha256, is_new=is_new, files=len(generation.tree),
        n_bytes=sum(generation.contents.values()), copied_files=len(copying.copied),
        copied_bytes=sum(copying.copied.values()), faults=tuple(copying.faults),
    )  # fmt: skip


def fingerprints(config: Config) -> dict[str, str]:
    """Of the detectors, by sensor."""
    return {str(sensor): fingerprint(name) for sensor, name in config.detect.models.items()}


def _refuse(config: Config, out: Path) -> None:
    if not config.workspace.is_dir():
        raise UsageError("Nothing to back up yet", where=config.workspace, do="Run it first")
    if out.resolve().is_relative_to(config.workspace):
        raise UsageError("A back-up inside the workspace would be lost with it", where=out)


def _former(store: Store, where: Path) -> Stored | None:
    """The last back-up in a folder."""
    if not isinstance(store, FolderStore):
        return None
    with reading_from(where) as source:
        try:
            return newest(source, where)
        except UsageError:
            return None


def _room(config: Config, copying: _Copying, files: Sequence[_File], where: Path) -> None:
    """Refused before anything is written, where the disk cannot take it.

    Raises:
        DiskFull: it cannot.
    """
    needed = 0
    for one in files:
        n_bytes = one.path.stat().st_size
        sha256 = one.sha256 or copying.hashes.sha256(one.path)
        needed += 0 if copying.store.has(sha256, n_bytes) else n_bytes
    free = free_bytes(where.parent)
    if needed * config.upkeep.backup_margin > free:
        raise DiskFull(
            "Too little room for the back-up", where=where, expected=f"{needed / 1e9:.2f} GB",
            found=f"{free / 1e9:.2f} GB free",
        )  # fmt: skip


def _publish(
    generation: Generation, copying: _Copying, where: Path, now: datetime, wanted: Wanted
) -> tuple[str, str, bool]:
    """Prove it, then write its list, unless it is the last one's: hash, time, whether it is new."""
    content = generation.as_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    store, former = copying.store, copying.former
    if isinstance(store, FolderStore):
        only = frozenset(copying.copied) if wanted.quick else None
        with reading_from(where) as source:
            check(generation, source, where, only=only)
    is_new = former is None or former.sha256 != sha256
    at = compact_utc(now) if former is None or is_new else former.at
    if is_new and former is not None and at <= former.at:
        raise UsageError(
            "The clock stands before the last back-up", where=where, found=at,
            expected=f"after {former.at}",
        )  # fmt: skip
    if is_new:
        store.publish(at, sha256, content)
    if wanted.keep is not None and isinstance(store, FolderStore):
        store.forget(wanted.keep)
    return sha256, at, is_new


def _workspace_files(workspace: Path, faults: list[str]) -> Iterator[_File]:
    """All but caches, locks, what killed runs left, and the database, which is copied by itself."""
    waiting = [workspace]
    while waiting:
        folder = waiting.pop()
        told: Mapping[str, Any] = (read_manifest(folder) or {}).get("outputs", {})
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            path = Path(entry.path)
            name = f"{WORKSPACE}/{path.relative_to(workspace).as_posix()}"
            if _is_passing(entry.name, folder == workspace):
                continue
            if entry.is_symlink():
                faults.append(f"{name} is a link, which is not followed; left out")
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif not entry.is_file(follow_symlinks=False) or not is_safe(name):
                faults.append(f"{name!r} is no plain file with a plain name; left out")
            else:
                yield _File(path=path, name=name, sha256=told.get(entry.name, {}).get("sha256"))


def _is_passing(name: str, at_top: bool) -> bool:
    if at_top and (name in {CACHE, LOCKS} or name.startswith(DATABASE)):
        return True
    begun = name.startswith((f"{PART}-", f"{TRASH}-"))
    return begun or (name.startswith(".") and name.endswith(LEFT_OVER))


def _decisions(config: Config, copying: _Copying) -> dict[str, Any] | None:
    """Journal and accounts; attachments are files of the workspace, copied after this.

    Raises:
        ChecksFailed: the journal's chain is broken.
    """
    if Secrets().database_url is None and not (config.workspace / DATABASE).exists():
        return None
    store = open_decisions(config)
    try:
        with tempfile.TemporaryDirectory(prefix="darkcall-") as folder:
            path = Path(folder) / DECISIONS
            head = verify(store)
            decisions_backup.back_up(store, Path(folder) / "none", path)
            copying.add(_File(path=path, name=DECISIONS, sha256=sha256_of(path)))
    finally:
        store.close()
    return {"entries": head.n_entries, "head_sha256": head.sha256}


def _inputs(
    config: Config, config_path: Path, faults: list[str], wanted: Wanted
) -> tuple[dict[str, Literal["file", "folder", "missing", "left out"]], list[_File]]:
    """The configuration, and what it reads: sites, lists, AIS, scenes."""
    files = [_File(path=config_path, name=f"{CONFIGURATION}/{config_path.name}")]
    base = config_path.parent / BASE
    if config_path.name != BASE and base.is_file():
        files.append(_File(path=base, name=f"{CONFIGURATION}/{BASE}"))
    said: dict[str, Literal["file", "folder", "missing", "left out"]] = {}
    for kind, path in input_paths(config).items():
        name = f"{INPUTS}/{kind}"
        if kind.startswith(LARGE) and not wanted.inputs:
            said[kind] = "left out"
        elif path.is_file():
            said[kind] = "file"
            files.append(_File(path=path, name=f"{name}/{path.name}"))
        elif path.is_dir():
            said[kind] = "folder"
            files += _folder_files(path, name, faults)
        else:
            said[kind] = "missing"
            faults.append(f"{path} is not there; left out")
    return said, files


def _folder_files(folder: Path, name: str, faults: list[str]) -> Iterator[_File]:
    for path in sorted(folder.rglob("*")):
        inside = f"{name}/{path.relative_to(folder).as_posix()}"
        if path.is_symlink() or not is_safe(inside):
            faults.append(f"{inside!r} is a link or has no plain name; left out")
        elif path.is_file():
            yield _File(path=path, name=inside)


def input_paths(config: Config) -> dict[str, Path]:
    """What a configuration reads outside of its workspace, by kind and number."""
    found = {"sites/0": config.sites}
    for kind, paths in (
        ("watchlists", config.inputs.watchlists),
        ("ais", config.inputs.ais),
        ("scenes", config.inputs.scenes),
        ("declared", (config.inputs.declared,)),
        ("undrawn", (config.evaluate.undrawn,)),
    ):
        found |= {f"{kind}/{number}": path for number, path in enumerate(paths) if path is not None}
    return {kind: path for kind, path in found.items() if not path.is_relative_to(config.workspace)}


# ------------------------------------------------------ scenes whose pixels are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spare:
    """A scene that nothing refers to, and the files of its pixels."""

    folder: Path
    files: Mapping[str, Dropped]

    @property
    def paths(self) -> set[Path]:
        """Where the pixels lie."""
        return {self.folder / name for name in self.files}


def _spare_scenes(config: Config, evidence: Evidence) -> list[_Spare]:
    found = []
    for manifest in sorted((config.workspace / FETCH.name).glob(f"*/{MANIFEST}")):
        folder = manifest.parent
        files = {} if read_pruned(folder) is not None else pixel_files(folder)
        if files:
            scene = read_item(folder / ITEM)
            if not evidence.keeps(scene.site_id, scene.scene_id):
                found.append(_Spare(folder=folder, files=files))
    return found


def _leave_out(one: _Spare, config: Config, copying: _Copying, now: datetime) -> None:
    """The scene as if it were pruned; as in the last back-up, where that did the same."""
    name = f"{WORKSPACE}/{FETCH.name}/{one.folder.name}"
    before = [] if copying.former is None else [
        listed for listed in copying.former.generation.tree
        if listed.path in (f"{name}/{PRUNED}", f"{name}/{HIDDEN}")
    ]  # fmt: skip
    if len(before) == 2 and all(copying.store.has(one.sha256, one.bytes) for one in before):
        copying.tree += before
        return
    note = note_of(read_item(one.folder / ITEM), one.files, now, LEFT_OUT)
    with tempfile.TemporaryDirectory(prefix="darkcall-") as folder:
        (Path(folder) / PRUNED).write_text(note.as_text(), encoding="utf-8")
        keep_hidden(one.folder, config.scene, into=Path(folder))
        for left in (PRUNED, HIDDEN):
            path = Path(folder) / left
            copying.add(_File(path=path, name=f"{name}/{left}", sha256=sha256_of(path)))
