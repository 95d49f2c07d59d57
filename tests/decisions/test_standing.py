"""When is a case decided, by whom, and who may see what?"""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decided import Adjudicated, Assigned, Attached, Entry, Said, Verdict, Withdrawn
from pipeline.decisions.agreement import agreement, cohens_kappa, on_known
from pipeline.decisions.settings import Settings
from pipeline.decisions.standing import Status, standing, standings
from tests.decisions.conftest import BEGIN, case, verdict

YES, NO = Verdict.CONFIRMED, Verdict.NOT_A_SHIP


class Journal:
    """Lines as the store would give them."""

    def __init__(self):
        self.lines = []

    def __call__(self, who, body, *, key="key-1", case_id="case-1"):
        seq = len(self.lines) + 1
        self.lines.append(
            Entry(
                seq=seq, entry_id=uuid.uuid4().hex, at=BEGIN + timedelta(minutes=seq), who=who,
                case_id=case_id, evidence_key=key, body=body, previous_sha256="", sha256="",
            )
        )  # fmt: skip
        return self

    def of(self, **changed):
        return standing(case(**changed), self.lines, Settings())


@pytest.fixture
def say():
    return Journal()


def settled(which, **more):
    return Adjudicated(verdict=which, said=Said(), **more)


def test_one_verdict_decides_a_lead_of_tier_c_and_two_a_call_of_tier_b(say):
    assert say.of(tier="B").status is Status.OPEN
    say("ann", verdict(YES))
    assert say.of(tier="C").verdict is YES
    assert say.of(tier="B").status is Status.SECOND
    assert say.of(tier="B").verdict is None
    say("ben", verdict(YES))
    assert (say.of(tier="B").status, say.of(tier="B").verdict) == (Status.DECIDED, YES)


def test_the_same_person_twice_is_no_second_opinion(say):
    say("ann", verdict(YES))("ann", verdict(YES))
    assert say.of().status is Status.SECOND
    say("ann", verdict(NO))
    assert say.of().verdicts["ann"].body.verdict is NO


def test_who_differs_disputes_and_a_lead_settles(say):
    say("ann", verdict(YES))("ben", verdict(NO))
    assert (say.of().status, say.of().verdict) == (Status.DISPUTED, None)
    say("lea", settled(NO))
    assert (say.of().status, say.of().verdict) == (Status.DECIDED, NO)


def test_what_is_withdrawn_no_longer_holds_for_that_person_alone(say):
    say("ann", verdict(YES))("ben", Withdrawn(of_seq=1))
    assert say.of().status is Status.SECOND
    say("ann", Withdrawn(of_seq=1))
    assert say.of().status is Status.OPEN
    assert len(say.of().entries) == 3


def test_other_evidence_opens_a_case_again_and_keeps_what_was_said(say):
    say("ann", verdict(YES))("ben", verdict(YES))
    again = say.of(key="key-2")
    assert (again.status, again.verdict, len(again.entries)) == (Status.REOPENED, None, 2)
    say("ann", verdict(NO), key="key-2")
    assert say.of(key="key-2").status is Status.SECOND
    assert say.of(key="key-1").status is Status.DECIDED


def test_nobody_sees_anothers_verdict_before_giving_their_own(say):
    say("ann", verdict(YES))
    waiting = say.of()
    assert not waiting.may_see("ben", leads=False)
    assert not waiting.may_see("lea", leads=True)
    assert waiting.awaits("ben", leads=False)
    assert not waiting.awaits("ann", leads=False)
    say("ben", verdict(NO))
    disputed = say.of()
    assert disputed.may_see("ann", leads=False)
    assert not disputed.may_see("cleo", leads=False)
    assert disputed.may_see("lea", leads=True)
    assert disputed.awaits("lea", leads=True)
    assert not disputed.awaits("ann", leads=False)
    assert say("lea", settled(YES)).of().may_see("cleo", leads=False)


def test_an_assigned_case_awaits_only_that_person(say):
    say("lea", Assigned(to="ben"))
    assert not say.of().awaits("ann", leads=False)
    assert say.of().awaits("ben", leads=False)
    assert say("lea", Assigned(to=None)).of().awaits("ann", leads=False)


def test_a_finer_image_of_a_confirmed_ship_is_evidence_for_tier_a(say):
    image = Attached(
        sha256="0" * 64, name="berth.tif", n_bytes=9, media_type="image/tiff", source="a provider",
        shows_ship=True,
    )  # fmt: skip
    say("ann", image)("ann", verdict(YES))
    assert not say.of().is_finely_seen
    assert say("ben", verdict(YES)).of().is_finely_seen
    assert not say("ann", Withdrawn(of_seq=1)).of().is_finely_seen


@given(
    st.lists(
        st.tuples(st.sampled_from(["ann", "ben", "cleo"]), st.sampled_from(list(Verdict))),
        max_size=8,
    )
)
def test_a_decided_case_of_tier_b_has_two_people_who_agree(given_in_order):
    say = Journal()
    for who, which in given_in_order:
        say(who, verdict(which))
    last = dict(given_in_order)
    found = say.of(tier="B")
    agreed = len(last) >= 2 and len(set(last.values())) == 1
    assert (found.status is Status.DECIDED) == agreed
    assert (found.status is Status.DISPUTED) == (len(set(last.values())) > 1)


def test_kappa_is_that_of_cohens_own_example():
    """Worked by hand."""
    pairs = [(YES, YES)] * 20 + [(YES, NO)] * 5 + [(NO, YES)] * 10 + [(NO, NO)] * 15
    # p_o = 35/50 = 0.7; p_e = (25*30 + 25*20)/2500 = 0.5
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([(YES, YES), (NO, NO)]) == 1.0
    assert cohens_kappa([(YES, NO), (NO, YES)]) == -1.0
    assert cohens_kappa([(YES, YES)] * 9) is None
    assert cohens_kappa([]) is None


def test_agreement_counts_first_opinions_and_known_cases_measure_each_reviewer(say):
    for number, (one, other) in enumerate([(YES, YES), (YES, NO), (NO, NO), (NO, NO)]):
        say("ann", verdict(one), case_id=f"case-{number}")
        say("ben", verdict(other), case_id=f"case-{number}")
    say("ann", verdict(Verdict.CANNOT_TELL), case_id="case-9")
    cases = [case(f"case-{number}") for number in (*range(4), 9)]
    stand = standings(cases, say.lines, Settings())
    assert Counter(one.status for one in stand.values())[Status.DISPUTED] == 1
    found = agreement(stand.values())
    assert (found.n_cases, found.n_alike) == (4, 3)
    assert found.kappa == pytest.approx((0.75 - 0.5) / 0.5)
    known = on_known(stand.values(), {"case-0": YES, "case-1": NO, "case-9": YES})
    assert [(one.who, one.n_cases, one.n_right, one.n_cannot_tell) for one in known] == [
        ("ann", 3, 1, 1),
        ("ben", 2, 2, 0),
    ]
