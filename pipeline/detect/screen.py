"""Detections of many passes held against one another: fixed objects and radar ghosts.

Nothing is deleted: a reason is set. Inside zones nothing is called fixed or a ghost, as a tanker
may lie there for weeks and a berth is what this is about.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from pipeline.detect.settings import Settings
from pipeline.geo import axis_difference_deg, azimuth_deg, distance_m
from pipeline.records import (
    Detection,
    Screened,
    Sensor,
    Site,
)

_DEGREE_M = 111_320.0  # of latitude; only to narrow the search, distances are geodesic


def screen_site(
    detections: Sequence[Detection], *, site: Site, settings: Settings
) -> list[Detection]:
    """The same detections in the same order, more of them with a reason to be set aside.

    Args:
        detections: all of a site's, of any sensor and time, screened ones too: they are evidence.
        site: for its zones, where nothing is screened here.
        settings: radii, shares and the ambiguity's range.
    """
    zones = {zone.zone_id for zone in site.zones}
    reasons: dict[str, str] = {}
    groups: dict[str, list[Detection]] = defaultdict(list)
    for detection in detections:
        groups[detection.sensor].append(detection)
    for sensor, group in sorted(groups.items()):
        for detection in _fixed(group, settings):
            reasons[detection.detection_id] = Screened.FIXED_OBJECT.value
        if sensor == Sensor.S1.value:
            for detection in _ghosts(group, settings):
                reasons.setdefault(detection.detection_id, Screened.AMBIGUITY.value)
    return [
        replace(item, screened=reasons[item.detection_id])
        if item.screened is None and item.zone_id not in zones and item.detection_id in reasons
        else item
        for item in detections
    ]


def _fixed(group: list[Detection], settings: Settings) -> list[Detection]:
    """Those whose like lies at the same spot in most passes of the sensor that show anything."""
    passes = {detection.scene_id for detection in group}
    if len(passes) < settings.fixed_passes_min:
        return []
    needed = max(settings.fixed_passes_min, math.ceil(settings.fixed_pass_share * len(passes)))
    near = _near(group, settings.fixed_radius_m)
    fixed = []
    for index, detection in enumerate(group):
        seen_in = {group[other].scene_id for other in near[index]}
        if len(seen_in) < needed:
            continue
        alike = {
            group[other].scene_id
            for other in near[index]
            if _is_alike(detection, group[other], settings)
        }
        if len(alike) >= needed:
            fixed.append(detection)
    return fixed


def _near(group: list[Detection], radius_m: float) -> list[list[int]]:
    lat = np.array([item.lat for item in group])
    lon = np.array([item.lon for item in group])
    shrink = math.cos(math.radians(float(lat.mean())))
    # longitudes relative to the first, so that a site across the antimeridian stays together
    east = ((lon - lon[0] + 180.0) % 360.0 - 180.0) * shrink * _DEGREE_M
    tree = cKDTree(np.stack([east, lat * _DEGREE_M], axis=1))
    return [list(found) for found in tree.query_ball_point(tree.data, radius_m)]


def _is_alike(one: Detection, other: Detection, settings: Settings) -> bool:
    longer = max(one.length_m, other.length_m)
    return (
        abs(one.length_m - other.length_m) <= settings.fixed_length_share * longer
        and float(axis_difference_deg(one.axis_deg, other.axis_deg)) <= settings.fixed_axis_deg
    )


def _ghosts(group: list[Detection], settings: Settings) -> list[Detection]:
    """Azimuth ambiguities: a much stronger target at the ambiguity's distance along the track.

    The distance is λ·PRF·R / (2·V) on the ground, which for the IW sub-swaths' pulse rates and
    ranges lies within `ambiguity_near_m` to `ambiguity_far_m`. The track's azimuth follows from
    Sentinel-1's inclination and the latitude, for both orbit directions.
    """
    scenes: dict[str, list[Detection]] = defaultdict(list)
    for detection in group:
        scenes[detection.scene_id].append(detection)
    return [
        detection
        for scene in scenes.values()
        for detection in scene
        if any(_is_ghost(detection, other, settings) for other in scene)
    ]


def _is_ghost(weak: Detection, strong: Detection, settings: Settings) -> bool:
    if strong.contrast < settings.ambiguity_ratio_min * weak.contrast:
        return False
    range_m = float(distance_m(strong.lon, strong.lat, weak.lon, weak.lat))
    if not settings.ambiguity_near_m <= range_m <= settings.ambiguity_far_m:
        return False
    azimuth = float(azimuth_deg(strong.lon, strong.lat, weak.lon, weak.lat))
    tilt = _track_tilt_deg(strong.lat, settings.inclination_deg)
    off_deg = min(
        float(axis_difference_deg(azimuth, tilt)), float(axis_difference_deg(azimuth, -tilt))
    )
    return range_m * math.sin(math.radians(off_deg)) <= settings.ambiguity_across_m


def _track_tilt_deg(lat: float, inclination_deg: float) -> float:
    """Angle of the ground track off the meridian: sin(tilt) = |cos i| / cos φ."""
    sine = abs(math.cos(math.radians(inclination_deg))) / math.cos(math.radians(lat))
    return math.degrees(math.asin(min(1.0, sine)))
