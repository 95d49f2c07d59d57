"""Calls a week with their interval, the rates they fall into, and where nobody could look."""

from __future__ import annotations

from datetime import timedelta

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.review import words
from pipeline.review.picture import BLUE, GREY, VERMILION, Picture, picture
from pipeline.rhythm import Cadence


def cadence_plot(cadence: Cadence) -> Picture:
    """Bars of claimed calls; steps of the rate with its 90 % interval; grey where unseen."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        at = [float(date2num(week.start_at + timedelta(days=3.5))) for week in cadence.weeks]
        counts = [week.n_claims for week in cadence.weeks]
        top = 1.15 * max(1.0, *counts, *(phase.high for phase in cadence.phases))
        blind = [1.0 - week.seen_share for week in cadence.weeks]
        axes.bar(at, [top * share for share in blind], width=7.0, color=GREY, alpha=0.35, lw=0,
                 label="share of the week no clear look was within a day of")  # fmt: skip
        axes.bar(at, counts, width=5.4, color=BLUE, label="claimed dark calls")
        for number, phase in enumerate(cadence.phases):
            span = [float(date2num(phase.start_at)), float(date2num(phase.end_at))]
            axes.fill_between(span, phase.low, phase.high, color=VERMILION, alpha=0.18, lw=0)
            axes.plot(span, [phase.per_week] * 2, color=VERMILION, lw=1.8,
                      label="rate, 90 % interval" if number == 0 else None)  # fmt: skip
        axes.xaxis_date()
        axes.set_ylim(0, top)
        axes.set_xlim(at[0] - 3.5, at[-1] + 3.5)
        axes.set_ylabel(f"dark calls a week, {cadence.role} berths")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        locator = AutoDateLocator(maxticks=12)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.legend(loc="upper left", ncols=3, fontsize=8.5)

    return picture((11.4, 3.0), says(cadence), draw)


def says(cadence: Cadence) -> str:
    """The phases in words."""
    told = [
        f"{words.day(phase.start_at)} to {words.day(phase.end_at)}: {phase.per_week:.1f} a week "
        f"({phase.low:.1f} to {phase.high:.1f})"
        for phase in cadence.phases
    ]
    return f"Claimed dark calls at {cadence.role} berths. {'; '.join(told)}."
