"""Passes that the repeat cycle promises and no archive has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Sensor
from pipeline.scene.due import Flight, passes_due
from pipeline.scene.settings import Settings

SETTINGS = Settings()
START = datetime(2024, 3, 1, 2, 9, tzinfo=UTC)


def flights(cycles, *, sensor=Sensor.S2, platform="sentinel-2a", days=10, phase=timedelta(0)):
    """One a cycle, some seconds off from one to the next as real ones are."""
    return [
        Flight(
            sensor=sensor,
            platform=platform,
            sensed_at=START + phase + timedelta(days=days * n, seconds=(7 * n) % 11),
        )
        for n in cycles
    ]


def due(known, *, days=100):
    return passes_due(known, START + timedelta(days=days), SETTINGS)


def test_the_pass_between_two_others_is_missed():
    (missed,) = due(flights([0, 1, 2, 4, 5]), days=51)

    assert missed.platform == "sentinel-2a"
    assert abs(missed.sensed_at - (START + timedelta(days=30))) < timedelta(minutes=1)


def test_a_second_orbit_and_another_satellite_have_habits_of_their_own():
    second = flights([0, 1, 3], phase=timedelta(days=3, minutes=10))
    twin = flights([0, 1, 2, 3], platform="sentinel-2b", phase=timedelta(days=5))
    radar = flights([0, 1, 3], sensor=Sensor.S1, platform="sentinel-1a", days=12)

    missed = due([*flights([0, 1, 2, 3]), *second, *twin, *radar], days=36)

    assert [(one.platform, (one.sensed_at - START).days) for one in missed] == [
        ("sentinel-2a", 23),
        ("sentinel-1a", 24),
    ]


def test_the_newest_pass_is_due_until_the_habit_is_old():
    missed = due(flights(range(5)), days=300)

    assert [round((one.sensed_at - START) / timedelta(days=1)) for one in missed] == [50, 60]


@pytest.mark.parametrize("cycles", [[], [0], [0, 1], [0, 3, 6], [0, 4, 8, 9]])
def test_what_is_no_habit_promises_nothing(cycles):
    assert due(flights(cycles)) == []


@given(st.sets(st.integers(1, 8), max_size=3))
def test_every_gap_is_found_and_nothing_else(gaps):
    cycles = [n for n in range(10) if n not in gaps]

    missed = due(flights(cycles), days=91)

    assert {round((one.sensed_at - START) / timedelta(days=10)) for one in missed} == gaps
