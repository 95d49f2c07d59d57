"""Where a track's ship should be at an instant, and how sure that is.

The error grows with the time to a fix, along by speed and across by course; and a ship may have
turned, stopped or cast off meanwhile, so that a second, wider error holds with some probability.
Both were fitted on real ships (`Spread`). A ship in a long silence is not predicted at all: it may
be anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from shapely import Geometry
from shapely.geometry import Point

from pipeline.ais.settings import Settings, Spread
from pipeline.ais.tracks import seconds
from pipeline.geo import azimuth_deg, destination, distance_m
from pipeline.heard import Track
from pipeline.records import Prediction
from pipeline.units import mps_from_knots

M_PER_DEG = 111_200.0
LEAST_MPS = 1.5
"""A slow ship may speed up: how far off she is after a manoeuvre is reckoned from this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fix:
    """One report, seconds from the instant asked about."""

    dt_s: float
    lon: float
    lat: float
    sog_mps: float | None
    cog_deg: float | None
    heading_deg: float | None

    @property
    def known_mps(self) -> float:
        """Speed; a ship that tells none is taken to lie still."""
        return self.sog_mps or 0.0

    @property
    def tells_motion(self) -> bool:
        """Are speed and course both there?"""
        return self.sog_mps is not None and self.cog_deg is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """Of a predicted place, as in `Prediction`."""

    along_m: float
    cross_m: float
    p_astray: float
    astray_m: float

    @staticmethod
    def under_way(speed_mps: float, time_s: float, spread: Spread, settings: Settings) -> _Error:
        """After a time since a fix, by how errors grow."""
        fix_m = settings.sigma_fix_m
        grown = min(1.0, math.sqrt(time_s / spread.speed_share_s)) if spread.speed_share_s else 1.0
        wander_mps = math.hypot(spread.speed_mps, spread.speed_share * speed_mps * grown)
        turn = math.sin(math.radians(spread.course_deg))
        way_m = max(speed_mps, LEAST_MPS) * time_s
        return _Error(
            along_m=math.hypot(fix_m, wander_mps * time_s, settings.sigma_clock_s * speed_mps),
            cross_m=math.hypot(fix_m, speed_mps * turn * time_s),
            p_astray=spread.astray * (1.0 - math.exp(-time_s / spread.astray_s)),
            astray_m=math.hypot(fix_m, spread.astray_share * way_m),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A position with its uncertainty."""

    lon: float
    lat: float
    sog_mps: float
    course_deg: float | None
    error: _Error
    bracketed: bool


def predict(
    fixes: pa.Table,
    tracks: Sequence[Track],
    *,
    instant: datetime,
    near: Geometry,
    settings: Settings,
) -> list[Prediction]:
    """Predictions of the ships that may be in view, by track id.

    Args:
        fixes: of `TrackFix`, sorted by track and time; a slice around the instant is enough.
        tracks: those the fixes belong to.
        instant: when.
        near: lon/lat polygon; ships that cannot be within it are left out.
        settings: limits and standard errors.
    """
    by_id = {track.track_id: track for track in tracks}
    names = np.asarray(fixes.column("track_id").to_pylist(), dtype=object)
    dt_s = seconds(fixes) - instant.timestamp()
    starts = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    ends = [*starts, len(names)][1:]
    found = []
    for start, end in zip(starts, ends, strict=True):
        own = dt_s[start:end]
        after = int(start + np.searchsorted(own, 0.0))
        before = _fix(fixes, dt_s, after - 1) if after > start else None
        beyond = _fix(fixes, dt_s, after) if after < end else None
        place = _place(before, beyond, settings)
        if place is not None and _in_view(place, near, settings):
            found.append(_prediction(by_id[names[start]], place, before, beyond))
    return found


def _fix(fixes: pa.Table, dt_s: NDArray[np.float64], row: int) -> _Fix:
    cells = {
        name: fixes.column(name)[row].as_py()
        for name in ("lon", "lat", "sog_mps", "cog_deg", "heading_deg")
    }
    return _Fix(
        dt_s=float(dt_s[row]),
        lon=cells["lon"],
        lat=cells["lat"],
        sog_mps=cells["sog_mps"],
        cog_deg=cells["cog_deg"],
        heading_deg=cells["heading_deg"],
    )


def _place(before: _Fix | None, after: _Fix | None, settings: Settings) -> _Place | None:
    if before is not None and after is not None:
        hop_m = float(distance_m(before.lon, before.lat, after.lon, after.lat))
        span_s = after.dt_s - before.dt_s
        still_mps = mps_from_knots(settings.still_kn)
        still = (
            hop_m <= settings.still_hop_m and max(before.known_mps, after.known_mps) <= still_mps
        )
        if still and span_s <= settings.still_bracket_max_s:
            return _lying(before, after, settings)
        if span_s <= settings.bracket_max_s:
            return _between(before, after, hop_m, settings)
    sides = [fix for fix in (before, after) if fix is not None]
    nearest = min(sides, key=lambda fix: abs(fix.dt_s), default=None)
    if nearest is None or abs(nearest.dt_s) > settings.reckon_max_s:
        return None
    return _reckoned(nearest, settings)


def _lying(before: _Fix, after: _Fix, settings: Settings) -> _Place:
    nearest = before if -before.dt_s <= after.dt_s else after
    sigma_m = float(np.hypot(settings.sigma_fix_m, settings.swing_sigma_m))
    return _Place(
        lon=nearest.lon,
        lat=nearest.lat,
        sog_mps=0.0,
        course_deg=None,
        error=_Error(along_m=sigma_m, cross_m=sigma_m, p_astray=0.0, astray_m=sigma_m),
        bracketed=True,
    )


def _between(before: _Fix, after: _Fix, hop_m: float, settings: Settings) -> _Place:
    """Hermite through both fixes when they are near in time, the straight line otherwise."""
    span_s = max(after.dt_s - before.dt_s, 1e-3)
    share = -before.dt_s / span_s
    course = float(azimuth_deg(before.lon, before.lat, after.lon, after.lat)) if hop_m > 1 else None
    speed = hop_m / span_s
    if span_s <= settings.hermite_max_s and before.tells_motion and after.tells_motion:
        lon, lat = _hermite(before, after, share, span_s)
    else:
        reached = destination(before.lon, before.lat, course or 0.0, share * hop_m)
        lon, lat = float(reached[0]), float(reached[1])
    # Hardly off either fix, most in the middle: a bridge between them.
    bridge_s = math.sqrt(-before.dt_s * after.dt_s)
    swift = max(speed, 0.5 * max(before.known_mps, after.known_mps))
    error = _Error.under_way(swift, bridge_s, settings.two_sides, settings)
    return _Place(
        lon=lon,
        lat=lat,
        sog_mps=speed,
        course_deg=course,
        error=error,
        bracketed=True,
    )


def _hermite(before: _Fix, after: _Fix, share: float, span_s: float) -> tuple[float, float]:
    """Cubic Hermite on a local plane through positions and velocities (Rodger & Guida 2021)."""
    east_m = M_PER_DEG * float(np.cos(np.deg2rad(before.lat)))
    # The short way round, also across the antimeridian.
    turned_deg = (after.lon - before.lon + 180.0) % 360.0 - 180.0
    p1 = np.array([turned_deg * east_m, (after.lat - before.lat) * M_PER_DEG])
    v0, v1 = (
        span_s * fix.known_mps * np.array([np.sin(np.deg2rad(fix.cog_deg or 0.0)),
                                         np.cos(np.deg2rad(fix.cog_deg or 0.0))])
        for fix in (before, after)
    )  # fmt: skip
    s2, s3 = share**2, share**3
    xy = (s3 - 2 * s2 + share) * v0 + (3 * s2 - 2 * s3) * p1 + (s3 - s2) * v1
    lon = (before.lon + float(xy[0]) / east_m + 180.0) % 360.0 - 180.0
    return lon, before.lat + float(xy[1]) / M_PER_DEG


def _reckoned(fix: _Fix, settings: Settings) -> _Place:
    """Carried on from one side with the speed and course it reported."""
    elapsed_s = -fix.dt_s
    age_s = abs(elapsed_s)
    moves = fix.cog_deg is not None and fix.known_mps > mps_from_knots(settings.still_kn)
    lon, lat = fix.lon, fix.lat
    if moves:
        ahead = destination(fix.lon, fix.lat, fix.cog_deg, fix.known_mps * elapsed_s)
        lon, lat = float(ahead[0]), float(ahead[1])
    error = (
        _Error.under_way(fix.known_mps, age_s, settings.one_side, settings)
        if moves
        else _error_at_rest(age_s, settings)
    )
    return _Place(
        lon=lon,
        lat=lat,
        sog_mps=fix.known_mps if moves else 0.0,
        course_deg=fix.cog_deg if moves else None,
        error=error,
        bracketed=False,
    )


def _error_at_rest(age_s: float, settings: Settings) -> _Error:
    """She swings about her anchor, or has left."""
    swing_m = math.hypot(settings.sigma_fix_m, settings.swing_sigma_m)
    return _Error(
        along_m=swing_m,
        cross_m=swing_m,
        p_astray=1.0 - math.exp(-age_s / settings.leave_s),
        astray_m=math.hypot(swing_m, settings.leave_mps * age_s),
    )


def _in_view(place: _Place, near: Geometry, settings: Settings) -> bool:
    reach_m = settings.gate_sigma * max(place.error.along_m, place.error.cross_m)
    reach_deg = reach_m / (M_PER_DEG * float(np.cos(np.deg2rad(place.lat))))
    return bool(near.distance(Point(place.lon, place.lat)) <= reach_deg)


def _prediction(track: Track, place: _Place, before: _Fix | None, after: _Fix | None) -> Prediction:
    sides = [fix for fix in (before, after) if fix is not None]
    nearest = min(sides, key=lambda fix: abs(fix.dt_s))
    return Prediction(
        track_id=track.track_id,
        mmsi=track.mmsi,
        ship_type=track.ship_type,
        length_m=track.length_m,
        width_m=track.width_m,
        lon=place.lon,
        lat=place.lat,
        course_deg=place.course_deg,
        heading_deg=nearest.heading_deg,
        sog_mps=place.sog_mps,
        sigma_along_m=place.error.along_m,
        sigma_cross_m=place.error.cross_m,
        p_astray=place.error.p_astray,
        sigma_astray_m=place.error.astray_m,
        fix_age_s=abs(nearest.dt_s),
        bracketed=place.bracketed,
    )
