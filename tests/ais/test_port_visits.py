"""Port visits: the state machine, and how sure each visit is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline.ais.port_visits import confidence, find_port_visits, held, runs
from pipeline.geo import destination
from pipeline.records import (
    Cargo,
    Zone,
    ZoneRole,
)
from tests.ais.conftest import NOON, SETTINGS, built, fix, site

TANKER = 273312000
PLACES = [(133.06, 42.74), (179.999, -17.5), (-70.3, 70.2)]


def port(place):
    """A berth 200 m by 60 m at a place, and an anchorage 2 km south of it."""
    lon, lat = place
    high, wide = 1 / 111_195, 1 / (111_320 * np.cos(np.deg2rad(lat)))
    berth = box(lon - 100 * wide, lat - 30 * high, lon + 100 * wide, lat + 30 * high)
    roads = box(lon - 300 * wide, lat - 2300 * high, lon + 300 * wide, lat - 1700 * high)
    zones = tuple(
        Zone(
            zone_id=name, site_id="s", name=name, role=role, cargo=Cargo.CRUDE, polygon=polygon,
            source="invented", digitised_on="2024-01-01", is_guess=False,
        )
        for name, role, polygon in (
            ("berth", ZoneRole.LOAD, berth), ("roads", ZoneRole.ANCHORAGE, roads),
        )
    )  # fmt: skip
    return replace(site(lon, lat), zones=zones)


def call(place, steps):
    """Fixes at (minutes, metres east of the berth, knots) or (…, navigational status)."""
    fixes = []
    for minutes, east_m, knots, *status in steps:
        lon, lat = destination(*place, 90.0 if east_m >= 0 else 270.0, abs(east_m))
        fixes.append(
            fix(
                TANKER, minutes, float(lon), float(lat), sog_mps=knots * 1852 / 3600,
                nav_status=status[0] if status else None,
            )
        )  # fmt: skip
    return fixes


def visits(place, fixes):
    loose = SETTINGS.model_copy(update={"fragment_min_fixes": 1})
    return find_port_visits(built(fixes, settings=loose).fixes, (port(place),), SETTINGS)


WHOLE = [
    (0, 9000, 8), (20, 5000, 6), (40, 2900, 3), (60, 20, 0.1), (600, 30, 0.3), (900, 10, 0.1),
    (960, 3500, 5), (980, 4200, 9), (1000, 9000, 9),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_whole_visit_is_of_the_highest_confidence_and_at_its_berth(place):
    (visit,) = visits(place, call(place, WHOLE))
    assert (visit.zone_id, visit.lying, visit.confidence) == ("berth", "at a berth", 4)
    assert (visit.entered, visit.left) == (True, True)
    # In at 2.9 km, out beyond 4: 3.5 km is still in port.
    assert (visit.first_at, visit.last_at) == (
        NOON + timedelta(minutes=40), NOON + timedelta(minutes=960),
    )  # fmt: skip
    # 0.3 kn is no stop that begins, but one that goes on.
    assert (visit.stopped_at, visit.moved_off_at) == (
        NOON + timedelta(minutes=60), NOON + timedelta(minutes=900),
    )  # fmt: skip
    assert visit.longest_silence_s == 540 * 60


@pytest.mark.parametrize(
    ("rows", "expected"), [(slice(2, None), 3), (slice(0, 7), 3), (slice(2, 7), 2)]
)
def test_a_visit_of_which_an_end_is_missing_is_less_sure(rows, expected):
    (visit,) = visits(PLACES[0], call(PLACES[0], WHOLE[rows]))
    assert visit.confidence == expected


def test_a_passage_is_no_visit_to_count():
    steps = [(20 * k, 9000 - 3000 * k, 10) for k in range(7)]
    (visit,) = visits(PLACES[0], call(PLACES[0], steps))
    assert (visit.confidence, visit.lying, visit.stopped_at) == (1, "no stop", None)


def test_a_long_silence_in_port_is_a_stay_without_a_stop():
    steps = [(0, 9000, 8), (20, 2000, 6), (20 + 241, 2500, 6), (300, 9000, 8)]
    (visit,) = visits(PLACES[0], call(PLACES[0], steps))
    assert visit.confidence == 4
    shorter = [(0, 9000, 8), (20, 2000, 6), (20 + 239, 2500, 6), (300, 9000, 8)]
    assert visits(PLACES[0], call(PLACES[0], shorter))[0].confidence == 1


def test_the_silence_in_which_she_left_counts_too():
    steps = [(0, 9000, 8), (20, 2000, 6), (20 + 250, 9000, 6)]
    (visit,) = visits(PLACES[0], call(PLACES[0], steps))
    assert (visit.confidence, visit.longest_silence_s) == (4, 250 * 60)


@pytest.mark.parametrize(
    ("status", "lying"),
    [(1, "at anchor outside the anchorages drawn"), (0, "stopped outside all zones")],
)
def test_anchored_and_drifting_are_kept_apart(status, lying):
    steps = [(0, 9000, 8), *((20 + k, 1500, 0.1, status) for k in range(9)), (60, 9000, 8)]
    (visit,) = visits(PLACES[0], call(PLACES[0], steps))
    assert (visit.zone_id, visit.lying) == (None, lying)


def test_two_visits_of_one_ship_are_two():
    again = [(minutes + 2000, *rest) for minutes, *rest in WHOLE]
    assert len(visits(PLACES[1], call(PLACES[1], [*WHOLE, *again]))) == 2


def test_confidence_is_that_of_the_published_classes():
    table = {
        (True, True, True): 4, (True, False, True): 3, (False, True, True): 3,
        (False, False, True): 2, (True, True, False): 1, (False, False, False): 1,
    }  # fmt: skip
    for (entered, left, stayed), expected in table.items():
        assert confidence(entered=entered, left=left, stayed=stayed) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["on", "off", ""]), st.booleans()), max_size=30))
def test_a_held_state_is_what_a_loop_would_hold(steps):
    on, off = (np.array([kind == name for kind, _ in steps], bool) for name in ("on", "off"))
    new = np.array([k == 0 or flag for k, (_, flag) in enumerate(steps)], bool)
    state, expected = False, []
    for k, (kind, _) in enumerate(steps):
        state = False if new[k] else state
        state = {"on": True, "off": False, "": state}[kind]
        expected.append(state)
    assert held(on, off, new).tolist() == expected
    stretches = runs(np.array(expected, bool), new)
    assert sum(last - first + 1 for first, last in stretches) == sum(expected)
    assert all(not new[first + 1 : last + 1].any() for first, last in stretches)
