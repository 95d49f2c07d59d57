"""Numbers and times as they are read."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime

import pytest

import pipeline.review.site_map
import pipeline.review.words
from pipeline.review import words


@pytest.mark.parametrize("module", [pipeline.review.words, pipeline.review.site_map])
def test_the_examples_in_the_docstrings_are_true(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def instant(month, day, hour, year=2024):
    return datetime(year, month, day, hour, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        pytest.param(None, None, "unknown", id="nothing is known"),
        pytest.param(None, instant(3, 5, 9), "before 5 Mar 2024 09:05", id="open at the start"),
        pytest.param(instant(3, 5, 9), None, "after 5 Mar 2024 09:05", id="open at the end"),
        pytest.param(
            instant(3, 5, 9), instant(3, 5, 9), "5 Mar 2024 09:05", id="known to the minute"
        ),
        pytest.param(
            instant(3, 5, 9), instant(3, 5, 21), "5 Mar 2024 09:05 to 21:05", id="within a day"
        ),
        pytest.param(
            instant(12, 31, 9), instant(1, 2, 3, 2025),
            "31 Dec 2024 09:05 to 2 Jan 2025 03:05", id="over the new year",
        ),
    ],
)  # fmt: skip
def test_an_interval_says_which_end_is_open(first, last, said):
    assert words.interval(first, last) == said


def test_a_name_cannot_turn_the_line_around():
    assert words.ship("\u202eKNAT", 1) == "\ufffdKNAT"
    assert words.ship("한강 7", 1) == "한강 7"
    assert words.ship(None, 445_000_001) == "MMSI 445000001"
    assert words.ship("", None) == "a ship we do not know"
