"""Only who should get in gets in, and guessing does not pay."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pipeline.decided import Role
from pipeline.decisions.accounts import (
    Refused,
    TooManyTries,
    add_token,
    add_user,
    disable,
    log_in,
    log_out,
    logins,
    revoke_tokens,
    session,
    set_password,
    set_role,
    token_user,
    users,
)
from pipeline.errors import UsageError
from tests.decisions.conftest import BEGIN

GOOD = "correct horse battery"


@pytest.fixture
def ann(store, settings):
    return add_user(store, "ann", GOOD, Role.ANALYST, at=BEGIN, settings=settings)


def enter(store, settings, *, name="ann", password=GOOD, at=BEGIN, address="127.0.0.1"):
    return log_in(store, name, password, address, at=at, settings=settings)


def test_who_knows_the_password_gets_a_session_until_it_ends(store, settings, ann):
    secret, begun = enter(store, settings)
    assert begun.user == ann
    later = BEGIN + timedelta(hours=1)
    assert session(store, secret, at=later, settings=settings).user == ann
    assert session(store, secret + "x", at=later, settings=settings) is None
    log_out(store, secret)
    assert session(store, secret, at=later, settings=settings) is None


def test_a_session_ends_when_idle_and_after_a_day_of_work_however_busy(store, settings, ann):
    secret, _ = enter(store, settings)
    idle = timedelta(seconds=settings.session_idle_s)
    assert session(store, secret, at=BEGIN + idle, settings=settings) is None
    at = BEGIN
    while at < BEGIN + timedelta(seconds=settings.session_s):
        assert session(store, secret, at=at, settings=settings) is not None
        at += idle / 2
    assert session(store, secret, at=at, settings=settings) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong horse battery"), ("nobody", GOOD), ("ann' OR '1'='1", GOOD), ("", "")],
)
def test_a_wrong_login_says_not_what_was_wrong(store, settings, ann, name, password):
    with pytest.raises(Refused, match="Name or password is wrong, or the account is disabled"):
        enter(store, settings, name=name, password=password)
    assert logins(store)[0].outcome == "refused"


def test_ten_thousand_guesses_cost_next_to_nothing_and_never_reach_the_password(
    store, settings, ann
):
    refused = 0
    begun = time.monotonic()
    for number in range(10_000 if store.engine.dialect.name == "sqlite" else 500):
        with pytest.raises((Refused, TooManyTries)) as told:
            enter(store, settings, password=f"guess {number}")
        refused += isinstance(told.value, Refused)
    assert refused == settings.tries_by_name
    assert time.monotonic() - begun < 60.0
    with pytest.raises(TooManyTries):  # the right one has to wait as well
        enter(store, settings)
    later = BEGIN + timedelta(seconds=settings.tries_window_s + 1)
    assert enter(store, settings, at=later)[1].user == ann


def test_one_address_cannot_try_all_names(store, settings, ann):
    for number in range(settings.tries_by_address):
        with pytest.raises(Refused):
            enter(store, settings, name=f"name-{number}", address="10.0.0.9")
    with pytest.raises(TooManyTries):
        enter(store, settings, address="10.0.0.9")
    assert enter(store, settings, address="10.0.0.8")[1].user == ann


def test_no_secret_lies_in_the_database(store, settings, ann):
    secret, _ = enter(store, settings)
    token = add_token(store, "ann", "script", at=BEGIN, settings=settings)
    kept = ""
    with store.reading() as connection:
        for table in sa.inspect(store.engine).get_table_names():
            kept += str(connection.execute(sa.text(f"SELECT * FROM {table}")).all())
    assert "$argon2id$" in kept
    for word in (secret, token, GOOD):
        assert word not in kept


def test_a_change_of_an_account_ends_its_sessions(store, settings, ann):
    for change in (
        lambda: set_role(store, "ann", Role.LEAD),
        lambda: set_password(store, "ann", "another long password", settings),
        lambda: disable(store, "ann"),
    ):
        with_password = (
            GOOD if change.__code__.co_names[0] != "disable" else "another long password"
        )
        secret, _ = enter(store, settings, password=with_password)
        change()
        assert session(store, secret, at=BEGIN, settings=settings) is None
    assert users(store)[0].role is Role.LEAD
    with pytest.raises(Refused):
        enter(store, settings, password="another long password")
    disable(store, "ann", disabled=False)
    assert enter(store, settings, password="another long password")


def test_tokens_act_for_an_account_until_they_expire_or_are_revoked(store, settings, ann):
    token = add_token(store, "ann", "script", at=BEGIN, settings=settings)
    assert token_user(store, token, at=BEGIN) == ann
    assert token_user(store, token, at=BEGIN + timedelta(seconds=settings.token_s)) is None
    assert token_user(store, token[::-1], at=BEGIN) is None
    assert revoke_tokens(store, "ann") == 1
    assert token_user(store, token, at=BEGIN) is None
    with pytest.raises(UsageError, match="No such account"):
        add_token(store, "ben", "script", at=BEGIN, settings=settings)


@pytest.mark.parametrize("name", ["", "Ann", "a b", "../x", "a" * 64, "ann\n", "анна"])
def test_unfit_names_are_refused(store, settings, name):
    with pytest.raises(UsageError, match="No name for an account"):
        add_user(store, name, GOOD, Role.VIEWER, at=BEGIN, settings=settings)


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001])
def test_unfit_passwords_are_refused(store, settings, password):
    with pytest.raises(UsageError, match=r"too (weak|long)"):
        add_user(store, "ann", password, Role.VIEWER, at=BEGIN, settings=settings)


def test_an_account_is_made_once(store, settings, ann):
    with pytest.raises(UsageError, match="exists already"):
        add_user(store, "ann", GOOD, Role.LEAD, at=BEGIN, settings=settings)
    with pytest.raises(UsageError, match="No such account"):
        set_role(store, "ben", Role.LEAD)
