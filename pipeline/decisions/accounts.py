"""Who may look and who may decide: accounts, sessions, API tokens, and the log of logins."""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import argon2
import sqlalchemy as sa
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.clock import format_utc, parse_utc
from pipeline.decided import Role
from pipeline.decisions.schema import LOGINS, SESSIONS, TOKENS, USERS
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store
from pipeline.errors import TryLater, UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SECRET_BYTES = 32
_HASHER = argon2.PasswordHasher()
"""RFC 9106's second recommended option, argon2-cffi's default: argon2id, 64 MiB, 3 passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account."""

    name: str
    role: Role
    created_at: datetime
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody logged in."""

    user: User
    csrf: str
    """Goes with every request that changes something, beside the cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One line of the log of logins."""

    at: datetime
    name: str
    address: str
    outcome: str


class Refused(UsageError):
    """A login that did not succeed; says nothing about which part was wrong."""


class TooManyTries(TryLater):
    """Logins that failed too often; the password was not looked at."""


# ------------------------------------------------------------------------------------- accounts


def add_user(
    store: Store, name: str, password: str, role: Role, *, at: datetime, settings: Settings
) -> User:
    """A new account.

    Raises:
        UsageError: the name is taken or unfit, or the password too weak.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            "No name for an account", found=repr(name),
            expected="lower-case letters, digits, dots, dashes and underscores, at most 63",
        )  # fmt: skip
    row = {
        "name": name,
        "role": str(role),
        "password_hash": _hashed(password, name, settings),
        "created_at": _text(at),
        "disabled": False,
    }
    with store.writing() as connection:
        if connection.execute(sa.select(USERS.c.name).where(USERS.c.name == name)).first():
            raise UsageError("This account exists already", where=name)
        connection.execute(sa.insert(USERS).values(row))
    return _user(row)


def set_password(store: Store, name: str, password: str, settings: Settings) -> None:
    """A new password; ends the account's sessions.

    Raises:
        UsageError: no such account, or the password is too weak.
    """
    _change(store, name, {"password_hash": _hashed(password, name, settings)})


def set_role(store: Store, name: str, role: Role) -> None:
    """Another role; ends the account's sessions.

    Raises:
        UsageError: no such account.
    """
    _change(store, name, {"role": str(role)})


def disable(store: Store, name: str, *, disabled: bool = True) -> None:
    """Nobody can log in any more, what they decided stays; or they can again.

    Raises:
        UsageError: no such account.
    """
    _change(store, name, {"disabled": disabled}, ends=(SESSIONS, TOKENS))


def users(store: Store) -> list[User]:
    """All accounts by name."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(USERS).order_by(USERS.c.name)).all()
    return [_user(row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public name


def _change(
    store: Store, name: str, values: dict[str, object], *, ends: Sequence[sa.Table] = (SESSIONS,)
) -> None:
    """All at once: an account that is changed is nowhere still let in as it was."""
    with store.writing() as connection:
        done = connection.execute(sa.update(USERS).where(USERS.c.name == name).values(values))
        if done.rowcount == 0:
            raise UsageError("No such account", where=name, do="List them with: darkcall users")
        for table in ends:
            connection.execute(sa.delete(table).where(table.c.name == name))


def _hashed(password: str, name: str, settings: Settings) -> str:
    if len(password) < settings.password_min or password.lower() == name:
        raise UsageError(
            "The password is too weak",
            expected=f"at least {settings.password_min} characters, and not the account's name",
        )
    if len(password) > 1_000:
        raise UsageError("The password is too long", expected="at most 1,000 characters")
    return _HASHER.hash(password)


# --------------------------------------------------------------------------------------- logins


def log_in(
    store: Store, name: str, password: str, address: str, *, at: datetime, settings: Settings
) -> tuple[str, Session]:
    """A new session and its secret, which is kept nowhere.

    Args:
        store: the database.
        name: as typed.
        password: as typed.
        address: where the request came from.
        at: now, aware UTC.
        settings: limits.

    Raises:
        TooManyTries: too many failed lately, of this name or from this address.
        Refused: no such account, a wrong password, or a disabled account.
    """
    name, address = name.strip().lower()[:64], address[:64]
    _check_tries(store, name, address, at, settings)
    with store.reading() as connection:
        row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
    right = _is_right(_nobodys_hash() if row is None else row.password_hash, password)
    if row is None or not right or row.disabled:
        _log(store, at, name, address, "refused")
        raise Refused("Name or password is wrong, or the account is disabled")
    _log(store, at, name, address, "logged in")
    secret, csrf = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    with store.writing() as connection:
        connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at < _text(at)))
        connection.execute(
            sa.insert(SESSIONS).values(
                token_sha256=_sha256(secret), name=name, csrf=csrf, created_at=_text(at),
                seen_at=_text(at), expires_at=_text(at + timedelta(seconds=settings.session_s)),
            )
        )  # fmt: skip
    return secret, Session(user=_user(row._mapping), csrf=csrf)  # noqa: SLF001


def session(store: Store, secret: str, *, at: datetime, settings: Settings) -> Session | None:
    """Who holds this secret; None where the session has ended or never was."""
    own = SESSIONS.c.token_sha256 == _sha256(secret)
    with store.reading() as connection:
        row = connection.execute(
            sa.select(SESSIONS.c.csrf, SESSIONS.c.seen_at, SESSIONS.c.expires_at, USERS)
            .join(USERS, USERS.c.name == SESSIONS.c.name)
            .where(own)
        ).one_or_none()
    if row is None or row.disabled:
        return None
    idle_s = (at - parse_utc(row.seen_at)).total_seconds()
    if at >= parse_utc(row.expires_at) or idle_s >= settings.session_idle_s:
        return None
    if idle_s > settings.session_idle_s / 10.0:  # not at each request: it would be a write
        with store.writing() as connection:
            connection.execute(sa.update(SESSIONS).where(own).values(seen_at=_text(at)))
    return Session(user=_user(row._mapping), csrf=row.csrf)  # noqa: SLF001


def log_out(store: Store, secret: str) -> None:
    """End one session."""
    with store.writing() as connection:
        connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.token_sha256 == _sha256(secret)))


def logins(store: Store, n: int = 200) -> list[Login]:
    """The latest tries, latest first."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(LOGINS).order_by(LOGINS.c.id.desc()).limit(n)).all()
    return [
        Login(at=parse_utc(row.at), name=row.name, address=row.address, outcome=row.outcome)
        for row in rows
    ]


