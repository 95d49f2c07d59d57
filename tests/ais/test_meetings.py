"""Encounters and loitering."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipeline.ais.meetings import find_encounters, find_loitering, joined_steps, slow_steps
from pipeline.geo import destination
from pipeline.scene.coast import far_from_land
from tests.ais.conftest import NOON, SETTINGS, built, fix

ONE, OTHER = 273312000, 445000001
SEA = [(140.0, 40.0), (179.9999, 40.0), (-30.0, -55.0)]


def anywhere(lon, lat, distance_m):
    return np.ones(len(lon), bool)


def drift(mmsi, place, *, away_m=0.0, minutes=range(0, 181, 7), speed_kn=0.5):
    """A ship that drifts northward, so far east of a place."""
    fixes = []
    for m in minutes:
        north = speed_kn * 1852 / 60 * m
        lon, lat = destination(*place, 0.0, north)
        lon, lat = destination(lon, lat, 90.0, away_m)
        fixes.append(fix(mmsi, m, float(lon), float(lat)))
    return fixes


def encounters(*fixes, far=anywhere, parts=1):
    tracks = built(fixes)
    steps = [(0, slow_steps(tracks.fixes, far, SETTINGS))]
    return find_encounters(joined_steps(steps), tracks.tracks, SETTINGS)


@pytest.mark.parametrize("place", SEA)
def test_two_ships_side_by_side_for_hours_meet(place):
    (met,) = encounters(*drift(ONE, place), *drift(OTHER, place, away_m=300.0))
    assert (met.mmsi, met.other_mmsi) == (ONE, OTHER)
    assert (met.start_at, met.end_at) == (NOON, NOON + timedelta(minutes=170))
    assert met.median_distance_m == pytest.approx(300.0, rel=0.01)
    assert met.median_speed_mps == pytest.approx(0.5 * 1852 / 3600, rel=0.01)
    assert abs((met.lon - place[0] + 180) % 360 - 180) < 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"away_m": 520.0}, {"away_m": 300.0, "minutes": range(0, 120, 7)},
        {"away_m": 300.0, "minutes": range(200, 390, 7)},
    ],
    ids=["too far", "too short", "at another time"],
)  # fmt: skip
def test_ships_that_do_not_meet(changes):
    assert encounters(*drift(ONE, SEA[0]), *drift(OTHER, SEA[0], **changes)) == []


def test_ships_under_way_in_company_do_not_meet():
    fast = [drift(ONE, SEA[0], speed_kn=6.0), drift(OTHER, SEA[0], away_m=100.0, speed_kn=6.0)]
    assert encounters(*fast[0], *fast[1]) == []


def test_a_parting_of_less_than_four_hours_is_one_meeting():
    first, later = range(0, 61, 7), range(200, 320, 7)
    both = [*first, *later]
    met = encounters(
        *drift(ONE, SEA[0], minutes=both, speed_kn=0.1),
        *drift(OTHER, SEA[0], minutes=both, away_m=100.0, speed_kn=0.1),
    )
    assert len(met) == 1
    assert met[0].n_steps < 22  # nothing is made up for the hours between


def test_three_ships_are_three_pairs():
    fixes = [one for k in range(3) for one in drift(ONE + k, SEA[1], away_m=100.0 * k)]
    assert len(encounters(*fixes)) == 3


@pytest.mark.parametrize(
    ("place", "meets"), [((10.0, 56.8), False), ((3.0, 56.0), True)], ids=["Kattegat", "Dogger"]
)
def test_side_by_side_in_a_harbour_is_no_meeting(place, meets):
    ships = [*drift(ONE, place, speed_kn=0.1), *drift(OTHER, place, away_m=60.0, speed_kn=0.1)]
    assert bool(encounters(*ships, far=far_from_land)) is meets


def loitering(fixes, far=anywhere):
    tracks = built(fixes)
    return find_loitering(tracks.fixes, tracks.tracks, far, SETTINGS)


@pytest.mark.parametrize(
    ("hours", "speed_kn", "n"), [(5, 1.5, 1), (5, 2.2, 0), (3, 1.5, 0), (24, 0.0, 1)]
)
def test_hours_of_hardly_moving_are_loitering(hours, speed_kn, n):
    found = loitering(drift(ONE, SEA[2], minutes=range(0, hours * 60, 10), speed_kn=speed_kn))
    assert len(found) == n
    if n:
        assert found[0].end_at - found[0].start_at == timedelta(hours=hours)
        assert found[0].mean_speed_mps == pytest.approx(speed_kn * 1852 / 3600, abs=0.02)


def test_going_round_in_circles_is_not_loitering():
    # 6 kn on a circle of 300 m: the place stays, the way does not.
    fixes = []
    for m in range(600):
        lon, lat = destination(*SEA[0], (m * 6 * 1852 / 60 / 300 * 57.2958) % 360, 300.0)
        fixes.append(fix(ONE, m, float(lon), float(lat)))
    assert loitering(fixes) == []


def test_near_the_coast_nobody_loiters():
    assert loitering(drift(ONE, (3.0, 56.0), minutes=range(0, 600, 10)), far_from_land) != []
    assert loitering(drift(ONE, (9.0, 57.2), minutes=range(0, 600, 10)), far_from_land) == []
