"""A finished item on disk: a folder, its manifest, and how both come to their place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from pipeline.pruned import read_pruned

MANIFEST = "manifest.json"
TRASH = ".trash"
PART = ".part"
PIXELS = (".tif", ".tiff", ".jp2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Which version of an item is meant."""

    key: str
    content_sha256: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """As a manifest tells."""
        return cls(key=manifest["key"], content_sha256=manifest["content_sha256"])


class Store(Protocol):
    """Where finished items lie for several machines; each has them in its own workspace too."""

    def settle(self, root: Path, keys: Mapping[str, str], *, pixels: bool) -> None:
        """Bring the finished items of a stage that lie here or there to both."""
        ...

    def needs(self, task: Any) -> dict[str, Need]:
        """Finished items that a task's paths lead into, by their place in the workspace."""
        ...

    def bring_all(self, needs: Mapping[str, Need], *, pixels: bool) -> None:
        """Make this machine's workspace hold items as needed."""
        ...

    def push(self, folder: Path) -> None:
        """Send a published item."""
        ...

    def forget_others(self, folder: Path, key: str) -> None:
        """Delete what other inputs or settings once made of an item."""
        ...


def is_pixels(name: str) -> bool:
    """Is an item's file an image's pixels, large and read only to detect and to show?"""
    return name.endswith(PIXELS)


def read_manifest(folder: Path, *, lean: bool = False) -> dict[str, Any] | None:
    """The manifest of an item whose files are all there in the right size, else None.

    Files that were dropped by policy count as there: `pruned.json` tells them with their hashes.
    `lean`: pixels may lie elsewhere.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        pruned = read_pruned(folder)
        for name, entry in manifest["outputs"].items():
            path = folder / name
            if pruned is not None and name in pruned.files:
                if pruned.files[name].sha256 != entry["sha256"]:
                    return None
            elif lean and is_pixels(name) and not path.exists():
                continue
            elif path.stat().st_size != entry["bytes"]:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest


def publish(part: Path, root: Path, item_id: str) -> None:
    """One rename puts the item in its place; a former version is moved out of the way first."""
    target = root / item_id
    trash = root / f"{TRASH}-{item_id}"
    if target.exists():
        shutil.rmtree(trash, ignore_errors=True)
        target.rename(trash)
    part.rename(target)
    fsync(root)
    shutil.rmtree(trash, ignore_errors=True)


def fsync(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
