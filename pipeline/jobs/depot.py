"""The workspace in object storage: a depot that every machine's own folder is filled from.

Stages read and write local files, as rasters, tables and renames need. An item is pulled before
it is read and pushed after it is published, under its key: what other inputs or settings made
lies elsewhere, so nothing is ever overwritten by something else. The manifest is pushed last;
without it nothing is there. A manifest is believed as little as any file from a network.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import BadInput, Unreachable, UsageError
from pipeline.jobs.finished import MANIFEST, PART, Need, is_pixels, publish, read_manifest
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.plain_paths import is_safe

MAX_MANIFEST_BYTES = 64_000_000
MAX_FILE_BYTES = 64 * 2**30
AT_ONCE = 8
"""Files, or manifests, under way at once."""
CHUNK_BYTES = 4 << 20
RETRIES = 8
RETRY_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """A bucket, and the workspace of this machine."""

    url: str
    workspace: Path
    whole: bool = False
    """True: pixels too are brought to where the run was started, to be shown there."""

    def check(self) -> None:
        """Does it answer?

        Raises:
            Unreachable: not, or it does not let us in.
            UsageError: no such bucket, or the packages for it are not installed.
        """
        try:
            next(iter(_vendor().list(_store(self.url), prefix="none", chunk_size=1)), None)
        except _failures() as error:
            if " 404 " not in str(error):
                raise self._unreachable(error) from None
            raise UsageError(
                "Object storage has no such bucket", where=self.url, found=_short(error)
            ) from None

    def settle(self, root: Path, keys: Mapping[str, str], *, pixels: bool) -> None:
        """Bring the finished items of a stage that lie here or there to both.

        Pixels stay in the depot until an item is worked on that reads them, but see `whole`.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: self._settle(root / name, keys[name], pixels), keys))

    def _settle(self, folder: Path, key: str, pixels: bool) -> None:
        pixels = pixels or self.whole
        mine = read_manifest(folder, lean=not pixels)
        theirs = self._manifest(folder, key)
        if theirs is not None:
            if mine is None or Need.of(mine) != Need.of(theirs):
                self.bring(folder, Need.of(theirs), pixels=pixels)
        elif read_manifest(folder) is not None and mine is not None and mine["key"] == key:
            self.push(folder)

    def needs(self, task: Any) -> dict[str, Need]:
        """Finished items that a task's paths lead into, by their place in the workspace."""
        found = {}
        for path in _paths(task):
            if path.is_relative_to(self.workspace):
                parts = path.relative_to(self.workspace).parts[:2]
                if len(parts) == 2 and not parts[0].startswith("."):
                    found["/".join(parts)] = self.workspace.joinpath(*parts)
        manifests = {name: read_manifest(found[name], lean=True) for name in sorted(found)}
        return {
            name: Need.of(manifest) for name, manifest in manifests.items() if manifest is not None
        }

    def bring_all(self, needs: Mapping[str, Need], *, pixels: bool) -> None:
        """Make this machine's workspace hold items as needed; see `bring`."""
        for name, need in needs.items():
            self.bring(self.workspace / name, need, pixels=pixels)

    def bring(self, folder: Path, need: Need, *, pixels: bool) -> None:
        """Make a folder hold an item as needed; what is there already is not asked for again.

        Raises:
            BadInput: what lies in the depot is not what its manifest tells.
            Unreachable: the depot does not answer, or no longer has it.
        """
        with _alone(self.workspace, folder):
            mine = read_manifest(folder, lean=not pixels)
            if mine is not None and Need.of(mine) == need:
                return
            manifest = self._manifest(folder, need.key)
            if manifest is None or Need.of(manifest) != need:
                raise Unreachable(
                    "Object storage no longer has an item that is needed",
                    where=self._place(folder, need.key),
                    do="Run again",
                )
            self._fill(folder, manifest, pixels=pixels)

    def _fill(self, folder: Path, manifest: dict[str, Any], *, pixels: bool) -> None:
        """A folder beside it that one rename publishes; good files of the old one are linked."""
        part = folder.parent / f"{PART}-{folder.name}--{socket.gethostname()}-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        mine = read_manifest(folder, lean=True)
        same = mine is not None and Need.of(mine) == Need.of(manifest)
        wanted = []
        for name, entry in manifest["outputs"].items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            if same and (folder / name).is_file():
                os.link(folder / name, part / name)
            elif pixels or not is_pixels(name):
                wanted.append((name, entry))
        place = self._place(folder, manifest["key"])
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda one: self._get(place, part, *one), wanted))
            part.mkdir(parents=True, exist_ok=True)
            (part / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            publish(part, folder.parent, folder.name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _get(self, place: str, part: Path, name: str, entry: Mapping[str, Any]) -> None:
        digest, size = hashlib.sha256(), 0
        try:
            with (part / name).open("wb") as stream:
                answer = _vendor().get(_store(self.url), f"{place}/{name}")
                for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                    size += len(chunk)
                    if size > entry["bytes"]:
                        break
                    digest.update(chunk)
                    stream.write(chunk)
                stream.flush()
                os.fsync(stream.fileno())
        except _failures() as error:
            raise self._unreachable(error) from None
        if (size, digest.hexdigest()) != (entry["bytes"], entry["sha256"]):
            raise BadInput(
                "A file in object storage is not what its manifest tells",
                where=f"{place}/{name}",
                expected=f"{entry['bytes']} bytes, {entry['sha256'][:12]}",
                found=f"{size} bytes, {digest.hexdigest()[:12]}",
                do="Find out who changed it; delete that folder of the depot and run again",
            )

    def push(self, folder: Path) -> None:
        """Send a published item, its manifest last.

        Raises:
            Unreachable: the depot does not answer.
        """
        text = (folder / MANIFEST).read_bytes()
        manifest = json.loads(text)
        place = self._place(folder, manifest["key"])

        def put(name: str) -> None:
            _vendor().put(_store(self.url), f"{place}/{name}", folder / name)

        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(put, manifest["outputs"]))
            _vendor().put(_store(self.url), f"{place}/{MANIFEST}", text)
        except _failures() as error:
            raise self._unreachable(error) from None

    def forget_others(self, folder: Path, key: str) -> None:
        """Delete what other inputs or settings once made of an item; a failure costs storage."""
        kept = self._place(folder, key)
        above = kept.rpartition("/")[0]
        try:
            for part in _vendor().list(_store(self.url), prefix=above):
                old = [one["path"] for one in part if not one["path"].startswith(f"{kept}/")]
                old.sort(key=lambda path: not path.endswith(f"/{MANIFEST}"))  # these first
                for path in old:
                    _vendor().delete(_store(self.url), path)
        except _failures():
            return

    def _manifest(self, folder: Path, key: str) -> dict[str, Any] | None:
        """A checked manifest, or None where there is none.

        Raises:
            BadInput: it is no manifest, or names files that lie elsewhere.
        """
        place = f"{self._place(folder, key)}/{MANIFEST}"
        try:
            answer = _vendor().get(_store(self.url), place)
            if answer.meta["size"] > MAX_MANIFEST_BYTES:
                raise _no_manifest(place, "too large")
            text = bytes(answer.bytes())
        except FileNotFoundError:
            return None
        except _failures() as error:
            raise self._unreachable(error) from None
        return _checked(text, place, folder, key)

    def _place(self, folder: Path, key: str) -> str:
        return f"{folder.parent.name}/{folder.name}/{key[:32]}"

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            "Object storage does not answer as it should",
            where=self.url,
            found=_short(error),
            do="Check network and credentials (docs/scaling.md), run again",
        )


