"""The terms of the likelihood ratio, hand-worked."""

from __future__ import annotations

import math

import pytest

from pipeline.geo import azimuth_deg, distance_m
from pipeline.match.others import Others
from pipeline.match.score import displaced, score
from pipeline.records import Sensor
from tests.match.conftest import PORT, SETTINGS, hull, scene, ship


def scored(detection, prediction, of=None):
    found = score(
        of or scene(), [detection], [prediction],
        centre=PORT, others=Others(SETTINGS), settings=SETTINGS,
    )  # fmt: skip
    return found[0] if found else None


# --------------------------------------------------------------------------- displacement

ASCENDING, DESCENDING = 348.0, 192.0
"""Ground tracks of Sentinel-1; both look to the right: about east, about west."""


def pass_(heading, incidence=39.0, r_over_v=120.0):
    return scene(
        Sensor.S1, heading_deg=heading, incidence_deg=incidence, range_over_velocity_s=r_over_v
    )


def shift(prediction, scene_):
    at = displaced(prediction, scene_)
    return (
        float(distance_m(prediction.lon, prediction.lat, *at)),
        float(azimuth_deg(prediction.lon, prediction.lat, *at)),
    )


@pytest.mark.parametrize("heading", [ASCENDING, DESCENDING])
def test_120_m_for_each_metre_a_second_of_radial_speed(heading):
    # R/V = 120 s. Straight away from the sensor at 5 m/s, seen at 39 deg incidence: the radial
    # part is 5 sin 39 deg = 3.147 m/s, so 377.6 m, against the flight.
    away = ship(sog_mps=5.0, course_deg=(heading + 90) % 360)
    distance, azimuth = shift(away, pass_(heading))
    assert distance == pytest.approx(120 * 5 * math.sin(math.radians(39)), abs=0.01)
    assert distance == pytest.approx(377.6, abs=0.1)
    assert azimuth == pytest.approx((heading + 180) % 360, abs=0.01)


@pytest.mark.parametrize("heading", [ASCENDING, DESCENDING])
def test_a_ship_that_comes_nearer_is_shown_ahead_in_flight_direction(heading):
    nearer = ship(sog_mps=5.0, course_deg=(heading - 90) % 360)
    _, azimuth = shift(nearer, pass_(heading))
    assert azimuth == pytest.approx(heading, abs=0.01)


def test_eastward_ships_go_south_on_an_ascending_pass_and_north_on_a_descending_one():
    # Ascending looks east: an eastward ship recedes and is shown back, to the south.
    # Descending looks west: the same ship comes nearer and is shown ahead, to the south too.
    east = ship(sog_mps=5.0, course_deg=90.0)
    for heading in (ASCENDING, DESCENDING):
        _, azimuth = shift(east, pass_(heading))
        assert 90 < azimuth < 270
    west = ship(sog_mps=5.0, course_deg=270.0)
    for heading in (ASCENDING, DESCENDING):
        _, azimuth = shift(west, pass_(heading))
        assert azimuth < 90 or azimuth > 270


@pytest.mark.parametrize("turn", [0, 180])
def test_a_ship_along_the_track_is_not_displaced(turn):
    along = ship(sog_mps=8.0, course_deg=(DESCENDING + turn) % 360)
    assert shift(along, pass_(DESCENDING))[0] < 1e-6


def test_a_moored_ship_and_an_optical_image_show_no_displacement():
    moored = ship()
    assert displaced(moored, pass_(ASCENDING)) == (moored.lon, moored.lat)
    mover = ship(sog_mps=5.0, course_deg=90.0)
    assert displaced(mover, scene()) == (mover.lon, mover.lat)


# --------------------------------------------------------------------------- terms


def test_the_position_term_is_hand_worked():
    # No heading, hull at 20 deg, 60 m east of her: 60 sin 20 = 20.52 m along it, 56.38 m across.
    # Variances 40^2 + 10^2 + (0.2 100)^2 = 2100 along, 40^2 + 10^2 + (0.06 100)^2 = 1736 across.
    # Recall 0.9 at 100 m: odds 9. Others a km2: 0.03 dark, and 0.01 false in a class that holds
    # Phi(70 / 60) - Phi(-10 / 60) = 0.8783 - 0.4338 = 0.4445 of the lengths.
    found = scored(hull(60.0), ship(heading_deg=None))
    chi2 = 20.521**2 / 2100 + 56.382**2 / 1736
    others = 0.03 + 0.01 / 0.4445
    density = -chi2 / 2 - math.log(2 * math.pi * math.sqrt(2100 * 1736))
    assert found.offset_m == pytest.approx(60.0, abs=0.05)
    expected = density + math.log(9) - math.log(others * 1e-6)
    assert found.position == pytest.approx(expected, abs=5e-3)


