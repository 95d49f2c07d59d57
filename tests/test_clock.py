"""Instants in and out, always UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import compact_utc, day_start, days_between, format_utc, parse_utc
from pipeline.errors import BadInput

INSTANTS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
KST = timezone(timedelta(hours=9))


@given(INSTANTS)
def test_what_is_written_is_read_back(instant):
    assert parse_utc(format_utc(instant)) == instant
    assert format_utc(instant).endswith("Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-07T02:09:00Z", datetime(2024, 3, 7, 2, 9, tzinfo=UTC)),
        ("2024-03-07T02:09:00", datetime(2024, 3, 7, 2, 9, tzinfo=UTC)),
        ("2024-01-01T08:59:59+09:00", datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2024-03-06T20:09:00-06:00", datetime(2024, 3, 7, 2, 9, tzinfo=UTC)),
        ("2024-03-07", datetime(2024, 3, 7, tzinfo=UTC)),
        ("2024-02-29T12:00:00.25Z", datetime(2024, 2, 29, 12, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(text, expected):
    assert parse_utc(text) == expected
    assert parse_utc(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "today", "2023-02-29", "07/03/2024", "2024-03-07T25:00", "0001-01-01T00:00:00+09:00"],
)
def test_what_is_no_time_is_refused_with_the_text_found(text):
    with pytest.raises(BadInput) as refused:
        parse_utc(text)
    assert repr(text) in str(refused.value)
    assert "ISO 8601" in str(refused.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        assert parse_utc(text).tzinfo is UTC
    except BadInput as refused:
        assert refused.found == repr(text)  # noqa: PT017


def test_written_forms():
    instant = datetime(2024, 1, 1, 8, 9, 7, tzinfo=KST)
    assert format_utc(instant) == "2023-12-31T23:09:07Z"
    assert compact_utc(instant) == "20231231T230907Z"
    assert day_start(date(2024, 2, 29)) == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-02-28T23:00", "2024-03-01T00:00", ["2024-02-28", "2024-02-29"]),
        ("2024-02-28T23:00", "2024-03-01T00:00:01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("2023-12-31T23:59", "2024-01-01T00:01", ["2023-12-31", "2024-01-01"]),
        ("2024-03-07", "2024-03-08", ["2024-03-07"]),
        ("2024-03-07T12:00", "2024-03-07T12:00", []),
        ("2024-03-08", "2024-03-07", []),
        ("2024-03-08T01:00+09:00", "2024-03-08T09:00+09:00", ["2024-03-07"]),
    ],
)
def test_days_touched_by_a_period(start, end, days):
    touched = days_between(datetime.fromisoformat(start), datetime.fromisoformat(end)) \
        if "+" in start else days_between(parse_utc(start), parse_utc(end))  # fmt: skip
    assert [day.isoformat() for day in touched] == days


@given(INSTANTS, st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=40)))
def test_the_days_of_a_period_cover_it_without_a_gap(start, length):
    days = days_between(start, start + length)
    assert day_start(days[0]) <= start < day_start(days[0]) + timedelta(days=1)
    assert day_start(days[-1]) < start + length <= day_start(days[-1]) + timedelta(days=1)
    assert all(b - a == timedelta(days=1) for a, b in pairwise(days))
