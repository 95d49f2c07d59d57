"""Which load call and which discharge call are one voyage: weights, best choice, probabilities.

The weight of a pair is how much likelier the two calls are as one voyage than as ends of two
voyages whose other ends nobody saw:

    w = p_d·f(t)·R / [(1 − p_d)·λ·(1 − p_l)]

with p_l and p_d the shares of calls that are seen, f the density of the time between the calls,
λ the rate of discharge calls and R = P(same ship) / P(same ship by chance). DESIGN section 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.geo import Floats
from pipeline.records import PortCall
from pipeline.sea_routes import Ways
from pipeline.units import DAY_S
from pipeline.voyages.ends import End
from pipeline.voyages.settings import Settings

INSTANTS = 13
"""Instants an interval of arrival or departure is averaged over, its ends among them."""
ROUNDS = 80
MONTH_S = 30 * DAY_S
"""The rate of calls is not taken from fewer days than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A load call and the discharge call after it."""

    load: End
    discharge: End
    p_link: float
    mmsi: int | None
    """The ship, where one stands out."""


def best_links(
    loads: Sequence[End],
    discharges: Sequence[End],
    season_s: float,
    settings: Settings,
    ways: Ways | None = None,
) -> list[Link]:
    """The links that together are the likeliest, each call in one at most.

    Args:
        loads: oil calls at load berths.
        discharges: oil calls at discharge berths.
        season_s: what the calls stretch over, s.
        settings: speeds, waits, chances.
        ways: by sea; None: great circles.
    """
    ways = ways or Ways()
    weight = np.zeros((len(loads), len(discharges)))
    for i, j in np.ndindex(weight.shape):
        if not _have_a_ship_in_common(loads[i], discharges[j]):
            continue
        density = sailing_density(loads[i], discharges[j], settings, ways)
        if density > 0.0:
            ships = same_ship(loads[i], discharges[j], (*loads, *discharges), settings)
            weight[i, j] = density * sum(ships.values()) * settings.fleet_ships
    rate = max(settings.deliveries_per_day / DAY_S, len(discharges) / max(season_s, MONTH_S))
    seen, unseen = settings.p_discharge_seen, 1.0 - settings.p_load_seen
    weight *= seen / ((1.0 - seen) * unseen * rate)
    p_link = link_probabilities(weight)
    return [
        Link(
            load=loads[i],
            discharge=discharges[j],
            p_link=float(p_link[i, j]),
            mmsi=_stands_out(
                same_ship(loads[i], discharges[j], (*loads, *discharges), settings), settings
            ),
        )
        for i, j in best_assignment(weight)
    ]


def _have_a_ship_in_common(load: End, discharge: End) -> bool:
    """Most pairs of honest tankers end here, before anything is computed for them."""
    return any(p > 0.0 and discharge.ships.get(ship, 0.0) > 0.0 for ship, p in load.ships.items())


def sailing_density(
    load: End, discharge: End, settings: Settings, ways: Ways | None = None
) -> float:
    """Density (1/s) of such a time between departure and arrival; 0 where no ship can do it.

    Level between the fastest and a slow passage by sea, then falling with the wait; averaged over
    the intervals in which the ship left and arrived.
    """
    way_m = (ways or Ways()).metres((load.lon, load.lat), (discharge.lon, discharge.lat))
    fast_s, slow_s = way_m / settings.speed_max_mps, way_m / settings.speed_slow_mps
    mean_s, max_s = settings.wait_mean_s, settings.wait_max_s
    open_end = timedelta(seconds=settings.open_end_s)
    one, other = load.call, discharge.call
    start = one.departure_earliest
    left = _instants(start, one.departure_latest or start + open_end, start)
    there = _instants(
        other.arrival_earliest or other.arrival_latest - open_end, other.arrival_latest, start
    )
    elapsed = there[None, :] - left[:, None]
    waited = np.maximum(elapsed - slow_s, 0.0)
    possible = (elapsed >= fast_s) & (waited <= max_s)
    level = slow_s - fast_s + mean_s * (1.0 - math.exp(-max_s / mean_s))
    return float(np.where(possible, np.exp(-waited / mean_s), 0.0).mean() / level)


def _instants(first: datetime, last: datetime, origin: datetime) -> Floats:
    ends = ((first - origin).total_seconds(), (last - origin).total_seconds())
    return np.linspace(*ends, INSTANTS)


def same_ship(
    load: End, discharge: End, ends: Sequence[End], settings: Settings
) -> dict[int | None, float]:
    """P(both calls are this ship's, and none of its calls lies between), by MMSI.

    The hull's length is in the probability of a ship of known length already; it is weighed here
    for the others.
    """
    agreement = length_agreement(load.call, discharge.call, settings)
    between = [end for end in ends if _is_between(end.call, load.call, discharge.call)]
    shared = {}
    for ship, p_load in load.ships.items():
        p_both = p_load * discharge.ships.get(ship, 0.0)
        if ship in load.unmeasured and ship in discharge.unmeasured:
            p_both *= agreement
        if ship is None:
            p_both /= settings.fleet_ships
        else:
            p_both *= math.prod(max(0.0, 1.0 - end.ships.get(ship, 0.0)) for end in between)
        shared[ship] = p_both
    return shared


def _is_between(call: PortCall, load: PortCall, discharge: PortCall) -> bool:
    """Another call while the cargo would be under way: loading again, or discharging before."""
    return (
        call.call_id not in (load.call_id, discharge.call_id)
        and call.arrival_latest > load.departure_earliest
        and call.departure_earliest < discharge.arrival_latest
    )


def length_agreement(one: PortCall, other: PortCall, settings: Settings) -> float:
    """How much likelier two measured lengths are on one hull than on two hulls of the fleet."""
    if one.length_m is None or other.length_m is None:
        return 1.0
    mean_m, spread_m = settings.fleet_length_m
    a, b = one.length_m - mean_m, other.length_m - mean_m
    fleet = spread_m**2
    var_a = fleet + (one.length_sigma_m or settings.length_sigma_default_m) ** 2
    var_b = fleet + (other.length_sigma_m or settings.length_sigma_default_m) ** 2
    determinant = var_a * var_b - fleet**2
    chi2 = (a * a * var_b - 2.0 * a * b * fleet + b * b * var_a) / determinant
    exponent = 0.5 * (a * a / var_a + b * b / var_b - chi2)
    return math.sqrt(var_a * var_b / determinant) * math.exp(min(exponent, 60.0))


def best_assignment(weight: Floats) -> list[tuple[int, int]]:
    """(load, discharge) pairs of greatest summed ln w; every load has a "none" of its own at 0."""
    n_loads = len(weight)
    gain = np.log(np.maximum(weight, 1e-300))
    rows, columns = linear_sum_assignment(
        np.hstack([gain, np.zeros((n_loads, n_loads))]), maximize=True
    )
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if j < weight.shape[1]]


def link_probabilities(weight: Floats) -> Floats:
    """(loads, discharges) P(link) over all one-to-one choices, each as likely as its product of w.

    By mutual exclusion in turn (sum-product on the bipartite graph, Williams & Lau 2014): exact
    where rivalries form no ring, and close to it elsewhere.
    """
    weight = np.minimum(weight, 1e12)
    back = np.ones_like(weight)
    for _ in range(ROUNDS):
        held = weight * back
        forth = weight / (1.0 + held.sum(axis=1, keepdims=True) - held)
        back = 1.0 / (1.0 + forth.sum(axis=0, keepdims=True) - forth)
    held = weight * back
    return np.asarray(held / (1.0 + held.sum(axis=1, keepdims=True)))


def _stands_out(ships: dict[int | None, float], settings: Settings) -> int | None:
    best = max(ships, key=lambda ship: (ships[ship], -(ship or 0)))
    return best if ships[best] >= settings.named_min * sum(ships.values()) else None
