"""Where a configuration's decisions are kept."""

from __future__ import annotations

from pipeline.config import Config, Secrets
from pipeline.decisions.store import Store

DATABASE = "decisions.db"
ATTACHMENTS = "attachments"


def open_decisions(config: Config) -> Store:
    """The database that DARKCALL_DATABASE_URL names, else SQLite in the workspace.

    Raises:
        UsageError: the URL is of no database that decisions are kept in.
        TryLater: it cannot be reached.
    """
    return Store.open(decisions_url(config))


def decisions_url(config: Config) -> str:
    """Its address; it may hold a password and is never shown."""
    named = Secrets().database_url
    if named is not None:
        return named.get_secret_value()
    return f"sqlite:///{config.workspace / DATABASE}"
