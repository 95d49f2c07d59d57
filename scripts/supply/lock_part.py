"""Print a part of a lock file: some packages only, or all but some, each with its hashes.

The container takes its build tool alone first, and the image without a GPU leaves PyTorch out.

Example: python scripts/supply/lock_part.py requirements-image.lock --without 'torch*' 'nvidia-*'
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?===)")


def blocks(lock: str) -> list[tuple[str, str]]:
    """Each pinned package's name, and its lines: the pin and its hashes.

    Raises:
        ValueError: a line that is neither a pin nor a hash.
    """
    found: list[tuple[str, str]] = []
    for line in lock.splitlines(keepends=True):
        name = NAME.match(line)
        if name is not None:
            found.append((name.group(), line))
        elif line.startswith("    --hash=sha256:") and found:
            found[-1] = (found[-1][0], found[-1][1] + line)
        elif line.strip():
            raise ValueError(f"no pin and no hash: {line.rstrip()}")
    return found


def part(lock: str, patterns: Sequence[str], *, without: bool) -> str:
    """The lines of the packages that a pattern names, or of all others.

    Raises:
        ValueError: a pattern names no package: a typing error would leave in what was to go.
    """
    pinned = blocks(lock)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name, _ in pinned):
            raise ValueError(f"no package of the lock is named {pattern}")
    return "".join(
        lines
        for name, lines in pinned
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) != without
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("lock", type=Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--only", nargs="+", metavar="NAME")
    which.add_argument("--without", nargs="+", metavar="NAME")
    asked = parser.parse_args()
    try:
        text = asked.lock.read_text(encoding="utf-8")
        sys.stdout.write(part(text, asked.only or asked.without, without=bool(asked.without)))
    except (OSError, ValueError) as error:
        print(f"lock_part: {asked.lock}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
