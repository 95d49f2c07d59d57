"""Conversions against their definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.units import (
    knots_from_mps,
    m_from_nautical_miles,
    mps_from_knots,
    nautical_miles_from_m,
)


def test_a_knot_is_a_nautical_mile_of_1852_m_an_hour():
    assert mps_from_knots(1.0) * 3600 == pytest.approx(1852.0)
    assert mps_from_knots(14.0) == pytest.approx(7.2022, abs=1e-4)
    assert m_from_nautical_miles(155.0) == 287_060.0


@given(st.floats(-1e6, 1e6))
def test_there_and_back(value):
    assert knots_from_mps(mps_from_knots(value)) == pytest.approx(value)
    assert nautical_miles_from_m(m_from_nautical_miles(value)) == pytest.approx(value)
