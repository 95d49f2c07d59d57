"""What `darkcall explain` says: every number of the reasoning, and nothing that was not seen."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.records import Candidate, Coverage, Detection, Match, PortCall, SeenStay
from pipeline.review.explain import Evidence, explain

NOON = datetime(2023, 12, 31, 21, 22, tzinfo=UTC)


def build(kind, **other):
    """A record with plain values for what is not told."""
    plain = {"str": "x", "int": 1, "float": 0.5, "bool": False, "datetime": NOON,
             "list[str]": [], "list[float]": []}  # fmt: skip
    values = {
        field.name: None if "None" in field.type else plain[field.type] for field in fields(kind)
    }
    return kind(**{**values, **other})


def evidence(**other) -> Evidence:
    call = build(
        PortCall, call_id="call-7", zone_role="load", cargo="oil products", mmsi=445000001,
        ship_name="RYE", arrival_earliest=NOON - timedelta(hours=40), arrival_latest=NOON,
        departure_earliest=NOON, departure_latest=NOON + timedelta(hours=30), tier="B",
        evidence_class="GAP_AND_IMAGE", p_dark=0.83, p_tanker=0.71, p_ship=0.64,
        detection_ids=["d1"], gap_ids=["g1"],
        counter_evidence=["the berth's place is a guess"],
    )  # fmt: skip
    values = {
        "call": call,
        "stay": build(SeenStay, p_false=0.07, p_unmatched=0.96, p_unheard=0.004, is_dark=True),
        "place": "Wrangel Bay, south pier",
        "detections": [build(Detection, detection_id="d1", scene_id="S2A_1", sensor="S2",
                             sensed_at=NOON, score=0.93, length_m=97.0, length_sigma_m=14.0,
                             lon=133.05, lat=-42.75)],
        "matches": {"d1": build(Match, outcome="dark", mmsi=273000001, llr=-1.0, offset_m=812.0,
                                term_position=-math.log(40.0), term_length=math.log(2.3),
                                term_axis=0.0, term_type=None, p_match=0.03, p_dark=0.97,
                                ships_heard=7, p_heard=0.98)},
        "coverage": [build(Coverage, sensed_at=NOON + timedelta(hours=h), state=state, sensor="S1")
                     for h, state in ((-40, "seen"), (-20, "cloudy"), (0, "seen"), (30, "seen"))],
        "candidates": [
            build(Candidate, rank=1, mmsi=445000001, ship_name="RYE", posterior=0.64,
                  term_length=math.log(1.8), term_type=0.0, term_listed=math.log(15.0),
                  term_gap=math.log(6.0), reason="silent from 30 Dec; 12 h to spare"),
            build(Candidate, rank=2, mmsi=None, posterior=0.36, reason="a ship without AIS"),
        ],
    }  # fmt: skip
    return Evidence(**{**values, **other})


def told(about) -> str:
    return " ".join("\n".join(map(str, explain(about))).split())


@pytest.mark.parametrize(
    "words",
    [
        "RYE at Wrangel Bay, south pier, a load place which handles oil products",
        "Tier B",
        "does not transmit) 0.83",
        "tanker) 0.71, which at 10 m rests on size and berth",
        "It does not show loading, a name, or a flag",
        "31 Dec 2023 21:22, Sentinel-2 optical: a shape that is a ship with P 0.93, 97 ± 14 m long",
        "MMSI 273000001, should have been 812 m off: odds place ÷ 40, length × 2.3, axis × 1;",
        "P(the shape is hers) 0.03, P(nobody's on the air) 0.97",
        "7 ships on the air were heard there",
        "within the hour with P 0.98",
        # 40 h of bracket: a twentieth is 2 h at either end.
        "Nine times in ten she arrived 30 Dec 07:22 to 31 Dec 2023 19:22",
        "The last clear image of the berth before was of 30 Dec 2023 05:22, Sentinel-1 radar",
        "The first clear image of the berth afterwards was of 2 Jan 2024 03:22",
        "P(none of the shapes is a ship) 0.07",
        "P(no ship on the air is she) 0.96",
        "P(she transmitted and nobody heard) < 0.01",
        "1. RYE (MMSI 445000001), P 0.64: odds length × 1.8, type × 1, lists and flag × 15,",
        "2. a ship we do not know, P 0.36: a ship without AIS.",
        "the berth's place is a guess.",
        "Rests on d1, g1.",
    ],
)
def test_each_step_is_told_with_its_number(words):
    assert words in told(evidence())


def test_a_hull_that_nobody_was_near_says_so():
    lonely = build(Match, outcome="dark", mmsi=None, llr=None, offset_m=None, ships_heard=1,
                   p_heard=0.9)  # fmt: skip
    said = told(evidence(matches={"d1": lonely}))
    assert "Nobody on the air was near. 1 ship on the air" in said


def test_a_visit_on_the_air_has_no_odds_of_darkness_and_no_suspects():
    call = build(
        PortCall, evidence_class="AIS_VISIT", tier="A", mmsi=1, ship_name="HERON", cargo="unknown",
        arrival_latest=NOON, departure_earliest=NOON, track_ids=["t1"],
    )  # fmt: skip
    about = evidence(call=call, stay=None, detections=[], candidates=[])
    headings = [section.heading for section in explain(about)]
    assert headings == [f"Call {call.call_id}", "When", "What speaks against it"]
    said = told(about)
    assert "P(a ship lies there" not in said
    assert "whose cargo is not known" in said
    assert "Nothing in the data." in said


def test_lines_fit_a_terminal():
    assert all(len(line) <= 100 for s in explain(evidence()) for line in str(s).splitlines())
