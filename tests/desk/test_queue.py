"""The queue: who sees what, whose turn it is, and what comes next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.decided import Said, Verdict, VerdictGiven
from pipeline.decisions import journal


def rows(caller, **filters):
    answer = caller.get("/api/cases", params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_most_valuable_case_comes_first(people):
    worth = [row["priority"] for row in rows(people["bob"])]
    assert len(worth) == 12
    assert worth == sorted(worth, reverse=True)


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"site": "site-1"}, {1, 4, 7, 10}),
        ({"tier": "D"}, {2, 5, 8, 11}),
        ({"ship": "flint"}, set(range(12))),
        ({"ship": "273000002"}, set(range(12))),
        ({"ship": "nobody"}, set()),
        ({"since": "2024-05-16"}, {9, 10, 11}),
        ({"until": "2024-05-06"}, {0}),
        ({"sensor": "S1"}, set(range(12))),
        ({"sensor": "S9"}, set()),
        ({"status": "open", "site": "site-0", "tier": "B"}, {0, 3, 6, 9}),
        ({"status": "decided"}, set()),
    ],
)
def test_filters_stand_in_the_address(people, filters, numbers):
    found = {
        int(row["case_id"].removeprefix("case-"), 16) for row in rows(people["bob"], **filters)
    }
    assert found == numbers


def test_a_filter_that_is_no_date_is_told(people):
    answer = people["bob"].get("/api/cases", params={"since": "yesterday"})
    assert answer.status_code == 422
    assert "since" in answer.json()["error"]


def test_one_verdict_decides_tier_c_and_two_alike_decide_tier_b(people):
    assert people["bob"].verdict(1).json()["status"] == "decided"
    assert people["bob"].verdict(0).json()["status"] == "second opinion"
    assert people["cyd"].verdict(0).json()["status"] == "decided"


def test_the_second_reviewer_does_not_see_the_first_ones_word(people):
    people["bob"].verdict(0, "rejected", note="a barge, surely")
    for page in (
        "/api/cases", "/api/cases/case-0000000000000000", "/cases/case-0000000000000000",
        "/cases/case-0000000000000000/sheet", "/", "/season",
    ):  # fmt: skip
        text = people["cyd"].get(page).text
        assert "a barge, surely" not in text, page
        if page.startswith("/api"):
            assert '"rejected"' not in text, page
    own = people["bob"].get("/api/cases/case-0000000000000000").json()
    assert own["entries"][0]["body"]["note"] == "a barge, surely"
    people["cyd"].verdict(0, "rejected")
    seen = people["cyd"].get("/api/cases/case-0000000000000000").json()
    assert [entry["who"] for entry in seen["entries"]] == ["bob", "cyd"]


def test_a_dispute_waits_for_a_lead_who_settles_it(people):
    people["bob"].verdict(0, "confirmed")
    assert people["cyd"].verdict(0, "rejected").json()["status"] == "disputed"
    assert rows(people["bob"], status="mine")[0]["case_id"] != "case-0000000000000000"
    assert rows(people["ann"], status="disputed")[0]["awaits_me"]
    word = {"kind": "adjudicated", "verdict": "rejected", "reasons": ["on-air"]}
    assert people["bob"].write(0, word).status_code == 403
    assert people["ann"].write(0, word).json()["status"] == "decided"
    assert rows(people["vic"], status="decided")[0]["verdict"] == "rejected"


def test_the_next_case_is_the_next_that_waits_for_me_through_the_filter(people):
    people["cyd"].verdict(4)  # tier C: decided, so nobody's turn
    first = people["bob"].post(
        "/api/cases/case-0000000000000001/entries?site=site-1",
        json={"entry_id": "ab" * 16, "evidence_key": "evidence-1",
              "body": {"kind": "verdict", "verdict": "confirmed"}},
    ).json()  # fmt: skip
    assert first["next_case_id"] == "case-0000000000000007"


def test_a_case_reopens_when_its_evidence_changes(make_desk, sqlite_store, people, desk_at):
    people["bob"].verdict(1)
    assert desk_at[1].docket.standing("case-0000000000000001").status == "decided"
    later = make_desk(sqlite_store, keys={1: "evidence-other"})
    now = later.docket.standing("case-0000000000000001")
    assert now.status == "reopened"
    assert now.awaits("bob", leads=False)


def test_a_verdict_on_evidence_of_yesterday_is_refused(people):
    answer = people["bob"].write(
        1, {"kind": "verdict", "verdict": "confirmed"}, key="evidence-older"
    )
    assert answer.status_code == 409
    assert "evidence" in answer.json()["error"]


def test_known_cases_meet_each_reviewer_as_new_and_measure_them(make_desk, sqlite_store):
    known = {"case-0000000000000001": Verdict.REJECTED, "case-0000000000000004": Verdict.CONFIRMED}
    docket = make_desk(sqlite_store, known=known).docket
    for who, number, said in (
        ("bob", 1, Verdict.REJECTED),
        ("bob", 4, Verdict.CANNOT_TELL),
        ("cyd", 1, Verdict.CONFIRMED),
    ):
        journal.append(
            sqlite_store, who=who, case_id=f"case-{number:016x}", evidence_key=f"evidence-{number}",
            body=VerdictGiven(verdict=said, said=Said()), entry_id=f"{who}-{number}",
            at=datetime(2024, 6, 1, tzinfo=UTC),
        )  # fmt: skip
    docket.refresh()
    assert docket.row("case-0000000000000004", "cyd", leads=False).status == "open"
    assert docket.row("case-0000000000000004", "cyd", leads=False).awaits_me
    assert not docket.row("case-0000000000000001", "bob", leads=False).awaits_me
    told = {one.who: (one.n_cases, one.n_right, one.n_cannot_tell) for one in docket.on_known()}
    assert told == {"bob": (2, 1, 1), "cyd": (1, 0, 0)}
    assert journal.verify(sqlite_store).n_entries == 3


def test_progress_counts_cases_and_my_verdicts(people):
    people["bob"].verdict(1)
    people["bob"].verdict(0)
    people["cyd"].verdict(0)
    now = people["bob"].get("/api/progress").json()
    assert now["n_cases"] == 12
    assert now["by_status"] == {"open": 10, "decided": 2}
    assert now["by_verdict"] == {"confirmed": 2}
    assert (now["mine"], now["mine_today"], now["n_judged_twice"]) == (2, 2, 1)


def test_assignment_takes_a_case_out_of_the_others_turn(people):
    people["bob"].write(1, {"kind": "assigned", "to": "bob"})
    mine = {row["case_id"] for row in rows(people["cyd"], status="mine")}
    assert "case-0000000000000001" not in mine
    assert people["cyd"].write(1, {"kind": "assigned", "to": "cyd"}).status_code == 201
    assert people["cyd"].write(1, {"kind": "assigned", "to": "bob"}).status_code == 403
    assert people["ann"].write(1, {"kind": "assigned", "to": "nobody"}).status_code == 422
    assert people["ann"].write(1, {"kind": "assigned", "to": "bob"}).status_code == 201


def test_a_confirmed_case_with_a_finer_image_is_of_tier_a(people):
    query = {"entry_id": "cd" * 16, "evidence_key": "evidence-1", "name": "planet.png",
             "source": "Planet, 3 m", "shows_ship": "true"}  # fmt: skip
    attached = people["bob"].post(
        "/api/cases/case-0000000000000001/attachments", params=query, content=b"finer pixels"
    )
    assert attached.status_code == 201
    assert rows(people["bob"], tier="A") == []  # an image is no verdict
    people["bob"].verdict(1)
    (row,) = rows(people["bob"], tier="A")
    assert (row["case_id"], row["tier"]) == ("case-0000000000000001", "A")
