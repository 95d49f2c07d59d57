"""When Sentinel-2 looked at a place, where a file tells the day alone."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

NODE_LOCAL_H = 10.5
"""Mean local solar time of Sentinel-2's descending node (ESA, Sentinel-2 orbit)."""
INCLINATION_DEG = 98.62
"""The same source."""
TOLERANCE = "time of day from the orbit, within 20 min"
"""The swath is 290 km wide and the equation of time is not counted: mean solar time it is."""


def sentinel2_overpass(day: date, lon: float, lat: float) -> datetime:
    """The descending overpass of a place on a UTC day, from the orbit's local time.

    On a circular orbit of inclination i the local time at latitude φ differs from the node's by
    asin(tan φ / tan i) of the Earth's turn: at 43° N by half an hour.

    Args:
        day: UTC.
        lon: degrees.
        lat: degrees, within the orbit's reach of 81°.
    """
    ratio = math.tan(math.radians(lat)) / math.tan(math.radians(INCLINATION_DEG))
    ahead_deg = math.degrees(math.asin(max(-1.0, min(1.0, ratio))))
    hours = NODE_LOCAL_H - ahead_deg / 15.0 - lon / 15.0
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=hours % 24.0)
