"""Eight reviewers at once, on both databases: nothing lost, doubled or out of order."""

from __future__ import annotations

import random
import threading
import time
import uuid
from datetime import UTC, datetime

import httpx
import pytest

from pipeline.decided import Role
from pipeline.decisions import accounts
from pipeline.decisions.journal import entries, verify
from pipeline.decisions.settings import Settings

SECONDS = 3.0


@pytest.fixture
def at_work(make_desk, store, port, serve):
    """(base, tokens) of a served desk over each database."""
    desk, now, settings = make_desk(store, port=port), datetime.now(UTC), Settings()
    tokens = {}
    for number in range(8):
        name = f"r{number}"
        accounts.add_user(
            store, name, "correct horse battery", Role.LEAD, at=now, settings=settings
        )
        tokens[name] = accounts.add_token(store, name, "test", at=now, settings=settings)
    with serve(desk, port) as base:
        yield base, tokens


def test_nothing_is_lost_doubled_or_out_of_order(at_work, store):
    base, tokens = at_work
    sent: dict[str, list[str]] = {name: [] for name in tokens}
    refused: list[str] = []

    def decide(name, until):
        chance = random.Random(name)
        with httpx.Client(base_url=base, timeout=30.0) as http:
            http.headers["authorization"] = f"Bearer {tokens[name]}"
            while time.monotonic() < until:
                number, entry_id = chance.randrange(12), uuid.uuid4().hex
                body = {"kind": "verdict", "verdict": chance.choice(["confirmed", "rejected"])}
                entry = {"entry_id": entry_id, "evidence_key": f"evidence-{number}", "body": body}
                for _ in range(chance.choice([1, 1, 2])):  # an impatient client sends twice
                    answer = http.post(f"/api/cases/case-{number:016x}/entries", json=entry)
                    if answer.status_code != 201:
                        refused.append(answer.text)
                sent[name].append(entry_id)

    until = time.monotonic() + SECONDS
    people = [threading.Thread(target=decide, args=(name, until)) for name in tokens]
    for person in people:
        person.start()
    for person in people:
        person.join()
    written = entries(store)
    assert refused == []
    assert verify(store).n_entries == len(written)
    for name, own in sent.items():
        assert [e.entry_id for e in written if e.who == name] == own
    assert sum(map(len, sent.values())) == len(written) >= 40