def test_a_ship_that_may_have_left_is_looked_for_farther_off():
    # 500 m off, where the core, 46 m wide, has nothing: 0.2 N(500; 400^2 + 10^2 and the antenna).
    stays, left = ship(heading_deg=None), ship(heading_deg=None, p_astray=0.2, sigma_astray_m=400.0)
    assert scored(hull(500.0), stays) is None
    found = scored(hull(500.0), left)
    chi2 = 500**2 / (400**2 + 10**2 + 36)
    density = 0.2 * math.exp(-chi2 / 2) / (2 * math.pi * 400**2)
    others = (0.03 + 0.01 / 0.4445) * 1e-6
    assert found.position == pytest.approx(math.log(9 * density / others), abs=0.01)
    near, nearer = scored(hull(10.0), left), scored(hull(10.0), stays)
    assert near.position == pytest.approx(nearer.position + math.log(0.8), abs=0.01)


def test_the_error_ellipse_lies_along_the_course():
    mover = ship(course_deg=90.0, sog_mps=5.0, sigma_along_m=300.0, sigma_cross_m=30.0)
    ahead, abeam = scored(hull(400.0, 0.0), mover), scored(hull(0.0, 400.0), mover)
    assert ahead is not None
    assert abeam is None


def test_a_detection_has_the_time_of_its_own_row():
    # 68 km down the track, at 6.8 km/s of ground speed: 10 s after the AOI's centre.
    flight = pass_(DESCENDING)
    ahead = [68_000 * f(math.radians(DESCENDING)) for f in (math.sin, math.cos)]
    mover = ship(*ahead, course_deg=DESCENDING, heading_deg=DESCENDING, sog_mps=10.0)
    there = [68_100 * f(math.radians(DESCENDING)) for f in (math.sin, math.cos)]
    found = scored(hull(*there, axis_deg=DESCENDING - 180), mover, of=flight)
    assert found.offset_m < 3.0
    assert scored(hull(*there, axis_deg=DESCENDING - 180), mover).offset_m == pytest.approx(
        100, abs=3
    )


def test_pairs_that_are_worth_nothing_are_left_out():
    ships = [ship(400.0 * k, name=f"t{k}") for k in range(-4, 5)]
    found = score(
        scene(), [hull(400.0 * k) for k in range(-4, 5)], ships,
        centre=PORT, others=Others(SETTINGS), settings=SETTINGS,
    )  # fmt: skip
    assert [(pair.prediction, pair.detection) for pair in found] == [(k, k) for k in range(9)]
    assert all(pair.llr >= SETTINGS.llr_min for pair in found)


def test_the_length_term_is_hand_worked():
    # p(100 | 100) with sigma sqrt(10^2 + 8^2) = 12.81; prior N(110, sqrt(60^2 + 10^2) = 60.83).
    right = 1 / (12.806 * math.sqrt(2 * math.pi))
    prior = math.exp(-0.5 * (10 / 60.828) ** 2) / (60.828 * math.sqrt(2 * math.pi))
    expected = math.log((0.95 * right + 0.05 * prior) / prior)
    assert scored(hull(), ship()).length == pytest.approx(expected, abs=1e-3)
    assert scored(hull(), ship(length_m=None)).length == 0.0
    # A wrong length costs no more than the share of useless lengths: ln 0.05.
    assert scored(hull(), ship(length_m=300.0)).length == pytest.approx(math.log(0.05), abs=1e-3)


def test_the_axis_term_knows_no_bow():
    along, reverse = (scored(hull(), ship(heading_deg=h)).axis for h in (20.0, 200.0))
    # sigma sqrt(12^2 + 4^2) = 12.65 deg against 1/180.
    expected = math.log(180 * (0.91 / (12.649 * math.sqrt(2 * math.pi)) + 0.09 / 180))
    assert along == pytest.approx(reverse) == pytest.approx(expected, abs=1e-3)
    assert scored(hull(), ship(heading_deg=110.0)).axis == pytest.approx(math.log(0.09), abs=1e-3)
    assert scored(hull(axis_deg=1.0), ship(heading_deg=359.0)).axis > along - 0.1
    assert scored(hull(), ship(heading_deg=None)).axis == 0.0


def test_the_type_term_weighs_looks_against_the_broadcast_type():
    looks = hull(p_tanker=0.8)
    tanker, cargo = (scored(looks, ship(ship_type=code)).type for code in (84, 70))
    assert tanker == pytest.approx(0.5 * math.log(4))
    assert cargo == pytest.approx(-tanker)
    assert scored(looks, ship(ship_type=None)).type == 0.0


def test_the_ratio_is_the_sum_of_its_terms():
    found = scored(hull(30.0, -20.0, p_tanker=0.9), ship(ship_type=80))
    assert found.llr == pytest.approx(found.position + found.length + found.axis + found.type)


def test_the_offset_is_measured_from_where_the_sensor_shows_the_ship():
    # 6 m/s across the track at 39 deg: 120 x 6 x 0.629 = 453 m against the flight.
    mover = ship(sog_mps=6.0, course_deg=90.0, heading_deg=90.0)
    shown = hull(0.0, -453.1, axis_deg=90.0)
    assert scored(shown, mover, of=pass_(0.0)).offset_m < 0.5
    assert scored(shown, mover) is None
