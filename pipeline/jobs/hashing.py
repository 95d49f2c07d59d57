"""SHA-256 of bytes, files and settings: what the keys of finished items are made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.whole_files import replace_text, sha256_of


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: sorted keys, no white space."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class HashCache:
    """Remembers a file's SHA-256 for as long as its size and modification time stand.

    An AIS day of gigabytes is then read once, not on every re-run. Files that are gone are
    forgotten: in years of nights they would be most of it, in every process's memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, str]] = {}
        self._changed = False
        try:
            self._known = {key: tuple(value) for key, value in json.loads(path.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            self._known = {}  # a lost or broken cache costs time, nothing else

    def sha256(self, path: Path) -> str:
        """SHA-256 of a file, from memory where size and mtime are unchanged."""
        status = path.stat()
        known = self._known.get(str(path))
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known[2]
        digest = sha256_of(path)
        self._known[str(path)] = (status.st_size, status.st_mtime_ns, digest)
        self._changed = True
        return digest

    def save(self) -> None:
        """Write the cache down, by rename."""
        if not self._changed:
            return
        self._known = {key: known for key, known in self._known.items() if Path(key).exists()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            replace_text(self._path, json.dumps(self._known, sort_keys=True))
        except OSError:
            return  # a cache not written costs time, nothing else
        self._changed = False
