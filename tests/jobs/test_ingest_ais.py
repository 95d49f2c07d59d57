"""The end of the AIS data decides which ships have fallen silent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.jobs.ingest_ais import end_of_data
from pipeline.records import TrackFix
from pipeline.tables import to_table

PERIOD_END = datetime(2024, 4, 30, tzinfo=UTC)


def fixes_at(*times: datetime):
    return to_table(
        TrackFix,
        [
            TrackFix(
                track_id="t", mmsi=235000001, sent_at=at, lon=-60.0, lat=-35.0, sog_mps=None,
                cog_deg=None, heading_deg=None, nav_status=None,
            )
            for at in times
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("times", "end"),
    [
        ([datetime(2024, 4, 2, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)], (2024, 4, 2)),
        ([datetime(2024, 4, 2, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)], (2024, 4, 30)),
        ([], (2024, 4, 30)),
    ],
    ids=["the last fix", "a clock that runs ahead", "no fix at all"],
)
def test_data_end_with(times, end):
    assert end_of_data(fixes_at(*times), PERIOD_END) == datetime(*end, tzinfo=UTC)
