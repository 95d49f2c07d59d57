"""Hulls on the map: position, size, axis and their errors, zone, and reasons to set aside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.detector import Detector, Reading
from pipeline.detect.hull import Hull, sea_shares
from pipeline.detect.settings import Settings
from pipeline.detect.tanker import Tanker, TankerPrior, tanker_probability
from pipeline.geo import Grid
from pipeline.records import (
    Detection,
    Scene,
    Screened,
    Site,
    Surface,
    Zone,
    content_id,
)

CUT = "cut by the edge of the image"
BERTH_ODDS = "score raised: the shape lies inside a berth"
GUESSED_ZONE = "the zone's position is a guess"


def detections(
    hulls: Sequence[Hull],
    *,
    scene: Scene,
    grid: Grid,
    surface: Surface,
    site: Site,
    detector: Detector,
    settings: Settings,
) -> list[Detection]:
    """Each hull as a detection; none is dropped, `screened` says why one is set aside.

    Args:
        hulls: in pixel-edge coordinates of the grid.
        scene: acquisition they were found in.
        grid: of the scene's pixels.
        surface: what lies under the pixels.
        site: zones and their cargo.
        detector: named in each detection.
        settings: error model, limits, tanker prior.

    Returns:
        Sorted by row and col.
    """
    ordered = sorted(hulls, key=lambda hull: (hull.row_px, hull.col_px))
    return [
        _detection(
            hull,
            scene=scene,
            grid=grid,
            surface=surface,
            site=site,
            detector=detector,
            settings=settings,
        )
        for hull in ordered
    ]


def _detection(
    hull: Hull,
    *,
    scene: Scene,
    grid: Grid,
    surface: Surface,
    site: Site,
    detector: Detector,
    settings: Settings,
) -> Detection:
    lon, lat = (float(value) for value in grid.lonlat_from_px(hull.row_px, hull.col_px))
    zone, reading = site.zone_at(lon, lat), detector.reading
    length_m, width_m = hull.length_px * grid.pixel_m, hull.width_px * grid.pixel_m
    length_error_m = length_sigma_m(length_m, reading)
    score = _score(hull, zone, reading.berth_odds)
    likely, cloud = score >= _score_min(zone, reading), _cloud_share(hull, surface)
    tanker = _tanker(length_m, length_error_m, width_m, zone, settings)
    return Detection(
        detection_id=_id(hull, scene, detector),
        scene_id=scene.scene_id,
        site_id=scene.site_id,
        sensor=scene.sensor.value,
        sensed_at=scene.sensed_at,
        lon=lon,
        lat=lat,
        position_sigma_m=reading.position_sigma_m,
        row_px=hull.row_px,
        col_px=hull.col_px,
        outline_px=[value for corner in hull.corners_px for value in corner],
        score=score,
        length_m=length_m,
        length_sigma_m=length_error_m,
        width_m=width_m,
        width_sigma_m=reading.width_sigma_m,
        axis_deg=(hull.axis_grid_deg + grid.convergence_deg(lon, lat)) % 180.0,
        axis_sigma_deg=axis_sigma_deg(length_m, reading, settings),
        contrast=hull.contrast,
        p_tanker=tanker.probability,
        p_tanker_basis=tanker.basis,
        zone_id=None if zone is None else zone.zone_id,
        shore_distance_m=_at(surface.shore_distance_m, hull),
        cloud_score=cloud,
        empty_share=None,
        flags=_flags(hull, zone, grid, reading),
        screened=_screened(hull, grid, surface, zone, cloud, likely=likely, settings=settings),
        detector=detector.name,
        model_sha256=detector.model_sha256,
        chip=None,
    )


def _tanker(
    length_m: float, length_sigma_m: float, width_m: float, zone: Zone | None, settings: Settings
) -> TankerPrior:
    size = Tanker(length_m=length_m, length_sigma_m=length_sigma_m, width_m=width_m)
    return tanker_probability(size, zone=zone, settings=settings)


def _id(hull: Hull, scene: Scene, detector: Detector) -> str:
    place = (round(hull.row_px, 1), round(hull.col_px, 1))
    return content_id("d", scene.scene_id, *place, detector.name)


def _score(hull: Hull, zone: Zone | None, berth_odds: float) -> float:
    """The detector's probability, its odds raised inside a berth, where ships are expected."""
    if zone is None or not zone.is_berth:
        return hull.score
    return raised(hull.score, berth_odds)


def raised(probability: float, odds: float) -> float:
    """A probability whose odds are so many times as high."""
    weight = probability * odds
    return weight / (weight + 1.0 - probability)


def _score_min(zone: Zone | None, reading: Reading) -> float:
    in_berth = zone is not None and zone.is_berth
    return reading.score_min_berth if in_berth else reading.score_min


def length_sigma_m(length_m: float, reading: Reading) -> float:
    """Standard error of a length."""
    return math.hypot(reading.length_sigma_m, reading.length_sigma_share * length_m)


def axis_sigma_deg(length_m: float, reading: Reading, settings: Settings) -> float:
    """The error of a short hull's axis grows as its length falls."""
    return reading.axis_sigma_deg * max(1.0, settings.axis_length_m / length_m) ** 2


def _flags(hull: Hull, zone: Zone | None, grid: Grid, reading: Reading) -> list[str]:
    rows, cols = zip(*hull.corners_px, strict=True)
    at_edge = min(*rows, *cols) < 1 or max(rows) > grid.height - 1 or max(cols) > grid.width - 1
    flags = [CUT] if at_edge else []
    if zone is not None and zone.is_berth and reading.berth_odds > 1.0:
        flags.append(BERTH_ODDS)
    if zone is not None and zone.is_guess:
        flags.append(GUESSED_ZONE)
    return flags


def _at(layer: NDArray[np.float32], hull: Hull) -> float:
    row = min(max(int(hull.row_px), 0), layer.shape[0] - 1)
    col = min(max(int(hull.col_px), 0), layer.shape[1] - 1)
    return float(layer[row, col])


def _cloud_share(hull: Hull, surface: Surface) -> float:
    """Share of cloud in the square within one hull length of the centre."""
    reach = max(1, round(hull.length_px))
    rows = slice(max(0, int(hull.row_px) - reach), int(hull.row_px) + reach + 1)
    cols = slice(max(0, int(hull.col_px) - reach), int(hull.col_px) + reach + 1)
    near = surface.cloud[rows, cols]
    return float(near.mean()) if near.size else 0.0


def _screened(
    hull: Hull,
    grid: Grid,
    surface: Surface,
    zone: Zone | None,
    cloud: float,
    *,
    likely: bool,
    settings: Settings,
) -> str | None:
    """The first reason that holds, or None."""
    length_m, width_m = hull.length_px * grid.pixel_m, hull.width_px * grid.pixel_m
    afloat = hull.afloat
    if afloat is None:
        afloat = float(sea_shares([hull], surface.sea)[0])
    reasons = (
        (Screened.ON_LAND, zone is None and afloat < settings.sea_share_min),
        (Screened.CLOUD, cloud > settings.cloud_share_max),
        (Screened.TOO_SMALL, length_m < settings.length_min_m),
        (
            Screened.TOO_LARGE,
            length_m > settings.length_max_m or width_m > settings.width_max_m,
        ),
        (Screened.SHAPE, not likely),
    )
    return next((reason.value for reason, holds in reasons if holds), None)
