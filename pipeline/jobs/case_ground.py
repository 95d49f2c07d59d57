"""What the desk draws on the map of a case, as GeoJSON: land, berths, tracks, silences, hulls."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely.geometry import LineString, Point, Polygon, mapping

import pipeline.scene.settings
from pipeline.clock import day_start, days_between, format_utc
from pipeline.geo import WGS84, destination
from pipeline.heard import Gap, TrackFix
from pipeline.jobs.track_season import day_file
from pipeline.records import AisInView, Candidate, Case, Detection, Match, PortCall, Site
from pipeline.review import words
from pipeline.scene.coast import land_polygon
from pipeline.tables import read_table

WHO = 3
"""Candidates whose tracks are drawn."""
AROUND = timedelta(days=4)
"""Of their fixes, before the call and after it."""
FIXES_MAX = 600
"""Points of one track; the rest are thinned away."""
ELLIPSE_SIGMAS = 2.0
SIMPLE_DEG = 0.0001
"""Coastlines are thinned to some ten metres."""

Collection = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Where the fixes lie, and what was found."""

    season: tuple[Path, ...]
    gaps: Mapping[str, Gap]
    by_scene: Mapping[str, Sequence[Detection]]
    heard: Mapping[str, Sequence[AisInView]]
    """Ships on the air inside each scene."""
    scene: pipeline.scene.settings.Settings
    land_of: dict[str, Collection] = field(default_factory=dict)

    def land(self, site: Site) -> Collection:
        """A site's coastline; the same each time."""
        if site.site_id not in self.land_of:
            shape = land_polygon(site, self.scene).simplify(SIMPLE_DEG)
            self.land_of[site.site_id] = _collection([(shape, {})])
        return self.land_of[site.site_id]


def ground_of(
    ground: Ground,
    *,
    site: Site,
    call: PortCall | None,
    case: Case,
    own: Sequence[Detection],
    candidates: Sequence[Candidate],
    scene_ids: Sequence[str],
    matches: Mapping[str, Match],
) -> dict[str, Collection]:
    """GeoJSON collections by name; features of one scene say which in `scene`."""
    ships = [row.mmsi for row in candidates if row.mmsi is not None][:WHO]
    return {
        "land": ground.land(site),
        "zones": _zones(site, case.zone_id),
        "tracks": _tracks(ground, ships, candidates, call),
        "silences": _silences(ground, candidates[: WHO + 1]),
        "ellipses": _collection(
            [(_circle(item), {"scene": item.scene_id}) for item in own]
        ),
        "detections": _detections(ground, scene_ids, own, matches),
        "heard": _heard(ground, scene_ids),
    }  # fmt: skip


def _zones(site: Site, chosen: str | None) -> Collection:
    return _collection(
        [
            (
                zone.polygon,
                {
                    "name": words.berth(zone.name, site.name),
                    "role": str(zone.role),
                    "guess": zone.is_guess,
                    "chosen": zone.zone_id == chosen,
                },
            )
            for zone in site.zones
        ]
    )


def _tracks(
    ground: Ground, ships: Sequence[int], candidates: Sequence[Candidate], call: PortCall | None
) -> Collection:
    if call is None or not ships:
        return _collection([])
    start, end = call.arrival_latest - AROUND, call.departure_earliest + AROUND
    days = [day_file(day_start(day)) for day in days_between(start, end)]
    paths = [folder / name for folder in ground.season for name in days]
    fixes = _fixes_of([path for path in paths if path.is_file()], ships)
    names = {row.mmsi: (row.rank, words.ship(row.ship_name, row.mmsi)) for row in candidates}
    features = []
    for mmsi in ships:
        one = fixes.filter(pc.equal(fixes.column("mmsi"), mmsi)).sort_by("sent_at")
        step = max(1, math.ceil(one.num_rows / FIXES_MAX))
        points = one.take(np.arange(0, one.num_rows, step)).to_pylist()
        rank, who = names[mmsi]
        said = {"mmsi": mmsi, "rank": rank, "who": who}
        features += [(line, said | {"at": times}) for line, times in _lines(points)]
    return _collection(features)


