"""A site's calls as a user reads them: tiers, names, brackets and what speaks against."""

from __future__ import annotations

import random

import pytest

from pipeline.calls.find import (
    find_calls,
    named,
    one_ship,
    two_ships,
    without_used_leads,
)
from pipeline.calls.names import candidates, name_calls
from pipeline.records import AisInView

NORTHWARD = 0.0


class Season:
    """What the pictures and the air told of the terminal; an empty pass on either side."""

    def __init__(self, made):
        self.made = made
        self.detections = [made.hull(4), made.hull(5)]
        self.changed = {}
        self.coverage = [made.coverage(day) for day in (3, 4, 5, 6)]
        self.gaps, self.fixes, self.views = [], [], []
        self.tracks = [made.track(made.heron), made.track(made.gull, length_m=140.0)]

    def silence(self, **other):
        """The heron falls silent on her way in, and is heard again on her way out."""
        self.gaps = [self.made.gap(3.5, 6, **other)]
        self.fixes = self.made.sail(
            (84, 0, -20_000, 5.0, NORTHWARD), (144, 0, -20_000, 5.0, NORTHWARD + 180.0)
        )
        return self

    def find(self, settings, shuffle=None):
        parts = {
            "detections": list(self.detections),
            "matches": [
                self.made.match(one, **self.changed)
                for one in self.detections
                if one.screened is None
            ],
            "coverage": list(self.coverage),
        }
        gaps, tracks = list(self.gaps), list(self.tracks)
        fixes = list(self.fixes)
        if shuffle is not None:
            for rows in (*parts.values(), fixes, gaps, tracks):
                shuffle.shuffle(rows)
        found = find_calls(
            self.made.site(), **parts, is_land=None, settings=settings,
            air=self.made.air(
                sorted(gaps, key=lambda gap: gap.gap_id), *tracks, fixes=fixes, in_view=self.views
            ),
        )  # fmt: skip
        odds = name_calls(found.stays, found.suspicions, settings)
        stays = {stay.call_id: stay for stay in found.stays}
        calls = [
            named(call, stays[call.call_id], odds[call.call_id], settings)
            if call.call_id in stays else call
            for call in found.calls
        ]  # fmt: skip
        ranked = [row for stay in found.stays
                  for row in candidates(stay, odds[stay.call_id], settings)]  # fmt: skip
        return without_used_leads(calls), ranked


@pytest.fixture
def season(made):
    return Season(made)


def test_a_dark_hull_between_empty_images_is_one_call_of_tier_c(made, season, settings):
    ((call,), candidates) = season.find(settings)
    assert (call.tier, call.evidence_class, call.mmsi) == ("C", "IMAGE_ONLY", None)
    assert (call.arrival_earliest, call.arrival_latest) == (made.at(3), made.at(4))
    assert (call.departure_earliest, call.departure_latest) == (made.at(5), made.at(6))
    assert call.detection_ids == ["hull@4", "hull@5"]
    assert call.counter_evidence == []
    assert [(one.mmsi, one.posterior) for one in candidates] == [(None, 1.0)]
    assert call.p_ship == 1.0
    assert 0.9 < call.p_dark < 1.0


def test_a_tanker_silent_without_cause_makes_it_tier_b_and_gives_a_name(made, season, settings):
    ((call,), candidates) = season.silence().find(settings)
    assert (call.tier, call.evidence_class) == ("B", "GAP_AND_IMAGE")
    assert (call.mmsi, call.ship_name) == (made.heron, f"SHIP {made.heron}")
    assert call.gap_ids == [season.gaps[0].gap_id]
    assert candidates[0].mmsi == made.heron
    assert candidates[0].posterior == pytest.approx(call.p_ship)
    assert {one.call_id for one in candidates} == {call.call_id}
    assert sum(one.posterior for one in candidates) == pytest.approx(1.0)


def test_a_silence_that_receivers_may_explain_stays_tier_c(season, settings):
    season.silence(verdict="not heard", p_silent_if_on=0.02)
    ((call,), _) = season.find(settings)
    assert (call.tier, call.evidence_class) == ("C", "GAP_AND_IMAGE")


@pytest.mark.parametrize("listening", [0.0, 0.98])
@pytest.mark.parametrize("silent", [False, True])
def test_where_nobody_was_heard_an_image_alone_is_tier_d(season, settings, listening, silent):
    season.changed = {"outcome": "no coverage", "p_heard": listening, "ships_heard": 0}
    if silent:
        season.silence(verdict="not heard")
    ((call,), _) = season.find(settings)
    assert call.tier == "D"
    assert any("nobody was heard" in remark for remark in call.counter_evidence)


def test_a_silence_without_cause_lifts_an_unheard_hull_to_c_at_most(season, settings):
    season.changed = {"outcome": "no coverage", "ships_heard": 0}
    ((call,), _) = season.silence(verdict="likely off").find(settings)
    assert call.tier in "CD"
    assert any("nobody was heard" in remark for remark in call.counter_evidence)


