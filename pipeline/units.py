"""Every conversion there is. SI inside; knots, nautical miles and barrels at the edge."""

from __future__ import annotations

KNOT_MPS = 1852.0 / 3600.0
"""One knot in metres a second (international nautical mile an hour)."""

NAUTICAL_MILE_M = 1852.0
HOUR_S = 3600.0
DAY_S = 86400.0


def mps_from_knots(speed_kn: float) -> float:
    """Metres a second from knots."""
    return speed_kn * KNOT_MPS


def knots_from_mps(speed_mps: float) -> float:
    """Knots from metres a second."""
    return speed_mps / KNOT_MPS


def nautical_miles_from_m(distance_m: float) -> float:
    """Nautical miles from metres."""
    return distance_m / NAUTICAL_MILE_M


def m_from_nautical_miles(distance_nm: float) -> float:
    """Metres from nautical miles."""
    return distance_nm * NAUTICAL_MILE_M
