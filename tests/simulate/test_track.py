"""Where a ship is: straight legs at one speed, still at berths, swinging at anchor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geo import destination, distance_m
from pipeline.simulate.track import SWING_M, Track, Waypoint


@given(
    course=st.floats(0, 359.9),
    speed=st.floats(0.5, 9.0),
    lat=st.floats(-60, 60),
    at=st.floats(0.01, 0.99),
)
def test_a_leg_is_sailed_at_its_speed_and_course(course, speed, lat, at):
    lon2, lat2 = destination(-70.0, lat, course, speed * 3600)
    track = Track(
        [
            Waypoint(t_s=100.0, lon=-70.0, lat=lat),
            Waypoint(t_s=3700.0, lon=float(lon2), lat=float(lat2)),
        ]
    )
    state = track.at(np.array([100.0 + at * 3600]))
    assert float(state.sog_mps[0]) == pytest.approx(speed, rel=1e-6)
    assert abs((float(state.course_deg[0]) - course + 180) % 360 - 180) < 0.01
    gone_m = float(distance_m(-70.0, lat, state.lon[0], state.lat[0]))
    assert gone_m == pytest.approx(speed * at * 3600, rel=0.01, abs=1.0)


def test_moored_it_keeps_its_place_and_heading():
    still = Track(
        [
            Waypoint(t_s=0.0, lon=10.0, lat=-40.0, axis_deg=200.0),
            Waypoint(t_s=9000.0, lon=10.0, lat=-40.0),
        ]
    ).at(np.linspace(0, 9000, 7))
    assert set(still.sog_mps) == {0.0}
    assert set(still.heading_deg) == {200.0}
    assert set(still.lon) == {10.0}


def test_at_anchor_it_swings_on_its_chain():
    track = Track(
        [
            Waypoint(t_s=0.0, lon=10.0, lat=-40.0, axis_deg=20.0, swings=True),
            Waypoint(t_s=86400.0, lon=10.0, lat=-40.0, swings=True),
        ]
    )
    state = track.at(np.arange(0.0, 86400.0, 600.0))
    off_m = distance_m(state.lon, state.lat, 10.0, -40.0)
    assert off_m == pytest.approx(np.full(len(off_m), SWING_M), rel=0.01)
    turned = (state.heading_deg - 20.0 + 180) % 360 - 180
    assert turned.min() == pytest.approx(-50.0, abs=0.5)
    assert turned.max() == pytest.approx(50.0, abs=0.5)


def test_before_and_after_its_track_it_stays_at_the_ends():
    track = Track([Waypoint(t_s=0.0, lon=1.0, lat=2.0), Waypoint(t_s=60.0, lon=1.001, lat=2.0)])
    ends = track.at(np.array([-500.0, 500.0]))
    assert ends.lon.tolist() == [1.0, 1.001]
