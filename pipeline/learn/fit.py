"""How a model's answers are to be read, from answers on images it had not seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def platt(score: Floats, is_ship: Bools) -> tuple[float, float]:
    """Offset and slope of the logit that make a raw score a probability (Platt 1999).

    Targets are smoothed as Platt proposes, so that a perfect separation stays finite.
    """
    logit = special.logit(np.clip(score, 1e-6, 1.0 - 1e-6))
    ships, others = float(is_ship.sum()), float((~is_ship).sum())
    target = np.where(is_ship, (ships + 1.0) / (ships + 2.0), 1.0 / (others + 2.0))

    def loss(weights: Floats) -> float:
        z = weights[0] + weights[1] * logit
        return float(np.sum(np.logaddexp(0.0, z) - target * z))

    best = optimize.minimize(loss, np.array([0.0, 1.0]), method="BFGS").x
    return float(best[0]), float(best[1])


def calibrated(score: Floats, calibration: tuple[float, float]) -> Floats:
    """Probability from a raw score."""
    logit = special.logit(np.clip(score, 1e-6, 1.0 - 1e-6))
    return np.asarray(special.expit(calibration[0] + calibration[1] * logit))


def best_threshold(probability: Floats, is_ship: Bools, n_missed: int) -> float:
    """The probability from which F1 over all answers is best.

    Args:
        probability: of each counted answer.
        is_ship: whether it is one.
        n_missed: ships without any answer.
    """
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(is_ship[order])
    said = np.arange(1, len(order) + 1)
    ships = int(is_ship.sum()) + n_missed
    f1 = 2.0 * hits / np.maximum(said + ships, 1)
    best = int(np.argmax(f1))
    after = probability[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((probability[order[best]] + after) / 2.0)


def line(measured: Floats, true: Floats) -> tuple[float, float]:
    """Offset and slope of true over measured, by least absolute deviations."""
    offset, slope = plane(measured[:, None], true)
    return offset, slope


def plane(measured: Floats, true: Floats) -> tuple[float, ...]:
    """Offset and slopes of true over several measures of it, by least absolute deviations.

    A linear programme (Charnes, Cooper and Ferguson 1955).

    Args:
        measured: (n, k).
        true: (n,).

    Returns:
        The offset and k slopes.
    """
    count, measures = measured.shape
    terms = np.column_stack([np.ones(count), measured])
    off = np.eye(count)
    best = optimize.linprog(
        np.concatenate([np.zeros(measures + 1), np.ones(count)]),
        A_ub=np.block([[terms, -off], [-terms, -off]]),
        b_ub=np.concatenate([true, -true]),
        bounds=[(None, None)] * (measures + 1) + [(0.0, None)] * count,
        method="highs",
    ).x
    return tuple(float(weight) for weight in best[: measures + 1])


def spread(errors: Floats) -> float:
    """Standard deviation from the median absolute deviation, of errors about zero."""
    return float(1.4826 * np.median(np.abs(errors)))


def growing_spread(errors: Floats, length_m: Floats) -> tuple[float, float]:
    """Constant and proportional part of the errors' standard deviation: σ² = a² + (b·length)².

    By maximum likelihood of a Laplace law, whose tails are those of lengths read off pixels.
    """

    def loss(weights: Floats) -> float:
        sigma = np.hypot(math.exp(weights[0]), math.exp(weights[1]) * length_m)
        scale = sigma / math.sqrt(2.0)
        return float(np.sum(np.log(scale) + np.abs(errors) / scale))

    best = optimize.minimize(loss, np.array([2.5, -3.0]), method="Nelder-Mead").x
    return float(math.exp(best[0])), float(math.exp(best[1]))
