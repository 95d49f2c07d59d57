"""Berths at their emptiest: what is there in nearly every pass has not come to call.

Piers lie inside berths drawn by guess, and a detector finds the same piece of one in some passes
and not in others. An analyst lays the picture of the empty berth beside the one with the ship;
so does this: the outline of each hull is looked up in every other pass, whether or not anything was
found there, and where it is about as bright when the berth is at its emptiest, nothing came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.locate import raised
from pipeline.detect.settings import Settings
from pipeline.geo import Grid, destination, to_crs
from pipeline.records import (
    Detection,
    Image,
    Scene,
    Screened,
    Sensor,
    Site,
    Surface,
    Zone,
)
from pipeline.units import DAY_S

BRIGHTNESS = {Sensor.S2: ("B08", "B04", "B03", "B02"), Sensor.S1: ("VV", "VH")}
"""The band that tells a hull from water best, and what stands in where a scene lacks it."""
CAME = "score raised: nothing is there when the berth is at its emptiest"
CLOUDY = "score lowered: pieces of cloud may be about"
ARRIVED = "found in the difference to the berth when empty"
_FIXED = Screened.FIXED_OBJECT.value
MARGIN_M = 220.0
"""Half the longest ship and a little: a hull whose centre is in the berth is pictured whole."""
STEP_M = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One pass over one berth."""

    zone_id: str
    scene_id: str
    sensed_at: datetime
    sensor: str
    relative_orbit: int | None
    row0: int
    col0: int
    """Where the picture's first pixel lies in the scene."""
    grid: Grid
    """Of the berth and `MARGIN_M` around it, as far as the scene goes."""
    excess: NDArray[np.float32]
    """(height, width): brightness above the water's median; NaN where nothing could be seen.

    Reflectance, or sigma nought as linear power.
    """
    cloud_share: float = 0.0
    """Of the whole image, under cloud."""

    def is_clear(self, settings: Settings) -> bool:
        """Did the pass show all of the berth and what is around it, under no broken cloud?"""
        all_seen = float(np.isfinite(self.excess).mean()) >= settings.empty_clear_min
        return all_seen and not self.is_cloudy(settings)

    def is_cloudy(self, settings: Settings) -> bool:
        """May pieces of cloud be about, too small or too thin for the mask?"""
        return self.cloud_share > settings.empty_cloud_max


def pictures(scene: Scene, image: Image, ground: Surface, site: Site) -> list[Picture]:
    """Each berth of a site as one pass shows it; none for a berth that it does not show."""
    band = next((b for n in BRIGHTNESS[scene.sensor] if (b := image.band(n)) is not None), None)
    if band is None:
        return []
    clear = image.valid & ~ground.cloud
    cloud_share = 1.0 - float(clear.sum()) / max(int(image.valid.sum()), 1)
    found = []
    for zone in site.zones:
        window = _window(zone, image.grid) if zone.is_berth else None
        if window is None:
            continue
        rows, cols = slice(*window[:2]), slice(*window[2:])
        seen, water = clear[rows, cols], (ground.sea & clear)[rows, cols]
        if not water.any():
            continue
        here = band[rows, cols]
        excess = np.where(seen, here - np.median(here[water]), np.nan)
        found.append(
            Picture(
                zone_id=zone.zone_id,
                scene_id=scene.scene_id,
                sensed_at=scene.sensed_at,
                sensor=scene.sensor.value,
                relative_orbit=scene.relative_orbit,
                row0=window[0],
                col0=window[2],
                grid=image.grid.window(*window),
                excess=excess.astype(np.float32),
                cloud_share=cloud_share,
            )
        )
    return found


def _window(zone: Zone, grid: Grid) -> tuple[int, int, int, int] | None:
    west, south, east, north = to_crs(zone.polygon, target=grid.crs).bounds
    row0, col0 = grid.px_from_xy(west - MARGIN_M, north + MARGIN_M)
    row1, col1 = grid.px_from_xy(east + MARGIN_M, south - MARGIN_M)
    window = (
        max(0, int(row0)),
        min(grid.height, int(row1) + 1),
        max(0, int(col0)),
        min(grid.width, int(col1) + 1),
    )
    return window if window[0] < window[1] and window[2] < window[3] else None


