"""What a reader of the voyages table relies on."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.geo import distance_m
from pipeline.records import Cargo, ZoneRole
from pipeline.units import mps_from_knots
from pipeline.voyages.ends import middle
from pipeline.voyages.join import join_voyages

FIXTURES = [HealthCheck.function_scoped_fixture]


def join(made, settings, calls, candidates=(), sites=None):
    return join_voyages(
        list(calls), candidates=list(candidates), sites=sites or made.sites, settings=settings
    )


def test_two_dark_calls_across_the_180th_meridian_are_one_voyage(made, settings):
    load, goal = made.call("load-west", 2, 4), made.call("goal-east", 5, 7, tier="B")
    (voyage,) = join(made, settings, [goal, load])
    assert (voyage.load_call_id, voyage.discharge_call_id) == (load.call_id, goal.call_id)
    assert (voyage.load_site_id, voyage.discharge_site_id) == ("load-west", "goal-east")
    assert voyage.loaded_at == load.departure_earliest
    assert voyage.discharged_at == goal.arrival_latest
    assert voyage.tier == "C", "the weaker of C and B"
    assert voyage.is_dark
    assert voyage.missing is None
    assert voyage.p_link > 0.5
    assert voyage.cargo_inference == "laden"
    assert "not from pixels" in voyage.cargo_basis
    # two lengths of 92 ± 15 m: the error of their mean is 15 / sqrt(2)
    assert voyage.length_m == pytest.approx(92.0)
    assert voyage.length_sigma_m == pytest.approx(10.607, abs=1e-3)


def test_middle_of_a_berth_cut_by_the_180th_meridian_lies_on_it(made):
    halves = shapely.MultiPolygon(
        [shapely.box(179.99, -20.01, 180.0, -20.0), shapely.box(-180.0, -20.01, -179.99, -20.0)]
    )
    lon, lat = middle(halves)
    assert abs(lon) == pytest.approx(180.0, abs=0.005)
    assert lat == pytest.approx(-20.005, abs=0.005)


def test_a_ship_is_named_where_both_calls_agree_on_it(made, settings):
    load, goal = made.call("load-west", 2, 4), made.call("goal-east", 5, 7)
    both = made.suspects(load, {made.heron: 0.5, made.gull: 0.3, None: 0.2})
    both += made.suspects(goal, {made.heron: 0.6, None: 0.4})
    (voyage,) = join(made, settings, [load, goal], both)
    assert (voyage.mmsi, voyage.ship_name) == (made.heron, f"SHIP {made.heron}")
    (unnamed,) = join(made, settings, [load, goal])
    assert unnamed.mmsi is None
    assert voyage.p_link > unnamed.p_link


def test_candidates_lengths_decide_between_two_ships_we_do_not_know(made, settings):
    load = made.call("load-west", 2, 4, length_m=70.0, length_sigma_m=6.0)
    short = made.call("goal-east", 6.1, 7, length_m=71.0, length_sigma_m=6.0)
    long = made.call("goal-east", 6, 7, length_m=125.0, length_sigma_m=6.0)
    voyages = join(made, settings, [load, short, long])
    (linked,) = (v for v in voyages if v.load_call_id is not None)
    assert linked.discharge_call_id == short.call_id


def test_different_certain_ships_are_never_linked(made, settings):
    load, goal = made.call("load-west", 2, 4), made.call("goal-east", 5, 7)
    named = made.suspects(load, {made.heron: 1.0}) + made.suspects(goal, {made.gull: 1.0})
    voyages = join(made, settings, [load, goal], named)
    assert [v.p_link for v in voyages] == [None, None]


def test_a_dark_call_is_joined_to_the_ais_visit_of_its_suspect(made, settings):
    load = made.call("load-west", 2, 4, tier="B", mmsi=made.heron, p_ship=0.6)
    goal = made.visit("goal-east", 5, 7, made.heron)
    suspects = made.suspects(load, {made.heron: 0.6, None: 0.4})
    (voyage,) = join(made, settings, [load, goal], suspects)
    assert voyage.discharge_call_id == goal.call_id
    assert (voyage.mmsi, voyage.tier, voyage.is_dark) == (made.heron, "B", True)


def test_honest_tankers_make_no_voyage_and_keep_their_cargo(made, settings):
    honest = [made.visit("load-west", 2, 4, made.gull), made.visit("goal-east", 5, 7, made.gull)]
    assert join(made, settings, honest) == []
    dark = made.call("load-west", 2.1, 4)
    (voyage,) = join(made, settings, [*honest, dark])
    assert voyage.load_call_id == dark.call_id
    assert voyage.discharge_call_id is None


def test_loading_again_in_between_breaks_the_chain(made, settings):
    """The cargo brought on day 8 is the one loaded on day 6."""
    first = made.visit("load-west", 1, 2, made.heron)
    again = made.visit("load-west", 5, 6, made.heron)
    goal = made.call("goal-east", 8, 9, mmsi=made.heron, p_ship=1.0)
    (voyage,) = join(made, settings, [first, again, goal])
    assert voyage.load_call_id == again.call_id
    later = made.call("goal-east", 11, 12, mmsi=made.heron, p_ship=1.0)
    links = {
        (v.load_call_id, v.discharge_call_id)
        for v in join(made, settings, [first, again, goal, later])
    }
    assert links == {(again.call_id, goal.call_id), (None, later.call_id)}
    (alone,) = join(made, settings, [first, goal])
    assert alone.load_call_id == first.call_id


def test_the_next_discharge_call_takes_the_cargo(made, settings):
    load = made.call("load-west", 1, 2, mmsi=made.heron, p_ship=1.0)
    near = made.visit("goal-east", 5, 6, made.heron)
    later = made.call("goal-east", 8, 9, mmsi=made.heron, p_ship=1.0)
    voyages = join(made, settings, [load, later, near])
    assert {(v.load_call_id, v.discharge_call_id) for v in voyages} == {
        (load.call_id, near.call_id),
        (None, later.call_id),
    }


def test_missing_ends_say_why(made, settings):
    early, late = made.call("goal-east", 1, 2), made.call("load-west", 60, 61)
    lonely = made.call("load-west", 25, 26)
    first, middle_, last = join(made, settings, [early, lonely, late])
    assert first.load_call_id is None
    assert first.loaded_at is None
    assert "load call missing: the ship may have loaded before the data begin" in first.missing
    assert "discharge call missing: none that fits was seen" in middle_.missing
    assert "under cloud" in middle_.missing
    assert "the data end before the ship had to be there" in last.missing
    assert {v.cargo_inference for v in (first, middle_, last)} == {"unknown"}
    assert {v.p_link for v in (first, middle_, last)} == {None}
    assert (first.tier, first.length_m) == ("C", 92.0)


def test_without_a_watched_discharge_berth_the_reason_is_that(made, settings):
    sites = (made.sites[0], made.site("goal-dry", ZoneRole.DISCHARGE, 178.0, -17.5, Cargo.DRY))
    (voyage,) = join(made, settings, [made.call("load-west", 2, 4)], sites=sites)
    assert "no oil discharge berth is watched" in voyage.missing


@pytest.mark.parametrize(
    "weak",
    [
        {"tier": "D"},
        {"evidence_class": "GAP_SPANS_PORT", "tier": "D"},
        {"evidence_class": "GAP_SPANS_PORT"},
        {"cargo": "dry"},
        {"zone_role": "anchorage"},
    ],
)
def test_weak_leads_dry_berths_and_anchorages_make_no_voyage(made, settings, weak):
    assert join(made, settings, [made.call("load-west", 2, 4, **weak)]) == []


def test_a_weak_lead_is_named_where_an_end_is_missing_and_lowers_no_tier(made, settings):
    load = made.call("load-west", 2, 4, tier="B", mmsi=made.heron, p_ship=0.7)
    lead = made.call("goal-east", 6, 7, evidence_class="GAP_SPANS_PORT", tier="D", mmsi=made.heron)
    (voyage,) = join(made, settings, [load, lead])
    assert (voyage.tier, voyage.discharge_call_id) == ("B", None)
    assert lead.call_id in voyage.missing
    (other,) = join(made, settings, [load, replace(lead, mmsi=made.gull)])
    assert lead.call_id not in other.missing


def test_a_berth_no_site_has_is_one_clear_message(made, settings):
    lost = made.call("load-west", 2, 4, zone_id="load-west-gone")
    with pytest.raises(BadInput, match=r"no site has.*load-west-gone"):
        join(made, settings, [lost])


def test_no_calls_no_voyages(made, settings):
    assert join(made, settings, []) == []


def test_sea_time_bounds_are_those_of_the_fastest_ship(made, settings):
    """598 nm at 14 kn take 42.7 h: a berth seen empty too late for that can be linked, else not."""
    load = made.call("load-west", 2, 4, length_m=None)
    in_time = made.call("goal-south", 4 + 43.0 / 24.0, 7, length_m=None)
    too_soon = made.call("goal-south", 4 + 42.0 / 24.0, 7, length_m=None)
    named = {made.heron: 1.0}
    linked = join(made, settings, [load, in_time],
                  made.suspects(load, named) + made.suspects(in_time, named))  # fmt: skip
    apart = join(made, settings, [load, too_soon],
                 made.suspects(load, named) + made.suspects(too_soon, named))  # fmt: skip
    assert (len(linked), len(apart)) == (1, 2)


@st.composite
def seasons(draw):
    """(site, arrival day, stay, named ship or none) of a handful of calls."""
    one = st.tuples(
        st.sampled_from(["load-west", "goal-east", "goal-south"]),
        st.integers(0, 160).map(lambda quarter: quarter / 4),
        st.sampled_from([0.5, 1.0, 3.0]),
        st.sampled_from([None, 1, 2]),
        st.sampled_from(["A", "B", "C", "D"]),
        st.sampled_from(["IMAGE_ONLY", "AIS_VISIT", "GAP_AND_IMAGE", "CONTRADICTED"]),
    )
    return draw(st.lists(one, max_size=14, unique_by=lambda row: row[:2]))


def calls_of(made, season):
    calls = []
    for name, day, stay, ship, tier, evidence in season:
        mmsi = made.gull + ship if ship else (made.heron if evidence == "AIS_VISIT" else None)
        p_ship = 0.6 if ship else 1.0
        calls.append(
            made.call(
                name, day, day + stay, mmsi=mmsi, p_ship=p_ship, tier=tier, evidence_class=evidence
            )
        )
    return calls


@given(season=seasons(), seed=st.integers(0, 99))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
def test_every_season_keeps_the_promises(made, settings, season, seed):
    calls = calls_of(made, season)
    voyages = join(made, settings, calls)
    shuffled = random.Random(seed).sample(calls, len(calls))
    assert join(made, settings, shuffled) == voyages, "the order of the calls is of no matter"
    by_id = {one.call_id: one for one in calls}
    places = {one.site_id: middle(one.zones[0].polygon) for one in made.sites}
    used = [name for v in voyages for name in (v.load_call_id, v.discharge_call_id) if name]
    assert len(used) == len(set(used)), "a call is an end of one voyage at most"
    dark = {one.call_id for one in calls if one.evidence_class != "AIS_VISIT" and one.tier != "D"}
    assert dark <= set(used), "no dark call is lost"
    for voyage in voyages:
        ends = [by_id[n] for n in (voyage.load_call_id, voyage.discharge_call_id) if n]
        assert any(one.call_id in dark for one in ends)
        assert voyage.tier == max(one.tier for one in ends) != "D"
        assert (voyage.missing is None) == (len(ends) == 2) == (voyage.p_link is not None)
        if len(ends) == 2:
            way_m = float(distance_m(*places[ends[0].site_id], *places[ends[1].site_id]))
            most_s = (ends[1].arrival_latest - ends[0].departure_earliest).total_seconds()
            assert way_m <= most_s * mps_from_knots(14.0) * 1.000001
            assert 0.0 < voyage.p_link <= 1.0
