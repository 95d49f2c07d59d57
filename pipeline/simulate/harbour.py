"""The places of a port: where hulls lie at its berths and in its roads, and the way out to sea."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from pipeline.errors import UsageError
from pipeline.geo import azimuth_deg, destination, distance_m, to_crs, utm_crs
from pipeline.records import (
    Site,
    Zone,
    ZoneRole,
)
from pipeline.sea_routes import IsLand, open_water
from pipeline.simulate.track import Waypoint

ROADS_ROWS = 3
ROADS_COLUMNS = 3
ROADS_INSET_M = 240.0
"""Room to swing inside the anchorage."""
ROADS_SLACK_M = 60.0
"""Of that room that may be missing at a corner."""
CLEAR_M = 260.0
"""How far off its berth a ship is before it turns to sea."""
OPEN_M = (10_000.0, 20_000.0, 30_000.0, 40_000.0)
"""Distances around a gate that are looked at for land."""
FENDER_M = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Room for one hull."""

    place_id: str
    zone: Zone
    lon: float
    lat: float
    axis_deg: float
    """Direction of the berth; the bow may point either way."""
    off_lon: float
    off_lat: float
    """A point clear of the berth, on its water side."""
    quay_deg: float | None
    """Azimuth towards the quay; None in the roads."""
    half_width_m: float
    """From the middle of the berth's strip of water to its quay edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbour:
    """A site with its places."""

    site: Site
    places: tuple[Place, ...]
    gate_lon: float
    gate_lat: float
    """Where ships leave the harbour for the open sea."""

    def for_zone(self, *, role: ZoneRole | None = None, oil: bool | None = None) -> list[Place]:
        """Places in zones of a role and cargo."""
        return [
            place
            for place in self.places
            if (role is None or place.zone.role is role)
            and (oil is None or place.zone.handles_oil is oil)
        ]


def build_harbour(
    site: Site, *, seaward_m: float = 12_000.0, is_land: IsLand | None = None
) -> Harbour:
    """Places in the middle of each berth, and a grid of them in each anchorage.

    Args:
        site: with the land around it.
        seaward_m: from the port to its gate; ships bound for other ports pass clear of it.
        is_land: of real places; None where nothing but the site's own land is there.
    """
    land = shapely.unary_union(list(site.land))
    if not land.intersects(site.aoi):
        raise UsageError(
            "A simulated season needs the coast drawn",
            where=site.site_id,
            expected="a `land` polygon of this site inside its area",
            found="none",
            do="Draw it in the sites file, or leave `simulate:` out of the configuration",
        )
    centre = site.aoi.centroid
    if is_land is None:
        shore_deg = _away_from(land.intersection(site.aoi), centre)
    else:
        shore_deg = _to_open_sea(centre, seaward_m, is_land)
    gate_lon, gate_lat = destination(centre.x, centre.y, shore_deg, seaward_m)
    places: list[Place] = []
    for zone in site.zones:
        places += [_berth(zone, land)] if zone.is_berth else _roads(zone)
    return Harbour(
        site=site, places=tuple(places), gate_lon=float(gate_lon), gate_lat=float(gate_lat)
    )


def _away_from(land: shapely.Geometry, centre: shapely.Point) -> float:
    """Azimuth from the land's middle to the area's: seaward."""
    middle = land.centroid
    return float(azimuth_deg(middle.x, middle.y, centre.x, centre.y))


def _to_open_sea(centre: shapely.Point, seaward_m: float, is_land: IsLand) -> float:
    """Azimuth of the gate with the most water around it, no land on the way out of the port."""
    azimuths = np.arange(0.0, 360.0, 10.0)
    lon, lat = destination(np.full(36, centre.x), np.full(36, centre.y), azimuths, seaward_m)
    start = np.full(36, centre.x), np.full(36, centre.y)
    clear = open_water(*start, lon, lat, is_land, ports=(True, False))
    water = np.zeros(36)
    for range_m in OPEN_M:
        for turn in azimuths:
            at = destination(lon, lat, np.full(36, turn), np.full(36, range_m))
            water += ~is_land(*(np.ascontiguousarray(axis) for axis in at))
    return float(azimuths[int(np.argmax(water + 1000.0 * clear))])


def _berth(zone: Zone, land: shapely.Geometry) -> Place:
    crs = utm_crs(zone.polygon.centroid.x, zone.polygon.centroid.y)
    corners = np.array(to_crs(zone.polygon, target=crs).minimum_rotated_rectangle.exterior.coords)
    edges = np.diff(corners[:3], axis=0)
    along = edges[np.argmax(np.hypot(*edges.T))]
    middle = zone.polygon.centroid
    axis_deg = float(np.degrees(np.arctan2(along[0], along[1])) % 180.0)
    sides = [destination(middle.x, middle.y, axis_deg + turn, CLEAR_M) for turn in (90.0, 270.0)]
    off = max(sides, key=lambda p: land.distance(shapely.Point(float(p[0]), float(p[1]))))
    return Place(
        place_id=zone.zone_id,
        zone=zone,
        lon=middle.x,
        lat=middle.y,
        axis_deg=axis_deg,
        off_lon=float(off[0]),
        off_lat=float(off[1]),
        quay_deg=float(azimuth_deg(float(off[0]), float(off[1]), middle.x, middle.y)),
        half_width_m=0.5 * float(np.hypot(*edges.T).min()),
    )


def _roads(zone: Zone) -> list[Place]:
    """A grid of anchor positions, well inside the polygon; one in the middle of a narrow one."""
    places = []
    for name, point in _anchor_points(zone.polygon):
        places.append(
            Place(
                place_id=f"{zone.zone_id}-{name}",
                zone=zone,
                lon=point.x,
                lat=point.y,
                axis_deg=20.0,
                off_lon=point.x,
                off_lat=point.y,
                quay_deg=None,
                half_width_m=0.0,
            )
        )
    return places


def _anchor_points(polygon: shapely.Geometry) -> list[tuple[str, shapely.Point]]:
    """(name, position) of each; names are row and column of the grid."""
    crs = utm_crs(polygon.centroid.x, polygon.centroid.y)
    inner = to_crs(polygon, target=crs).buffer(-ROADS_INSET_M, join_style="mitre")
    middle = [("00", polygon.representative_point())]
    if inner.is_empty:
        return middle
    (ax, ay), (bx, by), _, (dx, dy) = list(inner.minimum_rotated_rectangle.exterior.coords)[:4]
    points = []
    for row in range(ROADS_ROWS):
        for column in range(ROADS_COLUMNS):
            u, v = row / (ROADS_ROWS - 1), column / (ROADS_COLUMNS - 1)
            x, y = ax + u * (bx - ax) + v * (dx - ax), ay + u * (by - ay) + v * (dy - ay)
            if inner.distance(shapely.Point(x, y)) < ROADS_SLACK_M:
                place = to_crs(shapely.Point(x, y), source=crs, target="EPSG:4326")
                points.append((f"{row}{column}", place))
    return points or middle


def lie(
    place: Place, width_m: float, *, start_s: float, end_s: float, bow_deg: float
) -> list[Waypoint]:
    """Lying still at a place: alongside the quay, a fender's width off it, or at anchor."""
    lon, lat = alongside(place, width_m)
    swings = not place.zone.is_berth
    return [
        Waypoint(t_s=start_s, lon=lon, lat=lat, swings=swings, axis_deg=bow_deg),
        Waypoint(t_s=end_s, lon=lon, lat=lat, swings=swings),
    ]


def alongside(place: Place, width_m: float) -> tuple[float, float]:
    """Where the centre of a hull of this beam lies."""
    if place.quay_deg is None:
        return place.lon, place.lat
    towards_m = place.half_width_m - 0.5 * width_m - FENDER_M
    lon, lat = destination(place.lon, place.lat, place.quay_deg, towards_m)
    return float(lon), float(lat)


def way_out(harbour: Harbour, place: Place) -> list[tuple[float, float]]:
    """From a place to the open sea: (lon, lat) of the points passed, the place left out."""
    points = [(place.off_lon, place.off_lat), (harbour.gate_lon, harbour.gate_lat)]
    return points if place.zone.is_berth else points[1:]


def length_m(points: list[tuple[float, float]]) -> float:
    """Length of a way."""
    lon, lat = (np.array(axis) for axis in zip(*points, strict=True))
    return float(distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:]).sum())
