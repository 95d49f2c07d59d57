"""What a workspace holds by class, what of it may go, and how: caches first, never evidence."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.clock import format_utc
from pipeline.config import Config
from pipeline.errors import DarkcallError
from pipeline.jobs.call_history import HISTORY
from pipeline.jobs.detect_ships import DETECT
from pipeline.jobs.evidence import Evidence, evidence_of, record_evidence
from pipeline.jobs.fetch_scenes import FETCH
from pipeline.jobs.finished import PART, TRASH, fsync, read_manifest
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.match_ais import MATCH
from pipeline.jobs.simulate_season import SIMULATE
from pipeline.jobs.stages import EVERY_STAGE
from pipeline.pruned import PRUNED, Dropped, Pruned, read_pruned
from pipeline.records import Scene
from pipeline.scene.hidden import HIDDEN, keep_hidden
from pipeline.scene.item import ITEM, read_document, read_item
from pipeline.upkeep.retention import SceneLife, Stays, Verdict, judge
from pipeline.whole_files import replace_text

CACHE = ".cache"
HASHES = "sha256.json"
"""Kilobytes that save reading every AIS file again: kept."""
LEFT_OVER = ".part"
PER_GB = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One class of files."""

    name: str
    files: int
    n_bytes: int
    goes_files: int
    goes_bytes: int
    why: str

    @property
    def told(self) -> str:
        """In words."""
        goes = _told(self.goes_files, self.goes_bytes)
        return f"{_told(self.files, self.n_bytes)}; goes: {goes} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would go."""

    caches: tuple[Path, ...]
    """Files and folders, inside the workspace."""
    scenes: tuple[Verdict, ...]
    """All scenes with pixels, the oldest first."""
    groups: tuple[Group, ...]
    notes: tuple[str, ...]

    @property
    def going(self) -> list[SceneLife]:
        """Scenes whose pixels would go."""
        return [one.scene for one in self.scenes if one.stays is None]

    @property
    def n_bytes(self) -> int:
        """What would be free again."""
        return sum(group.goes_bytes for group in self.groups)

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        stays = Counter(str(one.stays) for one in self.scenes if one.stays is not None)
        return {
            "goes_bytes": self.n_bytes,
            "goes_scenes": [one.item_id for one in self.going],
            "scenes_stay": dict(sorted(stays.items())),
            "groups": [asdict(group) for group in self.groups],
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a class, then why scenes stay."""
        told = [(group.name, group.told) for group in self.groups]
        stays = Counter(one.stays for one in self.scenes if one.stays is not None)
        told += [("scenes that stay", f"{n}: {why}") for why, n in sorted(stays.items())]
        return told + [("note", note) for note in self.notes]


def _told(files: int, n_bytes: int) -> str:
    return f"{files:,} files, {n_bytes / 1e6:,.1f} MB"


def plan_prune(
    config: Config, *, now: datetime, caches_only: bool = False, until_free_gb: float | None = None
) -> Plan:
    """Say what would go; nothing is touched.

    Args:
        config: whose workspace, and the policy.
        now: aware UTC.
        caches_only: no scene is looked at.
        until_free_gb: caches first, then the oldest scenes, until so much is free on the disk.

    Raises:
        BadInput: a table cannot be read, so that what is evidence cannot be told.
    """
    workspace = config.workspace
    caches = tuple(_caches(workspace))
    cache_bytes = sum(_size(path)[1] for path in caches)
    verdicts: list[Verdict] = []
    notes: tuple[str, ...] = ()
    if not caches_only:
        evidence = evidence_of(config)
        notes = tuple(_lost(evidence))
        to_free = None
        if until_free_gb is not None:
            to_free = int(until_free_gb * PER_GB) - free_bytes(workspace) - cache_bytes
        verdicts = judge(
            _scenes(workspace, evidence), now=now, settings=config.upkeep, to_free_bytes=to_free
        )
    groups = _groups(workspace, caches, verdicts)
    return Plan(caches=caches, scenes=tuple(verdicts), groups=groups, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedWorkspace:
    """What went."""

    scenes: int
    n_bytes: int
    failures: tuple[tuple[str, str], ...]
    """(item, why): scenes that could not be pruned and stay as they were."""
    free_bytes: int
    """On the disk, afterwards."""

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return asdict(self)


def prune(
    config: Config, *, now: datetime, caches_only: bool = False, until_free_gb: float | None = None
) -> PrunedWorkspace:
    """Let go what `plan_prune` says, alone in the workspace; killed at any instant, run it again.

    Raises:
        Locked: a run works in the workspace. BadInput: what is evidence cannot be told.
    """
    workspace = config.workspace
    with every_lock(workspace):
        if not caches_only:
            _finish(workspace, record_evidence(config))
        plan = plan_prune(config, now=now, caches_only=caches_only, until_free_gb=until_free_gb)
        freed = sum(_remove(path) for path in plan.caches)
        failures = []
        why = "to free the disk" if until_free_gb is not None else (
            f"older than {config.upkeep.keep_scenes_days} days, and nothing refers to it"
        )  # fmt: skip
        for scene in plan.going:
            try:
                freed += _drop_pixels(workspace / FETCH.name / scene.item_id, config, now, why)
            except (DarkcallError, OSError) as error:
                failures.append((scene.item_id, str(error)))
    return PrunedWorkspace(
        scenes=len(plan.going) - len(failures), n_bytes=freed, failures=tuple(failures),
        free_bytes=free_bytes(workspace),
    )  # fmt: skip


@contextmanager
def every_lock(workspace: Path) -> Iterator[None]:
    """Alone in a workspace: no stage is at work. The history's own lock is left to who writes it.

    Raises:
        Locked: a stage is at work.
    """
    with ExitStack() as locks:
        for name in EVERY_STAGE:
            if name != HISTORY:
                locks.enter_context(stage_lock(workspace, name))
        yield


def free_bytes(folder: Path) -> int:
    """Free on the disk of a folder, or of the nearest one above it that is there."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return shutil.disk_usage(there).free


def pixel_files(folder: Path) -> dict[str, Dropped]:
    """The COGs of a fetched scene, as its manifest lists them: what its STAC item names.

    Originals kept with `fetch.evidence`, and tables, are not among them.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return {}
    assets = read_document(folder / ITEM).get("assets", {})
    named = {Path(str(asset["href"])).name for asset in assets.values()}
    return {
        name: Dropped(n_bytes=int(entry["bytes"]), sha256=str(entry["sha256"]))
        for name, entry in sorted(manifest["outputs"].items())
        if name in named
    }


def note_of(scene: Scene, files: Mapping[str, Dropped], now: datetime, why: str) -> Pruned:
    """What is written down of pixels that go."""
    start = scene.sensed_at.replace(microsecond=0)
    since, until = format_utc(start), format_utc(start + timedelta(seconds=1))
    return Pruned(
        at=format_utc(now.replace(microsecond=0)),
        why=why,
        again=f"to have them again: darkcall fetch --force --site {scene.site_id} "
        f"--since {since} --until {until} (from {scene.provider}: {', '.join(scene.product_ids)})",
        files=files,
    )


def _drop_pixels(folder: Path, config: Config, now: datetime, why: str) -> int:
    """The note first, to the disk, then the files: what is half done is finished by the next."""
    files = pixel_files(folder)
    note = note_of(read_item(folder / ITEM), files, now, why)
    keep_hidden(folder, config.scene)
    replace_text(folder / PRUNED, note.as_text())
    fsync(folder)
    return _unlink(folder, note)


def _unlink(folder: Path, note: Pruned) -> int:
    freed = 0
    for name, one in note.files.items():
        path = folder / name
        if path.parent == folder and _is_plain(path):
            path.unlink()
            freed += one.n_bytes
    return freed


def _finish(workspace: Path, evidence: Evidence) -> None:
    """Scenes whose note was written by a run that was killed before all files were gone.

    One that has become evidence since keeps what is left, all of it where all is.
    """
    for folder in _items(workspace, FETCH.name):
        for left in (*folder.glob(f".{PRUNED}*.part"), folder / f".{HIDDEN}.part"):
            left.unlink(missing_ok=True)
        note = read_pruned(folder)
        if note is None:
            continue
        scene = read_item(folder / ITEM)
        if not evidence.keeps(scene.site_id, scene.scene_id):
            _unlink(folder, note)
        elif all(_is_plain(folder / name) for name in note.files):
            (folder / PRUNED).unlink()


def _items(workspace: Path, stage: str) -> list[Path]:
    """Folders of a stage's items; no link is followed."""
    root = workspace / stage
    if root.is_symlink() or not root.is_dir():
        return []
    with os.scandir(root) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        )


