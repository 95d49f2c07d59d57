"""How likely is it that a detection is a track's ship? A sum of named terms, in nats.

LLR = ln[Pd·p(x; x̂,Σ)·p(L|L_ais)·p(axis|heading)] − ln(1−Pd) − ln[λ·p0(L)·p0(axis)]: DESIGN 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.geo import EARTH_RADIUS_M, WGS84, destination, on_sphere
from pipeline.match.others import Others
from pipeline.match.settings import Settings
from pipeline.records import TANKER_TYPES, Detection, Prediction, Scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GROUND_MPS = 6_800.0
"""Sentinel-1's footprint along its track: row by row the image is that much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One detection and one track that may be the same ship."""

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
    """From where the sensor should show the ship to the detection."""


def displaced(prediction: Prediction, scene: Scene) -> tuple[float, float]:
    """Where the sensor shows a ship that is at the predicted place, (lon, lat).

    Sentinel-1 displaces a mover along its track by −(R/V)·v·sin(course−heading)·sin(incidence); a
    moored ship, and Sentinel-2, not at all.
    """
    scale_s = _doppler_s(scene)
    if scale_s is None or scene.heading_deg is None or prediction.course_deg is None:
        return prediction.lon, prediction.lat
    across = math.sin(math.radians(prediction.course_deg - scene.heading_deg))
    shift_m = -scale_s * prediction.sog_mps * across
    lon, lat = destination(prediction.lon, prediction.lat, scene.heading_deg, shift_m)
    return float(lon), float(lat)


def _doppler_s(scene: Scene) -> float | None:
    """(R/V)·sin(incidence), s; None where the pass displaces nothing or does not tell."""
    if scene.incidence_deg is None or scene.range_over_velocity_s is None:
        return None
    return scene.range_over_velocity_s * math.sin(math.radians(scene.incidence_deg))


