"""Where a ship is at any time: waypoints in time, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import azimuth_deg, distance_m

Floats = NDArray[np.float64]
STILL_MPS = 0.05
SWING_M = 110.0
"""Radius of the circle an anchored ship's centre swings on: chain and half a hull."""
SWING_PERIOD_S = 44_700.0
"""The tide's, 12.42 h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A place at a time; between two of them a ship goes straight."""

    t_s: float
    """Seconds since the season's start."""
    lon: float
    lat: float
    axis_deg: float | None = None
    """Heading of a ship that lies still here until the next waypoint; None under way."""
    swings: bool = False
    """True at anchor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class States:
    """A ship's state at several times; every array is (n,)."""

    lon: Floats
    lat: Floats
    sog_mps: Floats
    course_deg: Floats
    heading_deg: Floats


class Track:
    """Waypoints of one ship, in time order."""

    def __init__(self, waypoints: list[Waypoint]) -> None:
        self.t_s = np.array([w.t_s for w in waypoints])
        self._lon = np.array([w.lon for w in waypoints])
        self._lat = np.array([w.lat for w in waypoints])
        self._axis = np.array([np.nan if w.axis_deg is None else w.axis_deg for w in waypoints])
        self._swings = np.array([w.swings for w in waypoints])
        length_m = distance_m(self._lon[:-1], self._lat[:-1], self._lon[1:], self._lat[1:])
        self._leg_mps = length_m / np.maximum(np.diff(self.t_s), 1.0)
        self._leg_deg = azimuth_deg(self._lon[:-1], self._lat[:-1], self._lon[1:], self._lat[1:])

    def at(self, t_s: Floats) -> States:
        """States at times in seconds since the season's start; the ends are held."""
        t_s = np.clip(t_s, self.t_s[0], self.t_s[-1])
        leg = np.clip(np.searchsorted(self.t_s, t_s, side="right") - 1, 0, len(self._leg_mps) - 1)
        lon = np.interp(t_s, self.t_s, self._lon)
        lat = np.interp(t_s, self.t_s, self._lat)
        sog = np.where(self._leg_mps[leg] < STILL_MPS, 0.0, self._leg_mps[leg])
        still = sog == 0.0
        heading = np.where(
            still & np.isfinite(self._axis[leg]), self._axis[leg], self._leg_deg[leg]
        )
        swings = still & self._swings[leg]
        swing_deg = 50.0 * np.sin(2 * np.pi * t_s / SWING_PERIOD_S)
        heading = np.where(swings, heading + swing_deg, heading) % 360.0
        back = np.deg2rad(heading + 180.0)
        lat = lat + np.where(swings, SWING_M * np.cos(back) / 111_200.0, 0.0)
        east_deg = SWING_M * np.sin(back) / (111_200.0 * np.cos(np.deg2rad(lat)))
        lon = lon + np.where(swings, east_deg, 0.0)
        return States(lon=lon, lat=lat, sog_mps=sog, course_deg=heading.copy(), heading_deg=heading)
