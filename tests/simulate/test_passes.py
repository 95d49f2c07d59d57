"""Passes come back as the orbits do: every 12 and every 10 days, at the same time of day."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from pipeline.records import Sensor
from pipeline.simulate.passes import passes
from pipeline.simulate.settings import Settings
from tests.simulate.conftest import a_port

SITES = (a_port(), a_port(lon=10.2, site_id="other"))
YEAR = Settings(n_days=366)
FOUND = passes(SITES, YEAR)


def by_orbit():
    orbits = defaultdict(list)
    for one in FOUND:
        orbits[one.site_id, one.platform, one.relative_orbit].append(one.sensed_at)
    return orbits


def test_each_orbit_repeats_to_the_day_and_nearly_to_the_minute():
    for (_, platform, _), times in by_orbit().items():
        repeat = timedelta(days=12 if platform.startswith("sentinel-1") else 10)
        for before, after in itertools.pairwise(times):
            assert abs(after - before - repeat) <= timedelta(minutes=3)


def test_sentinel_2b_follows_2a_after_five_days():
    for site in SITES:
        a, b = (by_orbit()[site.site_id, f"sentinel-2{unit}", 117] for unit in "ab")
        off = min(abs((one - other).total_seconds()) / 86400 for one in a for other in b)
        assert off == pytest.approx(5.0, abs=0.01)


def test_a_year_has_as_many_passes_as_its_cycles():
    """Sentinel-1A: 3 orbits of 366/12 = 30.5 each; Sentinel-2: 3 of 36.6 each."""
    for site in SITES:
        seen = Counter(one.sensor for one in FOUND if one.site_id == site.site_id)
        assert 90 <= seen[Sensor.S1] <= 93
        assert 108 <= seen[Sensor.S2] <= 111


def test_passes_lie_in_the_season_in_order_with_ids_of_their_own():
    season = replace_days(23)
    found = passes(SITES, season)
    assert [one.sensed_at for one in found] == sorted(one.sensed_at for one in found)
    assert all(season.start <= one.sensed_at < season.start + timedelta(days=23) for one in found)
    assert len({one.pass_id for one in FOUND}) == len(FOUND)


def test_a_longer_season_only_adds_passes():
    short = {one.pass_id: one for one in passes(SITES, replace_days(23))}
    long = {one.pass_id: one for one in FOUND}
    assert short.items() <= long.items()


def test_only_radar_has_a_geometry_and_it_is_sentinel_1s():
    for one in FOUND:
        if one.sensor is Sensor.S2:
            assert (one.heading_deg, one.incidence_deg, one.range_over_velocity_s) == (None,) * 3
            continue
        assert one.heading_deg is not None
        northward = one.heading_deg > 270 or one.heading_deg < 90
        assert northward == (one.orbit_state == "ascending")
        assert 29 < one.incidence_deg < 46  # interferometric wide swath
        assert 100 < one.range_over_velocity_s < 130  # 800 to 950 km at 7.6 km/s


def test_another_seed_shifts_the_calendar():
    other = passes(SITES, YEAR.model_copy(update={"seed": 5}))
    assert [one.sensed_at for one in other] != [one.sensed_at for one in FOUND]


def replace_days(n_days: int) -> Settings:
    return YEAR.model_copy(update={"n_days": n_days})
