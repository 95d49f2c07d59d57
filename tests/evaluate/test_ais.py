"""Faults put into tracks: the truth they leave, and the score of what was made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ais.settings import Settings
from pipeline.errors import UsageError
from pipeline.evaluate.ais import (
    Cause,
    FoundGap,
    Reports,
    Scale,
    TrueGap,
    area_under_curve,
    make_world,
    paired,
    separation,
    steady_ships,
)
from pipeline.jobs.evaluate_ais import evaluate_ais

HOUR = 3600.0
SCALE = Scale(bin_s=HOUR, gap_min_s=6 * HOUR, start_s=0.0, end_s=42 * HOUR)


def harbour(n_ships=30, every_s=1200.0) -> Reports:
    """Ships that lie in a row, each heard from beginning to end."""
    time_s = np.arange(0.0, 42 * HOUR + 1, every_s)
    ship = np.repeat(np.arange(n_ships) + 219000001, len(time_s))
    n = len(ship)
    return Reports(
        ship=ship, time_s=np.tile(time_s, n_ships), lon=10.0 + 0.1 * (ship - 219000001),
        lat=np.full(n, 55.0), sog_mps=np.zeros(n), cog_deg=np.zeros(n),
    )  # fmt: skip


def true(off_h, on_h, mmsi=1, cause=Cause.OFF):
    on_s = None if on_h is None else on_h * HOUR
    return TrueGap(ship=mmsi, mmsi=mmsi, off_s=off_h * HOUR, on_s=on_s, cause=cause)


def found(off_h, on_h, mmsi=1):
    on_s = None if on_h is None else on_h * HOUR
    return FoundGap(mmsi=mmsi, off_s=off_h * HOUR, on_s=on_s, p_silent=0.1, verdict="cannot tell")


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_the_truth_is_what_was_done(seed):
    real = harbour()
    world = make_world(real, scale=SCALE, seed=seed)
    reports, first = world.reports, ~world.second
    assert len(steady_ships(real, SCALE)) == 30
    # Whatever is left is a real report, thrown away, another sea's, or said late by the second.
    moved = np.abs(reports.lon - (10.0 + 0.1 * (reports.ship - 219000001))) > 1e-9
    aways = np.isin(reports.ship, [other for _, other in world.clones[1::2]])
    assert (moved == (world.false | aways)).all()
    assert world.second.any()
    for gap in world.gaps:
        own = np.sort(reports.time_s[first & (reports.ship == gap.ship)])
        end = SCALE.end_s if gap.on_s is None else gap.on_s
        assert end - gap.off_s > SCALE.gap_min_s
        assert gap.off_s in own
        assert not ((own > gap.off_s) & (own < end)).any()
    assert {gap.cause for gap in world.gaps} <= {Cause.OFF, Cause.RECEIVERS, Cause.BOTH}
    switched = [gap for gap in world.gaps if gap.cause == Cause.OFF]
    assert len({gap.ship for gap in switched}) == len(switched) <= 10


def test_the_same_seed_is_the_same_world():
    one, other = (make_world(harbour(), scale=SCALE, seed=7) for _ in range(2))
    assert one.gaps == other.gaps
    assert (one.mmsi == other.mmsi).all()


def test_gaps_are_the_same_if_they_begin_and_end_together_on_one_number():
    truth = [true(1, 9), true(10, None), true(20, 30), true(1, 9, mmsi=2)]
    said = [found(1.0005, 9), found(10, None), found(20, 29), found(20, 30, mmsi=3)]
    pairs = paired(truth, said)
    assert [(a is not None, b is not None) for a, b in pairs] == [
        (True, True), (True, True), (True, False), (True, False), (False, True), (False, True),
    ]  # fmt: skip
    assert paired([true(10, 20)], [found(10, None)])[0] == (true(10, 20), None)


@pytest.mark.parametrize(
    ("ship", "track", "share"),
    [
        ([1, 1, 1, 2, 2, 2], ["a", "a", "a", "b", "b", "b"], 1.0),
        ([1, 1, 1, 2, 2, 2], ["a", "a", "a", "a", "a", "a"], 0.0),
        ([1, 1, 1, 1, 2, 2, 2], ["a", "a", "a", "a", "a", "b", "b"], 6 / 7),
        ([1, 1, 1, 2, 2, 2], ["a", "a", None, "b", "b", "c"], 4 / 6),
        ([], [], 0.0),
    ],
)
def test_reports_belong_where_most_of_their_ship_is_and_most_are_their_ship_s(ship, track, share):
    assert separation(np.array(ship, np.int64), track) == pytest.approx(share)


def test_the_area_is_the_chance_that_the_one_switched_off_is_the_more_suspect():
    assert area_under_curve([0.01, 0.02], [0.5, 0.6, 0.7]) == 1.0
    assert area_under_curve([0.5, 0.01], [0.5, 0.001]) == pytest.approx((0.5 + 0 + 1 + 0) / 4)
    assert math.isnan(area_under_curve([], [0.5]))


def test_without_the_tracks_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="No real tracks"):
        evaluate_ais(tmp_path, Settings())


@pytest.mark.real_data
def test_faults_in_real_tracks_are_seen_for_what_they_are(reference_data):
    score = evaluate_ais(reference_data, Settings(), worlds=12)
    assert score.gap_recall >= 0.95
    assert score.gap_precision >= 0.95
    assert score.clone_separation >= 0.95
    assert score.likely_off_auc >= 0.85  # 0.90 over 48 worlds; twelve scatter
    assert score.likely_off_wrong <= 0.03
