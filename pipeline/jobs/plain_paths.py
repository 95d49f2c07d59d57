"""Names that others wrote: which of them stay where they are put."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath


def is_safe(name: str) -> bool:
    """A relative path that stays below where it starts, on any system."""
    if not name or name.startswith("/") or "\\" in name or ":" in name:
        return False
    if any(unicodedata.category(one).startswith("C") for one in name):
        return False
    parts = PurePosixPath(name).parts
    return ".." not in parts and "/".join(parts) == name
