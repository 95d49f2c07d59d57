"""The globally best one-to-one choice with an explicit "none", and how probable each pair is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import (
    connected_components,
    min_weight_full_bipartite_matching,
    reverse_cuthill_mckee,
)

from pipeline.match.score import Pair
from pipeline.match.settings import Settings

ARCS_PER_STATE = 25
"""Ways on from all states together, over `states_max`, beyond which counting is given up: 0.1 s."""


def best_assignment(pairs: Sequence[Pair], n_predictions: int, n_detections: int) -> set[int]:
    """Indices of the pairs that together have the greatest sum of LLR, each ship and hull once.

    Every ship has a dummy of its own at cost 0, so a pair below zero is never taken (SciPy's
    sparse solver needs a full matching: scipy#14041).
    """
    if not pairs:
        return set()
    rows = [pair.prediction for pair in pairs] + list(range(n_predictions))
    columns = [pair.detection for pair in pairs]
    columns += [n_detections + k for k in range(n_predictions)]
    gain = np.array([pair.llr for pair in pairs] + [0.0] * n_predictions)
    # Explicit zeros would be missing edges: costs are shifted above zero.
    cost = gain.max() - gain + 1.0
    graph = csr_array((cost, (rows, columns)), shape=(n_predictions, n_detections + n_predictions))
    chosen_rows, chosen_columns = min_weight_full_bipartite_matching(graph)
    chosen = set(zip(chosen_rows.tolist(), chosen_columns.tolist(), strict=True))
    return {k for k, pair in enumerate(pairs) if (pair.prediction, pair.detection) in chosen}


def pair_probabilities(
    pairs: Sequence[Pair], n_predictions: int, n_detections: int, settings: Settings
) -> NDArray[np.float64]:
    """(pairs,) P(pair) over all one-to-one assignments, each weighted by exp(sum of LLR).

    Counted exactly in each cluster of pairs that share ships or hulls, as long as there are no
    more than `states_max` ways to stand half way through it; by mutual exclusion in turn beyond.
    """
    probability = np.zeros(len(pairs))
    for cluster in _clusters(pairs, n_predictions, n_detections):
        own = [pairs[k] for k in cluster]
        if len(own) == 1:
            probability[cluster] = 1.0 / (1.0 + math.exp(-own[0].llr))
            continue
        trellis = _trellis(own, settings.states_max)
        probability[cluster] = _sum_product(own) if trellis is None else _marginals(own, *trellis)
    return probability


def _clusters(pairs: Sequence[Pair], n_predictions: int, n_detections: int) -> list[list[int]]:
    if not pairs:
        return []
    size = n_predictions + n_detections
    ships = [pair.prediction for pair in pairs]
    hulls = [n_predictions + pair.detection for pair in pairs]
    graph = csr_array((np.ones(len(pairs)), (ships, hulls)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    clusters: dict[int, list[int]] = {}
    for k, ship in enumerate(ships):
        clusters.setdefault(int(label[ship]), []).append(k)
    return list(clusters.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arc:
    """One ship takes one hull, or none, after the ships before her took theirs."""

    start: int
    """Hulls taken so far, as bits; those that no later ship could take are forgotten."""
    end: int
    pair: int | None
    weight: float


def _marginals(
    pairs: Sequence[Pair], steps: list[list[_Arc]], forward: list[dict[int, float]]
) -> NDArray[np.float64]:
    """Forward and backward sums over the ships, one after the other (a transfer matrix)."""
    probability = np.zeros(len(pairs))
    backward = {0: 1.0}
    for arcs, states in zip(reversed(steps), reversed(forward), strict=True):
        before: dict[int, float] = {}
        total = 0.0
        taken: dict[int, float] = {}
        for arc in arcs:
            onward = arc.weight * backward.get(arc.end, 0.0)
            before[arc.start] = before.get(arc.start, 0.0) + onward
            total += states[arc.start] * onward
            if arc.pair is not None:
                taken[arc.pair] = taken.get(arc.pair, 0.0) + states[arc.start] * onward
        for pair, mass in taken.items():
            probability[pair] = mass / total
        backward = _scaled(before)
    return probability


def _trellis(
    pairs: Sequence[Pair], states_max: int
) -> tuple[list[list[_Arc]], list[dict[int, float]]] | None:
    """The arcs of each ship, and the weight of each state before her; None: too many states."""
    order = _ship_order(pairs)
    last = {pair.detection: max(order.index(p.prediction) for p in pairs
                                if p.detection == pair.detection) for pair in pairs}  # fmt: skip
    steps: list[list[_Arc]] = []
    forward: list[dict[int, float]] = []
    states = {0: 1.0}
    n_arcs = 0
    for step, ship in enumerate(order):
        own = [(k, pair) for k, pair in enumerate(pairs) if pair.prediction == ship]
        choices: list[tuple[int | None, int, float]] = [(None, 0, 1.0)]
        choices += [(k, 1 << pair.detection, math.exp(min(pair.llr, 60.0))) for k, pair in own]
        open_to_later = sum(1 << hull for hull, end in last.items() if end > step)
        arcs = [
            _Arc(start=state, end=(state | bit) & open_to_later, pair=k, weight=weight)
            for state in states
            for k, bit, weight in choices
            if not state & bit
        ]
        after: dict[int, float] = {}
        for arc in arcs:
            after[arc.end] = after.get(arc.end, 0.0) + states[arc.start] * arc.weight
        steps.append(arcs)
        forward.append(states)
        n_arcs += len(arcs)
        if len(after) > states_max or n_arcs > ARCS_PER_STATE * states_max:
            return None
        states = _scaled(after)
    return steps, forward


def _ship_order(pairs: Sequence[Pair]) -> list[int]:
    """Ships so ordered that a hull's takers stand together, which keeps the states few."""
    ships = sorted({pair.prediction for pair in pairs})
    hulls = sorted({pair.detection for pair in pairs})
    rows = [ships.index(pair.prediction) for pair in pairs]
    columns = [len(ships) + hulls.index(pair.detection) for pair in pairs]
    size = len(ships) + len(hulls)
    graph = csr_array((np.ones(2 * len(pairs)), (rows + columns, columns + rows)), (size, size))
    order = reverse_cuthill_mckee(csr_matrix(graph), symmetric_mode=True)
    return [ships[int(k)] for k in order if k < len(ships)]


def _scaled(states: dict[int, float]) -> dict[int, float]:
    """Weights over the greatest of them: only ratios matter, and products would overflow."""
    greatest = max(states.values())
    return {state: weight / greatest for state, weight in states.items()}


def _sum_product(pairs: Sequence[Pair], rounds: int = 60) -> NDArray[np.float64]:
    """Loopy belief propagation for bipartite association (Williams & Lau 2014).

    Close where many pairs are weak, as in a crowd. Where few are strong it is too sure of one of
    two ships that fit two hulls about equally: 0.99 where counting says 0.58.
    """
    ship = np.array([pair.prediction for pair in pairs])
    hull = np.array([pair.detection for pair in pairs])
    weight = np.exp(np.clip([pair.llr for pair in pairs], -30.0, 30.0))
    back = np.ones(len(pairs))
    for _ in range(rounds):
        held = weight * back
        forth = weight / (1.0 + np.maximum(_sum_by(ship, held) - held, 0.0))
        back = 1.0 / (1.0 + np.maximum(_sum_by(hull, forth) - forth, 0.0))
    held = weight * back
    return np.asarray(held / (1.0 + _sum_by(ship, held)))


def _sum_by(group: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    totals = np.zeros(int(group.max()) + 1)
    np.add.at(totals, group, values)
    return totals[group]
