"""When the disk is full: by hand where it can be reckoned, and never a date that is made up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.upkeep.health import Newest, forecast, newest
from pipeline.upkeep.settings import Settings

GIB = 1 << 30


def grown(record, sizes_gib, step_d=1.0):
    return [
        record(
            began=record().began + timedelta(days=step_d * number),
            workspace_bytes={"fetch": int(size * GIB)},
        )
        for number, size in enumerate(sizes_gib)
    ]


def test_two_gibibytes_a_day_fill_twenty_in_ten_days(record):
    records = grown(record, [10, 12, 14, 16])
    now = records[-1].ended

    told = forecast(records, 20 * GIB, now=now, settings=Settings())

    assert told.growth_bytes_a_day == pytest.approx(2 * GIB)
    assert abs(told.full_at - (now + timedelta(days=10))) < timedelta(seconds=1)
    assert told.reason is None


@pytest.mark.parametrize(
    ("sizes", "free", "reason"),
    [
        ([], GIB, "span 0.0 days"),
        ([10], GIB, "span 0.0 days"),
        ([10, 10], GIB, "does not grow"),
        ([10, 4], GIB, "does not grow"),
        ([10, 11], None, "does not say"),
        ([10, 10 + 1e-9], 10_000 * GIB, "hundred years"),
    ],
)
def test_a_date_that_cannot_be_told_has_a_reason(record, sizes, free, reason):
    records = grown(record, sizes)

    told = forecast(records, free, now=record().ended + timedelta(days=2), settings=Settings())

    assert told.full_at is None
    assert reason in told.reason


def test_records_of_long_ago_and_runs_that_never_ended_do_not_count(record):
    records = grown(record, [500, 10, 12], step_d=100.0)
    records[1:1] = [record(ended=None, workspace_bytes={"fetch": 900 * GIB})]

    told = forecast(records, GIB, now=records[-1].ended, settings=Settings(growth_days=150))

    assert told.growth_bytes_a_day == pytest.approx(2 * GIB / 100)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20), st.integers(0, 1 << 50))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_sizes_there_is_a_date_to_come_or_a_reason(record, sizes, free):
    records = grown(record, sizes)
    now = records[-1].ended

    told = forecast(records, free, now=now, settings=Settings())

    assert (told.full_at is None) == (told.reason is not None)
    assert told.full_at is None or told.full_at >= now


def test_the_newest_of_each_place_and_source_is_kept(record):
    at = record().began
    found = [
        Newest(site_id=site, provider=provider, at=at + timedelta(hours=hours))
        for site, provider, hours in
        [("b", "x", 1), ("a", "x", 5), ("a", "x", 9), ("a", "y", 2), (None, "y", 3)]
    ]  # fmt: skip

    kept = [(one.site_id, one.provider, (one.at - at).seconds // 3600) for one in newest(found)]
    assert kept == [(None, "y", 3), ("a", "x", 9), ("a", "y", 2), ("b", "x", 1)]
