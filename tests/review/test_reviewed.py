"""How a call stands, in the words that leave the house."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.decided import Adjudicated, Entry, Noted, Said, Verdict, VerdictGiven, Withdrawn
from pipeline.decisions.settings import Settings
from pipeline.decisions.standing import standing
from pipeline.records import Case
from pipeline.review.reviewed import UNREVIEWED, counted, label_of, mark_of_all, reviewed

BEGIN = datetime(2024, 12, 1, 9, 0, tzinfo=UTC)
CASE = Case(
    case_id="case-1", priority=1.0, kind="dark call", subject_id="c1", site_id="s", zone_id="z",
    tier="B", question="?", reasons=[], chips=[], evidence_ids=[], evidence_key="key-1",
)  # fmt: skip


def given(verdict, **more):
    return VerdictGiven(verdict=verdict, said=Said(), **more)


def stands(*lines, key="key-1"):
    """From (who, body), a minute apart."""
    entries = [
        Entry(
            seq=number, entry_id=uuid.uuid4().hex, at=BEGIN + timedelta(minutes=number), who=who,
            case_id="case-1", evidence_key=key, body=body, previous_sha256="", sha256="",
        )
        for number, (who, body) in enumerate(lines, start=1)
    ]  # fmt: skip
    return reviewed(standing(CASE, entries, Settings()))


YES = given(Verdict.CONFIRMED, reasons=("hull-clear",), note="plain as day")


def test_a_confirmed_call_says_by_whom_when_and_why_and_nothing_stands_across_it():
    one = stands(("ann", YES), ("ben", YES))
    assert (one.label, one.mark) == ("confirmed by review", None)
    assert one.told == (
        "Decided: confirmed. ann on 1 Dec 2024 09:01 UTC: confirmed; "
        "ben on 1 Dec 2024 09:02 UTC: confirmed."
    )
    assert [said.why for said in one.said] == ["the hull is plain on the images; plain as day"] * 2


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        ((), "NOT REVIEWED"),
        ((("ann", Noted(note="look at this")),), "NOT REVIEWED"),
        ((("ann", YES),), "SECOND OPINION PENDING"),
        ((("ann", YES), ("ann", Withdrawn(of_seq=1))), "NOT REVIEWED"),
        ((("ann", YES), ("ben", given(Verdict.NOT_A_SHIP))), "DISPUTED"),
        ((("lea", Adjudicated(verdict=Verdict.REJECTED, said=Said())),), "REJECTED BY REVIEW"),
        ((("lea", Adjudicated(verdict=Verdict.NOT_A_SHIP, said=Said())),), "REJECTED BY REVIEW"),
        ((("lea", Adjudicated(verdict=Verdict.WRONG_SHIP, said=Said())),), "WRONG SHIP NAMED"),
        ((("lea", Adjudicated(verdict=Verdict.CANNOT_TELL, said=Said())),), "REVIEW CANNOT TELL"),
    ],
)
def test_what_is_not_confirmed_stands_across_the_page(lines, mark):
    one = stands(*lines)
    assert one.mark == one.label == mark


def test_what_the_first_of_two_said_stays_hidden_and_the_second_may_be_asked():
    one = stands(("ann", YES))
    assert one.hidden
    assert one.said == ()
    assert "ann" not in one.told
    assert "confirmed" not in one.told
    assert not stands(("ann", YES), ("ben", YES)).hidden


def test_a_decision_on_other_evidence_is_none_and_says_so():
    one = stands(("ann", YES), ("ben", YES), key="key-of-yesterday")
    assert one.mark == "NOT REVIEWED"
    assert one.label == "NOT REVIEWED: decided before, on other evidence"


def test_a_call_that_nobody_is_asked_about_is_not_reviewed():
    assert reviewed(None) == UNREVIEWED


def test_a_note_is_quoted_as_it_is_braces_and_all():
    one = stands(("ann", Noted(note="{body.secret} %s <b>")), ("lea", Adjudicated(
        verdict=Verdict.CONFIRMED, said=Said(), note="{0}")))  # fmt: skip
    assert [said.why for said in one.said] == ["{body.secret} %s <b>", "{0}"]


def test_a_season_is_reviewed_when_every_call_is_decided():
    yes, no = stands(("ann", YES), ("ben", YES)), stands()
    rejected = stands(("lea", Adjudicated(verdict=Verdict.REJECTED, said=Said())))
    assert mark_of_all([no, no]) == "NOT REVIEWED"
    assert mark_of_all([yes, no]) == "NOT ALL REVIEWED"
    assert mark_of_all([yes, rejected]) is None
    assert counted([yes, no, no]) == "3 dark calls: 2 NOT REVIEWED, 1 confirmed by review"


def test_what_rests_on_two_calls_says_both_and_an_unknown_one_is_not_reviewed():
    assert label_of(("c1", "c2"), {"c1": "confirmed by review"}) == (
        "NOT REVIEWED; confirmed by review"
    )
    assert label_of((None, None), {}) == "NOT REVIEWED"
