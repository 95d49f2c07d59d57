"""The truth of a season: the same from the same seed, and true to its own facts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.records import TrueCall, TrueVoyage
from pipeline.simulate.fleet import Trade
from pipeline.simulate.settings import Settings
from pipeline.simulate.world import build_world
from pipeline.sites import load_sites
from pipeline.tables import write_records
from tests.simulate.conftest import DEMO, SEASON


def written(world, tmp_path, name: str) -> tuple[bytes, bytes]:
    write_records(TrueCall, world.truth_calls, tmp_path / f"{name}-calls")
    write_records(TrueVoyage, world.truth_voyages, tmp_path / f"{name}-voyages")
    return (tmp_path / f"{name}-calls").read_bytes(), (tmp_path / f"{name}-voyages").read_bytes()


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(season, tmp_path):
    again = build_world(load_sites(DEMO), settings=SEASON)
    other = build_world(load_sites(DEMO), settings=SEASON.model_copy(update={"seed": 1}))
    first = written(season, tmp_path, "first")
    assert written(again, tmp_path, "again") == first
    assert all(a != b for a, b in zip(written(other, tmp_path, "other"), first, strict=True))


def test_calls_begin_in_the_season_and_lie_in_their_site(long_season):
    end = long_season.settings.start + timedelta(days=long_season.settings.n_days)
    zones = {zone.zone_id: zone for site in long_season.sites for zone in site.zones}
    ids = set()
    for call in long_season.truth_calls:
        assert long_season.settings.start <= call.arrived_at < end
        assert call.arrived_at < call.departed_at
        assert zones[call.zone_id].site_id == call.site_id
        ids.add(call.call_id)
    assert len(ids) == len(long_season.truth_calls) > 100


def test_a_voyage_joins_a_dark_load_call_to_the_ships_next_call(long_season):
    calls = {call.call_id: call for call in long_season.truth_calls}
    zones = {zone.zone_id: zone for site in long_season.sites for zone in site.zones}
    for voyage in long_season.truth_voyages:
        load = calls[voyage.load_call_id]
        assert load.is_dark
        assert (load.mmsi, zones[load.zone_id].role) == (voyage.mmsi, "load")
        later = sorted(
            call.arrived_at
            for call in calls.values()
            if call.mmsi == voyage.mmsi and call.arrived_at > load.departed_at
        )
        if voyage.discharge_call_id is None:
            assert not later
            continue
        discharge = calls[voyage.discharge_call_id]
        assert zones[discharge.zone_id].role == "discharge"
        assert discharge.arrived_at == later[0]
    dark_loads = {
        c.call_id for c in calls.values() if c.is_dark and zones[c.zone_id].role == "load"
    }
    assert {voyage.load_call_id for voyage in long_season.truth_voyages} == dark_loads


def test_barrels_as_worked_by_hand():
    """100 m: 3912 t deadweight, 95 % of it cargo, 90 % full: 3912·0.95·0.9·7.46 = 24,952 bbl."""
    settings = Settings(
        n_days=12, n_dark_tankers=3, n_honest_tankers=1, n_cargo=0, n_small_craft=0,
        dark_length_m=(100.0, 100.0), load_fraction=(0.9, 0.9),
    )  # fmt: skip
    world = build_world(load_sites(DEMO), settings=settings)
    assert world.truth_voyages
    for voyage in world.truth_voyages:
        assert voyage.dwt_t == pytest.approx(3912, rel=1e-3)
        assert voyage.barrels == pytest.approx(24_952, rel=1e-3)


def test_no_ship_carries_more_than_it_can(long_season):
    low, high = long_season.settings.load_fraction
    for voyage in long_season.truth_voyages:
        share = voyage.barrels / 7.46 / voyage.dwt_t / 0.95
        assert low <= share <= high


def test_only_dark_tankers_make_dark_voyages(season):
    dark = {life.ship.mmsi for life in season.lives if life.ship.trade is Trade.DARK_TANKER}
    assert {voyage.mmsi for voyage in season.truth_voyages} <= dark


def test_a_visit_is_found_by_its_time(season):
    for life in season.lives:
        for visit in life.visits:
            assert season.visit_at(life, (visit.arrive_s + visit.depart_s) / 2) is visit
            assert season.visit_at(life, visit.arrive_s - 1.0) is None


def test_one_file_a_day_and_feed(season):
    assert len(season.days) == season.settings.n_days
    assert season.days[0] == season.settings.start.date()
