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
    named = Secrets().database_url
    if named is not None:
        return Store.open(named.get_secret_value())
    return Store.open(f"sqlite:///{config.workspace / DATABASE}")
