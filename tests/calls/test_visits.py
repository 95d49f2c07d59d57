"""Stops inside zones: two distances, silences, overlapping zones, the 180th meridian."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.calls.visits import Fixes, find_visits


def visits_of(made, settings, fixes, *zones, mmsis=None):
    ships = mmsis or sorted({fix.mmsi for fix in fixes})
    tracks = {f"t{mmsi}": made.track(mmsi) for mmsi in ships}
    return find_visits(made.site(*zones), Fixes.of(made.table(fixes)), tracks, settings)


def hours(made, visit):
    """First and last hour of a visit since the start."""
    span = (visit.first_at - made.at(0), visit.last_at - made.at(0))
    return tuple(each / timedelta(hours=1) for each in span)


def test_a_visit_lies_between_the_last_fix_outside_and_the_first_outside_again(made, settings):
    fixes = made.sail(
        (0, 0, -9000, 5.0), (1, 0, -600, 2.0), (2, 0, 0, 0.0), (9, 5, 3, 0.05), (10, 0, -700, 1.5)
    )
    (visit,) = visits_of(made, settings, fixes[::-1], made.oil)
    assert hours(made, visit) == (2, 9)
    assert (visit.before_at, visit.after_at) == (made.at(1 / 24), made.at(10 / 24))
    assert visit.zone is made.oil


def test_a_stop_outside_and_a_passage_are_no_visits(made, settings):
    # 80 m is the berth's edge: a stop at 130 m is beyond the 40 m allowed, the passage never stops.
    outside = made.sail((0, 0, 130, 0.0), (5, 0, 130, 0.0), mmsi=made.heron)
    passing = made.sail((0, -150, 0, 3.0), (2, 0, 0, 3.0), (4, 150, 0, 3.0), mmsi=made.gull)
    assert visits_of(made, settings, outside + passing, made.oil) == []


@pytest.mark.parametrize(("north_m", "found"), [(110, 1), (130, 0)])
def test_a_stopped_ship_lies_in_a_zone_up_to_the_margin(made, settings, north_m, found):
    fixes = made.sail((0, 0, north_m, 0.0), (5, 0, north_m, 0.0))
    assert len(visits_of(made, settings, fixes, made.oil)) == found


@pytest.mark.parametrize(("swing_m", "found"), [(270, [(0, 9)]), (300, [(0, 3), (6, 9)])])
def test_a_visit_ends_only_beyond_the_outer_distance(made, settings, swing_m, found):
    # The outer distance ends 80 + 200 m north of the centre.
    fixes = made.sail(
        (0, 0, 0, 0.0), (3, 0, 0, 0.0), (4, 0, swing_m, 0.5), (6, 0, 0, 0.0), (9, 0, 0, 0.0)
    )
    visits = visits_of(made, settings, fixes, made.oil)
    assert [hours(made, one) for one in visits] == found


def test_a_ship_that_moves_inside_has_arrived_when_she_stops(made, settings):
    fixes = made.sail((0, -100, 0, 1.0), (1, -50, 0, 0.5), (2, 0, 0, 0.0), (7, 0, 0, 0.0))
    (visit,) = visits_of(made, settings, fixes, made.oil)
    assert hours(made, visit) == (2, 7)
    assert visit.after_at is None


def test_a_silence_while_moored_is_one_visit(made, settings):
    fixes = made.sail((0, 0, 0, 0.0), (1, 0, 0, 0.0), (61, 10, 0, 0.0), (62, 0, -900, 3.0))
    (visit,) = visits_of(made, settings, fixes, made.oil)
    assert hours(made, visit) == (0, 61)
    assert visit.before_at is None


def test_a_ship_that_tells_no_speed_may_lie_still(made, settings):
    fixes = made.sail((0, 0, 0, None), (5, 0, 0, None))
    assert len(visits_of(made, settings, fixes, made.oil)) == 1


@pytest.mark.parametrize(("minutes", "found"), [(59, 0), (61, 1)])
def test_a_short_stop_is_no_call(made, settings, minutes, found):
    fixes = made.sail((0, 0, 0, 0.0), (minutes / 60, 0, 0, 0.0), (2, 0, 900, 3.0))
    assert len(visits_of(made, settings, fixes, made.oil)) == found


def test_neighbouring_zones_share_no_visit_and_the_one_that_holds_the_ship_has_it(made, settings):
    left, right = made.zone("left", half=(100.0, 60.0)), made.zone("right", 210.0, half=(100, 60.0))
    # 85 m east of left's centre: inside left, and 25 m from right.
    fixes = made.sail((0, 85, 0, 0.0), (5, 85, 0, 0.0))
    for zones in ((left, right), (right, left)):
        (visit,) = visits_of(made, settings, fixes, *zones)
        assert visit.zone is left


def test_two_ships_at_two_berths_are_two_visits_in_time(made, settings):
    late = made.sail((3, 0, 0, 0.0), (9, 0, 0, 0.0), mmsi=made.heron)
    early = made.sail((1, 0, 900, 0.0), (9, 0, 900, 0.0), mmsi=made.gull)
    visits = visits_of(made, settings, late + early)
    assert [(one.track.mmsi, one.zone.zone_id) for one in visits] == [
        (made.gull, "dry"),
        (made.heron, "oil"),
    ]


@pytest.mark.parametrize(
    ("lon", "lat"), [(179.9975, -17.5), (-179.9975, 66.2), (-70.9, -53.2), (132.9, 42.7)]
)
def test_distances_are_metres_everywhere(made, settings, lon, lat):
    # Berths 266 m and 113 m from the 180th meridian too: their outer distance crosses it.
    berth = made.zone("there", lon=lon, lat=lat, half=(60.0, 60.0))
    for side in (-1, 1):
        near = made.sail((0, 0, 0, 0.0), (4, 250 * side, 0, 0.0), lon=lon, lat=lat)
        far = made.sail((0, 0, 0, 0.0), (4, 270 * side, 0, 0.0), lon=lon, lat=lat)
        (visit,) = visits_of(made, settings, near, berth)
        assert hours(made, visit) == (0, 4)
        assert visits_of(made, settings, far, berth) == []


def test_no_fixes_are_no_visits(made, settings):
    assert visits_of(made, settings, [], mmsis=[made.heron]) == []
