"""A database of any revision is brought to this one with every row, on SQLite and PostgreSQL."""

from __future__ import annotations

import json

import alembic.command
import alembic.config
import alembic.script
import pytest
import sqlalchemy as sa

from pipeline.decisions.journal import verify
from pipeline.decisions.schema import METADATA
from pipeline.decisions.store import MIGRATIONS, Store, _engine
from pipeline.errors import UsageError
from tests.decisions.revisions.write_rows import HERE, rows_of


def config_of(connection=None):
    config = alembic.config.Config()
    config.set_main_option("script_location", MIGRATIONS.as_posix().replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


REVISIONS = [
    one.revision for one in alembic.script.ScriptDirectory.from_config(config_of()).walk_revisions()
]


def at_revision(url, revision):
    """A database as a Darkcall of that revision left it; its rows."""
    told = json.loads((HERE / f"{revision}.json").read_text())
    engine = _engine(url)
    with engine.execution_options(darkcall_writes=True).connect() as link, link.begin():
        alembic.command.upgrade(config_of(link), revision)
        tables = sa.MetaData()
        tables.reflect(link)
        for name, rows in told.items():
            if rows:
                link.execute(sa.insert(tables.tables[name]), rows)
    engine.dispose()
    return told


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_of_every_revision_is_kept_and_the_chain_holds(url, revision):
    told = at_revision(url, revision)
    store = Store.open(url)
    try:
        found = rows_of(store)
        for name, rows in told.items():
            assert len(found[name]) == len(rows) > 0
            for before, after in zip(rows, found[name], strict=True):
                kept = {key: after[key] for key in before if key in after}
                assert kept == {key: before[key] for key in kept}, name
                assert kept, name
        head = verify(store)
        assert head.n_entries == len(told["journal"])
        assert head.sha256 == told["journal"][-1]["sha256"]
    finally:
        store.close()


def test_the_newest_revision_has_the_tables_that_the_program_uses(store):
    reflected = sa.MetaData()
    with store.reading() as connection:
        reflected.reflect(connection)
    for name, table in METADATA.tables.items():
        assert set(reflected.tables[name].columns.keys()) == set(table.columns.keys())


def test_a_revision_of_the_future_is_refused_with_one_message(url):
    Store.open(url).close()
    engine = _engine(url)
    with engine.execution_options(darkcall_writes=True).connect() as link, link.begin():
        link.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    engine.dispose()
    with pytest.raises(UsageError, match="newer Darkcall has written this database"):
        Store.open(url)
