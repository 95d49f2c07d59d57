"""Accounts and the journal from the command line, as a lead would use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.decided import Noted
from pipeline.decisions.accounts import log_in
from pipeline.decisions.journal import append
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store
from pipeline.errors import ChecksFailed, UsageError

PASSWORD = "correct horse battery"
NOW = datetime(2024, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def url(tmp_path, monkeypatch):
    there = f"sqlite:///{tmp_path / 'desk.db'}"
    monkeypatch.setenv("DARKCALL_DATABASE_URL", there)
    return there


@pytest.fixture
def command(url):
    def call(*words, given=None):
        return CliRunner().invoke(app, list(words), input=given)

    return call


def test_an_account_is_added_listed_changed_and_disabled(command, url):
    assert "No accounts yet" in command("users").output
    added = command("users", "add", "ann", "--role", "lead", given=PASSWORD + "\n")
    assert added.exit_code == 0, added.output
    assert PASSWORD not in added.output
    assert json.loads(command("users", "--json").output) == {"ann": "lead"}
    command("users", "role", "ann", "viewer")
    command("users", "password", "ann", given="another long password\n")
    store = Store.open(url)
    _, session = log_in(
        store, "ann", "another long password", "127.0.0.1", at=NOW, settings=Settings()
    )
    assert session.user.role == "viewer"
    store.close()
    assert len(command("users", "token", "ann", "--label", "nightly").output.strip()) > 30
    command("users", "disable", "ann")
    assert "viewer, disabled" in command("users").output
    command("users", "disable", "ann", "--undo")
    assert json.loads(command("users", "--json").output) == {"ann": "viewer"}


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("users", "add", "ann"), "short\n", "too weak"),
        (("users", "add", "ann"), "", "No password"),
        (("users", "add", "../ann"), PASSWORD + "\n", "No name for an account"),
        (("users", "role", "nobody", "lead"), None, "No such account"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(command, words, given, said):
    ended = command(*words, given=given)
    assert isinstance(ended.exception, UsageError)
    assert said in str(ended.exception)


def test_the_journal_is_verified_exported_and_a_changed_export_is_found(command, url, tmp_path):
    store = Store.open(url)
    for number in range(3):
        append(
            store, who="ann", case_id="case", evidence_key="key", body=Noted(note=f"note {number}"),
            entry_id=str(number), at=NOW,
        )  # fmt: skip
    store.close()
    out = tmp_path / "decisions.jsonl"
    assert "3 entries" in command("decisions", "export", "--out", str(out)).output
    told = json.loads(command("decisions", "verify", "--json").output)
    assert told == json.loads(command("decisions", "verify", str(out), "--json").output)
    assert told["entries"] == 3
    out.write_text(out.read_text().replace("note 1", "note 9"))
    assert isinstance(command("decisions", "verify", str(out)).exception, ChecksFailed)


def test_without_a_database_named_decisions_lie_in_the_workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("DARKCALL_DATABASE_URL", raising=False)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nworkspace: kept\nsites: none.geojson\n"
        "period: {start: 2024-01-01, end: 2024-01-02}\n"
    )
    ended = CliRunner().invoke(app, ["users", "--config", str(tmp_path / "mine.yaml")])
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "kept" / "decisions.db").is_file()