def _check_tries(store: Store, name: str, address: str, at: datetime, settings: Settings) -> None:
    since = _text(at - timedelta(seconds=settings.tries_window_s))
    failed = sa.select(sa.func.count()).where(LOGINS.c.outcome == "refused", LOGINS.c.at >= since)
    with store.reading() as connection:
        by_name = connection.execute(failed.where(LOGINS.c.name == name)).scalar_one()
        by_address = connection.execute(failed.where(LOGINS.c.address == address)).scalar_one()
    if by_name >= settings.tries_by_name or by_address >= settings.tries_by_address:
        minutes = round(settings.tries_window_s / 60.0)
        raise TooManyTries("Too many failed logins", do=f"Wait {minutes} minutes")


def _log(store: Store, at: datetime, name: str, address: str, outcome: str) -> None:
    with store.writing() as connection:
        connection.execute(
            sa.insert(LOGINS).values(at=_text(at), name=name, address=address, outcome=outcome)
        )


# --------------------------------------------------------------------------------------- tokens


def add_token(store: Store, name: str, label: str, *, at: datetime, settings: Settings) -> str:
    """A secret for programs that act for an account; kept nowhere, shown once.

    Raises:
        UsageError: no such account.
    """
    if name not in {user.name for user in users(store)}:
        raise UsageError("No such account", where=name, do="List them with: darkcall users")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with store.writing() as connection:
        connection.execute(
            sa.insert(TOKENS).values(
                token_sha256=_sha256(secret), name=name, label=label[:200], created_at=_text(at),
                expires_at=_text(at + timedelta(seconds=settings.token_s)),
            )
        )  # fmt: skip
    return secret


def token_user(store: Store, secret: str, *, at: datetime) -> User | None:
    """For whom a token acts; None where it has expired, was revoked or never was."""
    with store.reading() as connection:
        row = connection.execute(
            sa.select(TOKENS.c.expires_at, USERS)
            .join(USERS, USERS.c.name == TOKENS.c.name)
            .where(TOKENS.c.token_sha256 == _sha256(secret))
        ).one_or_none()
    if row is None or row.disabled or at >= parse_utc(row.expires_at):
        return None
    return _user(row._mapping)  # noqa: SLF001


def revoke_tokens(store: Store, name: str) -> int:
    """End all tokens of an account; returns how many."""
    with store.writing() as connection:
        return connection.execute(sa.delete(TOKENS).where(TOKENS.c.name == name)).rowcount


# --------------------------------------------------------------------------------------- secrets


@functools.cache
def _nobodys_hash() -> str:
    """Looked at for unknown names too, so that the time of an answer tells nothing."""
    return _HASHER.hash(secrets.token_urlsafe(SECRET_BYTES))


def _is_right(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password[:1_000])
    except (VerificationError, InvalidHashError):
        return False


def _sha256(secret: str) -> str:
    """Enough for secrets of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(at: datetime) -> str:
    """To the second, so that texts sort as the times do."""
    return format_utc(at.replace(microsecond=0))


def _user(row: sa.RowMapping | dict[str, object]) -> User:
    return User(
        name=str(row["name"]),
        role=Role(str(row["role"])),
        created_at=parse_utc(str(row["created_at"])),
        disabled=bool(row["disabled"]),
    )
