"""The one door to the database: SQLite in a file of its own, or PostgreSQL by URL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from pipeline.errors import TryLater, UsageError

BUSY_S = 20.0
"""How long a writer waits for another."""
WRITER = 0x6461726B63616C6C
"""Key of PostgreSQL's advisory lock: one writer at a time, so that the journal has no holes."""
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """Versions of a database's tables."""

    found: str | None
    """None: it is empty."""
    newest: str
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Store:
    """A database whose tables are those of this version."""

    engine: sa.Engine
    _writing: threading.Lock
    """SQLite's writers of one process take turns here, in order, rather than by polling."""

    @staticmethod
    def open(url: str) -> Store:
        """Connect, and bring the tables to this version.

        Args:
            url: `sqlite:///path/to/file.db` or `postgresql://user@host/name`.

        Raises:
            UsageError: the URL is of no such database, or a newer Darkcall has written it.
            TryLater: the database cannot be reached.
        """
        engine = _engine(url)
        store = Store(engine, threading.Lock())
        try:
            with store.writing() as connection:
                _migrate(connection)
        except UsageError:
            store.close()
            raise
        except DatabaseError as error:
            store.close()
            raise _unreachable(engine, error) from None
        return store

    @staticmethod
    def look(url: str) -> tuple[Store, Revisions]:
        """Connect and change nothing; tables may be those of another version.

        Raises:
            UsageError: the URL, or the file, is of no such database.
            TryLater: the database cannot be reached.
        """
        store = Store(_engine(url), threading.Lock())
        try:
            with store.reading() as connection:
                return store, _revisions(connection)
        except DatabaseError as error:
            store.close()
            raise _unreachable(store.engine, error) from None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction, alone among writers; committed at the end, undone by an error."""
        if self.engine.dialect.name == "sqlite":
            writer = self.engine.execution_options(darkcall_writes=True)
            with self._writing, writer.connect() as connection, connection.begin():
                yield connection
            return
        with self.engine.connect() as connection, connection.begin():
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER)))
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _unreachable(engine: sa.Engine, error: DatabaseError) -> TryLater | UsageError:
    where = engine.url.render_as_string(hide_password=True)
    found = str(error.orig).strip().split("\n")[0]
    if not isinstance(error, OperationalError):
        return UsageError(
            "This is no database of decisions", where=where, found=found, do="Restore a back-up"
        )
    return TryLater(
        "The database of decisions cannot be reached",
        where=where,
        found=found,
        do="Is it running, and does DARKCALL_DATABASE_URL name it?",
    )


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql" and "+" not in parsed.drivername:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(parsed, pool_pre_ping=True, pool_size=8)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise _no_database(f"one that cannot be used: {error}".split("\n")[0]) from None
    raise _no_database(parsed.get_backend_name())


def _no_database(found: str) -> UsageError:
    return UsageError(
        "DARKCALL_DATABASE_URL names no database that Darkcall keeps decisions in",
        expected="sqlite:///path/file.db, or postgresql://user@host/name with darkcall[postgres]",
        found=found,
    )


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise _no_database("SQLite in memory, which would forget every decision")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # the driver must not begin transactions by itself: readers would become writers midway
        connection.isolation_level = None
        # WAL: readers never wait; FULL: what was acknowledged survives a power cut
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("darkcall_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _migrate(connection: sa.Connection) -> None:
    # a fifth of a second that commands without a database do not wait for
    import alembic.command  # noqa: PLC0415

    revisions = _revisions(connection)
    if revisions.found is not None and revisions.found not in revisions.known:
        raise UsageError(
            "A newer Darkcall has written this database",
            where=connection.engine.url.render_as_string(hide_password=True),
            expected=f"at most revision {revisions.newest}",
            found=revisions.found,
            do="Update Darkcall, or restore a back-up made by this version",
        )
    if revisions.found != revisions.newest:
        config = _alembic()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")


def _revisions(connection: sa.Connection) -> Revisions:
    import alembic.migration  # noqa: PLC0415  as above
    import alembic.script  # noqa: PLC0415

    script = alembic.script.ScriptDirectory.from_config(_alembic())
    return Revisions(
        found=alembic.migration.MigrationContext.configure(connection).get_current_revision(),
        newest=str(script.get_current_head()),
        known=frozenset(revision.revision for revision in script.walk_revisions()),
    )


def _alembic() -> Any:
    import alembic.config  # noqa: PLC0415  as above

    config = alembic.config.Config()
    config.set_main_option("script_location", MIGRATIONS.as_posix().replace("%", "%%"))
    return config
