"""How likely is it that a detection is a track's ship? A sum of named terms, in nats.

LLR = ln[Pd·N(x; x̂,Σ)·p(L|L_ais)·p(axis|heading)] − ln(1−Pd) − ln[λ·p0(L)·p0(axis)]: DESIGN 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.geo import azimuth_deg, destination, distance_m
from pipeline.match.settings import Settings
from pipeline.records import (
    TANKER_TYPES,
    Detection,
    Prediction,
    Scene,
)

M2_PER_KM2 = 1e6
CLASS_EDGES_M = (60.0, 100.0, 180.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One detection and one track within the gate."""

    detection: int
    """Index into the scene's detections."""
    prediction: int
    """Index into the scene's predictions."""
    llr: float
    position: float
    length: float
    axis: float
    type: float
    offset_m: float


def p_detect(length_m: float | None, settings: Settings) -> float:
    """The detector's recall for a length; of a middling ship where the length is unknown."""
    index = 1 if length_m is None else int(np.searchsorted(CLASS_EDGES_M, length_m, side="right"))
    return settings.p_detect[index]


def displaced(prediction: Prediction, scene: Scene) -> tuple[float, float]:
    """Where the sensor shows a ship that is at the predicted place, (lon, lat).

    Sentinel-1 displaces a mover along its track by −(R/V)·v·sin(course−heading)·sin(incidence); a
    moored ship, and Sentinel-2, not at all.
    """
    geometry = (scene.heading_deg, scene.incidence_deg, scene.range_over_velocity_s)
    if prediction.course_deg is None or any(value is None for value in geometry):
        return prediction.lon, prediction.lat
    heading, incidence, r_over_v = (float(value) for value in geometry if value is not None)
    shift_m = (
        -r_over_v
        * prediction.sog_mps
        * math.sin(math.radians(prediction.course_deg - heading))
        * math.sin(math.radians(incidence))
    )
    lon, lat = destination(prediction.lon, prediction.lat, heading, shift_m)
    return float(lon), float(lat)


def score(
    detection: Detection,
    prediction: Prediction,
    *,
    at: tuple[float, float],
    indices: tuple[int, int],
    settings: Settings,
) -> Pair | None:
    """The pair's terms, or None outside the gate.

    Args:
        detection: what was seen.
        prediction: who was on the air.
        at: (lon, lat) where the sensor should show the ship.
        indices: of the detection and the prediction in the scene.
        settings: gate and likelihoods.
    """
    offset_m = float(distance_m(at[0], at[1], detection.lon, detection.lat))
    chi2, log_density = _position(detection, prediction, at, offset_m)
    if chi2 > settings.gate_chi2:
        return None
    recall = p_detect(prediction.length_m, settings)
    clutter_per_m2 = settings.clutter_per_km2 / M2_PER_KM2
    position = log_density + math.log(recall / (1.0 - recall)) - math.log(clutter_per_m2)
    length = _length(detection, prediction, settings)
    axis = _axis(detection, prediction, settings)
    kind = _type(detection, prediction)
    return Pair(
        detection=indices[0],
        prediction=indices[1],
        llr=position + length + axis + kind,
        position=position,
        length=length,
        axis=axis,
        type=kind,
        offset_m=offset_m,
    )


def _position(
    detection: Detection, prediction: Prediction, at: tuple[float, float], offset_m: float
) -> tuple[float, float]:
    """Squared Mahalanobis distance and log density a m² of the offset."""
    own = detection.position_sigma_m
    # The antenna stands anywhere along the hull: a quarter of the length each way.
    antenna_m = 0.2 * (prediction.length_m or detection.length_m)
    along_m = math.hypot(prediction.sigma_along_m, own, antenna_m)
    cross_m = math.hypot(prediction.sigma_cross_m, own, 0.3 * antenna_m)
    direction = prediction.course_deg
    if direction is None:
        direction = prediction.heading_deg
    if direction is None:
        direction, cross_m = 0.0, along_m
    bearing = float(azimuth_deg(at[0], at[1], detection.lon, detection.lat))
    turned = math.radians(bearing - direction)
    chi2 = (offset_m * math.cos(turned) / along_m) ** 2 + (
        offset_m * math.sin(turned) / cross_m
    ) ** 2
    return chi2, -0.5 * chi2 - math.log(2 * math.pi * along_m * cross_m)


def _length(detection: Detection, prediction: Prediction, settings: Settings) -> float:
    """Gain of ln p(L | L_ais) − ln p0(L); 0 where the ship broadcasts no length."""
    if prediction.length_m is None:
        return 0.0
    mean, spread = settings.length_prior_m
    prior = _normal(detection.length_m - mean, math.hypot(spread, detection.length_sigma_m))
    sigma = math.hypot(detection.length_sigma_m, settings.length_sigma_share * prediction.length_m)
    right = _normal(detection.length_m - prediction.length_m, sigma)
    wrong = settings.p_wrong_length
    return math.log(((1 - wrong) * right + wrong * prior) / prior)


def _axis(detection: Detection, prediction: Prediction, settings: Settings) -> float:
    """Gain of ln p(axis | heading) − ln p0(axis), uniform over 180°; 0 without a heading."""
    heading = (
        prediction.heading_deg if prediction.heading_deg is not None else prediction.course_deg
    )
    if heading is None:
        return 0.0
    turned = (detection.axis_deg - heading + 90.0) % 180.0 - 90.0
    sigma = math.hypot(settings.axis_sigma_deg, detection.axis_sigma_deg)
    wrong = settings.p_wrong_length
    return math.log(((1 - wrong) * _normal(turned, sigma) + wrong / 180.0) * 180.0)


def _type(detection: Detection, prediction: Prediction) -> float:
    """Gain of ln p(looks like a tanker | AIS type) − ln p0; 0 where the ship tells no type."""
    if prediction.ship_type is None:
        return 0.0
    looks = min(max(detection.p_tanker, 0.05), 0.95)
    # p_tanker is a posterior on even odds; damped by half, for it rests on size and berth too.
    odds = 0.5 * math.log(looks / (1 - looks))
    return odds if prediction.ship_type in TANKER_TYPES else -odds


def _normal(x: float, sigma: float) -> float:
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
