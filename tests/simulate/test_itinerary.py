"""Calls and silences of a season are possible ones."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
import shapely

from pipeline.errors import UsageError
from pipeline.geo import distance_m
from pipeline.records import ZoneRole
from pipeline.simulate.fleet import Trade
from pipeline.simulate.settings import Settings
from pipeline.simulate.track import SWING_M
from pipeline.simulate.world import build_world
from pipeline.sites import load_sites
from pipeline.units import HOUR_S, m_from_nautical_miles, mps_from_knots
from tests.simulate.conftest import DEMO, a_port


def test_a_ship_is_at_one_place_at_a_time(long_season):
    for life in long_season.lives:
        for before, after in zip(life.visits, life.visits[1:], strict=False):
            assert before.arrive_s < before.depart_s < after.arrive_s


def test_a_berth_holds_one_ship_at_a_time_and_rests_between(long_season):
    at = defaultdict(list)
    for life in long_season.lives:
        for visit in life.visits:
            at[visit.place.place_id].append((visit.arrive_s, visit.depart_s))
    shared = 0
    for stays in at.values():
        stays.sort()
        shared += len(stays) > 1
        for (_, left_s), (came_s, _) in itertools.pairwise(stays):
            assert came_s - left_s >= long_season.settings.turn_round_h * HOUR_S - 1e-6
    assert shared > 5


def test_no_ship_is_ever_faster_than_itself(long_season):
    """Over any ten minutes; an anchored ship may swing across its circle meanwhile."""
    t_s = np.arange(0.0, long_season.settings.n_days * 86400.0, 600.0)
    for life, track in zip(long_season.lives, long_season.tracks, strict=True):
        limit_mps = mps_from_knots(life.ship.speed_kn)
        assert np.all(np.diff(track.t_s) > 0)
        state = track.at(t_s)
        assert state.sog_mps.max() <= limit_mps * 1.001, life.ship.mmsi
        gone_m = distance_m(state.lon[:-1], state.lat[:-1], state.lon[1:], state.lat[1:])
        assert gone_m.max() <= limit_mps * 600 * 1.01 + 2 * SWING_M, life.ship.mmsi


def test_ships_creep_inside_the_harbour_and_never_cross_land(long_season):
    t_s = np.arange(0.0, long_season.settings.n_days * 86400.0, 150.0)
    limit_mps = mps_from_knots(long_season.settings.harbour_speed_kn)
    called = set()
    for track in long_season.tracks:
        state = track.at(t_s)
        for site in long_season.sites:
            land = shapely.union_all(list(site.land))
            assert not shapely.contains_xy(land, state.lon, state.lat).any()
            inside = shapely.contains_xy(site.aoi, state.lon, state.lat)
            if inside.any():
                assert state.sog_mps[inside].max() <= limit_mps * 1.01
                called.add(site.site_id)
    assert len(called) == len(long_season.sites)


def test_the_track_lies_at_the_berth_from_arrival_to_departure(season):
    for life, track in zip(season.lives, season.tracks, strict=True):
        for visit in life.visits:
            state = track.at(np.linspace(visit.arrive_s, visit.depart_s - 1.0, 9))
            assert set(state.sog_mps) == {0.0}
            assert shapely.contains_xy(visit.place.zone.polygon, state.lon, state.lat).all()
            if visit.place.zone.is_berth:
                assert state.heading_deg == pytest.approx(np.full(9, visit.bow_deg))


def test_tankers_load_and_discharge_in_turn_and_others_keep_off_oil_berths(long_season):
    for life in long_season.lives:
        roles = [visit.place.zone.role for visit in life.visits]
        if life.ship.is_tanker:
            assert all(visit.place.zone.handles_oil for visit in life.visits)
            expected = [ZoneRole.LOAD, ZoneRole.DISCHARGE] * (len(roles) // 2 + 1)
            assert roles == expected[: len(roles)]
        else:
            assert not any(visit.place.zone.handles_oil for visit in life.visits)


def test_a_dark_call_is_silent_throughout_and_an_open_one_is_not(long_season):
    kinds = set()
    for life in long_season.lives:
        for visit in life.visits:
            silent = life.is_silent(np.linspace(visit.arrive_s, visit.depart_s, 25))
            kinds.add((life.ship.trade, visit.place.zone.role, visit.is_dark))
            assert silent.all() if visit.is_dark else not silent.any()
    assert (Trade.DARK_TANKER, ZoneRole.LOAD, True) in kinds
    assert (Trade.DARK_TANKER, ZoneRole.DISCHARGE, True) in kinds
    assert (Trade.DARK_TANKER, ZoneRole.DISCHARGE, False) in kinds
    assert not {dark for trade, _, dark in kinds if trade is not Trade.DARK_TANKER} - {False}


def test_a_long_silence_ends_before_the_next_open_call():
    settings = Settings(
        n_days=30, n_dark_tankers=5, n_honest_tankers=0, n_cargo=0, n_small_craft=0,
        dark_discharge_share=0.0, off_range_nm=(300.0, 350.0),
    )  # fmt: skip
    lives = build_world(load_sites(DEMO), settings=settings).lives
    open_calls = [(life, visit) for life in lives for visit in life.visits if not visit.is_dark]
    assert len(open_calls) >= 5
    for life, visit in open_calls:
        # it may switch off again the moment it casts off
        stay_s = np.linspace(visit.arrive_s, visit.depart_s - 1.0, 9)
        assert not life.is_silent(stay_s).any()


def test_trackers_go_off_and_on_at_sea_within_the_distance_set(season):
    low_m, high_m = (m_from_nautical_miles(nm) for nm in season.settings.off_range_nm)
    far = 0
    for life, track in zip(season.lives, season.tracks, strict=True):
        dark = [visit for visit in life.visits if visit.is_dark]
        for visit, (off_s, on_s) in zip(dark, life.silences, strict=True):
            assert off_s <= visit.arrive_s
            assert on_s >= visit.depart_s
            state = track.at(np.array([off_s]))
            off_m = float(distance_m(state.lon[0], state.lat[0], visit.place.lon, visit.place.lat))
            assert off_m <= high_m
            if visit is life.visits[0]:  # later it may go off right after another port
                assert off_m > 0.4 * low_m  # nearer where it slowed down for its berth
                far += 1
    assert far >= 3


def test_every_share_of_dark_discharge_can_be_asked_for():
    for share, expected in ((0.0, {False}), (1.0, {True})):
        settings = Settings(
            n_days=25, n_dark_tankers=4, n_honest_tankers=0, n_cargo=0, n_small_craft=0,
            dark_discharge_share=share,
        )  # fmt: skip
        world = build_world(load_sites(DEMO), settings=settings)
        visits = [visit for life in world.lives for visit in life.visits]
        found = {v.is_dark for v in visits if v.place.zone.role is ZoneRole.DISCHARGE}
        assert found == expected


def test_sites_where_a_trade_finds_no_berth_are_refused_in_one_sentence():
    settings = Settings(n_days=30, n_dark_tankers=1, n_honest_tankers=0, n_cargo=0, n_small_craft=0)
    with pytest.raises(UsageError, match=r"No place suits a dark tanker.*found south"):
        build_world((a_port(),), settings=settings)
