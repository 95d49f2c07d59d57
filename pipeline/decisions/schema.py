"""The database's tables, as of the newest migration. Times are ISO 8601 text in UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()

_COUNTER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up INTEGER keys alone."""

JOURNAL = Table(
    "journal",
    METADATA,
    Column("seq", _COUNTER, primary_key=True, autoincrement=False),
    Column("entry_id", String(64), nullable=False, unique=True),
    Column("at", String(40), nullable=False),
    Column("who", String(64), nullable=False),
    Column("case_id", String(120), nullable=False, index=True),
    Column("evidence_key", String(120), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous_sha256", String(64), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, unique=True),
)

USERS = Table(
    "users",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("disabled", Boolean, nullable=False),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_sha256", String(64), primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("seen_at", String(40), nullable=False),
    Column("expires_at", String(40), nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("token_sha256", String(64), primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("label", String(200), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("expires_at", String(40), nullable=False),
)

LOGINS = Table(
    "logins",
    METADATA,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("name", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("outcome", String(40), nullable=False),
    Index("logins_by_name", "name", "at"),
    Index("logins_by_address", "address", "at"),
)
