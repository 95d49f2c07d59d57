"""Probabilities said against shares that came true: on the diagonal they can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import scipy
from matplotlib.figure import Figure

from pipeline.review.picture import BLUE, MUTED, Picture, picture

Bin = tuple[float, float, int]
"""(mean probability said, share that came true, number of answers)."""


def reliability_plot(bins: Sequence[Bin], *, what: str) -> Picture:
    """A reliability diagram with 90 % intervals of each share (Wilson 1927).

    Args:
        bins: not empty bins of answers.
        what: came true, for the axis: "were ships".
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, lw=1.0, ls=(0, (4, 3)))
        for said, share, count in bins:
            between = scipy.stats.binomtest(round(share * count), count).proportion_ci(
                0.9, "wilson"
            )
            axes.plot([said, said], [between.low, between.high], color=BLUE, lw=1.4)
            axes.plot([said], [share], marker="o", color=BLUE, ms=5)
            axes.annotate(
                str(count), (said, share), (6, -9), textcoords="offset points", color=MUTED
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        axes.set_xlabel("probability said")
        axes.set_ylabel(f"share that {what}, with 90 % interval")

    told = "; ".join(f"{said:.2f} said, {share:.2f} of {count}" for said, share, count in bins)
    return picture((4.6, 4.4), f"Share that {what} against the probability said: {told}", draw)
