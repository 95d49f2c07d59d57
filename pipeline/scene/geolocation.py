"""Where the lines and pixels of a Sentinel-1 GRD fall at sea level, and when they were sensed.

The product's geolocation grid gives positions on the terrain. A mountain is imaged nearer to the
sensor than the sea below it, so that a harbour beside one would be misplaced by hundreds of metres
if its neighbours' positions were taken as they stand. They are brought down to the ellipsoid first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator
from shapely import Geometry

from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.geo import azimuth_deg, destination
from pipeline.markup import read_xml

Floats = NDArray[np.float64]
TAGS = (
    "line", "pixel", "longitude", "latitude", "height", "incidenceAngle", "slantRangeTime",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensing:
    """How one place was seen."""

    sensed_at: datetime
    incidence_deg: float
    slant_range_ratio: float
    """Slant range over that of the near edge."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GeolocationGrid:
    """The points of the grid, each array (points,)."""

    line: Floats
    pixel: Floats
    lon: Floats
    """At sea level, as `lat`."""
    lat: Floats
    incidence_deg: Floats
    slant_range_time_s: Floats
    azimuth_s: Floats
    """Seconds since `first_at`."""
    first_at: datetime

    def extent(self) -> Geometry:
        """The image's outline, lon/lat polygon."""
        return shapely.MultiPoint(list(zip(self.lon, self.lat, strict=True))).convex_hull

    def line_pixel(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Image coordinates of places at sea level; NaN outside the image."""
        found = self._smooth(lon, lat)
        return np.asarray(found[..., 0]), np.asarray(found[..., 1])

    def at(self, lon: float, lat: float) -> Sensing:
        """Time and geometry at a place; at the nearest point of the grid outside the image."""
        found = self._smooth(lon, lat)
        if not np.isfinite(found).all():
            apart = np.hypot((self.lon - lon) * np.cos(np.radians(lat)), self.lat - lat)
            found = self._facts[np.argmin(apart)]
        azimuth_s, incidence, range_s = (float(value) for value in np.ravel(found)[2:])
        return Sensing(
            sensed_at=self.first_at + timedelta(seconds=round(azimuth_s, 3)),
            incidence_deg=incidence,
            slant_range_ratio=range_s / float(self.slant_range_time_s.min()),
        )

    @property
    def _facts(self) -> Floats:
        """(points, 5): line, pixel, azimuth time, incidence, slant range time."""
        seen = (self.azimuth_s, self.incidence_deg, self.slant_range_time_s)
        return np.stack([self.line, self.pixel, *seen], axis=-1)

    @functools.cached_property
    def _smooth(self) -> CloughTocher2DInterpolator:
        """The facts between the points; fitting takes longer than any look-up."""
        places = np.stack([self.lon, self.lat], axis=-1)
        return CloughTocher2DInterpolator(places, self._facts, rescale=True)


def read_geolocation(annotation: Path) -> GeolocationGrid:
    """The grid of a product's annotation.

    Raises:
        BadInput: not there, or damaged.
    """
    root = read_xml(annotation)
    points = list(root.iter("geolocationGridPoint"))
    times = [parse_utc((p.findtext("azimuthTime") or "").strip()) for p in points]
    try:
        facts = np.array([[float(p.findtext(tag, "")) for tag in TAGS] for p in points])
        lines = len(np.unique(facts[:, 0]))
        by_line = facts.reshape(lines, -1, len(TAGS))
        whole = bool((by_line[:, :, 1] == by_line[:1, :, 1]).all()) and np.isfinite(facts).all()
    except (ValueError, IndexError):
        whole = False
    if not whole or lines < 2 or by_line.shape[1] < 2:
        raise BadInput(
            "Sentinel-1 geolocation grid is damaged",
            where=annotation.name,
            expected="a grid of lines and pixels, each point with its position, height and angle",
            do="Fetch the product again",
        )
    lon, lat = _at_sea_level(by_line)
    return GeolocationGrid(
        line=facts[:, 0],
        pixel=facts[:, 1],
        lon=lon,
        lat=lat,
        incidence_deg=facts[:, 5],
        slant_range_time_s=facts[:, 6],
        azimuth_s=np.array([(time - times[0]).total_seconds() for time in times]),
        first_at=times[0],
    )


def _at_sea_level(by_line: Floats) -> tuple[Floats, Floats]:
    """Move each point towards the sensor by height / tan(incidence): equal slant range at height 0.

    Pixels count away from the sensor, so that each point's neighbour shows the direction.
    """
    lon, lat, height_m, incidence_deg = (by_line[:, :, k] for k in (2, 3, 4, 5))
    away = azimuth_deg(lon[:, :-1], lat[:, :-1], lon[:, 1:], lat[:, 1:])
    away = np.concatenate([away, away[:, -1:]], axis=1)
    shift_m = height_m / np.tan(np.radians(incidence_deg))
    sea_lon, sea_lat = destination(lon, lat, away + 180.0, shift_m)
    return sea_lon.ravel(), sea_lat.ravel()
