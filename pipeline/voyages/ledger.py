"""The oil ledger: barrels of each delivery, and the year's running total against the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.geo import Floats
from pipeline.records import (
    CAP_BBL,
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    Voyage,
)
from pipeline.rhythm import Crossing
from pipeline.voyages.barrels import (
    Drawn,
    barrels_at,
    draw_common,
    draw_delivery,
    dwt_basis,
)
from pipeline.voyages.settings import Settings

HEADLINE_TIERS = ("A", "B")
COUNTED_TIERS = ("A", "B", "C")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counted:
    """A delivery and the draws behind it."""

    entry: LedgerEntry
    voyage: Voyage
    barrels: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Deliveries, running totals, and sums by month and by ship."""

    entries: list[LedgerEntry]
    """By date."""
    totals: list[LedgerTotal]
    """By scope, year and date, one an instant at which deliveries count."""
    groups: list[LedgerGroup]


CROSSING_P = (0.05, 0.50, 0.95)


def crossings(totals: Sequence[LedgerTotal]) -> list[Crossing]:
    """The range of dates in which each year's cap was passed, by scope."""
    found = []
    for scope, year in sorted({(total.scope, total.year) for total in totals}):
        own = sorted(
            (t for t in totals if (t.scope, t.year) == (scope, year)), key=lambda t: t.counted_at
        )
        low, middle, high = (
            next((t.counted_at for t in own if t.p_cap_exceeded >= p), None) for p in CROSSING_P
        )
        found.append(Crossing(scope=scope, year=year, at=(low, middle, high)))
    return found


def ledger(voyages: list[Voyage], *, settings: Settings) -> Ledger:
    """What the voyages come to.

    A delivery is a voyage of tier A to C with one end or both: a cargo taken from a load berth, or
    brought to a discharge berth. It counts on the day it was first seen at the discharge berth,
    else on the day it was last seen loading. Tier D never counts. Two ends of one voyage that were
    not linked count twice, and two voyages that were linked count once; `p_link` says how sure a
    link is. The barrels hold *if* each voyage is a delivery by such a tanker: doubts about that are
    in the tier, and calls that no pass could see are not in the ledger at all.

    Args:
        voyages: as joined; their order is of no matter.
        settings: assumptions behind deadweight, load and conversion, and the cap.
    """
    common = draw_common(settings)
    counted = []
    for voyage in voyages:
        when = voyage.discharged_at or voyage.loaded_at
        if voyage.tier in COUNTED_TIERS and when is not None:
            drawn = draw_delivery(voyage, common, settings)
            entry = _entry(voyage, when, drawn, settings)
            counted.append(_Counted(entry=entry, voyage=voyage, barrels=drawn.barrels))
    counted.sort(key=lambda one: (one.entry.counted_at, one.entry.voyage_id))
    scopes = {
        "headline": [one for one in counted if one.entry.headline],
        "upper bound": counted,
    }
    totals = [
        total
        for scope, deliveries in scopes.items()
        for year in sorted({one.entry.counted_at.year for one in deliveries})
        for total in _totals(scope, year, deliveries, settings)
    ]
    groups = [group for scope, deliveries in scopes.items() for group in _groups(scope, deliveries)]
    return Ledger(entries=[one.entry for one in counted], totals=totals, groups=groups)


def _groups(scope: str, deliveries: Sequence[_Counted]) -> list[LedgerGroup]:
    """Sums of draws: what deliveries share does not average out."""
    parts: dict[tuple[str, str], list[_Counted]] = {}
    for one in deliveries:
        ship = "unknown" if one.voyage.mmsi is None else str(one.voyage.mmsi)
        for part in (("month", f"{one.entry.counted_at:%Y-%m}"), ("ship", ship)):
            parts.setdefault(part, []).append(one)
    groups = []
    for (kind, key), own in sorted(parts.items()):
        p10, p50, p90 = _percentiles(np.sum([one.barrels for one in own], axis=0))
        name = own[0].voyage.ship_name if kind == "ship" and key != "unknown" else None
        groups.append(
            LedgerGroup(scope=scope, kind=kind, key=key, ship_name=name, n_deliveries=len(own),
                        barrels_p10=p10, barrels_p50=p50, barrels_p90=p90)
        )  # fmt: skip
    return groups


def _entry(voyage: Voyage, when: datetime, drawn: Drawn, settings: Settings) -> LedgerEntry:
    dwt_p10, dwt_p50, dwt_p90 = _percentiles(drawn.dwt_t)
    p10, p50, p90 = _percentiles(drawn.barrels)
    mix = settings.bbl_per_t_mix
    return LedgerEntry(
        voyage_id=voyage.voyage_id,
        counted_at=when,
        headline=voyage.tier in HEADLINE_TIERS,
        dwt_basis=dwt_basis(voyage, settings),
        dwt_p10_t=dwt_p10,
        dwt_p50_t=dwt_p50,
        dwt_p90_t=dwt_p90,
        barrels_p10=p10,
        barrels_p50=p50,
        barrels_p90=p90,
        barrels_load_33=barrels_at(dwt_p50, 1.0 / 3.0, mix),
        barrels_load_60=barrels_at(dwt_p50, 0.6, mix),
        barrels_load_90=barrels_at(dwt_p50, 0.9, mix),
        barrels_load_100=barrels_at(dwt_p50, 1.0, mix),
    )


def _totals(
    scope: str, year: int, deliveries: Sequence[_Counted], settings: Settings
) -> list[LedgerTotal]:
    """Ships seen in one image count at one instant: a total stands after all of them."""
    of_year = [one for one in deliveries if one.entry.counted_at.year == year]
    sums: dict[datetime, LedgerTotal] = {}
    running = np.zeros(settings.n_draws)
    for number, one in enumerate(of_year, start=1):
        running = running + one.barrels
        p10, p50, p90 = _percentiles(running)
        sums[one.entry.counted_at] = LedgerTotal(
            scope=scope,
            year=year,
            counted_at=one.entry.counted_at,
            n_deliveries=number,
            barrels_p10=p10,
            barrels_p50=p50,
            barrels_p90=p90,
            p_cap_exceeded=float(np.mean(running > CAP_BBL)),
        )
    return list(sums.values())


def _percentiles(draws: Floats) -> tuple[float, float, float]:
    p10, p50, p90 = np.percentile(draws, (10.0, 50.0, 90.0))
    return float(p10), float(p50), float(p90)
