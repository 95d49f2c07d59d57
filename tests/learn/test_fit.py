"""Scores become probabilities, and errors are as wide as they were."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import special

from pipeline.learn.fit import (
    best_threshold,
    calibrated,
    growing_spread,
    line,
    plane,
    platt,
    spread,
)


def test_platt_finds_the_law_the_scores_were_drawn_from():
    rng = np.random.default_rng(5)
    score = rng.uniform(0.02, 0.98, 20_000)
    truth = rng.uniform(size=score.size) < special.expit(-0.7 + 1.6 * special.logit(score))
    offset, slope = platt(score, truth)
    assert offset == pytest.approx(-0.7, abs=0.06)
    assert slope == pytest.approx(1.6, abs=0.06)
    in_bin = (score > 0.6) & (score < 0.7)
    assert calibrated(score[in_bin], (offset, slope)).mean() == pytest.approx(
        truth[in_bin].mean(), abs=0.03
    )


def test_a_perfect_separation_stays_finite():
    offset, slope = platt(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert np.isfinite([offset, slope]).all()
    assert 0.0 < calibrated(np.array([0.99]), (offset, slope))[0] < 1.0


def test_the_threshold_has_the_best_f1_of_all_thresholds():
    rng = np.random.default_rng(8)
    probability = rng.uniform(size=60)
    is_ship = rng.uniform(size=60) < probability
    missed = 7

    def f1(threshold):
        said = probability >= threshold
        hits = (said & is_ship).sum()
        return 2 * hits / (said.sum() + is_ship.sum() + missed)

    chosen = best_threshold(probability, is_ship, missed)
    assert f1(chosen) == pytest.approx(max(f1(t) for t in np.linspace(0, 1, 2001)))


def test_the_line_and_the_spread_do_not_follow_outliers():
    rng = np.random.default_rng(2)
    measured = rng.uniform(60, 300, 400)
    true = 4.0 + 0.95 * measured + rng.normal(0, 10, 400)
    true[:20] += 300.0
    offset, slope = line(measured, true)
    assert offset + slope * 150 == pytest.approx(4.0 + 0.95 * 150, abs=3.0)
    assert spread(rng.normal(0, 12, 5000)) == pytest.approx(12, rel=0.06)


def test_the_plane_goes_through_what_most_say_and_is_the_line_of_one_measure():
    rng = np.random.default_rng(9)
    measured = rng.uniform(50.0, 300.0, (80, 2))
    true = 7.0 + 0.6 * measured[:, 0] + 0.3 * measured[:, 1]
    true[:20] += 500.0  # outliers
    assert plane(measured, true) == pytest.approx((7.0, 0.6, 0.3), abs=1e-6)

    noisy = 5.0 + 0.9 * measured[:, 0] + rng.normal(0.0, 8.0, 80)
    exact, of_one = plane(measured[:, :1], noisy), line(measured[:, 0], noisy)

    def off(weights):
        return np.abs(noisy - weights[0] - weights[1] * measured[:, 0]).sum()

    # a best line goes through two of the points: the best of all such lines
    pairs = list(itertools.combinations(zip(measured[:, 0], noisy, strict=True), 2))
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs]
    best = min(
        off((y - slope * x, slope)) for ((x, y), _), slope in zip(pairs, slopes, strict=True)
    )
    assert off(exact) == pytest.approx(best, rel=1e-9)
    assert off(of_one) == pytest.approx(best, rel=1e-9)


def test_an_error_that_grows_with_length_is_seen_to_grow():
    rng = np.random.default_rng(4)
    length = rng.uniform(60, 350, 6000)
    errors = rng.laplace(0, np.hypot(8.0, 0.06 * length) / np.sqrt(2))
    constant, share = growing_spread(errors, length)
    for at in (80.0, 300.0):
        assert np.hypot(constant, share * at) == pytest.approx(np.hypot(8.0, 0.06 * at), rel=0.1)
