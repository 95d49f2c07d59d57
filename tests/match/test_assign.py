"""The best one-to-one choice and the probabilities, against enumeration of every assignment."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.match.assign import best_assignment, pair_probabilities
from pipeline.match.score import Pair
from tests.match.conftest import SETTINGS

LOOPY = SETTINGS.model_copy(update={"states_max": 1})
"""Clusters of more than one pair by mutual exclusion in turn."""


def pair(prediction: int, detection: int, llr: float) -> Pair:
    return Pair(
        detection=detection, prediction=prediction, llr=llr, position=llr, length=0.0, axis=0.0,
        type=0.0, offset_m=0.0,
    )  # fmt: skip


def one_to_one(pairs: list[Pair]) -> list[tuple[int, ...]]:
    """Every set of pairs in which no ship and no hull stands twice, the empty one included."""
    return [
        chosen
        for size in range(len(pairs) + 1)
        for chosen in combinations(range(len(pairs)), size)
        if len({pairs[k].prediction for k in chosen}) == size
        and len({pairs[k].detection for k in chosen}) == size
    ]


def enumerated(pairs: list[Pair]) -> np.ndarray:
    weights = {c: np.exp(sum(pairs[k].llr for k in c)) for c in one_to_one(pairs)}
    total = sum(weights.values())
    return np.array(
        [sum(w for c, w in weights.items() if k in c) / total for k in range(len(pairs))]
    )


@st.composite
def problems(draw, least=-10.0, most=25.0, max_pairs=9):
    edges = draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), unique=True, max_size=max_pairs)
    )
    return [pair(*edge, draw(st.floats(least, most, allow_subnormal=False))) for edge in edges]


@settings(deadline=None, max_examples=200)
@given(problems())
def test_the_choice_has_the_greatest_sum_of_all(pairs):
    chosen = best_assignment(pairs, 4, 5)
    assert tuple(sorted(chosen)) in one_to_one(pairs)
    best = max(sum(pairs[k].llr for k in c) for c in one_to_one(pairs))
    assert sum(pairs[k].llr for k in chosen) == pytest.approx(best, abs=1e-9)


def test_none_is_chosen_over_a_pair_below_zero():
    assert best_assignment([pair(0, 0, -0.1)], 1, 1) == set()
    assert best_assignment([pair(0, 0, 0.1)], 1, 1) == {0}
    assert best_assignment([], 3, 2) == set()


def test_the_best_sum_may_need_the_second_best_pair():
    # Greedy takes 6 and is left with nothing for the other ship; 5 + 4 is more.
    assert best_assignment([pair(0, 0, 6.0), pair(0, 1, 5.0), pair(1, 0, 4.0)], 2, 2) == {1, 2}


@settings(deadline=None, max_examples=150)
@given(problems())
def test_probabilities_are_those_of_enumeration(pairs):
    assert pair_probabilities(pairs, 4, 5, SETTINGS) == pytest.approx(enumerated(pairs), abs=1e-9)


@settings(deadline=None, max_examples=150)
@given(problems(least=-10.0, most=1.0))
def test_mutual_exclusion_comes_close_where_pairs_are_weak(pairs):
    close = pair_probabilities(pairs, 4, 5, LOOPY)
    assert np.abs(close - enumerated(pairs)).max(initial=0.0) < 0.03


@settings(deadline=None, max_examples=150)
@given(problems())
def test_mutual_exclusion_gives_probabilities_whatever_the_pairs(pairs):
    close = pair_probabilities(pairs, 4, 5, LOOPY)
    assert np.all((close >= 0) & (close <= 1 + 1e-9))


def test_a_toss_up_between_two_ways_round_stays_one():
    # Two ships, two hulls, both ways about equally good: exp(21.9) against exp(22.1).
    swapped = [pair(0, 0, 14.8), pair(1, 1, 7.1), pair(0, 1, 13.1), pair(1, 0, 9.0)]
    one_way = 1 / (1 + np.exp(0.2))
    got = pair_probabilities(swapped, 2, 2, SETTINGS)
    assert got == pytest.approx([one_way, one_way, 1 - one_way, 1 - one_way], abs=0.01)


def test_a_long_row_of_ships_is_still_counted_exactly():
    # Each ship may be her own hull or her neighbour's: 2 n + 1 pairs, one step at a time.
    n = 60
    row = [pair(k, k + d, 12.0 - d) for k in range(n) for d in (0, 1)]
    got = pair_probabilities(row, n, n + 1, SETTINGS).reshape(n, 2)
    # Weights e^12 and e^11: the last k ships are moved up, or none; and hardly ever none matched.
    moved = np.exp(-np.arange(n + 1))
    share = np.cumsum((moved / moved.sum())[::-1])[:-1]
    assert got[:, 1] == pytest.approx(share, abs=1e-3)


def test_mutual_exclusion_is_exact_where_there_is_no_cycle():
    chain = [pair(0, 0, 3.0), pair(1, 0, 2.0), pair(1, 1, 1.0), pair(2, 1, 4.0), pair(2, 2, -1.0)]
    assert pair_probabilities(chain, 3, 3, LOOPY) == pytest.approx(enumerated(chain), abs=1e-9)


def test_two_alike_ships_and_one_hull_share_the_hull():
    # Weights 1 (none), e^5 and e^5.
    got = pair_probabilities([pair(0, 0, 5.0), pair(1, 0, 5.0)], 2, 1, SETTINGS)
    share = np.exp(5) / (1 + 2 * np.exp(5))
    assert got == pytest.approx([share, share])


def test_a_hull_left_over_by_a_surer_pair_is_the_other_ships():
    # Ship 1 fits both hulls alike, ship 0 only the first: by exclusion ship 1 has the second.
    got = pair_probabilities([pair(0, 0, 8.0), pair(1, 0, 6.0), pair(1, 1, 6.0)], 2, 2, SETTINGS)
    assert got[0] > 0.99
    assert got[2] > 0.99
    assert got[1] < 0.01


@pytest.mark.parametrize("rules", [SETTINGS, LOOPY])
def test_far_away_clusters_do_not_touch_each_other(rules):
    alone = pair_probabilities([pair(0, 0, 1.0)], 1, 1, rules)
    both = pair_probabilities([pair(0, 0, 1.0), pair(1, 1, 20.0)], 2, 2, rules)
    assert both[0] == pytest.approx(alone[0]) == pytest.approx(np.e / (1 + np.e))


def test_a_crowd_is_counted_in_reasonable_time_and_excludes_itself():
    rng = np.random.default_rng(7)
    pairs = [pair(i, j, float(rng.normal(3, 4))) for i in range(40) for j in range(40)]
    got = pair_probabilities(pairs, 40, 40, SETTINGS).reshape(40, 40)
    assert got.sum(axis=1).max() <= 1 + 1e-6
    assert got.sum(axis=0).max() <= 1.05
    assert len(best_assignment(pairs, 40, 40)) == 40