def score(
    scene: Scene,
    detections: Sequence[Detection],
    predictions: Sequence[Prediction],
    *,
    centre: tuple[float, float],
    others: Others,
    settings: Settings,
) -> list[Pair]:
    """The pairs worth a thought, by prediction and detection; never all of them times all.

    Args:
        scene: with its pass geometry.
        detections: what was seen.
        predictions: who was on the air.
        centre: (lon, lat) of the AOI, to which `scene.sensed_at` belongs.
        others: what else a detection may be.
        settings: likelihoods.
    """
    if not detections or not predictions:
        return []
    seen, heard = _Seen.of(detections), _Heard.of(predictions, scene)
    j, i = _near(seen, heard, others, settings)
    east, north = _offsets(seen, heard, i, j)
    if scene.heading_deg is not None:
        later_s = _later_s(seen, scene.heading_deg, centre)[i]
        east = east - heard.speed[j] * later_s * np.sin(heard.course[j])
        north = north - heard.speed[j] * later_s * np.cos(heard.course[j])
    position = (
        _log_density(east, north, seen, heard, i, j)
        + others.log_odds(heard.length[j], seen.shore[i])
        - np.log(others.per_m2(seen.length[i], seen.shore[i]))
    )
    length = _length(seen, heard, i, j, settings)
    axis = _axis(seen, heard, i, j, settings)
    kind = _type(seen, heard, i, j)
    llr = position + length + axis + kind
    offset = np.hypot(east, north)
    columns = (i, j, llr, position, length, axis, kind, offset)
    return [
        Pair(
            detection=int(d), prediction=int(p), llr=float(total), position=float(place),
            length=float(size), axis=float(turn), type=float(sort), offset_m=float(off),
        )
        for d, p, total, place, size, turn, sort, off in zip(*columns, strict=True)
        if total >= settings.llr_min
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """Detections as arrays, all (n,)."""

    lon: Floats
    lat: Floats
    sigma: Floats
    length: Floats
    length_sigma: Floats
    axis: Floats
    """rad"""
    axis_sigma: Floats
    """rad"""
    shore: Floats
    p_tanker: Floats

    @staticmethod
    def of(detections: Sequence[Detection]) -> _Seen:
        column = _columns(detections)
        return _Seen(
            lon=column(lambda d: d.lon), lat=column(lambda d: d.lat),
            sigma=column(lambda d: d.position_sigma_m),
            length=column(lambda d: d.length_m), length_sigma=column(lambda d: d.length_sigma_m),
            axis=np.radians(column(lambda d: d.axis_deg)),
            axis_sigma=np.radians(column(lambda d: d.axis_sigma_deg)),
            shore=column(lambda d: d.shore_distance_m), p_tanker=column(lambda d: d.p_tanker),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Heard:
    """Predictions as arrays, all (n,), where the sensor should show them; NaN: not told."""

    lon: Floats
    lat: Floats
    speed: Floats
    course: Floats
    """rad; 0 where she lies still, as her errors are round then."""
    along: Floats
    cross: Floats
    p_astray: Floats
    astray: Floats
    length: Floats
    heading: Floats
    """rad; the course where no heading is told."""
    is_tanker: Floats
    """1, 0, or NaN"""

    @staticmethod
    def of(predictions: Sequence[Prediction], scene: Scene) -> _Heard:
        column = _columns(predictions)
        shown = np.array([displaced(one, scene) for one in predictions])
        return _Heard(
            lon=shown[:, 0], lat=shown[:, 1],
            speed=column(lambda p: p.sog_mps if p.course_deg is not None else 0.0),
            course=np.radians(column(lambda p: p.course_deg or 0.0)),
            along=column(lambda p: p.sigma_along_m), cross=column(lambda p: p.sigma_cross_m),
            p_astray=column(lambda p: p.p_astray), astray=column(lambda p: p.sigma_astray_m),
            length=column(lambda p: p.length_m),
            heading=np.radians(
                column(lambda p: p.heading_deg if p.heading_deg is not None else p.course_deg)
            ),
            is_tanker=column(
                lambda p: None if p.ship_type is None else float(p.ship_type in TANKER_TYPES)
            ),
        )  # fmt: skip


def _columns(rows: Sequence[Any]) -> Callable[[Callable[[Any], float | None]], Floats]:
    def column(get: Callable[[Any], float | None]) -> Floats:
        values = (get(row) for row in rows)
        return np.array([np.nan if value is None else value for value in values], np.float64)

    return column


def _near(seen: _Seen, heard: _Heard, others: Others, settings: Settings) -> tuple[Ints, Ints]:
    """(predictions, detections) that lie within each prediction's reach."""
    tree = KDTree(on_sphere(seen.lon, seen.lat))
    hull_m = ANTENNA * np.nan_to_num(heard.length, nan=float(seen.length.max()))
    own_m = float(seen.sigma.max())
    core_m = settings.reach_sigma * np.sqrt(heard.along**2 + heard.cross**2 + hull_m**2 + own_m**2)
    # As far as a ship gone astray could still be worth more than `llr_min`.
    densest = heard.p_astray / (2.0 * math.pi * heard.astray**2)
    worth = np.log(np.maximum(densest / others.fewest_per_m2(), 1e-30)) + settings.llr_slack
    astray_m = heard.astray * np.sqrt(2.0 * np.maximum(worth - settings.llr_min, 0.0))
    found = tree.query_ball_point(
        on_sphere(heard.lon, heard.lat), np.maximum(core_m, astray_m) / EARTH_RADIUS_M,
        return_sorted=True,
    )  # fmt: skip
    j = np.repeat(np.arange(len(found)), [len(own) for own in found])
    i = np.array([one for own in found for one in own], np.int64)
    return j, i


ANTENNA = 0.2
"""Of the length: deviation of the antenna from the hull's middle, along the hull."""


def _offsets(seen: _Seen, heard: _Heard, i: Ints, j: Ints) -> tuple[Floats, Floats]:
    """(east, north) m from where the sensor should show the ship to the detection."""
    azimuth, _, metres = WGS84.inv(heard.lon[j], heard.lat[j], seen.lon[i], seen.lat[i])
    turned = np.radians(azimuth)
    return np.asarray(metres * np.sin(turned)), np.asarray(metres * np.cos(turned))


def _later_s(seen: _Seen, heading_deg: float, centre: tuple[float, float]) -> Floats:
    """(n,) s by which each detection's row was sensed after the AOI's centre."""
    lon, lat = (np.full(len(seen.lon), value) for value in centre)
    azimuth, _, metres = WGS84.inv(lon, lat, seen.lon, seen.lat)
    return np.asarray(metres * np.cos(np.radians(azimuth - heading_deg)) / GROUND_MPS)


def _log_density(
    east: Floats, north: Floats, seen: _Seen, heard: _Heard, i: Ints, j: Ints
) -> Floats:
    """Log density per m² of such an offset: on her course, or astray."""
    length = np.where(np.isnan(heard.length[j]), seen.length[i], heard.length[j])
    round_var = seen.sigma[i] ** 2
    # The antenna stands anywhere along the hull.
    hull = _ellipse(seen.axis[i], ANTENNA * length, 0.06 * length)
    sailed = _ellipse(heard.course[j], heard.along[j], heard.cross[j])
    core = [own + part for own, part in zip(sailed, hull, strict=True)]
    lost_var = heard.astray[j] ** 2 + round_var
    astray = (hull[0] + lost_var, hull[1], hull[2] + lost_var)
    on_course = _normal_2d(east, north, core[0] + round_var, core[1], core[2] + round_var)
    p_astray = heard.p_astray[j]
    density = (1.0 - p_astray) * on_course + p_astray * _normal_2d(east, north, *astray)
    return np.asarray(np.log(np.maximum(density, 1e-300)))


def _ellipse(turn: Floats, along: Floats, cross: Floats) -> tuple[Floats, Floats, Floats]:
    """Variances (east, east-north, north) of an ellipse with an axis at an azimuth, rad."""
    sin, cos = np.sin(turn), np.cos(turn)
    a, c = along**2, cross**2
    return a * sin**2 + c * cos**2, (a - c) * sin * cos, a * cos**2 + c * sin**2


def _normal_2d(
    east: Floats, north: Floats, var_east: Floats, covariance: Floats, var_north: Floats
) -> Floats:
    determinant = var_east * var_north - covariance**2
    chi2 = (
        east**2 * var_north - 2.0 * east * north * covariance + north**2 * var_east
    ) / determinant
    return np.asarray(np.exp(-0.5 * chi2) / (2.0 * math.pi * np.sqrt(determinant)))


def _length(seen: _Seen, heard: _Heard, i: Ints, j: Ints, settings: Settings) -> Floats:
    """Gain of ln p(L | L_ais) − ln p0(L); 0 where the ship broadcasts no length."""
    measured, sigma, said = seen.length[i], seen.length_sigma[i], heard.length[j]
    mean, spread = settings.length_prior_m
    prior = _normal(measured - mean, np.hypot(spread, sigma))
    right = _normal(measured - said, np.hypot(sigma, settings.length_sigma_share * said))
    wrong = settings.p_wrong_length
    gain = np.log(((1.0 - wrong) * right + wrong * prior) / prior)
    return np.where(np.isnan(said), 0.0, gain)


def _axis(seen: _Seen, heard: _Heard, i: Ints, j: Ints, settings: Settings) -> Floats:
    """Gain of ln p(axis | heading) − ln p0(axis), uniform over 180°; 0 without a heading."""
    turned = np.degrees(seen.axis[i] - heard.heading[j])
    turned = (turned + 90.0) % 180.0 - 90.0
    sigma = np.hypot(settings.axis_sigma_deg, np.degrees(seen.axis_sigma[i]))
    wrong = settings.p_wrong_axis
    gain = np.log(((1.0 - wrong) * _normal(turned, sigma) + wrong / 180.0) * 180.0)
    return np.where(np.isnan(turned), 0.0, gain)


def _type(seen: _Seen, heard: _Heard, i: Ints, j: Ints) -> Floats:
    """Gain of ln p(looks like a tanker | AIS type) − ln p0; 0 where the ship tells no type."""
    looks = np.clip(seen.p_tanker[i], 0.05, 0.95)
    # p_tanker is a posterior on even odds; damped by half, for it rests on size and berth too.
    odds = 0.5 * np.log(looks / (1.0 - looks))
    gain = np.where(heard.is_tanker[j] == 1.0, odds, -odds)
    return np.where(np.isnan(heard.is_tanker[j]), 0.0, gain)


def _normal(x: Floats, sigma: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi)))
