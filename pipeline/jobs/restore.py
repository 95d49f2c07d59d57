"""A back-up brought into an empty workspace: proven first, put in its place by one rename."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config import BASE, Config, Secrets, load_config
from pipeline.decisions import backup as decisions_backup
from pipeline.decisions.journal import verify
from pipeline.decisions.store import Store
from pipeline.errors import ChecksFailed, DiskFull, UsageError
from pipeline.jobs.backup import (
    CONFIGURATION,
    DECISIONS,
    INPUTS,
    LOCKS,
    WORKSPACE,
    fingerprints,
    input_paths,
)
from pipeline.jobs.backup_store import (
    Generation,
    check,
    copied,
    newest,
    object_name,
    reading_from,
)
from pipeline.jobs.finished import fsync
from pipeline.jobs.open_decisions import ATTACHMENTS, DATABASE
from pipeline.jobs.prune import every_lock, free_bytes
from pipeline.jobs.sealed_files import Listed, Source
from pipeline.whole_files import sha256_of

AREAS = (f"{WORKSPACE}/", f"{CONFIGURATION}/", f"{INPUTS}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore put in its place."""

    workspace: Path
    at: str
    """When the back-up was written."""
    sha256: str
    files: int
    n_bytes: int
    former: Path | None
    """Where the workspace that stood there lies now."""
    notes: tuple[str, ...]
    """What differs here from what was backed up, and was left as it is."""

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        former = None if self.former is None else str(self.former)
        return asdict(self) | {"workspace": str(self.workspace), "former": former}


def restore(
    source: Path, config_path: Path, *, force: bool = False, at: str | None = None
) -> Restored:
    """Prove a back-up, then put it where a configuration says.

    Args:
        source: a folder, a zip or a tar that `back_up` wrote.
        config_path: the configuration; where there is none it is taken from the back-up.
        force: a workspace that is not empty is moved aside, not overwritten.
        at: which back-up of a folder, by the beginning of its time; None: the newest.

    Raises:
        UsageError: no back-up; the workspace or the database is not empty; the configuration
            of the back-up names places outside of its own folder.
        ChecksFailed: a byte of the back-up was changed, or its list names a path that leads out.
        DiskFull: too little room. Locked: a run works in the workspace.
    """
    with reading_from(source) as lying:
        stored = newest(lying, source, at)
        generation = stored.generation
        _check_areas(generation)
        check(generation, lying, source)
        config = _configured(generation, lying, config_path)
        workspace = config.workspace
        if not _is_empty(workspace) and not force:
            raise UsageError(
                "The workspace is not empty", where=workspace,
                do="Restore with a configuration that names another, or move it aside with --force",
            )  # fmt: skip
        _room(config, generation)
        notes = list(_put_inputs(config, generation, lying))
        with _unfinished(workspace) as part:
            for one in generation.tree:
                if one.path.startswith(f"{WORKSPACE}/"):
                    _put(one, lying, part / one.path.removeprefix(f"{WORKSPACE}/"))
            _put_decisions(generation, lying, part)
            former = _into_place(part, workspace)
    return Restored(
        workspace=workspace, at=stored.at, sha256=stored.sha256, files=len(generation.tree),
        n_bytes=sum(one.bytes for one in generation.tree), former=former,
        notes=(*notes, *_differences(config, generation)),
    )  # fmt: skip


def _check_areas(generation: Generation) -> None:
    for one in generation.tree:
        if one.path != DECISIONS and not one.path.startswith(AREAS):
            raise ChecksFailed("The back-up holds what is none of it", found=one.path)
        first = one.path.removeprefix(f"{WORKSPACE}/").split("/")[0]
        if one.path.startswith(f"{WORKSPACE}/") and (first == LOCKS or first.startswith(DATABASE)):
            raise ChecksFailed("The back-up holds what is none of it", found=one.path)


def _configured(generation: Generation, source: Source, path: Path) -> Config:
    """The configuration that is there, else the back-up's own, which is trusted less."""
    if path.exists():
        return load_config(path)
    names = {Path(one.path).name: one for one in _below(generation, CONFIGURATION)}
    own = names.pop(generation.config_file, None)
    if own is None:
        raise UsageError("The back-up holds no configuration", do="Name yours with --config")
    _put(own, source, path)
    if BASE in names and not (path.parent / BASE).exists():
        _put(names[BASE], source, path.parent / BASE)
    config = load_config(path)
    home = path.resolve().parent.parent
    outside = [
        str(place)
        for place in (config.workspace, *input_paths(config).values())
        if not place.is_relative_to(home)
    ]
    if outside:
        raise UsageError(
            "The back-up's configuration names places outside of its folder", where=path,
            found=", ".join(outside),
            do="Nothing else was written. Read it, correct it, and run the same command again",
        )  # fmt: skip
    return config


