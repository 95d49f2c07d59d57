"""Everything that people decided, in one file that proves itself, and back from it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from pipeline.decided import is_sha256
from pipeline.decisions.journal import canonical, verify, walk
from pipeline.decisions.schema import JOURNAL, LOGINS, TOKENS, USERS
from pipeline.decisions.store import Store
from pipeline.errors import BadInput, ChecksFailed, UsageError

TABLES = {"journal": JOURNAL, "users": USERS, "tokens": TOKENS, "logins": LOGINS}
"""Sessions are left out: who was logged in logs in again."""
ORDER = {"journal": "seq", "users": "name", "tokens": "token_sha256", "logins": "id"}
SUMS = "sha256.json"
ATTACHED = "attachments/"
LINE_MAX_BYTES = 1_000_000
EPOCH = (2000, 1, 1, 0, 0, 0)
"""Time of the members, the same for the same content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a back-up holds."""

    n_entries: int
    n_users: int
    n_attachments: int


def back_up(store: Store, attachments: Path, path: Path) -> BackedUp:
    """Write all tables and attachments into one zip, published by rename.

    Nobody writes meanwhile, so that the tables fit one another.

    Args:
        store: the database.
        attachments: folder of attached files.
        path: file to write.

    Raises:
        ChecksFailed: the journal's chain is broken.
    """
    verify(store)
    part = path.with_name(f".{path.name}.part")
    counts: dict[str, int] = {}
    sums: dict[str, str] = {}
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as out, store.writing() as connection:
            for name, table in TABLES.items():
                rows = connection.execute(sa.select(table).order_by(ORDER[name]))
                lines = [canonical(dict(row._mapping)) for row in rows]  # noqa: SLF001
                counts[name] = len(lines)
                _add(out, f"{name}.jsonl", [f"{line}\n".encode() for line in lines], sums)
            files = sorted(p for p in attachments.glob("*") if is_sha256(p.name))
            for file in files:
                with file.open("rb") as content:
                    _add(out, ATTACHED + file.name, _pieces(content), sums)
            _add(out, SUMS, [canonical(sums).encode()], {})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return BackedUp(n_entries=counts["journal"], n_users=counts["users"], n_attachments=len(files))


def restore(store: Store, attachments: Path, path: Path) -> BackedUp:
    """Bring a back-up into an empty database.

    Args:
        store: an empty database.
        attachments: folder of attached files; those that are there stay.
        path: what `back_up` wrote.

    Raises:
        UsageError: the database holds something already.
        BadInput: no back-up.
        ChecksFailed: a file in it was changed, or the journal's chain is broken.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            _check(packed, path)
            tables = {name: list(_rows(packed, name)) for name in TABLES}
            walk(tables["journal"])
            files = [name for name in packed.namelist() if name.startswith(ATTACHED)]
            with store.writing() as connection:
                _refuse_full(connection)
                for name, table in TABLES.items():
                    if tables[name]:
                        connection.execute(sa.insert(table), tables[name])
            attachments.mkdir(parents=True, exist_ok=True)
            for name in files:
                _bring_back(packed, name, attachments)
    except (zipfile.BadZipFile, KeyError, ValueError, sa.exc.StatementError) as error:
        raise BadInput("No back-up of decisions", where=path, found=repr(error)) from None
    return BackedUp(
        n_entries=len(tables["journal"]), n_users=len(tables["users"]), n_attachments=len(files)
    )


def _add(out: zipfile.ZipFile, name: str, pieces: Iterable[bytes], sums: dict[str, str]) -> None:
    digest = hashlib.sha256()
    member = zipfile.ZipInfo(name, EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    with out.open(member, "w", force_zip64=True) as target:
        for piece in pieces:
            digest.update(piece)
            target.write(piece)
    sums[name] = digest.hexdigest()


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(1 << 20):
        yield piece


def _check(packed: zipfile.ZipFile, path: Path) -> None:
    """Every file as its sum says, no file more, none with a name that leads elsewhere."""
    sums = json.loads(packed.read(SUMS))
    expected = {f"{name}.jsonl" for name in TABLES}
    named = set(packed.namelist()) - {SUMS}
    plain = all(_is_plain(name) for name in named - expected)
    if named != set(sums) or not expected <= named or not plain:
        raise ChecksFailed("The back-up lacks files or has others", where=path)
    for name in sorted(named):
        digest = hashlib.sha256()
        with packed.open(name) as content:
            for piece in _pieces(content):
                digest.update(piece)
        if digest.hexdigest() != sums[name]:
            raise ChecksFailed("A file of the back-up was changed", where=f"{path}: {name}")


def _is_plain(name: str) -> bool:
    return name.startswith(ATTACHED) and is_sha256(name.removeprefix(ATTACHED))


def _rows(packed: zipfile.ZipFile, name: str) -> Iterator[dict[str, Any]]:
    with packed.open(f"{name}.jsonl") as content:
        while line := content.readline(LINE_MAX_BYTES):
            row = json.loads(line)
            if set(row) != set(TABLES[name].c.keys()):
                raise ValueError(f"a row of {name} with the columns {sorted(row)}")
            yield row


def _refuse_full(connection: sa.Connection) -> None:
    for name, table in TABLES.items():
        if connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
            raise UsageError(
                "The database is not empty", found=f"rows in the table {name}",
                do="Restore into a new database, and keep this one until the other is seen to work",
            )  # fmt: skip


def _bring_back(packed: zipfile.ZipFile, name: str, attachments: Path) -> None:
    path = attachments / name.removeprefix(ATTACHED)
    if path.exists():
        return
    part = path.with_name(f".{path.name}.part")
    with packed.open(name) as content, part.open("wb") as out:
        for piece in _pieces(content):
            out.write(piece)
    part.rename(path)