def _lines(points: Sequence[Mapping[str, Any]]) -> list[tuple[LineString, list[str]]]:
    """One a track, with the time of each fix; a track never jumps a silence or the antimeridian."""
    tracks: dict[str, list[Mapping[str, Any]]] = {}
    for row in points:
        tracks.setdefault(row["track_id"], []).append(row)
    parts = []
    for rows in tracks.values():
        seams = [k for k in range(1, len(rows)) if abs(rows[k]["lon"] - rows[k - 1]["lon"]) > 180.0]
        for first, last in zip([0, *seams], [*seams, len(rows)], strict=True):
            own = rows[first:last]
            if len(own) > 1:
                line = LineString([(row["lon"], row["lat"]) for row in own])
                parts.append((line, [f"{row['sent_at']:%d %b %H:%M}" for row in own]))
    return parts


def _fixes_of(paths: Sequence[Path], ships: Sequence[int]) -> pa.Table:
    wanted = pa.array(ships, pa.int64())
    parts = [_day(path) for path in paths]
    chosen = [t.filter(pc.is_in(t.column("mmsi"), value_set=wanted)) for t in parts]
    return pa.concat_tables(chosen) if chosen else read_table(TrackFix, [])


@functools.lru_cache(maxsize=32)
def _day(path: Path) -> pa.Table:
    return read_table(TrackFix, path)


def _silences(ground: Ground, candidates: Sequence[Candidate]) -> Collection:
    """A silence as the shortest way between its ends; where one is open, its beginning."""
    features: list[tuple[Any, Mapping[str, Any]]] = []
    for row in candidates:
        gap = ground.gaps.get(row.gap_id or "")
        if gap is None:
            continue
        said = {
            "rank": row.rank,
            "who": words.ship(row.ship_name, row.mmsi),
            "off": format_utc(gap.off_at),
            "on": None if gap.on_at is None else format_utc(gap.on_at),
        }
        off = (gap.off_lon, gap.off_lat)
        if gap.on_lon is None or gap.on_lat is None:
            features.append((Point(off), said))
        else:
            features.append((_arc(off, (gap.on_lon, gap.on_lat)), said))
    return _collection(features)


def _arc(start: tuple[float, float], end: tuple[float, float]) -> LineString:
    """A geodesic, its longitudes running on over the antimeridian rather than around the world."""
    middle = WGS84.npts(*start, *end, 24)
    lons = np.rad2deg(np.unwrap(np.deg2rad([start[0], *(p[0] for p in middle), end[0]])))
    lats = [start[1], *(p[1] for p in middle), end[1]]
    return LineString(list(zip(lons.tolist(), lats, strict=True)))


def _circle(item: Detection) -> Polygon:
    """Two standard errors of the position around it."""
    radius_m = ELLIPSE_SIGMAS * item.position_sigma_m
    lons, lats = destination(item.lon, item.lat, np.arange(0.0, 360.0, 15.0), radius_m)
    return Polygon(list(zip(lons.tolist(), lats.tolist(), strict=True)))


def _detections(
    ground: Ground,
    scene_ids: Sequence[str],
    own: Sequence[Detection],
    matches: Mapping[str, Match],
) -> Collection:
    mine = {item.detection_id for item in own}
    features = []
    for name in scene_ids:
        for item in ground.by_scene.get(name, ()):
            match = matches.get(item.detection_id)
            said = {
                "id": item.detection_id,
                "scene": name,
                "own": item.detection_id in mine,
                "screened": item.screened,
                "outcome": None if match is None else match.outcome,
                "length_m": round(item.length_m),
                "score": round(item.score, 2),
            }
            features.append((item.lon, item.lat, said))
    return _points(features)


def _heard(ground: Ground, scene_ids: Sequence[str]) -> Collection:
    return _points(
        [
            (
                row.lon,
                row.lat,
                {"scene": name, "mmsi": row.mmsi, "status": row.status, "sigma_m": row.sigma_m},
            )
            for name in scene_ids
            for row in ground.heard.get(name, ())
        ]
    )


def _points(features: Sequence[tuple[float, float, Mapping[str, Any]]]) -> Collection:
    """Thousands of points, without a geometry object each."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
                "properties": said,
            }
            for lon, lat, said in features
        ],
    }


def _collection(features: Sequence[tuple[Any, Mapping[str, Any]]]) -> Collection:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": _rounded(shape),
                "properties": dict(said),
            }
            for shape, said in features
            if not shape.is_empty
        ],
    }


def _rounded(shape: Any) -> dict[str, Any]:
    """GeoJSON to a decimetre; every point of a line stays, as its time stands beside it."""
    return dict(mapping(shapely.transform(shape, lambda xy: np.round(xy, 6))))