@pytest.mark.parametrize(
    ("hull", "match"),
    [
        ({"p_tanker": 0.1}, {}),
        ({"score": 0.02}, {}),
        ({}, {"p_dark": 0.1}),
        ({}, {"outcome": "ambiguous"}),
        ({"north_m": 900.0, "zone_id": "dry"}, {}),
        ({"north_m": -4000.0, "zone_id": "roads"}, {}),
    ],
    ids=["no tanker", "hardly a ship", "maybe on air", "ambiguous", "dry berth", "anchorage"],
)
def test_weak_cases_are_tier_d(made, season, settings, hull, match):
    season.detections = [made.hull(4, **hull)]
    season.coverage += [made.coverage(4, in_zone=each) for each in (made.dry, made.roads)]
    season.changed = match
    ((call,), _) = season.find(settings)
    assert call.tier == "D"


def test_a_ship_that_reports_from_that_berth_makes_it_tier_d_and_is_named(made, season, settings):
    season.silence()
    season.fixes += made.sail(
        (92, 0, 20, 0.0), (110, 0, 20, 0.0), (126, 0, 20, 0.0), mmsi=made.gull
    )
    calls, _ = season.find(settings)
    visit, dark = sorted(calls, key=lambda call: call.tier)
    assert (visit.tier, visit.evidence_class, visit.mmsi) == ("A", "AIS_VISIT", made.gull)
    assert (visit.arrival_latest, visit.p_dark, visit.p_ship) == (made.at(92 / 24), 0.0, 1.0)
    assert dark.tier == "D"
    assert any(f"MMSI {made.gull} reports" in remark for remark in dark.counter_evidence)


def test_a_visit_bears_the_images_that_match_it(made, season, settings):
    season.fixes = made.sail((80, 0, 0, 0.0), (130, 0, 0, 0.0))
    season.changed = {"outcome": "matched", "track_id": f"t{made.heron}"}
    ((call,), candidates) = season.find(settings)
    assert (call.tier, call.n_seen, call.detection_ids) == ("A", 2, ["hull@4", "hull@5"])
    assert (call.counter_evidence, candidates) == ([], [])


def test_clear_images_without_a_hull_speak_against_a_visit(made, season, settings):
    season.detections = []
    season.coverage[2] = made.coverage(5, "cloudy")
    season.fixes = made.sail((60, 0, 0, 0.0), (130, 0, 0, 0.0))
    ((call,), _) = season.find(settings)
    assert call.counter_evidence == ["2 of 2 clear images show no hull there"]  # days 3 and 4


def test_doubts_are_told(made, season, settings):
    season.changed = {"provisional": True}
    ((call,), _) = season.find(settings)
    assert call.counter_evidence == ["provisional: late AIS may still explain it"]


def test_a_silence_no_image_explains_is_a_lead_of_tier_d(made, season, settings):
    season.detections = []
    ((lead,), candidates) = season.silence().find(settings)
    assert (lead.tier, lead.evidence_class, lead.mmsi) == ("D", "GAP_SPANS_PORT", made.heron)
    assert made.at(3.5) < lead.arrival_earliest < lead.departure_latest < made.at(6)
    assert (lead.detection_ids, candidates) == ([], [])
    season.tracks[0] = made.track(made.heron, ship_type=30)
    assert season.find(settings) == ([], [])


def test_a_detection_set_aside_is_no_call(made, season, settings):
    season.detections = [made.hull(4, screened="fixed object")]
    assert season.find(settings) == ([], [])


def test_an_empty_site_has_no_calls(season, settings):
    season.detections, season.coverage, season.tracks = [], [], []
    assert season.find(settings) == ([], [])


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_the_inputs_changes_nothing(made, season, settings, seed):
    season.silence()
    season.gaps += [made.gap(3.6, None, made.gull), made.gap(9, 14, made.gull)]
    season.fixes += made.sail((20, 0, 900, 0.0), (40, 0, 900, 0.0), mmsi=made.gull)
    season.detections += [
        made.hull(4, 60, detection_id="twin@4", length_m=120.0),
        made.hull(5, 62, detection_id="twin@5", length_m=121.0),
        made.hull(4, 0, -4000, detection_id="anchored@4", zone_id="roads"),
    ]
    season.coverage.append(made.coverage(4, in_zone=made.roads))
    expected = season.find(settings)
    assert len(expected[0]) == 5
    assert season.find(settings, random.Random(seed)) == expected