def _checked(text: bytes, place: str, folder: Path, key: str) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        outputs = manifest["outputs"]
        hashes = {name: entry["sha256"] for name, entry in outputs.items()}
        sizes = [entry["bytes"] for entry in outputs.values()]
        told = (manifest["stage"], manifest["item"], manifest["key"], manifest["content_sha256"])
        counted = all(isinstance(n, int) for n in manifest["counts"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _no_manifest(place, "not JSON of the right shape") from None
    if told != (folder.parent.name, folder.name, key, sha256_json(hashes)) or not counted:
        raise _no_manifest(place, "its own sums do not hold, or it is of another item")
    if not all(type(size) is int and 0 <= size <= MAX_FILE_BYTES for size in sizes):
        raise _no_manifest(place, "sizes out of range")
    unsafe = [name for name in outputs if not is_safe(name) or name == MANIFEST]
    if unsafe:
        raise _no_manifest(place, f"a file named {unsafe[0]!r}")
    return dict(manifest)


def _no_manifest(place: str, found: str) -> BadInput:
    return BadInput(
        "A manifest in object storage does not hold",
        where=place,
        found=found,
        do="Find out who wrote it; delete that folder of the depot and run again",
    )


def _paths(value: Any) -> Iterator[Path]:
    """Every path inside a task."""
    if isinstance(value, Path):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _paths(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list | tuple | Set):
        for inner in value:
            yield from _paths(inner)


@contextmanager
def _alone(workspace: Path, folder: Path) -> Iterator[None]:
    """One process of this machine fills a folder; the others wait. A lock serves many folders."""
    name = hashlib.sha256(f"{folder.parent.name}/{folder.name}".encode()).hexdigest()[:3]
    path = workspace / ".locks" / f"depot-{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=4)
def _store(url: str) -> Any:
    """The bucket, with what the environment says of credentials, region and address."""
    from obstore.store import from_url  # noqa: PLC0415  as in _vendor

    retry_timeout = timedelta(seconds=RETRY_S)
    try:
        return from_url(url, retry_config={"max_retries": RETRIES, "retry_timeout": retry_timeout})
    except Exception as error:  # noqa: BLE001  the vendor's kinds differ by store
        raise UsageError(
            "Object storage cannot be opened", where=url, found=_short(error)
        ) from None


@lru_cache(maxsize=1)
def _vendor() -> Any:
    try:
        import obstore  # noqa: PLC0415  an extra, and only where a configuration asks for it
    except ImportError:
        raise UsageError(
            "Object storage needs a package that is not installed",
            found="workspace_store",
            do="pip install 'darkcall[objects]'",
        ) from None
    return obstore


@lru_cache(maxsize=1)
def _failures() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError  # noqa: PLC0415  as in _vendor

    return (BaseError, FileNotFoundError, PermissionError, ConnectionError, TimeoutError)


def _short(error: Exception) -> str:
    """The vendor's first line; what follows repeats it at length."""
    return " ".join(str(error).split("\n", 1)[0].split())[:300]
