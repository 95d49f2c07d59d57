"""Linking against every possible choice, and terms against hand-worked figures."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import multivariate_normal, norm

from pipeline.voyages.ends import make_ends
from pipeline.voyages.link import (
    best_assignment,
    length_agreement,
    link_probabilities,
    sailing_density,
    same_ship,
)


def choices(n_loads, n_discharges):
    """Every one-to-one choice, none of them included, as lists of (load, discharge)."""
    for size in range(min(n_loads, n_discharges) + 1):
        for rows in itertools.combinations(range(n_loads), size):
            for columns in itertools.permutations(range(n_discharges), size):
                yield list(zip(rows, columns, strict=True))


WEIGHTS = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: arrays(float, shape, elements=st.sampled_from([0.0, 0.02, 0.3, 0.9, 3.0, 40.0]))
)


@given(weight=WEIGHTS)
@hypothesis_settings(max_examples=80, deadline=None)
def test_no_other_choice_is_likelier(weight):
    chosen = best_assignment(weight)
    best = max(math.prod(weight[pair] for pair in pairs) for pairs in choices(*weight.shape))
    assert math.prod(weight[pair] for pair in chosen) == pytest.approx(best)
    assert all(weight[pair] > 1.0 for pair in chosen)


@given(weight=WEIGHTS)
@hypothesis_settings(max_examples=80, deadline=None)
def test_probabilities_are_near_those_over_all_choices(weight):
    exact, total = np.zeros(weight.shape), 0.0
    for pairs in choices(*weight.shape):
        likelihood = math.prod(weight[pair] for pair in pairs)
        total += likelihood
        for pair in pairs:
            exact[pair] += likelihood
    found = link_probabilities(weight)
    # A ring of rivals makes sum-product inexact; without one it is not.
    tolerance = 1e-9 if min(weight.shape) == 1 else 0.2
    assert found == pytest.approx(exact / total, abs=tolerance)
    assert (found.sum(axis=1) <= 1.0 + 1e-9).all()


def test_no_loads_and_no_discharges_are_no_links():
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert best_assignment(np.zeros(shape)) == []
        assert link_probabilities(np.zeros(shape)).shape == shape


def ends_of(made, *calls, candidates=()):
    by_id = {end.call.call_id: end for end in make_ends(calls, list(candidates), made.sites)}
    return [by_id[call.call_id] for call in calls]


def test_length_agreement_is_the_ratio_of_the_normal_densities(made, settings):
    one = made.call("load-west", 1, 2, length_m=104.0, length_sigma_m=9.0)
    other = made.call("goal-east", 4, 5, length_m=113.0, length_sigma_m=16.0)
    mean, spread = settings.fleet_length_m
    hull = spread**2
    together = multivariate_normal([mean, mean], [[hull + 81, hull], [hull, hull + 256]])
    apart = norm(mean, math.sqrt(hull + 81)).pdf(104) * norm(mean, math.sqrt(hull + 256)).pdf(113)
    assert length_agreement(one, other, settings) == pytest.approx(together.pdf([104, 113]) / apart)
    unmeasured = made.call("goal-east", 4, 5, length_m=None, length_sigma_m=None)
    assert length_agreement(one, unmeasured, settings) == 1.0


def test_same_ship_sums_over_the_suspects_of_both_calls(made, settings):
    """0.5·0.6 for one ship; 0.2·0.4 for strangers, of whom there are 25; lengths say nothing."""
    calls = [made.call("load-west", 1, 2, length_m=None), made.call("goal-east", 4, 5)]
    candidates = made.suspects(calls[0], {made.heron: 0.5, made.gull: 0.3, None: 0.2})
    candidates += made.suspects(calls[1], {made.heron: 0.6, None: 0.4})
    load, goal = ends_of(made, *calls, candidates=candidates)
    shares = same_ship(load, goal, [load, goal], settings)
    assert shares == pytest.approx({made.heron: 0.3, made.gull: 0.0, None: 0.2 * 0.4 / 25})


def test_a_call_in_between_takes_its_chance_away(made, settings):
    """A ship that with 0.7 loaded once more before she arrived had 0.3 left for this voyage."""
    calls = [
        made.visit("load-west", 1, 2, made.heron),
        made.call("load-west", 4, 5, mmsi=made.heron, p_ship=0.7),
        made.visit("goal-east", 7, 8, made.heron),
        made.call("goal-south", 20, 21, mmsi=made.heron, p_ship=0.9),
    ]
    ends = ends_of(made, *calls)
    assert same_ship(ends[0], ends[2], ends, settings)[made.heron] == pytest.approx(0.3)
    assert same_ship(ends[1], ends[2], ends, settings)[made.heron] == pytest.approx(0.7)


def test_lengths_count_once_for_a_ship_of_known_length(made, settings):
    calls = [
        made.call("load-west", 1, 2, length_m=70.0, length_sigma_m=5.0),
        made.call("goal-east", 4, 5, length_m=110.0, length_sigma_m=5.0),
    ]
    for length_m, known in ((90.0, True), (None, False)):
        candidates = [
            row for c in calls for row in made.suspects(c, {made.heron: 1.0}, length_m=length_m)
        ]
        load, goal = ends_of(made, *calls, candidates=candidates)
        p_heron = same_ship(load, goal, [load, goal], settings)[made.heron]
        assert (p_heron == pytest.approx(1.0)) == known
        assert known or p_heron < 0.01


def test_density_holds_one_arrival_in_all(made, settings):
    """Over all days of arrival the chances sum to one: narrow arrivals stepping through time."""
    load = made.call("load-west", 1, 2, departure_latest=made.at(2))
    step = 0.05
    total = 0.0
    for days in np.arange(2.0, 16.0, step):
        goal = made.call(
            "goal-east", days, days + 1,
            arrival_earliest=made.at(days - step), arrival_latest=made.at(days),
        )  # fmt: skip
        total += sailing_density(*ends_of(made, load, goal), settings) * step * 86400
    assert total == pytest.approx(1.0, abs=0.02)


def test_density_is_nothing_before_the_ship_can_be_there_and_after_the_longest_wait(made, settings):
    load = made.call("load-west", 1, 2)

    def density(arrive):
        return sailing_density(*ends_of(made, load, made.call("goal-east", arrive, 99)), settings)

    # 86 nm: 6.1 h at 14 kn; 17 h at 5 kn, then ten days' wait, half a day each of two intervals
    assert density(2.0 + 6.0 / 24) == 0.0
    assert density(2.0 + 6.3 / 24) > 0.0
    assert density(2.0 + 17.0 / 24 + 10.9) > 0.0
    assert density(2.0 + 17.5 / 24 + 11.0) == 0.0
    assert density(3.0) > density(6.0) > density(9.0)
    assert density(1.0) == 0.0, "discharging before loading"


def test_an_unknown_departure_still_links(made, settings):
    load = made.call("load-west", 1, 2, departure_latest=None)
    goal = made.call("goal-east", 12, 13, arrival_earliest=None)
    assert sailing_density(*ends_of(made, load, goal), settings) > 0.0
