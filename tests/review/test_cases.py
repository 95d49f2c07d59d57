"""The queue: order by hand-worked priorities, plain words, chips where they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.review.cases import make_cases
from pipeline.review.settings import Settings

SETTINGS = Settings(barrels_fallback=10_000.0, uncertainty_floor=0.05, indirect_weight=0.2)


def queue(made, calls=(), **tables):
    names = ("candidates", "voyages", "entries", "in_view", "detections")
    given_tables = {name: tables.get(name, []) for name in names}
    return make_cases(calls, sites=made.sites, settings=SETTINGS, **given_tables)


def test_the_queue_is_ordered_by_p_dark_times_barrels_times_uncertainty(made):
    calls = [
        # no delivery in the ledger: 0.8 · (10,000 · 0.5) · 4·0.5·0.5 = 4,000
        made.call("toss", p_dark=0.8, p_tanker=0.5, p_ship=0.9, gap_ids=[]),
        # 24,000 bbl in the ledger: 0.9 · 24,000 · 4·0.8·0.2 = 13,824
        made.call("big", p_dark=0.9, p_tanker=0.9, p_ship=0.8),
        # the same, but all is clear, so the floor: 1 · 24,000 · 0.05 = 1,200
        made.call("clear", p_dark=1.0, p_tanker=1.0, p_ship=1.0, site_id="south"),
        # no image: 0.2 · 0.5 · (10,000 · 1) · 1 = 1,000
        made.call("silent", p_dark=0.5, p_tanker=1.0, p_ship=1.0, evidence_class="GAP_SPANS_PORT"),
        made.call("visit", evidence_class="AIS_VISIT"),
    ]
    cases = queue(
        made,
        calls,
        voyages=[made.voyage("y", "big", "clear"), made.voyage("z", "toss", None)],
        entries=[made.entry("y", 24_000.0)],
    )
    assert [case.subject_id for case in cases] == ["big", "toss", "clear", "silent"]
    assert [case.priority for case in cases] == pytest.approx([13_824, 4_000, 1_200, 1_000])


def test_a_case_says_in_words_and_numbers_what_is_asked_and_why(made):
    (case,) = queue(made, [made.call("c1")], candidates=[made.candidate("c1", 1)])
    assert case.question == (
        "Did a tanker lie at Northport, oil-1, 5 Mar 02:09 to 6 Mar 2024 02:09 UTC, without AIS, "
        "and which ship was it?"
    )
    told = " ".join(case.reasons)
    for part in ("tier B", "2 images show", "92 ± 11 m", "P(dark) 0.93", "P(tanker) 0.81",
                 "GREY HERON, 0.62", "Against it: length fits two ships"):  # fmt: skip
        assert part in told
    assert case.evidence_ids == ["d1", "d2", "g1"]


def test_chips_lead_from_the_workspace_to_files_that_exist(made, workspace):
    pictures = [
        made.detection("d2", sensed_at=made.at(5), chip=None),
        made.detection("d1"),
        made.detection("other"),
    ]
    (case,) = queue(made, [made.call("c1")], detections=pictures)
    assert case.chips == ["detect/north--1/chips/d1.png"]
    assert all((workspace / chip).is_file() for chip in case.chips)


def test_a_ship_that_clear_images_miss_again_and_again_is_a_spoofing_lead(made):
    # P(false) = 0.02 / (0.02 + 0.98 · 0.1 · 0.1) = 0.6711; 4p(1-p) = 0.8829;
    # 0.2 · 0.6711 · 10,000 · 0.8829 = 1,185.0
    rows = [made.in_view(3), made.in_view(8), made.in_view(12, status="seen")]
    (case,) = queue(made, in_view=rows)
    assert (case.kind, case.subject_id, case.site_id) == ("spoofing lead", "t9", "north")
    assert case.priority == pytest.approx(1185.0, abs=0.1)
    assert "273000009" in case.question
    assert any("2 clear images" in reason for reason in case.reasons)
    assert "It was seen in 1 other image of this site." in case.reasons


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"status": "cloud"}, id="the second image was cloudy"),
        pytest.param({"p_detect": 0.35}, id="the ship is too small to be sure of seeing it"),
        pytest.param({"sigma_m": 900.0}, id="nobody knows where exactly it was"),
        pytest.param({"track_id": "t8"}, id="the second was another ship"),
    ],
)
def test_one_good_miss_is_no_lead(made, second):
    assert queue(made, in_view=[made.in_view(3), replace(made.in_view(8), **second)]) == []


def test_an_unmatched_hull_beside_the_place_may_be_the_ship(made):
    rows = [made.in_view(3), made.in_view(8)]
    near = made.detection("d9", scene_id=rows[1].scene_id, lon=132.0605, lat=42.0121)  # 43 m off
    assert queue(made, in_view=rows, detections=[near]) == []
    assert len(queue(made, in_view=rows, detections=[replace(near, lat=42.02)])) == 1
    assert len(queue(made, in_view=rows, detections=[replace(near, screened="cloud")])) == 1


probabilities = st.floats(0.0, 1.0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(p_dark=probabilities, p_tanker=probabilities, p_ship=probabilities)
def test_the_order_of_the_input_changes_nothing(made, p_dark, p_tanker, p_ship):
    calls = [
        made.call("a", p_dark=p_dark, p_tanker=p_tanker, p_ship=p_ship),
        made.call("b", p_dark=p_ship, p_tanker=p_dark, p_ship=p_tanker),
        made.call("c"),
    ]
    cases = queue(made, calls)
    assert cases == queue(made, calls[::-1])
    assert all(case.priority >= 0 for case in cases)
    assert [case.priority for case in cases] == sorted((c.priority for c in cases), reverse=True)
