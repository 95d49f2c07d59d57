"""The journal of decisions: lines are added, never changed, each sealed by the hash of the last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from pipeline.clock import format_utc, parse_utc
from pipeline.decided import BODY, AnyBody, Entry
from pipeline.decisions.schema import JOURNAL
from pipeline.decisions.store import Store
from pipeline.errors import BadInput, ChecksFailed, UsageError

GENESIS = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain that holds."""

    n_entries: int
    sha256: str


def append(
    store: Store,
    *,
    who: str,
    case_id: str,
    evidence_key: str,
    body: AnyBody,
    entry_id: str,
    at: datetime,
) -> Entry:
    """Write one line; durable once this returns.

    Args:
        store: the database.
        who: account.
        case_id: the case it is about.
        evidence_key: the evidence it rests on.
        body: what is said.
        entry_id: made by the sender, so that a request sent again writes nothing new.
        at: aware UTC.

    Raises:
        UsageError: the same id was used for something else.
    """
    with store.writing() as connection:
        known = connection.execute(
            sa.select(JOURNAL).where(JOURNAL.c.entry_id == entry_id)
        ).one_or_none()
        if known is not None:
            return _same(_entry(known), who, case_id, body)
        last = connection.execute(
            sa.select(JOURNAL.c.seq, JOURNAL.c.sha256).order_by(JOURNAL.c.seq.desc()).limit(1)
        ).one_or_none()
        row: dict[str, Any] = {
            "seq": 1 if last is None else last.seq + 1,
            "entry_id": entry_id,
            "at": format_utc(at),
            "who": who,
            "case_id": case_id,
            "evidence_key": evidence_key,
            "body": canonical(body.model_dump(mode="json")),
            "previous_sha256": GENESIS if last is None else last.sha256,
        }
        row["sha256"] = _seal(row)
        connection.execute(sa.insert(JOURNAL).values(row))
    return _from_row(row)


def entries(store: Store, *, after: int = 0) -> list[Entry]:
    """Lines after a number, in order."""
    with store.reading() as connection:
        rows = connection.execute(
            sa.select(JOURNAL).where(JOURNAL.c.seq > after).order_by(JOURNAL.c.seq)
        ).all()
    return [_entry(row) for row in rows]


def verify(store: Store) -> Head:
    """Walk the whole chain.

    Raises:
        ChecksFailed: a line was changed, taken out or put in.
    """
    with _rows(store) as rows:
        return walk(rows)


def export(store: Store, path: Path, *, case_id: str | None = None) -> Head:
    """All lines as JSON, one a line, each as it was hashed; returns the chain's end.

    Args:
        store: the database.
        path: file to write.
        case_id: write this case's lines alone; the whole chain is walked all the same.

    Raises:
        ChecksFailed: the chain is broken; the file is not written.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8") as out, _rows(store) as rows:
            head = walk(_written(rows, out, case_id))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return head


def _written(
    rows: Iterable[dict[str, Any]], out: TextIO, case_id: str | None
) -> Iterator[dict[str, Any]]:
    """The same rows, each written as it passes: what was walked is what stands in the file."""
    for row in rows:
        if case_id in (None, row["case_id"]):
            out.write(canonical(row) + "\n")
        yield row


@contextmanager
def _rows(store: Store) -> Iterator[Iterator[dict[str, Any]]]:
    """All lines in order, streamed."""
    with store.reading() as connection:
        streamed = connection.execution_options(stream_results=True)
        with streamed.execute(sa.select(JOURNAL).order_by(JOURNAL.c.seq)) as rows:
            yield (dict(row._mapping) for row in rows)  # noqa: SLF001  SQLAlchemy's own name


def verify_export(path: Path) -> Head:
    """Walk the chain of an exported file.

    Raises:
        BadInput: it is no export.
        ChecksFailed: a line was changed, taken out or put in.
    """
    return walk(_lines(path))


def verify_extract(path: Path) -> int:
    """Check each line of an extract by its own seal; returns how many there are.

    What lies between the lines is not there, so that nothing is missing cannot be told.

    Raises:
        BadInput: it is no extract.
        ChecksFailed: a line was changed, or they are out of order.
    """
    count, last = 0, 0
    for row in _lines(path):
        if row["sha256"] != _seal(row):
            raise _broken(row, "a line was changed after it was written")
        if row["seq"] <= last:
            raise _broken(row, "a line is out of order")
        count, last = count + 1, row["seq"]
    return count


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadInput("No line of a journal", where=f"{path}, line {number}") from error
            if not isinstance(row, dict) or set(row) != set(JOURNAL.c.keys()):
                raise BadInput(
                    "No line of a journal", where=f"{path}, line {number}",
                    expected=", ".join(JOURNAL.c.keys()),
                )  # fmt: skip
            yield row


def walk(rows: Iterable[Mapping[str, Any]]) -> Head:
    """Follow the chain from its beginning.

    Raises:
        ChecksFailed: a line was changed, taken out or put in.
    """
    number, last = 0, GENESIS
    for number, row in enumerate(rows, start=1):
        for wrong, said in (
            (row["seq"] != number, "a line is missing or out of order"),
            (row["previous_sha256"] != last, "a line does not follow the one before it"),
            (row["sha256"] != _seal(row), "a line was changed after it was written"),
        ):
            if wrong:
                raise _broken(row, said)
        last = row["sha256"]
    return Head(n_entries=number, sha256=last)


def _broken(row: Mapping[str, Any], said: str) -> ChecksFailed:
    return ChecksFailed(
        f"The journal's chain is broken: {said}",
        where=f"entry {row['seq']} of {row['who']}, {row['at']}",
        do="Compare with a back-up or an export; publish nothing from this database",
    )


def canonical(value: Any) -> str:
    """JSON, one way to write each value: keys sorted, no blanks."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _seal(row: Mapping[str, Any]) -> str:
    sealed = {name: row[name] for name in JOURNAL.c.keys() if name != "sha256"}  # noqa: SIM118
    return hashlib.sha256(canonical(sealed).encode()).hexdigest()


def _same(known: Entry, who: str, case_id: str, body: AnyBody) -> Entry:
    if (known.who, known.case_id, known.body) != (who, case_id, body):
        raise UsageError(
            "This entry's id was used for another entry",
            where=known.entry_id, do="Send each entry with a new random id",
        )  # fmt: skip
    return known


def _entry(row: Any) -> Entry:
    return _from_row(row._mapping)  # noqa: SLF001


def _from_row(row: Mapping[str, Any]) -> Entry:
    return Entry(
        **{name: row[name] for name in JOURNAL.c.keys() if name not in ("at", "body")},  # noqa: SIM118
        at=parse_utc(row["at"]),
        body=BODY.validate_json(row["body"]),
    )
