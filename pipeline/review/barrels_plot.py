"""Barrels delivered so far against the cap of the calendar year, as a band and never as a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from pipeline.records import CAP_BBL, LedgerTotal
from pipeline.review import words
from pipeline.review.headlines import last_totals
from pipeline.review.picture import BLUE, GREEN, INK, VERMILION, Picture, picture
from pipeline.rhythm import Declared


def barrels_plots(
    totals: Sequence[LedgerTotal], declared: Sequence[Declared] = ()
) -> list[Picture]:
    """One figure a calendar year, one panel a scope, both on one scale.

    What states declared is a line of its own: adding it would count twice what is in both.
    """
    return [
        _year_plot(
            year,
            [total for total in totals if total.year == year],
            [one for one in declared if one.month_end.year == year],
        )
        for year in sorted({total.year for total in totals})
    ]


def _year_plot(year: int, totals: Sequence[LedgerTotal], declared: Sequence[Declared]) -> Picture:
    scopes = sorted({total.scope for total in totals})
    top = 1.12 * max(CAP_BBL, *(total.barrels_p90 for total in totals))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(scopes), sharey=True, squeeze=False)[0]
        for axes, scope in zip(panels, scopes, strict=True):
            _panel(axes, year, [total for total in totals if total.scope == scope])
            _declared(axes, declared)
            axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.9))
            axes.set_ylim(0, top)
        panels[0].set_ylabel("barrels delivered since 1 January")
        panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))

    ends = "; ".join(
        f"{total.scope}: {words.barrels(total.barrels_p50)} "
        f"({words.barrels(total.barrels_p10)} to {words.barrels(total.barrels_p90)})"
        for total in last_totals(totals)
    )
    told = f"; declared by states: {words.barrels(sum(one.barrels for one in declared))}"
    says = (
        f"Cumulative barrels in {year} against the cap of {CAP_BBL:,}. Median (P10 to P90) {ends}"
        f"{told if declared else ''}"
    )
    return picture((11.4, 4.0), says, draw)


def _panel(axes: Axes, year: int, totals: Sequence[LedgerTotal]) -> None:
    """Steps: a delivery counts from its date on."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    ordered = sorted(totals, key=lambda total: total.counted_at)
    at = [float(date2num(day)) for day in (start, *(t.counted_at for t in ordered), end)]
    p10, p50, p90 = (
        [0.0, *(getattr(total, name) for total in ordered), getattr(ordered[-1], name)]
        for name in ("barrels_p10", "barrels_p50", "barrels_p90")
    )
    axes.xaxis_date()
    axes.fill_between(at, p10, p90, step="post", color=BLUE, alpha=0.22, lw=0, label="P10 to P90")
    axes.step(at, p50, where="post", color=BLUE, lw=1.8, label="median")
    axes.axhline(CAP_BBL, color=VERMILION, lw=1.6, ls=(0, (6, 3)))
    axes.text(at[0] + 4, CAP_BBL * 1.015, f"cap {CAP_BBL:,}", color=VERMILION, va="bottom")
    axes.set_xlim(at[0], at[-1])
    locator = AutoDateLocator(maxticks=12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_title(f"{year}, {ordered[0].scope}", color=INK)


def _declared(axes: Axes, declared: Sequence[Declared]) -> None:
    """Running total at the end of each month."""
    if not declared:
        return
    by_month: dict[date, float] = {}
    for one in declared:
        by_month[one.month_end] = by_month.get(one.month_end, 0.0) + one.barrels
    months = sorted(by_month)
    at = [float(date2num(month)) for month in months]
    axes.step(at, np.cumsum([by_month[month] for month in months]), where="post", color=GREEN,
              lw=1.6, ls=(0, (1, 1)), label="declared by states, not added")  # fmt: skip