def _below(generation: Generation, area: str) -> list[Listed]:
    return [one for one in generation.tree if one.path.startswith(f"{area}/")]


def _is_empty(workspace: Path) -> bool:
    """Is there no workspace, or one without anything but locks?"""
    if workspace.is_symlink() or (workspace.exists() and not workspace.is_dir()):
        return False
    return not workspace.exists() or all(entry.name == LOCKS for entry in workspace.iterdir())


def _room(config: Config, generation: Generation) -> None:
    needed = sum(one.bytes for one in generation.tree) * config.upkeep.backup_margin
    free = free_bytes(config.workspace.parent)
    if needed > free:
        raise DiskFull(
            "Too little room to restore", where=config.workspace,
            expected=f"{needed / 1e9:.2f} GB", found=f"{free / 1e9:.2f} GB free",
        )  # fmt: skip


def _put(one: Listed, source: Source, target: Path) -> None:
    """One content in its place, by rename; read no further than promised, and proven once more."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    with source.open(object_name(one.sha256)) as stream, part.open("wb") as sink:
        found = copied(stream, sink, one.bytes)
    if found != (one.bytes, one.sha256):
        part.unlink()
        raise ChecksFailed("The back-up changed while it was read", where=one.path)
    part.rename(target)


def _put_inputs(config: Config, generation: Generation, source: Source) -> Iterator[str]:
    """What the configuration reads, where it is not there; what is there stays, and is compared."""
    for kind, place in input_paths(config).items():
        said = generation.inputs.get(kind)
        if said in (None, "missing", "left out"):
            if not place.exists():
                yield f"{place} is not in the back-up, and not here: bring it, or the run will fail"
            continue
        for one in _below(generation, f"{INPUTS}/{kind}"):
            inside = one.path.removeprefix(f"{INPUTS}/{kind}/")
            target = place if said == "file" else place / inside
            if not target.exists():
                _put(one, source, target)
            elif not target.is_file() or sha256_of(target) != one.sha256:
                yield f"{target} is another than was backed up, and was left as it is"


@contextmanager
def _unfinished(workspace: Path) -> Iterator[Path]:
    """A folder beside the workspace to fill; gone at the end."""
    part = workspace.with_name(f".{workspace.name}.restoring")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _put_decisions(generation: Generation, source: Source, part: Path) -> None:
    """Journal and accounts into the database that is configured, which must be empty.

    A database that holds this very journal was filled by a restore that was cut short: it stays.
    """
    packed = next((one for one in generation.tree if one.path == DECISIONS), None)
    if packed is None:
        return
    _put(packed, source, part / DECISIONS)
    named = Secrets().database_url
    url = f"sqlite:///{part / DATABASE}" if named is None else named.get_secret_value()
    store = Store.open(url)
    try:
        head = verify(store)
        told = generation.journal or {}
        is_same = (head.n_entries, head.sha256) == (told.get("entries"), told.get("head_sha256"))
        if head.n_entries == 0 or not is_same:
            decisions_backup.restore(store, part / ATTACHMENTS, part / DECISIONS)
    finally:
        store.close()
    (part / DECISIONS).unlink()


def _into_place(part: Path, workspace: Path) -> Path | None:
    """One rename; a workspace that stood there is moved aside first. Returns where to."""
    former: Path | None = None
    with ExitStack() as locks:
        if not _is_empty(workspace):
            locks.enter_context(every_lock(workspace))
            former = _free_name(workspace)
            workspace.rename(former)
        elif workspace.exists():
            shutil.rmtree(workspace)
        part.rename(workspace)
        fsync(workspace.parent)
    return former


def _free_name(workspace: Path) -> Path:
    number = 1
    while (place := workspace.with_name(f"{workspace.name}.former-{number}")).exists():
        number += 1
    return place


def _differences(config: Config, generation: Generation) -> Sequence[str]:
    """What makes the next run work again."""
    here = fingerprints(config)
    return [
        f"The detector of {sensor} is another here: the next run detects again"
        for sensor, sha256 in generation.models.items()
        if here.get(sensor) != sha256
    ]