def _is_plain(path: Path) -> bool:
    """A file, and no link to one."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def _scenes(workspace: Path, evidence: Evidence) -> list[SceneLife]:
    found = []
    for folder in _items(workspace, FETCH.name):
        if read_pruned(folder) is not None:
            continue
        files = pixel_files(folder)
        if not files:
            continue
        scene = read_item(folder / ITEM)
        found.append(
            SceneLife(
                item_id=folder.name,
                sensed_at=scene.sensed_at,
                n_files=len(files),
                n_bytes=sum(one.n_bytes for one in files.values()),
                is_evidence=evidence.keeps(scene.site_id, scene.scene_id),
                is_finished=all(
                    read_manifest(workspace / stage.name / folder.name) is not None
                    for stage in (DETECT, MATCH)
                ),
                is_plain=all(_is_plain(folder / name) for name in (*files, ITEM)),
            )
        )
    return found


def _caches(workspace: Path) -> Iterator[Path]:
    """What can be made again, and what killed runs left: folders and files, links as they are."""
    cache = workspace / CACHE
    if not cache.is_symlink() and cache.is_dir():
        yield from (path for path in sorted(cache.iterdir()) if path.name != HASHES)
    for name in sorted({*EVERY_STAGE, "dossiers", "archives", "attachments"}):
        root = workspace / name
        if root.is_symlink() or not root.is_dir():
            continue
        for path in sorted(root.iterdir()):
            begun = path.name.startswith((f"{PART}-", f"{TRASH}-"))
            if begun or (path.name.startswith(".") and path.name.endswith(LEFT_OVER)):
                yield path


def _size(path: Path) -> tuple[int, int]:
    """Files and bytes below a path; a link counts as itself."""
    try:
        state = path.lstat()
    except OSError:
        return 0, 0
    if not stat.S_ISDIR(state.st_mode):
        return 1, state.st_size
    files = n_bytes = 0
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            more = _size(Path(entry.path))
            files, n_bytes = files + more[0], n_bytes + more[1]
    return files, n_bytes


def _remove(path: Path) -> int:
    """A cache's entry; a link goes, what it leads to stays."""
    n_bytes = _size(path)[1]
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return n_bytes - _size(path)[1]


