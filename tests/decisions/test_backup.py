"""A back-up brings everything back, on either database, or says what was done to it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from datetime import UTC, datetime

import pytest

from pipeline.decided import Noted, Role
from pipeline.decisions import accounts
from pipeline.decisions.backup import back_up, restore
from pipeline.decisions.journal import entries, verify
from pipeline.decisions.store import Store
from pipeline.errors import BadInput, ChecksFailed, UsageError

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def filled(store, write, settings, tmp_path):
    """A database with 20 lines, an account, a token; and an attachment. (store, attachments)"""
    accounts.add_user(store, "ann", "correct horse battery", Role.LEAD, at=NOW, settings=settings)
    accounts.add_token(store, "ann", "ci", at=NOW, settings=settings)
    for number in range(20):
        write(Noted(note=f"note {number}, 한글"))
    attachments = tmp_path / "attachments"
    attachments.mkdir()
    content = b"finer image"
    (attachments / hashlib.sha256(content).hexdigest()).write_bytes(content)
    return store, attachments


def empty(tmp_path, name="other"):
    return Store.open(f"sqlite:///{tmp_path / name / 'decisions.db'}")


def test_everything_comes_back(filled, tmp_path):
    store, attachments = filled
    done = back_up(store, attachments, tmp_path / "b.zip")
    assert (done.n_entries, done.n_users, done.n_attachments) == (20, 1, 1)
    other = empty(tmp_path)
    assert restore(other, tmp_path / "other" / "attachments", tmp_path / "b.zip") == done
    assert entries(other) == entries(store)
    assert verify(other) == verify(store)
    assert accounts.users(other) == accounts.users(store)
    (name,) = (tmp_path / "other" / "attachments").iterdir()
    assert name.read_bytes() == b"finer image"
    # and it goes on from there: the next line follows the last
    again = tmp_path / "again.zip"
    back_up(other, tmp_path / "other" / "attachments", again)
    assert again.read_bytes() == (tmp_path / "b.zip").read_bytes()
    other.close()


def test_a_full_database_is_never_overwritten(filled, tmp_path):
    store, attachments = filled
    back_up(store, attachments, tmp_path / "b.zip")
    with pytest.raises(UsageError, match="not empty"):
        restore(store, attachments, tmp_path / "b.zip")
    assert verify(store).n_entries == 20


def rewritten(path, out, change):
    """The zip with members changed: name → bytes, or None to leave out."""
    with zipfile.ZipFile(path) as packed, zipfile.ZipFile(out, "w") as other:
        members = {name: packed.read(name) for name in packed.namelist()}
        for name, content in change(members).items():
            other.writestr(name, content)
    return out


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: m | {"journal.jsonl": m["journal.jsonl"].replace(b"note 3,", b"note X,")},
         "changed"),
        (lambda m: {k: v for k, v in m.items() if k != "users.jsonl"}, "lacks"),
        (lambda m: m | {"../../evil": b"x"}, "lacks"),
        (lambda m: m | {"attachments/../../evil": b"x"}, "lacks"),
    ],
)  # fmt: skip
def test_a_back_up_that_was_touched_is_refused(filled, tmp_path, change, error):
    store, attachments = filled
    back_up(store, attachments, tmp_path / "b.zip")
    bad = rewritten(tmp_path / "b.zip", tmp_path / "bad.zip", change)
    other = empty(tmp_path)
    with pytest.raises(ChecksFailed, match=error):
        restore(other, tmp_path / "other" / "attachments", bad)
    assert entries(other) == []
    assert not (tmp_path / "evil").exists()
    other.close()


def test_a_journal_forged_with_its_sums_still_breaks_the_chain(filled, tmp_path):
    store, attachments = filled
    back_up(store, attachments, tmp_path / "b.zip")

    def forge(members):
        forged = members["journal.jsonl"].replace(b"note 3,", b"note X,")
        sums = json.loads(members["sha256.json"])
        sums["journal.jsonl"] = hashlib.sha256(forged).hexdigest()
        return members | {"journal.jsonl": forged, "sha256.json": json.dumps(sums).encode()}

    bad = rewritten(tmp_path / "b.zip", tmp_path / "bad.zip", forge)
    other = empty(tmp_path)
    with pytest.raises(ChecksFailed, match="chain is broken"):
        restore(other, tmp_path / "other" / "attachments", bad)
    assert entries(other) == []
    other.close()


def test_a_file_that_is_no_back_up_is_refused(tmp_path):
    (tmp_path / "b.zip").write_bytes(b"hello")
    other = empty(tmp_path)
    with pytest.raises(BadInput, match="No back-up"):
        restore(other, tmp_path / "attachments", tmp_path / "b.zip")
    other.close()
