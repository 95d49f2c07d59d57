"""The end of the AIS data decides which ships have fallen silent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.jobs.ingest_ais import end_of_data

PERIOD_END = datetime(2024, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (datetime(2024, 4, 2, tzinfo=UTC), (2024, 4, 2)),
        (datetime(2031, 1, 1, tzinfo=UTC), (2024, 4, 30)),
        (None, (2024, 4, 30)),
    ],
    ids=["the last fix", "a clock that runs ahead", "no fix at all"],
)
def test_data_end_with(last, end):
    assert end_of_data(last, PERIOD_END) == datetime(*end, tzinfo=UTC)