def screen_berths(
    detections: Sequence[Detection], shown: Sequence[Picture], settings: Settings
) -> list[Detection]:
    """The same detections in the same order, those in berths held against the berth when empty.

    `empty_share` is the brightness inside a hull's outline when the berth is at its emptiest over
    that in its own pass: about 0 where nothing is but water when no ship lies there, about 1 where
    nothing ever changes. "At its emptiest" is the `empty_quantile` of the passes by the same
    sensor, radar's of the same orbit. A place that was dark in a few passes holds nothing that
    stays: the shape's odds rise, and one that was too little like a hull may be kept after all;
    not so beneath broken cloud, of which every piece comes and goes: there all odds are lowered.
    What is bright in all of many passes is set aside as fixed; in fewer than `empty_looks_min`, or
    within `empty_days_min` days, that says nothing and the share stays null: a tanker may lie there
    for weeks.

    Args:
        detections: of one site, screened ones too.
        shown: all pictures of its berths.
        settings: thresholds.
    """
    ways: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in shown:
        ways[picture.zone_id, picture.sensor].append(picture)
    asked = {(detection.zone_id or "", detection.sensor) for detection in detections}
    stacks = {way: _Stack(group) for way, group in ways.items() if way in asked}
    result = []
    for detection in detections:
        stack = stacks.get((detection.zone_id or "", detection.sensor))
        own = None if stack is None else stack.picture(detection.scene_id)
        if stack is None or own is None:
            result.append(detection)
            continue
        share = stack.share_when_empty(detection, settings)
        result.append(_held(_under_cloud(detection, own, settings), share, own, settings))
    return result


def _under_cloud(one: Detection, picture: Picture, settings: Settings) -> Detection:
    if not picture.is_cloudy(settings):
        return one
    score = raised(one.score, 1.0 / settings.empty_cloudy_odds)
    return replace(one, score=score, flags=[*one.flags, CLOUDY])


def _held(one: Detection, share: float | None, picture: Picture, settings: Settings) -> Detection:
    if share is None:
        return one
    if ARRIVED in one.flags:  # weighed already
        return replace(one, empty_share=share)
    sensor = Sensor(one.sensor)
    if share >= settings.empty_share_max[sensor]:
        return replace(one, empty_share=share, screened=one.screened or _FIXED)
    if share > settings.empty_share_dark or not picture.is_clear(settings):
        return replace(one, empty_share=share)
    score = raised(one.score, settings.empty_odds)
    is_likely = score >= settings.score_min_berth[sensor]
    screened = None if one.screened == Screened.SHAPE and is_likely else one.screened
    return replace(one, empty_share=share, score=score, screened=screened, flags=[*one.flags, CAME])


class _Stack:
    """The pictures of one berth by one sensor, those on one grid in one array."""

    def __init__(self, group: Sequence[Picture]) -> None:
        grids: dict[Grid, list[Picture]] = defaultdict(list)
        for picture in group:
            grids[picture.grid].append(picture)
        self._layers = [
            (grid, np.stack([one.excess for one in layers])) for grid, layers in grids.items()
        ]
        ordered = [one for layers in grids.values() for one in layers]
        self._by_scene = {one.scene_id: one for one in ordered}
        self._scene_ids = np.array([one.scene_id for one in ordered])
        self._orbits = np.array([one.relative_orbit or 0 for one in ordered])
        self._days = np.array([one.sensed_at.timestamp() / DAY_S for one in ordered])

    def picture(self, scene_id: str) -> Picture | None:
        """That of one pass; None where it shows no water of the berth."""
        return self._by_scene.get(scene_id)

    def share_when_empty(self, detection: Detection, settings: Settings) -> float | None:
        own = np.flatnonzero(self._scene_ids == detection.scene_id)
        if not own.size:
            return None
        brightness = self._brightness(detection, settings)
        compared = np.isfinite(brightness)
        if detection.sensor == Sensor.S1.value:
            compared &= self._orbits == self._orbits[own[0]]
        looks, days = brightness[compared], self._days[compared]
        if looks.size < settings.empty_looks_dark or not brightness[own[0]] > 0:
            return None
        emptiest = float(np.quantile(looks, settings.empty_quantile))
        share = max(0.0, emptiest) / float(brightness[own[0]])
        many = looks.size >= settings.empty_looks_min and np.ptp(days) >= settings.empty_days_min
        return share if many or share <= settings.empty_share_dark else None

    def _brightness(self, detection: Detection, settings: Settings) -> NDArray[np.float64]:
        """Mean excess in the outline by picture; NaN where too little of it was seen."""
        lon, lat = _inside(detection)
        means = []
        for grid, excess in self._layers:
            row, col = (np.floor(v).astype(int) for v in grid.px_from_lonlat(lon, lat))
            on = (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
            values = excess[:, row[on], col[on]]
            seen = np.isfinite(values)
            count = seen.sum(axis=1)
            total = np.where(seen, values, 0.0).sum(axis=1, dtype=np.float64)
            enough = count >= settings.empty_seen_min * lon.size
            means.append(np.where(enough, total / np.maximum(count, 1), np.nan))
        return np.concatenate(means)


def _inside(detection: Detection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(lon, lat) of points all over the hull, `STEP_M` apart."""
    along_m, across_m = np.meshgrid(_steps(detection.length_m), _steps(detection.width_m))
    off_m = np.hypot(along_m, across_m).ravel()
    azimuth = detection.axis_deg + np.degrees(np.arctan2(across_m, along_m)).ravel()
    return destination(detection.lon, detection.lat, azimuth, off_m)


def _steps(side_m: float) -> NDArray[np.float64]:
    count = max(2, round(side_m / STEP_M))
    return (np.arange(count) + 0.5) / count * side_m - side_m / 2.0