def test_a_position_spoofed_at_sea_while_berthed_makes_a_contradicted_call_of_tier_c(
    made, season, settings
):
    # Spoofed at sea while berthed: on the air 9 km off, where two clear images show nobody.
    lon, lat = made.place(5000.0, -8000.0)
    season.views = [
        AisInView(
            scene_id=f"pass@{day}", site_id="labasa", sensed_at=made.at(day),
            track_id=f"t{made.heron}", mmsi=made.heron, lon=lon, lat=lat, sigma_m=50.0,
            status="not seen", p_detect=0.95, detection_id=None,
        )
        for day in (4, 5)
    ]  # fmt: skip
    ((call,), rows) = season.find(settings)
    assert (call.tier, call.evidence_class, call.mmsi) == ("C", "CONTRADICTED", made.heron)
    assert call.gap_ids == []
    assert any(f"MMSI {made.heron} reports from" in said for said in call.counter_evidence)
    assert rows[0].gap_id is None
    assert rows[0].posterior == pytest.approx(call.p_ship)
    season.views = []
    ((call,), _) = season.find(settings)
    assert (call.evidence_class, call.mmsi) == ("IMAGE_ONLY", None)


def test_a_quay_crane_on_every_image_is_a_lead_and_no_claim(made, season, settings):
    # A bright shape at the berth on all six passes of the season, nothing before, nothing after.
    season.detections = [made.hull(day) for day in range(3, 9)]
    season.coverage = [made.coverage(day) for day in range(3, 9)]
    calls, _ = season.find(settings)
    assert {call.tier for call in calls} == {"D"}
    assert any("never seen to arrive or leave" in said for said in calls[0].counter_evidence)


def test_a_tanker_that_lies_for_weeks_is_one_call_once_she_is_seen_to_come(made, season, settings):
    lain = settings.model_copy(update={"stay_mean_s": 20 * 86400.0})
    season.detections = [made.hull(day) for day in range(4, 24, 2)]
    season.coverage = [made.coverage(day) for day in (2, *range(4, 24, 2))]
    ((call,), _) = season.find(lain)
    assert (call.tier, call.n_seen) == ("C", 10)
    assert (call.arrival_earliest, call.departure_earliest) == (made.at(2), made.at(22))


def test_a_tracker_off_before_a_call_on_the_air_claims_nothing_dark(made, season, settings):
    # Silent at sea until she is off the port, then on the air to the berth and away again.
    season.gaps = [made.gap(1, 3.4)]
    season.fixes = made.sail(
        (24, 0, -20_000, 5.0, NORTHWARD), (82, 0, -20_000, 5.0, NORTHWARD),
        (90, 0, 0, 0.0), (110, 0, 0, 0.0), (130, 0, 0, 0.0), (140, 0, -20_000, 5.0, 180.0),
    )  # fmt: skip
    season.changed = {"outcome": "matched", "track_id": f"t{made.heron}"}
    calls, ranked = season.find(settings)
    assert [call.evidence_class for call in calls if call.tier != "D"] == ["AIS_VISIT"]
    assert ranked == []


def test_two_tankers_of_a_size_one_after_the_other_are_told_apart_by_their_silences(
    made, season, settings
):
    # Images on days 4 and 6 alike; one ship is heard again on day 5, when another falls silent.
    season.detections = [made.hull(4), made.hull(6)]
    season.coverage = [made.coverage(day) for day in (3, 4, 6, 7)]
    season.tracks = [made.track(made.heron), made.track(made.gull)]
    together, _ = season.find(settings)
    assert [call.n_seen for call in together] == [2]
    season.gaps = [made.gap(3.5, 4.9), made.gap(5.1, 6.9, made.gull)]
    first, second = season.find(settings)[0]
    assert (first.mmsi, second.mmsi) == (made.heron, made.gull)
    assert (first.arrival_earliest, first.departure_latest) == (made.at(3), made.at(6))
    assert (second.arrival_earliest, second.departure_latest) == (made.at(4), made.at(7))


def test_one_silence_over_all_images_keeps_them_together(made, season, settings):
    season.detections = [made.hull(4), made.hull(6)]
    season.coverage = [made.coverage(day) for day in (3, 4, 6, 7)]
    season.tracks = [made.track(made.heron), made.track(made.gull)]
    season.gaps = [made.gap(3.5, 6.5), made.gap(5.1, 6.9, made.gull)]
    (call,) = [call for call in season.find(settings)[0] if call.is_dark]
    assert (call.n_seen, call.mmsi) == (2, made.heron)


def test_odds_of_two_ships_leave_out_one_ship_twice(settings):
    # Against 3 each: (3 + 6 + 1)(3 + 6 + 2) less 6 x 6, over 9.
    one, other = {"a": 6.0, "b": 1.0}, {"a": 6.0, "c": 2.0}
    assert two_ships(one, other, settings) == pytest.approx((10 * 11 - 36) / 9)
    assert one_ship(one, settings) == pytest.approx(10 / 3)
    assert two_ships({}, {}, settings) == one_ship({}, settings) == 1.0
