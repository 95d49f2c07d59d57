"""The time of day that an orbit keeps, where a file tells the day alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fetch.overpass import sentinel2_overpass


@pytest.mark.parametrize(
    ("lon", "lat", "day", "sensed"),
    [
        # sensing times of real products over these places
        (-48.5, -25.5, date(2024, 3, 7), datetime(2024, 3, 7, 13, 12, tzinfo=UTC)),  # T22JGS, R038
        (13.0, 42.9, date(2021, 4, 3), datetime(2021, 4, 3, 10, 10, tzinfo=UTC)),  # T33TUM, R022
        (133.07, 42.74, date(2024, 3, 7), datetime(2024, 3, 7, 2, 9, tzinfo=UTC)),
    ],
)
def test_it_is_the_time_of_real_passes(lon, lat, day, sensed):
    assert abs(sentinel2_overpass(day, lon, lat) - sensed) <= timedelta(minutes=20)


@given(lon=st.floats(-180, 180), lat=st.floats(-80, 80), day=st.dates(date(2015, 7, 1)))
def test_it_falls_on_the_day_that_was_asked_for(lon, lat, day):
    assert sentinel2_overpass(day, lon, lat).date() == day
