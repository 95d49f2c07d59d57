"""A season with a set number of voyages, at real places: what it promises of 2024."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import load_config
from pipeline.geo import distance_m
from pipeline.records import ZoneRole
from pipeline.scene.coast import is_land, land_polygon
from pipeline.simulate.broadcast import day_messages
from pipeline.simulate.fleet import RENAMED_MMSI, Trade
from pipeline.simulate.harbour import build_harbour
from pipeline.simulate.settings import Settings
from pipeline.simulate.sky import cloud_thickness
from pipeline.simulate.world import build_world
from pipeline.sites import load_sites

REPLAY = Path(__file__).parents[2] / "configs/replay-2024.yaml"


@pytest.fixture(scope="module")
def config():
    return load_config(REPLAY)


@pytest.fixture(scope="module")
def sites(config):
    return tuple(
        replace(site, land=(land_polygon(site, config.scene),))
        for site in load_sites(config.sites, config.site_ids)
    )


@pytest.fixture(scope="module")
def world(config, sites):
    return build_world(sites, settings=config.simulate, is_land=is_land)


def at_load(world):
    return {z.zone_id for s in world.sites for z in s.zones if z.role is ZoneRole.LOAD}


def test_forty_three_voyages_from_vostochny_and_one_of_them_lit(world):
    dark = {one.ship.mmsi for one in world.lives if one.ship.trade is Trade.DARK_TANKER}
    dark |= {mmsi + RENAMED_MMSI for mmsi in dark}
    loads = [c for c in world.truth_calls if c.mmsi in dark and c.zone_id in at_load(world)]

    assert len(dark) // 2 == 15
    assert len(loads) == 43
    assert {call.site_id for call in loads} == {"vostochny"}
    assert sum(not call.is_dark for call in loads) == 1
    assert len(world.truth_voyages) == 42
    assert sum(voyage.barrels for voyage in world.truth_voyages) > 1_000_000
    first, last = min(c.arrived_at for c in loads), max(c.arrived_at for c in loads)
    assert first - world.settings.start > timedelta(days=5)
    assert timedelta(days=235) < last - first < timedelta(days=255)


def test_gates_lie_at_sea_and_ways_to_them_do_not_cross_land(sites, world):
    for site in sites:
        harbour = build_harbour(site, seaward_m=25_000.0, is_land=is_land)
        assert not is_land(np.array([harbour.gate_lon]), np.array([harbour.gate_lat]))[0]
        out_m = distance_m(site.aoi.centroid.x, site.aoi.centroid.y, harbour.gate_lon,
                           harbour.gate_lat)  # fmt: skip
        assert float(out_m) == pytest.approx(25_000.0, rel=1e-3)


def test_no_berth_holds_two_ships_and_no_ship_is_in_two_places(world):
    by_berth, by_ship = {}, {}
    for life in world.lives:
        for visit in life.visits:
            span = (visit.arrive_s, visit.depart_s)
            by_ship.setdefault(life.ship.mmsi, []).append(span)
            if visit.place.zone.is_berth:
                by_berth.setdefault(visit.place.place_id, []).append(span)
    for spans in (*by_berth.values(), *by_ship.values()):
        ordered = sorted(spans)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered))


def test_a_renamed_ship_sends_another_mmsi_and_no_imo(world):
    (life,) = [one for one in world.lives if one.renamed_s < float("inf")]
    before, after = (life.ship_at(life.renamed_s + offset) for offset in (-1.0, 1.0))
    assert (before.mmsi, before.imo > 0) == (life.ship.mmsi, True)
    assert (after.mmsi, after.imo, after.length_m) == (
        life.ship.mmsi + RENAMED_MMSI, 0, life.ship.length_m
    )  # fmt: skip
    first = int(life.renamed_s / 86400) + 3
    days = [
        day_messages(world, feed, day).decode()
        for day in world.days[first : first + 36 : 4]
        for feed in world.feeds
    ]
    heard = {name for name in (before.name, after.name) if any(name in text for text in days)}
    assert heard == {after.name}


def test_the_ship_that_arrives_lit_falls_silent_in_port(world):
    life = world.lives[0]
    first = life.visits[0]
    assert not first.is_dark
    quiet = life.is_silent(
        np.array([first.arrive_s - 3600.0, first.arrive_s + 3600.0, first.depart_s - 60.0])
    )
    assert quiet.tolist()[:2] == [False, False]
    assert quiet[2] == (first.depart_s - first.arrive_s > 1.5 * 86400)


def test_july_is_cloudier_than_january(config):
    def clear(month):
        skies = [
            cloud_thickness((20, 24), np.random.default_rng(k), month, config.simulate).mean()
            for k in range(400)
        ]
        return np.mean(np.array(skies) == 0.0)

    assert clear(1) == pytest.approx(0.60, abs=0.07)
    assert clear(7) == pytest.approx(0.20, abs=0.07)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_dark_voyages": 3},
        {"dark_days": (1.0, 2.0)},
        {"n_dark_voyages": 3, "dark_days": (2.0, 1.0)},
        {"clear_by_month": (0.9,) * 12, "overcast_by_month": (0.2,) * 12},
        {"clear_by_month": (0.5,) * 11},
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValidationError):
        Settings(**wrong)
