"""The globally best one-to-one choice with an explicit "none", and how probable each pair is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from pipeline.match.score import Pair
from pipeline.match.settings import Settings


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

    Counted exactly in each cluster of pairs that share ships or hulls; in a cluster of more than
    `exact_pairs_max` pairs by mutual exclusion in turn (sum-product on the bipartite graph).
    """
    probability = np.zeros(len(pairs))
    for cluster in _clusters(pairs, n_predictions, n_detections):
        own = [pairs[k] for k in cluster]
        exact = len(own) <= settings.exact_pairs_max
        probability[cluster] = _exact(own) if exact else _sum_product(own)
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


def _exact(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """Sum over every assignment, by taking or leaving each pair in turn."""
    weights = np.exp(np.clip([pair.llr for pair in pairs], -60.0, 60.0))
    totals = np.zeros(len(pairs) + 1)

    def walk(k: int, weight: float, taken: list[int]) -> None:
        if k == len(pairs):
            totals[[*taken, -1]] += weight
            return
        walk(k + 1, weight, taken)
        if not any(_collide(pairs[k], pairs[other]) for other in taken):
            walk(k + 1, weight * weights[k], [*taken, k])

    walk(0, 1.0, [])
    return np.asarray(totals[:-1] / totals[-1])


def _collide(one: Pair, other: Pair) -> bool:
    return one.prediction == other.prediction or one.detection == other.detection


def _sum_product(pairs: Sequence[Pair], rounds: int = 60) -> NDArray[np.float64]:
    """Loopy belief propagation for bipartite association (Williams & Lau 2014)."""
    ship = np.array([pair.prediction for pair in pairs])
    hull = np.array([pair.detection for pair in pairs])
    weight = np.exp(np.clip([pair.llr for pair in pairs], -60.0, 60.0))
    back = np.ones(len(pairs))
    forth = np.ones(len(pairs))
    for _ in range(rounds):
        held = weight * back
        forth = weight / (1.0 + _sum_by(ship, held) - held)
        back = 1.0 / (1.0 + _sum_by(hull, forth) - forth)
    held = weight * back
    return np.asarray(held / (1.0 + _sum_by(ship, held)))


def _sum_by(group: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    totals = np.zeros(int(group.max()) + 1)
    np.add.at(totals, group, values)
    return totals[group]
