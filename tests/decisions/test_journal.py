"""Decisions are never lost, doubled, changed or put in another order."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import signal
import subprocess
import sys
import textwrap
import uuid
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from pipeline.decided import Noted, Said, Verdict, VerdictGiven, Withdrawn
from pipeline.decisions.journal import GENESIS, append, entries, export, verify, verify_export
from pipeline.decisions.schema import METADATA
from pipeline.decisions.store import Store
from pipeline.errors import ChecksFailed, TryLater, UsageError
from tests.decisions.conftest import BEGIN, verdict


def test_what_was_written_is_read_again_in_order(write, store):
    first = write(verdict(note="a crane, I think\nbut no"))
    second = write(Withdrawn(of_seq=first.seq))
    third = write(Noted(note="한국어 заметка"), who="ben", case_id="case-2")
    assert entries(store) == [first, second, third]
    assert entries(store, after=2) == [third]
    assert [one.seq for one in entries(store)] == [1, 2, 3]
    assert first.previous_sha256 == GENESIS
    assert second.previous_sha256 == first.sha256
    assert verify(store).sha256 == third.sha256


def test_a_request_sent_twice_is_written_once(write, store):
    first = write(verdict(), entry_id="request-1")
    again = write(verdict(), entry_id="request-1")
    assert again == first
    assert entries(store) == [first]
    with pytest.raises(UsageError, match="was used for another entry"):
        write(verdict(Verdict.REJECTED), entry_id="request-1")
    with pytest.raises(UsageError, match="was used for another entry"):
        write(verdict(), entry_id="request-1", who="ben")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal SET body = replace(body, 'confirmed', 'rejected') WHERE seq = 2",
        "UPDATE journal SET who = 'ben' WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 2",
    ],
)
def test_no_line_can_be_changed_and_a_line_changed_by_force_is_found(write, store, change):
    for _ in range(3):
        write(verdict())
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.writing() as connection:
        connection.execute(sa.text(change))
    assert verify(store).n_entries == 3
    with store.writing() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.execute(sa.text("DROP TRIGGER journal_no_update"))
            connection.execute(sa.text("DROP TRIGGER journal_no_delete"))
        else:
            connection.execute(sa.text("DROP TRIGGER journal_append_only ON journal"))
        connection.execute(sa.text(change))
    with pytest.raises(ChecksFailed, match=r"entry (2|3) of"):
        verify(store)


def test_an_export_stands_for_itself(write, store, tmp_path):
    for who in ("ann", "ben", "ann"):
        write(verdict(note=who), who=who)
    path = tmp_path / "decisions.jsonl"
    head = export(store, path)
    assert verify_export(path) == head == verify(store)
    lines = path.read_text().splitlines()
    for changed in (
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
        [lines[0], lines[1].replace("ben", "eve"), lines[2]],
    ):
        path.write_text("\n".join(changed) + "\n")
        with pytest.raises(ChecksFailed, match="chain is broken"):
            verify_export(path)


def _write_many(url, who, n):
    store = Store.open(url)
    for number in range(n):
        append(
            store, who=who, case_id=f"case-{number}", evidence_key="key", body=verdict(),
            entry_id=f"{who}-{number}", at=datetime.now(UTC),
        )  # fmt: skip
    store.close()


def test_many_writers_at_once_lose_double_and_misorder_nothing(url, store):
    context = multiprocessing.get_context("spawn")
    names = ["ann", "ben", "cleo", "dan"]
    writers = [context.Process(target=_write_many, args=(url, who, 25)) for who in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    written = entries(store)
    assert [one.seq for one in written] == list(range(1, 101))
    assert verify(store).n_entries == 100
    for who in names:
        own = [one.entry_id for one in written if one.who == who]
        assert own == [f"{who}-{number}" for number in range(25)]


KILLED = textwrap.dedent(
    """
    import sys, itertools
    from datetime import UTC, datetime
    from pipeline.decided import Noted
    from pipeline.decisions.journal import append
    from pipeline.decisions.store import Store
    url, begin = sys.argv[1], int(sys.argv[2])
    store = Store.open(url)
    for number in itertools.count(begin):
        append(store, who="ann", case_id="case", evidence_key="key", body=Noted(note=str(number)),
               entry_id=f"entry-{number}", at=datetime.now(UTC))
        print(number, flush=True)
    """
)


def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(url, store):
    acknowledged = -1
    for round_number in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, url, str(acknowledged + 1)],
            stdout=subprocess.PIPE, text=True,
        ) as writer:  # fmt: skip
            for line in itertools.islice(writer.stdout, 7 + 5 * round_number):
                acknowledged = int(line)
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                acknowledged = int(line) if line.strip().isdigit() else acknowledged
        kept = [int(one.body.note) for one in entries(store)]
        assert kept[: acknowledged + 1] == list(range(acknowledged + 1))
        assert len(kept) <= acknowledged + 2  # the one it was about to acknowledge
        assert verify(store).n_entries == len(kept)
        acknowledged = len(kept) - 1


def test_a_database_that_a_newer_version_wrote_is_refused(store, url):
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(UsageError, match="A newer Darkcall"):
        Store.open(url)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("sqlite://", "in memory"),
        ("mysql://root@localhost/x", "found mysql"),
        ("decisions.db", "cannot be used"),
        ("oracle+nothing://x", "cannot be used|found oracle"),
    ],
)
def test_other_databases_are_refused_in_words(bad, said):
    with pytest.raises(UsageError, match=said):
        Store.open(bad)


def test_a_database_that_does_not_answer_is_tried_later_and_its_password_not_told():
    with pytest.raises(TryLater, match="cannot be reached") as told:
        Store.open("postgresql://ann:secret-word@127.0.0.1:9/none?connect_timeout=2")
    assert "secret-word" not in str(told.value)


def test_the_tables_are_those_that_the_migrations_make(store):
    found = sa.MetaData()
    found.reflect(store.engine)
    assert set(found.tables) - {"alembic_version"} == set(METADATA.tables)
    for name, table in METADATA.tables.items():
        assert set(found.tables[name].c.keys()) == set(table.c.keys()), name


@pytest.mark.parametrize(
    "bad",
    [
        {"verdict": "confirmed", "reasons": ["cloud"]},
        {"verdict": "perhaps"},
        {"verdict": "confirmed", "note": "x" * 4_001},
        {"verdict": "confirmed", "note": "abc\u202egnp.exe"},
        {"verdict": "confirmed", "mmsi": 12},
        {"verdict": "confirmed", "who": "somebody else"},
    ],
)
def test_nonsense_is_no_verdict(bad):
    with pytest.raises(ValidationError):
        VerdictGiven.model_validate({**bad, "said": Said().model_dump()})


def test_lines_are_bound_to_their_database_order_not_to_clocks(write, store):
    """A clock set back changes no order."""
    write(verdict())
    append(
        store, who="ben", case_id="case-1", evidence_key="key-1", body=verdict(),
        entry_id=uuid.uuid4().hex, at=BEGIN.replace(year=2020),
    )  # fmt: skip
    assert [one.who for one in entries(store)] == ["ann", "ben"]
    assert verify(store).n_entries == 2
    assert json.dumps([one.as_json() for one in entries(store)])
