"""A season of three claims, two of them true, worked by hand."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pipeline.evaluate.season import score_season
from pipeline.evaluate.settings import Settings
from pipeline.records import (
    Candidate,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerTotal,
    PortCall,
    TrueCall,
    TrueHull,
    TrueVoyage,
    Voyage,
)

START = datetime(2023, 12, 20, tzinfo=UTC)
LON, LAT = -179.98, -17.5
HERON, GULL = 520_000_001, 520_000_002


def at(days):
    return START + timedelta(days=days)


def build(record, defaults, changes):
    """A record whose fields not told are null: scoring does not read them."""
    names = (field.name for field in dataclasses.fields(record))
    return record(**dict.fromkeys(names) | defaults | changes)


def truth(call_id, arrive, leave, mmsi=HERON, **other):
    times = {"arrived_at": at(arrive), "departed_at": at(leave)}
    told = {"call_id": call_id, "mmsi": mmsi, "is_tanker": True, "is_dark": True, "zone_id": "oil"}
    return build(TrueCall, told | times, other)


def claim(call_id, arrive, leave, **other):
    """Seen from day to day; the images before and after lie a day off."""
    told = {
        "call_id": call_id, "zone_id": "oil", "tier": "C", "evidence_class": "IMAGE_ONLY",
        "arrival_earliest": at(arrive - 1), "arrival_latest": at(arrive),
        "departure_earliest": at(leave), "departure_latest": at(leave + 1), "p_dark": 0.9,
    }  # fmt: skip
    return build(PortCall, told, other)


def candidate(call_id, rank, mmsi):
    told = {"call_id": call_id, "rank": rank, "mmsi": mmsi, "posterior": 0.3}
    return build(Candidate, told, {})


def true_hull(scene_id, call_id, **other):
    told = {
        "scene_id": scene_id, "call_id": call_id, "lon": LON, "lat": LAT, "length_m": 90.0,
        "is_dark": True, "is_visible": True,
    }  # fmt: skip
    return build(TrueHull, told, other)


def detection(scene_id, north_m=0.0, **other):
    told = {"scene_id": scene_id, "lon": LON, "lat": LAT + north_m / 111_200.0}
    return build(Detection, told, other)


def voyage(voyage_id, load, discharge):
    ends = {"load_call_id": load, "discharge_call_id": discharge}
    return build(Voyage, {"voyage_id": voyage_id} | ends, {})


def true_voyage(voyage_id, load, discharge, barrels):
    told = {"load_call_id": load, "discharge_call_id": discharge, "barrels": barrels}
    return build(TrueVoyage, {"voyage_id": voyage_id} | told, {})


def total(scope, days, p50):
    told = {"barrels_p10": p50 - 5.0, "barrels_p50": p50, "barrels_p90": p50 + 9.0}
    when = {"counted_at": at(days), "year": at(days).year}
    return build(LedgerTotal, {"scope": scope} | told | when, {})


@pytest.fixture
def season():
    """Tables of a season by name; empty where not told."""
    names = (
        "true_calls", "true_voyages", "true_hulls", "coverage", "calls", "candidates", "voyages",
        "entries", "totals", "detections",
    )  # fmt: skip
    return SimpleNamespace(**{name: [] for name in names})


def scored(season):
    return score_season(**vars(season), settings=Settings(call_tolerance_s=21_600.0))


def test_three_claims_two_true(season):
    season.true_calls = [
        truth("load", 1.5, 4),
        truth("other", 10.5, 13, GULL),
        truth("unseen", 20, 22),
        truth("on air", 30, 32, is_dark=False),
    ]
    season.calls = [claim("a", 2, 3), claim("b", 11, 12), claim("c", 30.5, 31)]
    season.candidates = [
        candidate("a", 1, HERON), candidate("a", 2, None),
        candidate("b", 1, None), candidate("b", 2, HERON), candidate("b", 3, GULL),
    ]  # fmt: skip
    season.true_hulls = [true_hull("s1", "load"), true_hull("s2", "other"), true_hull("s3", "load")]
    season.true_hulls.append(true_hull("s4", "unseen", is_visible=False))
    figures = scored(season)
    told = figures.calls
    assert (told.claims, told.true_claims) == (3, 2)
    assert (told.dark_calls, told.visible_calls, told.visible_found) == (3, 2, 2)
    flat = figures.as_json()
    assert flat["dark_precision"] == pytest.approx(2 / 3)
    assert flat["dark_recall_visible"] == 1.0
    assert flat["identity_top1"] == 0.5
    assert flat["identity_top3"] == 1.0
    # Five candidates, one of them unnamed: the true ship is Heron of a, Gull of b.
    assert sorted(true for _, true in told.names) == [False, True, True]
    assert [true for _, true in told.darkness] == [True, True, False]
    words = dict(figures.rows())
    assert words["dark calls claimed (tiers A to C)"] == "2 of 3 true (67%)"
    assert words["dark calls that a clear image shows"].endswith("1 more were never shown")


def test_a_call_split_in_two_is_right_once_and_wrong_once(season):
    season.true_calls = [truth("load", 1.5, 8)]
    season.calls = [claim("a", 2, 3), claim("b", 6, 7)]
    figures = scored(season)
    told = figures.calls
    assert (told.claims, told.true_claims, told.dark_calls) == (2, 1, 1)


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"zone_id": "dry"}, False),
        ({"arrival_latest": at(4.2), "departure_earliest": at(4.2)}, True),
        ({"arrival_latest": at(4.3), "departure_earliest": at(4.3)}, False),
        ({"arrival_latest": at(1.2), "departure_earliest": at(1.3)}, True),
        ({"arrival_latest": at(1.1), "departure_earliest": at(1.2)}, False),
    ],
    ids=["there", "another berth", "5 h late", "7 h late", "5 h early", "7 h early"],
)
def test_a_true_claim_names_the_berth_and_the_time_give_or_take(season, change, held):
    season.true_calls = [truth("load", 1.5, 4)]
    season.calls = [claim("a", 2, 3, **change)]
    assert scored(season).calls.true_claims == held


@pytest.mark.parametrize(
    "change",
    [{"tier": "D"}, {"evidence_class": "AIS_VISIT", "tier": "A"}],
    ids=["tier D", "on the air"],
)
def test_leads_and_calls_on_the_air_claim_nothing_dark(season, change):
    season.true_calls = [truth("load", 1.5, 4)]
    season.calls = [claim("a", 2, 3, **change)]
    assert scored(season).calls.claims == 0


def test_arrivals_are_held_by_intervals_with_two_ends(season):
    season.true_calls = [truth(str(k), 10 * k + 1.5, 10 * k + 4) for k in range(5)]
    season.calls = [
        claim("held", 2, 3),
        claim("at the edge", 12, 13, arrival_earliest=at(11.5)),
        claim("missed", 22, 23, arrival_earliest=at(21.75)),
        claim("open", 32, 33, arrival_earliest=None),
        claim("too early", 41.4, 42),
    ]
    figures = scored(season)
    told = figures.calls
    # The one at the edge of its bracket lies outside the nine tenths in its middle.
    assert (told.bracketed, told.arrivals_held, told.arrivals_held_90) == (4, 2, 1)
    assert figures.as_json()["arrival_coverage_90"] == 0.25


def test_voyages_are_found_by_one_end_and_linked_by_both(season):
    legs = [("l1", 1, 2), ("d1", 5, 6), ("l2", 11, 12), ("d2", 15, 16), ("l3", 21, 22)]
    season.true_calls = [truth(*leg) for leg in legs]
    season.calls = [claim(f"c-{name}", first, last) for name, first, last in legs]
    season.true_voyages = [
        true_voyage("one", "l1", "d1", 20_000.0),
        true_voyage("two", "l2", "d2", 30_000.0),
        true_voyage("three", "l3", None, 7_000.0),
    ]
    season.voyages = [
        voyage("a", "c-l1", "c-d1"), voyage("b", "c-l2", None), voyage("c", None, "c-d2"),
        voyage("d", "nobody", "nothing"),
    ]  # fmt: skip
    season.entries = [build(LedgerEntry, {}, {}) for _ in range(4)]
    figures = scored(season)
    assert (figures.voyages_true, figures.voyages_claimed) == (3, 4)
    assert (figures.voyages_found, figures.voyages_linked) == (2, 1)
    assert (figures.barrels_true, figures.barrels_true_found) == (57_000.0, 50_000.0)


def test_barrels_are_the_last_totals_of_both_years_added_up(season):
    season.totals = [
        total("upper bound (A to C)", 20, 3_000.0),  # 2024, after its second delivery
        total("upper bound (A to C)", 2, 1_000.0),  # 2023
        total("upper bound (A to C)", 5, 1_800.0),
        total("upper bound (A to C)", 14, 900.0),  # 2024
        total("headline (A and B)", 20, 700.0),
    ]
    figures = scored(season)
    upper = (figures.upper.p10, figures.upper.p50, figures.upper.p90)
    assert upper == (1_795.0 + 2_995.0, 4_800.0, 1_809.0 + 3_009.0)
    assert figures.headline.p50 == 700.0
    assert "4,800" in dict(figures.rows())["barrels counted, tiers A to C"]


def test_hulls_are_found_once_each_by_kept_detections_at_their_place(season):
    season.true_hulls = [
        true_hull("near", "x", length_m=90.0),  # 44 m off, half a length is 45 m
        true_hull("far", "x", length_m=90.0),  # 46 m off
        true_hull("aside", "x"),
        true_hull("twice", "x"), true_hull("twice", "y"),  # one detection for both
        true_hull("short", "x", length_m=40.0),
        true_hull("under way", None),
        true_hull("cloud", "x", is_visible=False),
    ]  # fmt: skip
    season.detections = [
        detection("near", 44.0), detection("far", -46.0), detection("twice"), detection("short"),
        detection("aside", screened="fixed object"), detection("under way"), detection("cloud"),
    ]  # fmt: skip
    figures = scored(season)
    assert (figures.hulls_visible, figures.hulls_detected) == (5, 2)


def test_looks_count_where_clear(season):
    states = ("seen", "cloudy", "seen", "partly", "not imaged")
    season.coverage = [build(Coverage, {"state": state}, {}) for state in states]
    figures = scored(season)
    assert (figures.berths_seen, figures.berths_watched) == (2, 5)


def test_an_empty_season_has_no_shares(season):
    flat = scored(season).as_json()
    shares = ("dark_precision", "dark_recall_visible", "identity_top1", "arrival_coverage_90")
    assert [flat[name] for name in (*shares, "hull_recall", "barrels_p50")] == [None] * 6
    assert flat["dark_claims"] == 0
    assert dict(scored(season).rows())["barrels counted, tiers A to C"] == "none"
