"""Rhythm: rates and changes against brute force, stays and returns by hand."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.records import ZoneRole
from pipeline.rhythm import Week
from pipeline.voyages.cadence import cadence, phases, rate_interval
from pipeline.voyages.settings import Settings


def weeks(made, counts):
    return [
        Week(start_at=made.at(7 * k), n_claims=n, low=0.0, high=0.0, seen_share=1.0)
        for k, n in enumerate(counts)
    ]


def worth(counts, cuts, price):
    edges = [0, *cuts, len(counts)]
    gain = -price * len(cuts)
    for a, b in itertools.pairwise(edges):
        count = sum(counts[a:b])
        gain += count * (math.log(count / (b - a)) - 1) if count else 0.0
    return gain


@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=9))
@hypothesis_settings(deadline=None)
def test_no_other_parting_is_worth_more(counts):
    """Every parting of up to nine weeks is tried."""
    settings = Settings()
    price = settings.change_price * math.log(max(len(counts), 2))
    made = _Made()
    told = phases(weeks(made, counts), settings)
    mine = [round((p.start_at - made.at(0)) / timedelta(days=7)) for p in told][1:]
    inner = range(1, len(counts))
    every = [c for k in range(len(counts)) for c in itertools.combinations(inner, k)]
    assert worth(counts, mine, price) == pytest.approx(
        max(worth(counts, cuts, price) for cuts in every)
    )
    assert sum(p.n_claims for p in told) == sum(counts)


class _Made:
    @staticmethod
    def at(days):
        from datetime import UTC, datetime  # noqa: PLC0415

        return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days)


def test_a_flow_that_begins_is_seen_to_begin(made, settings):
    calls = [made.call("load-west", 70.5 + 4.0 * k, 71.5 + 4.0 * k) for k in range(30)]
    told = cadence(
        calls, [made.at(k) for k in range(200)], role=ZoneRole.LOAD, start=made.at(0),
        end=made.at(196), settings=settings,
    )  # fmt: skip
    before, after = told.phases

    assert before.n_claims == 0
    assert after.start_at == made.at(70)
    assert after.per_week == pytest.approx(30 / 18)
    assert after.low < 30 / 18 < after.high
    assert all(week.seen_share == pytest.approx(1.0) for week in told.weeks)


def test_weeks_nobody_looked_at_say_so(made, settings):
    calls = [made.call("load-west", 3.0, 4.0)]
    told = cadence(
        calls, [made.at(1.0)], role=ZoneRole.LOAD, start=made.at(0), end=made.at(21),
        settings=settings,
    )  # fmt: skip
    assert [week.n_claims for week in told.weeks] == [1, 0, 0]
    assert told.weeks[0].seen_share == pytest.approx(2 / 7, abs=0.02)
    assert [week.seen_share for week in told.weeks[1:]] == [0.0, 0.0]
    assert cadence([], [], role=ZoneRole.LOAD, start=made.at(0), end=made.at(7),
                   settings=settings) is None  # fmt: skip


def test_stays_are_between_images_and_returns_between_arrivals(made, settings):
    calls = [
        made.call("load-west", 10.0, 12.0, mmsi=made.heron),
        made.call("load-west", 31.0, 33.0, mmsi=made.heron, departure_latest=None),
        made.call("load-west", 20.0, 20.0, mmsi=made.gull),
        made.call("goal-east", 14.0, 15.0, mmsi=made.heron),
    ]
    told = cadence(
        calls, [], role=ZoneRole.LOAD, start=made.at(0), end=made.at(40), settings=settings
    )
    assert [(stay.least_d, stay.most_d) for stay in told.stays] == [
        (2.0, 3.0), (0.0, 1.0), (2.0, None)
    ]  # fmt: skip
    heron, gull = told.returning
    assert (heron.mmsi, heron.turns_d) == (made.heron, (21.0,))
    assert (gull.mmsi, gull.turns_d) == (made.gull, ())


@given(count=st.integers(0, 200), spans=st.floats(0.5, 60))
def test_a_rates_interval_holds_its_count(count, spans):
    low, high = rate_interval(count, spans)
    assert low <= count / spans <= high
    assert (low == 0.0) == (count == 0)
