"""Does a scene's time fit its satellite's orbit? Local time given as UTC is hours off."""

from __future__ import annotations

import math
from datetime import datetime

from pipeline.errors import BadInput
from pipeline.units import HOUR_S

PASSES_H = {
    "sentinel-1a": (6.0, 18.0), "sentinel-1b": (6.0, 18.0), "sentinel-1c": (6.0, 18.0),
    "sentinel-1d": (6.0, 18.0), "sentinel-2a": (10.5,), "sentinel-2b": (10.5,),
    "sentinel-2c": (10.5,),
}  # fmt: skip
"""Local solar time of passes, h: both orbits are sun-synchronous (ESA); by day for Sentinel-2."""
TOLERANCE_H = 0.8
"""For the swath and the orbit's own changes, beside the drift along it. What is less than this off
cannot be told: a clock wrong by an hour stays unseen."""
INCLINATION_DEG = 98.4
"""Of both orbits, within a fifth of a degree."""
HIGHEST_DEG = 60.0
"""Beyond, the orbit runs along the parallels and any time is possible."""


def check_time(platform: str, sensed_at: datetime, lon: float, lat: float) -> None:
    """Refuse a scene whose time its satellite cannot have passed at.

    Args:
        platform: as in STAC; other satellites are not checked.
        sensed_at: aware UTC.
        lon: of the place, deg.
        lat: of the place, deg.

    Raises:
        BadInput: hours off every pass.
    """
    passes = PASSES_H.get(platform)
    if passes is None or abs(lat) > HIGHEST_DEG:
        return
    midnight = sensed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    local_h = ((sensed_at - midnight).total_seconds() / HOUR_S + lon / 15.0) % 24.0
    off_h = min(abs((local_h - one + 12.0) % 24.0 - 12.0) for one in passes)
    if off_h > TOLERANCE_H + _drift_h(lat):
        there = f"{int(local_h)}:{int(local_h % 1 * 60):02d}"
        told = " or ".join(f"{int(one)}:{round(one % 1 * 60):02d}" for one in passes)
        raise BadInput(
            "Scene's time does not fit its satellite's orbit",
            where=f"{lon:.2f}, {lat:.2f}",
            expected=f"about {told} local solar time",
            found=f"{sensed_at:%Y-%m-%d %H:%M} UTC, {there} there",
            do="Give times in UTC; local time is refused, as every match would be hours off",
        )


def _drift_h(lat: float) -> float:
    """Local time at a latitude against that at the equator, h: 0.5 at 42°, 1.0 at 60°."""
    turned = math.tan(math.radians(abs(lat))) / abs(math.tan(math.radians(INCLINATION_DEG)))
    return math.degrees(math.asin(min(turned, 1.0))) / 15.0
