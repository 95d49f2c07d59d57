"""What was dropped of a fetched scene on purpose: a note beside its manifest that all readers heed.

A scene's pixels are gigabytes a year, what was made of them is not. Where pixels are dropped by
policy, the item stays done: its tables, its STAC item and the places hidden in its image stay, and
`pruned.json` says what is gone, since when, why, and how it is had again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.decided import is_sha256
from pipeline.records import column

PRUNED = "pruned.json"
MAX_PRUNED_BYTES = 1_000_000
FORMAT = "darkcall pruned 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceScene:
    """A scene that something refers to, or once did: its pixels stay for ever."""

    evidence_id: str = column("", "the detection that shows it; a scene's own id: the scene itself")
    subject_id: str = column("", "call, event, case, journal line or dossier that refers to it")
    kind: str = column("", "what the subject is")
    site_id: str = column("", "site")
    scene_id: str = column("", "scene")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A file that is gone by policy."""

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was dropped of one item."""

    at: str
    """When, ISO 8601 UTC."""
    why: str
    again: str
    """What brings it back."""
    files: Mapping[str, Dropped]
    """By path inside the item's folder."""

    @property
    def told(self) -> str:
        """One sentence for whoever wants the pixels."""
        return f"Its pixels were pruned on {self.at[:10]} ({self.why}); {self.again}"

    def as_text(self) -> str:
        """The note as it is written."""
        document = {
            "format": FORMAT,
            "at": self.at,
            "why": self.why,
            "again": self.again,
            "files": {
                name: {"bytes": one.n_bytes, "sha256": one.sha256}
                for name, one in self.files.items()
            },
        }
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_pruned(folder: Path) -> Pruned | None:
    """The note of an item's folder; None: there is none, or none that can be believed.

    A damaged note excuses nothing: the item is then not done, and is worked on again.
    """
    path = folder / PRUNED
    try:
        if path.stat().st_size > MAX_PRUNED_BYTES:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            return None
        files = {
            str(name): Dropped(n_bytes=int(one["bytes"]), sha256=str(one["sha256"]))
            for name, one in document["files"].items()
        }
        told = {name: str(document[name]) for name in ("at", "why", "again")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not all(is_sha256(one.sha256) for one in files.values()):
        return None
    return Pruned(**told, files=files)
