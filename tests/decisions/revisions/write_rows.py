"""Writes the rows of a database at the newest revision, once for each: kept for ever after.

python -m tests.decisions.revisions.write_rows
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.decided import HullRejected, Noted, Role
from pipeline.decisions import accounts
from pipeline.decisions.journal import append
from pipeline.decisions.schema import METADATA
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store

HERE = Path(__file__).parent
AT = datetime(2024, 3, 7, 2, 9, tzinfo=UTC)


def rows_of(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as the database has it."""
    tables = sa.MetaData()
    with store.reading() as connection:
        tables.reflect(connection)
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
            for name, table in sorted(tables.tables.items())
            if name != "alembic_version"
        }


def fill(store: Store) -> None:
    """Something of each kind."""
    settings = Settings()
    accounts.add_user(store, "ann", "correct horse battery", Role.LEAD, at=AT, settings=settings)
    accounts.add_token(store, "ann", "ci", at=AT, settings=settings)
    for number, body in enumerate((Noted(note="look, 한글"), HullRejected(detection_id="d-1"))):
        append(
            store, who="ann", case_id="case-1", evidence_key="evidence-1", body=body,
            entry_id=f"entry-{number}", at=AT + timedelta(minutes=number),
        )  # fmt: skip
    with store.writing() as connection:
        connection.execute(sa.insert(METADATA.tables["sessions"]).values(
            token_sha256="a" * 64, name="ann", csrf="c", created_at="2024-03-07T02:09:00+00:00",
            seen_at="2024-03-07T02:09:00+00:00", expires_at="2024-03-08T02:09:00+00:00",
        ))  # fmt: skip
        connection.execute(sa.insert(METADATA.tables["logins"]).values(
            at="2024-03-07T02:09:00+00:00", name="ann", address="127.0.0.1", outcome="in",
        ))  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/decisions.db")
        fill(store)
        with store.reading() as connection:
            revision = connection.execute(
                sa.text("SELECT version_num FROM alembic_version")
            ).scalar_one()
        path = HERE / f"{revision}.json"
        if not path.exists():
            path.write_text(json.dumps(rows_of(store), indent=1, ensure_ascii=False) + "\n")
        store.close()


if __name__ == "__main__":
    main()
