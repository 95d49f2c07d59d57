"""How often ships came, how long they stayed, who came back, and when the flow changed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from scipy import special

from pipeline.geo import Floats
from pipeline.records import PortCall, ZoneRole
from pipeline.rhythm import Cadence, Phase, Returning, Stay, Week
from pipeline.units import DAY_S
from pipeline.voyages.ends import oil_claims
from pipeline.voyages.settings import Settings

WEEK = timedelta(days=7)


def cadence(
    calls: Sequence[PortCall],
    looked_at: Sequence[datetime],
    *,
    role: ZoneRole,
    start: datetime,
    end: datetime,
    settings: Settings,
) -> Cadence | None:
    """The rhythm of the claimed dark calls at oil berths of a role; None without any.

    Args:
        calls: of all sites.
        looked_at: times of clear looks at berths of that role.
        role: load or discharge.
        start: of what was watched.
        end: of what was watched.
        settings: what a change of rate must be worth.
    """
    claims = sorted(
        oil_claims(calls, role),
        key=lambda call: (call.arrival_latest, call.call_id),
    )
    if not claims:
        return None
    weeks = _weeks(claims, looked_at, start, end)
    return Cadence(
        role=role.value,
        weeks=tuple(weeks),
        phases=tuple(phases(weeks, settings)),
        stays=tuple(_stay(call) for call in claims),
        returning=tuple(_returning(claims)),
    )


def arrived_about(call: PortCall) -> datetime:
    """Middle of the arrival's interval; its later end where the earlier is not known."""
    if call.arrival_earliest is None:
        return call.arrival_latest
    return call.arrival_earliest + (call.arrival_latest - call.arrival_earliest) / 2


def rate_interval(count: int, weeks: float) -> tuple[float, float]:
    """(5 %, 95 %) of a Poisson rate (Garwood 1936).

    >>> [round(v, 2) for v in rate_interval(5, 4.0)]
    [0.49, 2.63]
    """
    low = special.gammaincinv(count, 0.05) if count else 0.0
    high = special.gammaincinv(count + 1, 0.95)
    return float(low / weeks), float(high / weeks)


def _weeks(
    claims: Sequence[PortCall], looked_at: Sequence[datetime], start: datetime, end: datetime
) -> list[Week]:
    at = np.array([arrived_about(call).timestamp() for call in claims])
    looks = np.sort(np.array([one.timestamp() for one in looked_at]))
    weeks = []
    first = start
    while first < end:
        low_s, high_s = first.timestamp(), min(first + WEEK, end).timestamp()
        count = int(((at >= low_s) & (at < high_s)).sum())
        span = (high_s - low_s) / WEEK.total_seconds()
        low, high = rate_interval(count, span)
        share = _near_look(looks, low_s, high_s)
        weeks.append(Week(start_at=first, n_claims=count, low=low, high=high, seen_share=share))
        first += WEEK
    return weeks


def _near_look(looks: Floats, low_s: float, high_s: float) -> float:
    """Share of a span's hours within a day of a look."""
    hours = np.arange(low_s, high_s, 3600.0)
    if not len(looks):
        return 0.0
    after = np.clip(np.searchsorted(looks, hours), 0, len(looks) - 1)
    before = np.clip(after - 1, 0, len(looks) - 1)
    apart = np.minimum(np.abs(looks[after] - hours), np.abs(looks[before] - hours))
    return float((apart <= DAY_S).mean())


def phases(weeks: Sequence[Week], settings: Settings) -> list[Phase]:
    """Spans of one rate each: the best parting of the weeks, by exact search.

    Poisson log-likelihood less a price for each change (Jackson et al. 2005, optimal partitioning);
    the price is `change_price` times ln(weeks), Schwarz's criterion at 1.5: a rate and a place.
    """
    counts = np.array([week.n_claims for week in weeks])
    running = np.concatenate([[0], np.cumsum(counts)])
    price = settings.change_price * math.log(max(len(counts), 2))
    best = np.full(len(counts) + 1, -np.inf)
    best[0] = price
    cut = np.zeros(len(counts) + 1, int)
    for last in range(1, len(counts) + 1):
        for first in range(last):
            gain = best[first] + _likelihood(running[last] - running[first], last - first) - price
            if gain > best[last] + 1e-12:
                best[last], cut[last] = gain, first
    found, last = [], len(counts)
    while last > 0:
        first = int(cut[last])
        count = int(running[last] - running[first])
        low, high = rate_interval(count, last - first)
        found.append(
            Phase(
                start_at=weeks[first].start_at,
                end_at=weeks[last - 1].start_at + WEEK,
                n_claims=count,
                per_week=count / (last - first),
                low=low,
                high=high,
            )
        )
        last = first
    return found[::-1]


def _likelihood(count: int, weeks: int) -> float:
    """Of a count at its own rate, less what all partings share."""
    return 0.0 if count == 0 else count * (math.log(count / weeks) - 1.0)


def _stay(call: PortCall) -> Stay:
    most = None
    if call.arrival_earliest is not None and call.departure_latest is not None:
        most = (call.departure_latest - call.arrival_earliest).total_seconds() / DAY_S
    least = (call.departure_earliest - call.arrival_latest).total_seconds() / DAY_S
    return Stay(call_id=call.call_id, least_d=least, most_d=most)


def _returning(claims: Sequence[PortCall]) -> list[Returning]:
    by_ship: dict[int, list[PortCall]] = {}
    for call in claims:
        if call.mmsi is not None:
            by_ship.setdefault(call.mmsi, []).append(call)
    found = []
    for mmsi, own in by_ship.items():
        at = sorted(arrived_about(call) for call in own)
        turns = [(b - a).total_seconds() / DAY_S for a, b in itertools.pairwise(at)]
        found.append(
            Returning(
                mmsi=mmsi,
                ship_name=own[0].ship_name,
                call_ids=tuple(call.call_id for call in own),
                turns_d=tuple(turns),
            )
        )
    return sorted(found, key=lambda ship: (-len(ship.call_ids), ship.mmsi))
