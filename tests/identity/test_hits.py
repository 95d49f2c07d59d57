"""Who is on a list, by what, and was she then; and what is odd about what she said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.heard import Identity, Listed, Static
from pipeline.identity.history import identities_of
from pipeline.identity.hits import find_hits, plain
from pipeline.identity.settings import Settings


def day(number: int) -> datetime:
    return datetime(2024, 3, number, tzinfo=UTC)


def said(mmsi=445000001, *, first=1, last=9, **values) -> Identity:
    empty = {"imo": None, "imo_wrong": None, "name": None, "callsign": None, "oddities": []}
    return Identity(
        mmsi=mmsi, first_at=day(first), last_at=day(last), n_reports=5, **{**empty, **values}
    )


def listed(**values) -> Listed:
    empty = {
        "list_name": "un", "list_version": None, "entry_id": "1", "name": None, "names": [],
        "imo": None, "mmsis": [], "callsign": None, "programs": None, "designated_on": None,
    }  # fmt: skip
    return Listed(**{**empty, **values})


def hits(identity, *entries):
    return find_hits([identity], entries, Settings())


ENTRY = listed(imo=7389704, mmsis=["445000001"], names=["RYE SONG GANG 1"], name="RYE SONG GANG 1")


@pytest.mark.parametrize(
    ("values", "by"),
    [
        ({"imo": 7389704, "name": "RYE SONG GANG 1"}, "IMO"),
        ({"imo": 7389704, "mmsi": 273000001}, "IMO"),
        ({"name": "OTHER"}, "MMSI"),
        ({"mmsi": 273000001, "name": "M/V Rye-Song Gang 1"}, "name"),
        ({"mmsi": 273000001, "name": "RYE SONG GANG 1", "imo": 7303803}, None),
        ({"imo": 7303803}, None),
        ({"mmsi": 273000001, "name": "RYE SONG GANG"}, None),
        ({"mmsi": 273000001}, None),
    ],
)
def test_the_strongest_that_both_have_and_nothing_that_contradicts(values, by):
    found = hits(said(**values), ENTRY)
    assert [hit.matched_by for hit in found] == ([by] if by else [])


def test_a_short_name_is_many_ships_and_is_not_looked_up():
    assert hits(said(mmsi=1, name="STAR"), listed(names=["STAR"])) == []


@pytest.mark.parametrize(
    ("designated", "then"),
    [
        (day(1), "all the time"), (day(5), "from the designation on"), (day(10), "not yet"),
        (None, "the list gives no date"),
    ],
)  # fmt: skip
def test_was_she_designated_that_day(designated, then):
    (hit,) = hits(said(imo=7389704), listed(imo=7389704, designated_on=designated))
    assert hit.listed_then == then


def test_each_list_s_entry_is_a_hit_of_its_own():
    other = listed(list_name="ofac", entry_id="2", mmsis=["445000001"])
    assert [hit.list_name for hit in hits(said(imo=7389704), ENTRY, other)] == ["ofac", "un"]


def test_plain_names():
    assert plain("MT  Ünha-2") == plain("unha 2") == "UNHA2"
    assert plain("MVENUS") == "MVENUS"


def static(mmsi, first, last, **values) -> Static:
    empty = {
        "imo": None, "imo_wrong": None, "name": None, "callsign": None, "ship_type": None,
        "length_m": None, "width_m": None, "draught_m": None, "destination": None, "n_reports": 1,
    }  # fmt: skip
    return Static(mmsi=mmsi, first_at=day(first), last_at=day(last), **{**empty, **values})


def test_an_identity_is_one_whatever_her_draught():
    (row,) = identities_of(
        [static(1, 1, 2, name="A", draught_m=4.0), static(1, 4, 6, name="A", draught_m=8.0)]
    )
    assert (row.first_at, row.last_at, row.n_reports, row.oddities) == (day(1), day(6), 2, [])


def test_changes_are_told_with_their_dates():
    one, two = identities_of(
        [static(1, 5, 9, name="B", imo=7303803), static(1, 1, 4, name="A", imo=7389704)]
    )
    assert (one.oddities, one.last_at) == ([], day(4))
    assert two.oddities == [
        "IMO was 7389704 before 2024-03-05T00:00:00Z",
        "name was A before 2024-03-05T00:00:00Z",
    ]


def test_one_hull_under_two_numbers_at_once_is_told_and_one_after_the_other_is_not():
    shared = identities_of([static(1, 1, 5, imo=7303803), static(2, 5, 9, imo=7303803)])
    assert [row.oddities for row in shared] == [
        ["IMO 7303803 is sent under MMSI 2 too at that time"],
        ["IMO 7303803 is sent under MMSI 1 too at that time"],
    ]
    later = identities_of([static(1, 1, 5, imo=7303803), static(2, 6, 9, imo=7303803)])
    assert [row.oddities for row in later] == [[], []]


def test_a_number_whose_check_digit_fails_is_told():
    (row,) = identities_of([static(1, 1, 5, imo_wrong=7303804)])
    assert row.oddities == ["IMO 7303804 fails its check digit"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9), st.sampled_from("AB"))))
def test_no_report_of_an_identity_is_lost(rows):
    statics = [static(mmsi, first, 20, name=name) for mmsi, first, name in rows]
    found = identities_of(statics)
    assert sum(row.n_reports for row in found) == len(statics)
    assert len({(row.mmsi, row.name) for row in found}) == len(found)
