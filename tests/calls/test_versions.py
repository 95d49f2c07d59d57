"""The history of calls: what is added, what is not, and what it says has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.calls.versions import new_versions
from pipeline.records import PortCall

MONDAY = datetime(2024, 3, 11, 3, tzinfo=UTC)


def call(name="call-1", detections=("d1", "d2"), **other) -> PortCall:
    values = {
        "call_id": name, "site_id": "labasa", "zone_id": "oil", "zone_role": "load",
        "cargo": "oil products", "mmsi": None, "ship_name": None, "ship_type": None,
        "arrival_earliest": None, "arrival_latest": MONDAY, "departure_earliest": MONDAY,
        "departure_latest": None, "evidence_class": "IMAGE_ONLY", "tier": "C", "p_dark": 0.9,
        "p_tanker": 0.8, "p_ship": 1.0, "length_m": 92.0, "length_sigma_m": 8.0, "n_seen": 2,
        "detection_ids": list(detections), "gap_ids": [], "track_ids": [], "counter_evidence": [],
    }  # fmt: skip
    return PortCall(**{**values, **other})


class Runs:
    """One run after another on a growing history."""

    def __init__(self, made):
        self.made, self.history, self.days = made, [], 0

    def run(self, *calls, provisional=False):
        """Rows that this run adds."""
        stay = self.made.seen(self.made.stay(self.made.hull(4)))
        stays = [replace(stay, call_id=one.call_id, provisional=provisional) for one in calls]
        now = MONDAY + timedelta(days=self.days)
        rows = new_versions(self.history, calls, stays, now=now)
        self.history, self.days = self.history + rows, self.days + 1
        return rows


@pytest.fixture
def runs(made):
    return Runs(made)


def test_a_call_is_written_down_once_and_again_only_when_it_changes(runs):
    ((first),) = runs.run(call())
    assert (first.version, first.state, first.changed) == (1, "firm", [])
    assert runs.run(call()) == []
    assert runs.run(call(p_dark=0.91)) == []  # less than a twentieth
    (second,) = runs.run(call(tier="B", mmsi=445000001, gap_ids=["g1"], p_ship=0.8))
    assert (second.event_id, second.version) == (first.event_id, 2)
    assert second.changed == [
        "tier: C, now B", "ship: unknown, now 445000001", "P(ship): 1.00, now 0.80",
        "evidence: 1 more, 0 fewer",
    ]  # fmt: skip
    assert second.recorded_at > first.recorded_at


def test_provisional_becomes_firm(runs):
    (first,) = runs.run(call(), provisional=True)
    assert first.state == "provisional"
    assert runs.run(call(), provisional=True) == []
    (second,) = runs.run(call())
    assert second.changed == ["state: provisional, now firm"]


def test_a_call_that_late_ais_explains_is_withdrawn_and_may_come_back(runs):
    (first,) = runs.run(call(), provisional=True)
    (gone,) = runs.run()
    assert (gone.event_id, gone.version, gone.state) == (first.event_id, 2, "withdrawn")
    assert gone.changed == ["provisional, tier C, now no call"]
    assert runs.run() == []
    (again,) = runs.run(call())
    assert (again.event_id, again.version) == (first.event_id, 3)
    assert again.changed == ["state: withdrawn, now firm"]


def test_a_stay_prolonged_by_a_later_pass_is_the_same_event(runs):
    (first,) = runs.run(call("call-1", ["d1"]))
    (longer,) = runs.run(call("call-2", ["d1", "d2", "d3"]))
    assert (longer.event_id, longer.call_id) == (first.event_id, "call-2")
    assert longer.changed == ["evidence: 2 more, 0 fewer"]


def test_a_call_split_in_two_keeps_its_event_in_the_earlier_part(runs):
    (first,) = runs.run(call("call-1", ["d1", "d2"]))
    later = MONDAY + timedelta(days=2)
    rows = runs.run(call("call-3", ["d2"], arrival_latest=later), call("call-2", ["d1"]))
    assert [(row.call_id, row.event_id == first.event_id) for row in rows] == [
        ("call-2", True), ("call-3", False),
    ]  # fmt: skip
    assert len({row.event_id for row in rows}) == 2
    # And both stay what they are in the next run.
    assert runs.run(call("call-2", ["d1"]), call("call-3", ["d2"], arrival_latest=later)) == []


def test_two_calls_joined_leave_one_withdrawn(runs):
    later = MONDAY + timedelta(days=2)
    one, two = runs.run(call("call-1", ["d1"]), call("call-2", ["d2"], arrival_latest=later))
    rows = runs.run(call("call-3", ["d1", "d2"]))
    assert [(row.event_id, row.state) for row in rows] == [
        (one.event_id, "firm"), (two.event_id, "withdrawn"),
    ]  # fmt: skip


def test_leads_have_a_history_and_visits_on_the_air_have_none(runs):
    lead = call("lead", [], gap_ids=["g7"], evidence_class="GAP_SPANS_PORT", tier="D")
    visit = call("visit", [], track_ids=["t1"], evidence_class="AIS_VISIT", tier="A")
    (row,) = runs.run(lead, visit)
    assert (row.call_id, row.evidence_ids) == ("lead", ["g7"])
    assert runs.run(lead, visit) == []


def test_what_speaks_against_it_opens_a_decision_again(runs):
    (first,) = runs.run(call())
    doubt = call(counter_evidence=["MMSI 1 reports from this berth"])
    (second,) = runs.run(doubt)
    assert second.changed == ["what speaks against it"]
    assert call().evidence_key != doubt.evidence_key
    assert first.evidence_key != second.evidence_key
