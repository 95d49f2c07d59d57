"""Lines for the journal."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.decided import Said, Verdict, VerdictGiven
from pipeline.decisions.journal import append
from pipeline.decisions.settings import Settings
from pipeline.records import Case

BEGIN = datetime(2024, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
def write(store):
    """Add a line, a minute after the one before."""
    return Writer(store)


class Writer:
    def __init__(self, store):
        self.store, self.n = store, 0

    def __call__(self, body, *, who="ann", case_id="case-1", key="key-1", entry_id=None):
        self.n += 1
        return append(
            self.store, who=who, case_id=case_id, evidence_key=key, body=body,
            entry_id=entry_id or uuid.uuid4().hex, at=BEGIN + timedelta(minutes=self.n),
        )  # fmt: skip


def verdict(which=Verdict.CONFIRMED, **more):
    return VerdictGiven(verdict=which, said=Said(tier="B", p_dark=0.9), **more)


def case(case_id="case-1", tier="B", key="key-1"):
    return Case(
        case_id=case_id, priority=1.0, kind="dark call", subject_id="call-1", site_id="site",
        zone_id="berth", tier=tier, question="Was a tanker here?", reasons=[], chips=[],
        evidence_ids=[], evidence_key=key,
    )  # fmt: skip
