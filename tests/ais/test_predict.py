"""Where a ship should be at an instant."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline.ais.predict import predict
from pipeline.geo import azimuth_deg, destination, distance_m
from pipeline.units import mps_from_knots
from tests.ais.conftest import NOON, SETTINGS, built, fix

TANKER = 273312000
WORLD = box(-180, -90, 180, 90)
LOOSE = SETTINGS.model_copy(update={"fragment_min_fixes": 1})


def predictions(fixes, *, minutes=0.0, near=WORLD):
    tracks = built(fixes, settings=LOOSE)
    return predict(
        tracks.fixes,
        tracks.tracks,
        instant=NOON + timedelta(minutes=minutes),
        near=near,
        settings=SETTINGS,
    )


def on_course(minutes, *, place=(133.0, 42.7), course=60.0, speed_kn=10.0, tells=True):
    """A fix of a ship that steams along a geodesic and is at `place` at noon."""
    speed = mps_from_knots(speed_kn)
    lon, lat = map(float, destination(*place, course, speed * minutes * 60))
    # The course along a geodesic changes a little: what the compass shows there.
    back = float(azimuth_deg(lon, lat, *place))
    cog = course if minutes == 0 else back % 360 if minutes < 0 else (back + 180) % 360
    motion = {"sog_mps": speed, "cog_deg": cog, "heading_deg": cog} if tells else {}
    return fix(TANKER, minutes, lon, lat, **motion)


def off_m(prediction, place=(133.0, 42.7)):
    return float(distance_m(prediction.lon, prediction.lat, *place))


PLACES = [(133.0, 42.7), (-74.7, -33.3), (180.0, 65.0), (-179.999, -20.0)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("course", [60.0, 270.0])
@pytest.mark.parametrize(("before", "after"), [(-4, 3), (-15, 4), (-60, 60), (-20, 100)])
def test_a_steady_ship_is_found_between_two_fixes_near_or_far(place, course, before, after):
    fixes = [on_course(m, place=place, course=course) for m in (before, after)]
    (found,) = predictions(fixes)
    assert off_m(found, place) < (5 if after - before < 20 else 60)
    assert found.bracketed
    assert -180 <= found.lon <= 180
    assert found.sog_mps == pytest.approx(mps_from_knots(10.0), rel=1e-2)
    assert abs((found.course_deg - course + 180) % 360 - 180) < 2
    assert found.fix_age_s == 60 * min(-before, after)


def test_a_turning_ship_is_followed_round_the_bend_when_the_fixes_are_near():
    # A quarter circle of 1 km radius to the right, from north to east, in ten minutes.
    radius_m, speed = 1000.0, np.pi / 2 * 1000.0 / 600.0
    east, north = destination(133.0, 42.7, 90.0, radius_m), destination(133.0, 42.7, 0.0, radius_m)
    top = destination(float(east[0]), 42.7, 0.0, radius_m)
    start = fix(TANKER, -5, 133.0, 42.7, sog_mps=speed, cog_deg=0.0)
    end = fix(TANKER, 5, float(top[0]), float(north[1]), sog_mps=speed, cog_deg=90.0)
    (found,) = predictions([start, end])
    truth = destination(float(east[0]), 42.7, 315.0, radius_m)
    assert off_m(found, tuple(map(float, truth))) < 30
    # The straight line cuts the corner by r (1 - cos 45 deg) = 293 m.
    (straight,) = predictions(
        [fix(TANKER, -5, 133.0, 42.7), fix(TANKER, 5, float(top[0]), float(north[1]))]
    )
    assert off_m(straight, tuple(map(float, truth))) == pytest.approx(293, abs=5)


def test_a_ship_that_tells_no_speed_is_on_the_straight_line_in_proportion():
    mute = [on_course(m, tells=False) for m in (-2, 8)]
    (found,) = predictions(mute)
    assert off_m(found) < 2
    # A course without a speed is no motion to shape a curve with.
    half = [fix(TANKER, f, m.lon, m.lat, cog_deg=60.0) for f, m in zip((-2, 8), mute, strict=True)]
    (found,) = predictions(half)
    assert off_m(found) < 2


def moored(minutes, east_m=0.0, sog_kn=0.1):
    lon, lat = destination(133.0, 42.7, 90.0, east_m)
    return fix(
        TANKER, minutes, float(lon), float(lat), sog_mps=mps_from_knots(sog_kn), heading_deg=15.0
    )


def test_a_moored_ship_lies_where_she_lay_for_as_long_as_a_day():
    (found,) = predictions([moored(-11 * 60), moored(11 * 60, east_m=80)])
    assert off_m(found) < 1
    assert (found.sog_mps, found.course_deg, found.heading_deg) == (0.0, None, 15.0)
    assert found.sigma_along_m == found.sigma_cross_m == pytest.approx(np.hypot(30, 40))
    assert found.p_astray == 0.0
    assert predictions([moored(-13 * 60), moored(13 * 60)]) == []


def test_a_ship_that_shifted_berth_is_not_taken_to_have_lain_still():
    assert predictions([moored(-11 * 60), moored(11 * 60, east_m=900)]) == []


@pytest.mark.parametrize("minutes", [-30.0, 30.0])
@pytest.mark.parametrize("place", PLACES)
def test_dead_reckoning_goes_on_from_the_last_fix_and_back_from_the_first(minutes, place):
    (found,) = predictions([on_course(minutes, place=place)])
    assert off_m(found, place) < 60
    assert not found.bracketed
    # 10 kn = 5.144 m/s; speed wanders by hypot(0.25, 0.83 5.144 sqrt(1800 / 2950)) = 3.345 m/s, the
    # clock by 25 s; the course by 6.1 deg.
    assert found.sigma_along_m == pytest.approx(
        np.sqrt(30**2 + (3.345 * 1800) ** 2 + (25 * 5.144) ** 2), rel=1e-3
    )
    across = 5.144 * np.sin(np.deg2rad(6.1)) * 1800
    assert found.sigma_cross_m == pytest.approx(np.hypot(30, across), rel=1e-3)
    assert found.p_astray == pytest.approx(0.31 * (1 - np.exp(-1800 / 128)))
    assert found.sigma_astray_m == pytest.approx(0.71 * 5.144 * 1800, rel=1e-3)


def test_a_ship_at_rest_whose_one_report_grows_old_may_have_left():
    (young,), (old,) = predictions([moored(-6)]), predictions([moored(-90)])
    assert young.sigma_along_m == old.sigma_along_m == pytest.approx(50.0)
    assert young.p_astray == pytest.approx(1 - np.exp(-0.1 / 18))
    assert old.p_astray == pytest.approx(1 - np.exp(-1.5 / 18))
    assert old.sigma_astray_m == pytest.approx(np.hypot(50, 0.8 * 5400))


def test_a_ship_that_lay_still_is_not_carried_on():
    (found,) = predictions([moored(-30)])
    assert off_m(found) < 1
    assert found.sigma_along_m == found.sigma_cross_m > 30


@pytest.mark.parametrize("around", [(-121,), (121,), (-121, 200), (-200, 121), (-1200, 1200)])
def test_a_ship_in_a_long_silence_is_not_predicted(around):
    assert predictions([on_course(m) for m in around]) == []


def test_within_a_long_silence_the_near_side_alone_counts():
    (found,) = predictions([on_course(-20), on_course(300)])
    assert off_m(found) < 60
    assert (found.bracketed, found.fix_age_s) == (False, 1200)


@settings(deadline=None, max_examples=60)
@given(early=st.floats(0.1, 59.0), later=st.floats(0.1, 59.0))
def test_uncertainty_grows_with_age_from_one_side(early, later):
    near, far = sorted((early, later))
    (young,), (old,) = predictions([on_course(-near)]), predictions([on_course(-far)])
    assert young.sigma_along_m <= old.sigma_along_m
    assert young.sigma_cross_m <= old.sigma_cross_m


@settings(deadline=None, max_examples=60)
@given(before=st.floats(1.0, 80.0), after=st.floats(1.0, 80.0))
def test_between_fixes_uncertainty_grows_with_the_time_to_either(before, after):
    (found,) = predictions([on_course(-before), on_course(after)])
    (wider,) = predictions([on_course(-before - 5), on_course(after)])
    assert 30 <= found.sigma_along_m <= wider.sigma_along_m
    (at_fix,) = predictions([on_course(-1e-4), on_course(after)])
    assert at_fix.sigma_along_m <= found.sigma_along_m


def test_an_instant_on_a_fix_is_that_fix():
    (found,) = predictions([on_course(m) for m in (-10, 0, 10)])
    assert off_m(found) < 1e-3
    assert found.fix_age_s == 0.0
    # On a fix only the clock is in doubt.
    assert found.sigma_along_m == pytest.approx(np.hypot(30, 25 * mps_from_knots(10)))
    assert found.sigma_cross_m == pytest.approx(30)


def test_ships_that_cannot_be_in_view_are_left_out_and_those_that_may_be_are_kept():
    port = box(132.95, 42.65, 133.05, 42.75)
    fixes = [moored(-5), moored(5)]
    assert len(predictions(fixes, near=port)) == 1
    # 50 m sigma: three of them are 150 m.
    lon, lat = destination(133.05, 42.7, 90.0, 120.0)
    beside = [fix(TANKER, m, float(lon), float(lat)) for m in (-5, 5)]
    assert len(predictions(beside, near=port)) == 1
    lon, lat = destination(133.05, 42.7, 90.0, 400.0)
    beyond = [fix(TANKER, m, float(lon), float(lat)) for m in (-5, 5)]
    assert predictions(beyond, near=port) == []


def test_two_ships_are_two_predictions():
    other = [fix(445000001, m, 10.0, -33.0) for m in (-5, 5)]
    found = predictions([*other, on_course(-4), on_course(3)])
    assert sorted(p.mmsi for p in found) == [TANKER, 445000001]


def test_no_fixes_no_predictions():
    assert predictions([]) == []