def _groups(
    workspace: Path, caches: Sequence[Path], verdicts: Sequence[Verdict]
) -> tuple[Group, ...]:
    """Every file of the workspace in one class."""
    total = _size(workspace)
    cached = [_size(path) for path in caches]
    evidence = [one.scene for one in verdicts if one.stays is Stays.EVIDENCE]
    others = [one.scene for one in verdicts if one.stays is not Stays.EVIDENCE]
    going = [one.scene for one in verdicts if one.stays is None]
    n_cached = sum(n for n, _ in cached), sum(size for _, size in cached)
    heard = [_size(path) for path in _heard(workspace)]
    n_heard = sum(n for n, _ in heard), sum(size for _, size in heard)
    delivered = _size(workspace / SIMULATE.name)
    told = [
        Group(name="caches", files=n_cached[0], n_bytes=n_cached[1], goes_files=n_cached[0],
              goes_bytes=n_cached[1], why="made again when needed"),
        _of_scenes("scenes: evidence", evidence, [], "never removed"),
        _of_scenes("scenes: other pixels", others, going, "by policy, the oldest first"),
        Group(name="AIS fixes", files=n_heard[0], n_bytes=n_heard[1], goes_files=0, goes_bytes=0,
              why="stay: each run builds the tracks from all of them"),
        Group(name="simulated season", files=delivered[0], n_bytes=delivered[1], goes_files=0,
              goes_bytes=0, why="stays: what this season's scenes and AIS are read from"),
    ]  # fmt: skip
    rest = (
        total[0] - sum(group.files for group in told),
        total[1] - sum(group.n_bytes for group in told),
    )
    told.append(
        Group(name="tables, chips, history, decisions, dossiers", files=rest[0], n_bytes=rest[1],
              goes_files=0, goes_bytes=0, why="stay for ever")
    )  # fmt: skip
    return tuple(told)


def _of_scenes(
    name: str, scenes: Sequence[SceneLife], going: Sequence[SceneLife], why: str
) -> Group:
    return Group(
        name=name,
        files=sum(one.n_files for one in scenes),
        n_bytes=sum(one.n_bytes for one in scenes),
        goes_files=sum(one.n_files for one in going),
        goes_bytes=sum(one.n_bytes for one in going),
        why=why,
    )


def _heard(workspace: Path) -> list[Path]:
    """Tables of AIS fixes."""
    return [*workspace.glob("ais/*/fixes.parquet"), *workspace.glob("tracks/*/fixes-*.parquet")]


def _lost(evidence: Evidence) -> Iterator[str]:
    for site, ids in evidence.lost.items():
        where = f"of {site}" if site else "of every site"
        yield (
            f"{len(ids)} ids that something refers to lead to no scene known here ({ids[0]}, …): "
            f"all scenes {where} stay"
        )
