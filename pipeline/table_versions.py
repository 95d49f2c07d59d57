"""Tables that are kept for ever, and what brings those of an earlier version to this one.

Most tables are computed again when their columns change: their stage's version is in the key of
each item. A few are not, as nothing is left to compute them from: the history of calls and of
evidence, and what was made of scenes whose pixels are gone. Whoever changes a column of these
raises its number here and adds a step; `tests/test_table_versions.py` fails until then.

A file tells its version in its metadata; one that tells none is of version 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from pipeline.errors import BadInput

VERSION_KEY = b"version"
Step = Callable[[pa.Table], pa.Table]

KEPT: dict[str, int] = {
    "CallVersion": 1,  # history/calls.parquet
    "EvidenceScene": 1,  # history/evidence.parquet
    "Coverage": 1,  # of fetched scenes that were pruned
    "Detection": 1,  # found in them while their pixels were there
}
"""Version of each kept table by its record."""
STEPS: dict[tuple[str, int], Step] = {}
"""What makes of a table of a version one of the next, by record and version."""


def version_of(record: str) -> int:
    """The version that is written now."""
    return KEPT.get(record, 1)


def marked(metadata: Mapping[bytes, bytes], record: str) -> dict[bytes, bytes]:
    """A file's metadata with its version; the first tells none."""
    version = version_of(record)
    return dict(metadata) | ({} if version == 1 else {VERSION_KEY: str(version).encode()})


def brought_up(table: pa.Table, record: str, path: Path) -> pa.Table:
    """A table as this version has it, step by step.

    Raises:
        BadInput: a newer Darkcall has written it, or no step leads from it.
    """
    told = (table.schema.metadata or {}).get(VERSION_KEY, b"1")
    found, wanted = int(told) if told.isdigit() else 0, version_of(record)
    if found > wanted:
        raise BadInput(
            "A newer Darkcall has written this table", where=path, expected=f"version {wanted}",
            found=found, do="Update Darkcall; nothing was changed",
        )  # fmt: skip
    for version in range(found, wanted):
        step = STEPS.get((record, version))
        if step is None:
            raise BadInput(
                f"Table of {record} is of a version that is not read", where=path,
                expected=wanted, found=found,
            )  # fmt: skip
        table = step(table)
    return table
