"""From hits, misses and false alarms to the rates that matching reckons with."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.evaluate.detection import Tally
from pipeline.rates import Rates

UNSEEN = 0.5
"""A hit, a miss and a false alarm are each taken to have been seen half a time more (Jeffreys), so
that no class of few ships has a rate of 0 or 1."""
SHORTER = 0.5
"""Recall of hulls below the shortest class, over that class's: nobody labels them all."""


def measured_rates(
    tallies: Sequence[Sequence[Tally]],
    water_km2: Sequence[float],
    *,
    length_edges_m: tuple[float, ...],
    shore_edges_m: tuple[float, ...],
    source: str,
) -> Rates:
    """Rates of a detector.

    Args:
        tallies: by class of length, shortest first, and of shore distance, nearest first.
        water_km2: searched, by class of shore distance.
        length_edges_m: m; lower edges of the classes of length.
        shore_edges_m: m; upper edges of the classes of shore distance but the last.
        source: what was scored.
    """
    recall = [
        [(one.hits + UNSEEN) / (one.hits + one.misses + 2.0 * UNSEEN) for one in row]
        for row in tallies
    ]
    false = [
        [(one.false_alarms + UNSEEN) / max(area, 1.0) for one, area in
         zip(row, water_km2, strict=True)]
        for row in tallies
    ]  # fmt: skip
    recall.insert(0, [SHORTER * value for value in recall[0]])
    false.insert(0, false[0])
    return Rates(
        source=source,
        length_edges_m=length_edges_m,
        shore_edges_m=shore_edges_m,
        recall=_rounded(recall),
        false_per_km2=_rounded(false),
    )


def _rounded(table: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(value, 4) for value in row) for row in table)
