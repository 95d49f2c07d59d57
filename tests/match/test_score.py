"""The terms of the likelihood ratio, hand-worked."""

from __future__ import annotations

import math

import pytest

from pipeline.geo import azimuth_deg, distance_m
from pipeline.match.score import displaced, p_detect, score
from pipeline.records import Sensor
from tests.match.conftest import SETTINGS, hull, place, scene, ship


def scored(detection, prediction, at=None):
    where = at or (prediction.lon, prediction.lat)
    return score(detection, prediction, at=where, indices=(0, 0), settings=SETTINGS)


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


@pytest.mark.parametrize(
    ("length_m", "expected"),
    [(20, 0.35), (59.9, 0.35), (60, 0.75), (99, 0.75), (100, 0.9), (180, 0.95), (None, 0.75)],
)
def test_recall_by_length(length_m, expected):
    assert p_detect(length_m, SETTINGS) == expected


def test_the_position_term_is_hand_worked():
    # No heading: a round error of sqrt(40^2 + 10^2 + (0.2 100)^2) = sqrt(2100) = 45.83 m.
    # 60 m off: chi2 = 3600 / 2100. Density = exp(-chi2 / 2) / (2 pi 2100).
    # Recall 0.9 at 100 m: odds 9. Clutter 0.06 a km2.
    found = scored(hull(60.0), ship(heading_deg=None))
    chi2 = 3600 / 2100
    expected = -chi2 / 2 - math.log(2 * math.pi * 2100) + math.log(9) - math.log(0.06e-6)
    assert found.offset_m == pytest.approx(60.0, abs=0.05)
    assert found.position == pytest.approx(expected, abs=2e-3)


def test_the_error_ellipse_lies_along_the_course():
    mover = ship(course_deg=90.0, sog_mps=5.0, sigma_along_m=300.0, sigma_cross_m=30.0)
    ahead, abeam = scored(hull(250.0, 0.0), mover), scored(hull(0.0, 250.0), mover)
    assert ahead is not None
    assert abeam is None


def test_outside_the_gate_there_is_no_pair():
    assert scored(hull(183.0), ship(heading_deg=None)) is not None  # 4 x 45.83 m
    assert scored(hull(184.0), ship(heading_deg=None)) is None


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
    expected = math.log(180 * (0.95 / (12.649 * math.sqrt(2 * math.pi)) + 0.05 / 180))
    assert along == pytest.approx(reverse) == pytest.approx(expected, abs=1e-3)
    assert scored(hull(), ship(heading_deg=110.0)).axis == pytest.approx(math.log(0.05), abs=1e-3)
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
    at = place(500.0, 0.0)
    assert scored(hull(500.0), ship(), at=at).offset_m < 0.01
    assert scored(hull(500.0), ship()) is None
