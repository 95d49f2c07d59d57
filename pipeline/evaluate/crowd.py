"""Crowds in which it is known which hull is which ship: real pairs among real traffic, harbours.

A real pair is a ship on a Sentinel-1 image with the AIS report that people matched it with
(OpenSARShip). It is laid into a snapshot of other ships' real places: in a crowd alone a rule of
matching shows what it is worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.geo import destination
from pipeline.heard import Track, TrackFix
from pipeline.records import Detection, Prediction, Scene, Sensor
from pipeline.units import mps_from_knots

Floats = NDArray[np.float64]
ON_AIR, RECALL = 0.8, 0.9
"""Of a crowd: shares that transmit, and that the image shows."""
BEAM_SHARE = 6.3
"""Length over beam: hulls cannot lie closer than their beams."""
ANTENNA_SHARE = 0.3
"""Of the length: how far from its middle an antenna stands at most."""
QUANTUM_M = 40.0
"""Places of the roads are told to a thousandth of a degree of longitude: 81 m."""


NEAR_S = 600.0
"""A ship's true place is taken between reports no farther apart."""
MOVING_MPS = mps_from_knots(1.0)
LENGTH_SIGMA_M, AXIS_SIGMA_DEG = 13.0, 12.0
"""Of the marks on OpenSARShip's chips against AIS: two thirds of them are nearer."""
FALSE_ALARMS, DRIFT_M_PER_MIN = 3, 3.0
PLACE = (-74.7, -33.3)
"""lon, lat of invented harbours: south and west."""
REAL = "real"
"""Track of the real pair."""
PLAIN = Scene(
    scene_id="harbour", site_id="harbour", sensor=Sensor.S2, platform="sentinel-2a", provider="",
    product_ids=(), sensed_at=datetime(2024, 3, 7, 12, 20, tzinfo=UTC), bands=(), gsd_m=10.0,
    cloud_fraction=0.0, valid_fraction=1.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What AIS says of a hull, and what an image measured: a real pair's errors."""

    said_m: float | None
    measured_m: float
    heading_deg: float | None
    axis_off_deg: float
    """Measured axis less heading, (-90, 90]; 0 where no heading was told."""
    ship_type: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPair:
    """A ship on a radar image, and her AIS report some minutes before or after."""

    scene: Scene
    lon: float
    lat: float
    mmsi: int
    sent_at: datetime
    sent_lon: float
    sent_lat: float
    sog_mps: float
    cog_deg: float | None
    shape: Shape

    @property
    def axis_deg(self) -> float:
        """As measured; of a ship that told no heading, along her course."""
        ahead = self.shape.heading_deg
        if ahead is None:
            ahead = self.cog_deg or 0.0
        return (ahead + self.shape.axis_off_deg) % 180.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traffic:
    """Real tracks, each (n, 5): time s, east m, north m, speed m/s, course deg."""

    tracks: tuple[Floats, ...]

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last instant of any."""
        return (
            min(float(one[0, 0]) for one in self.tracks),
            max(float(one[-1, 0]) for one in self.tracks),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """One image and the air around it."""

    scene: Scene
    detections: list[Detection]
    truth: list[str | None]
    """For each detection the track that is its ship; None: not on the air."""
    fixes: list[TrackFix]
    tracks: list[Track]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbour:
    """A made-up one, whose predictions are as sure as they say."""

    detections: list[Detection]
    truth: list[str | None]
    predictions: list[Prediction]


def among_traffic(
    pair: RealPair, traffic: Traffic, shapes: Sequence[Shape], rng: np.random.Generator
) -> Crowd:
    """A real pair in the place of one ship of a snapshot, turned at random.

    The others' hulls have the lengths, and the errors of length and axis, of real pairs; their
    reports are up to ten minutes old.
    """
    at_s, known = _snapshot(traffic, 600.0, rng)
    taken = int(rng.integers(len(known)))
    origin = known.pop(taken)[1]
    view = _View(
        scene=pair.scene, centre=(pair.lon, pair.lat), at_s=at_s, origin_m=origin,
        turn_deg=rng.uniform(0.0, 360.0), ages_s=(0.0, 600.0),
    )  # fmt: skip
    others = _laid(view, known, shapes, [(0.0, 0.0, pair.shape.measured_m)], rng)
    hull = _detection(
        pair.scene, (pair.lon, pair.lat), pair.shape.measured_m, pair.axis_deg, len(others.truth)
    )
    return replace(
        others,
        detections=[*others.detections, hull],
        truth=[*others.truth, REAL],
        fixes=[*others.fixes, _own_report(pair)],
        tracks=[*others.tracks, _track(REAL, pair.shape, pair.sent_at, pair.mmsi)],
    )


def of_traffic(
    traffic: Traffic,
    shapes: Sequence[Shape],
    ages_s: tuple[float, float],
    rng: np.random.Generator,
    *,
    scene: Scene,
) -> Crowd:
    """A snapshot of real tracks, each known from a report of some age before it.

    Args:
        traffic: real tracks.
        shapes: what hulls are drawn from.
        ages_s: least and greatest age of the last report.
        rng: chance.
        scene: whose pass it is.
    """
    at_s, known = _snapshot(traffic, ages_s[1], rng)
    view = _View(
        scene=scene, centre=PLACE, at_s=at_s, turn_deg=0.0, ages_s=ages_s,
        origin_m=np.mean([place for _, place in known], axis=0),
    )  # fmt: skip
    return _laid(view, known, shapes, [], rng)


def harbour(rng: np.random.Generator, *, ships: int = 60, side_m: float = 6000.0) -> Harbour:
    """Ships anywhere in a square, reports 1 to 120 minutes old (AIS research B.7).

    Lengths are off by 15 %, axes by 8°, reports by 3 m for each minute of age, as they say; three
    detections are of no ship.
    """
    made = Harbour(detections=[], truth=[], predictions=[])
    for number in range(ships + FALSE_ALARMS):
        is_ship = number < ships
        spot = rng.uniform(-side_m / 2.0, side_m / 2.0, 2)
        length_m = float(np.clip(rng.normal(120.0, 50.0), 40.0, 300.0))
        heading = float(rng.uniform(0.0, 360.0))
        on_air = is_ship and rng.random() < ON_AIR
        if on_air:
            sigma_m = float(np.hypot(60.0, DRIFT_M_PER_MIN * rng.uniform(1.0, 120.0)))
            said = (length_m * rng.normal(1.0, 0.03), (heading + rng.normal(0.0, 8.0)) % 360.0)
            made.predictions.append(
                _prediction(f"t{number}", spot + rng.normal(0.0, sigma_m, 2), sigma_m, *said)
            )
        if not is_ship or rng.random() < RECALL:
            seen_m = max(15.0, length_m * rng.normal(1.0, 0.15))
            axis = (heading + rng.normal(0.0, 8.0)) % 180.0
            hull = _detection(
                PLAIN, _lonlat(PLACE, spot + rng.normal(0.0, 10.0, 2)), seen_m, axis, number
            )
            sigma_m = 0.15 * length_m
            made.detections.append(replace(hull, length_sigma_m=sigma_m, axis_sigma_deg=8.0))
            made.truth.append(f"t{number}" if on_air else None)
    return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """How a snapshot is laid on the earth."""

    scene: Scene
    centre: tuple[float, float]
    at_s: float
    origin_m: Floats
    turn_deg: float
    ages_s: tuple[float, float]

    def lonlat(self, place_m: Floats) -> tuple[float, float]:
        """A place of the traffic."""
        return _lonlat(self.centre, place_m - self.origin_m, self.turn_deg)


def _snapshot(
    traffic: Traffic, history_s: float, rng: np.random.Generator
) -> tuple[float, list[tuple[Floats, Floats]]]:
    """An instant at which most ships are there, each with her place, (2,) east, north m."""
    first_s, last_s = traffic.span_s
    while True:
        at_s = rng.uniform(first_s + history_s, last_s)
        places = [(track, _place(track, at_s)) for track in traffic.tracks]
        there = [(track, place) for track, place in places if place is not None]
        if 2 * len(there) >= len(traffic.tracks):
            return at_s, there


def _laid(
    view: _View,
    known: Sequence[tuple[Floats, Floats]],
    shapes: Sequence[Shape],
    taken: Sequence[tuple[float, float, float]],
    rng: np.random.Generator,
) -> Crowd:
    """Ships of a snapshot, those left out whose hulls would overlap; some unseen, some silent."""
    crowd = Crowd(scene=view.scene, detections=[], truth=[], fixes=[], tracks=[])
    laid = list(taken)
    for number, (track, place) in enumerate(known):
        row = _last_before(track, view.at_s - rng.uniform(*view.ages_s))
        shape = shapes[int(rng.integers(len(shapes)))]
        # A place is told to some metres only: this hull lies somewhere within them.
        jitter = rng.uniform(-QUANTUM_M, QUANTUM_M, 2)
        east, north = place + jitter - view.origin_m
        if row is None or not all(_is_clear(east, north, shape.measured_m, o) for o in laid):
            continue
        laid.append((float(east), float(north), shape.measured_m))
        is_seen, is_on_air = rng.random() < RECALL, rng.random() < ON_AIR
        heading = float(row[4]) if row[3] > MOVING_MPS else float(rng.uniform(0.0, 360.0))
        heading = (heading + view.turn_deg) % 360.0
        if is_seen:
            at = view.lonlat(place + jitter + rng.normal(0.0, 10.0, 2))
            axis = (heading + shape.axis_off_deg) % 180.0
            hull = _detection(view.scene, at, shape.measured_m, axis, len(crowd.truth))
            crowd.detections.append(hull)
            crowd.truth.append(f"t{number}" if is_on_air else None)
        if is_on_air:
            fix = _report(f"t{number}", view, row, jitter, shape, heading, rng)
            crowd.fixes.append(fix)
            crowd.tracks.append(_track(f"t{number}", shape, fix.sent_at, 1))
    return crowd


def _report(
    track_id: str, view: _View, row: Floats, jitter_m: Floats, shape: Shape, heading_deg: float,
    rng: np.random.Generator,
) -> TrackFix:  # fmt: skip
    """A report of the traffic; its antenna stands anywhere along the hull."""
    ahead = math.radians(heading_deg - view.turn_deg)
    along_m = rng.uniform(-ANTENNA_SHARE, ANTENNA_SHARE) * shape.measured_m
    antenna = along_m * np.array([math.sin(ahead), math.cos(ahead)])
    lon, lat = view.lonlat(row[1:3] + jitter_m + antenna)
    return TrackFix(
        track_id=track_id, mmsi=1, lon=lon, lat=lat,
        sent_at=view.scene.sensed_at - timedelta(seconds=view.at_s - float(row[0])),
        sog_mps=float(row[3]), cog_deg=float(row[4] + view.turn_deg) % 360.0,
        heading_deg=None if shape.heading_deg is None else heading_deg, nav_status=None,
    )  # fmt: skip


def _own_report(pair: RealPair) -> TrackFix:
    return TrackFix(
        track_id=REAL, mmsi=pair.mmsi, sent_at=pair.sent_at, lon=pair.sent_lon, lat=pair.sent_lat,
        sog_mps=pair.sog_mps, cog_deg=pair.cog_deg, heading_deg=pair.shape.heading_deg,
        nav_status=None,
    )  # fmt: skip


def _track(track_id: str, shape: Shape, at: datetime, mmsi: int) -> Track:
    return Track(
        track_id=track_id, mmsi=mmsi, start_at=at, end_at=at, n_fixes=1, ais_class=None, imo=None,
        name=None, ship_type=shape.ship_type, length_m=shape.said_m, width_m=None,
    )  # fmt: skip


def _prediction(
    track_id: str, spot_m: Floats, sigma_m: float, length_m: float, heading_deg: float
) -> Prediction:
    lon, lat = _lonlat(PLACE, spot_m)
    return Prediction(
        track_id=track_id, mmsi=1, ship_type=None, length_m=length_m, width_m=None, lon=lon,
        lat=lat, course_deg=None, heading_deg=heading_deg, sog_mps=0.0, sigma_along_m=sigma_m,
        sigma_cross_m=sigma_m, p_astray=0.0, sigma_astray_m=sigma_m, fix_age_s=0.0,
        bracketed=False,
    )  # fmt: skip


def _detection(
    scene: Scene, at: tuple[float, float], length_m: float, axis_deg: float, number: int
) -> Detection:
    """A hull with the errors that marks on real images have."""
    return Detection(
        detection_id=f"d{number}", scene_id=scene.scene_id, site_id=scene.site_id,
        sensor=str(scene.sensor), sensed_at=scene.sensed_at, lon=at[0], lat=at[1],
        position_sigma_m=10.0, row_px=0.0, col_px=0.0, outline_px=[0.0] * 8, score=0.9,
        length_m=length_m, length_sigma_m=LENGTH_SIGMA_M, width_m=length_m / BEAM_SHARE,
        width_sigma_m=5.0, axis_deg=axis_deg, axis_sigma_deg=AXIS_SIGMA_DEG, contrast=9.0,
        p_tanker=0.5, p_tanker_basis="none", zone_id=None, shore_distance_m=1000.0,
        cloud_score=0.0, empty_share=None, flags=[], screened=None, detector="marks",
        model_sha256=None, chip=None,
    )  # fmt: skip


def _lonlat(
    centre: tuple[float, float], offset_m: Floats, turn_deg: float = 0.0
) -> tuple[float, float]:
    """East, north m from a place, turned clockwise, to lon, lat."""
    bearing = math.degrees(math.atan2(offset_m[0], offset_m[1])) + turn_deg
    lon, lat = destination(*centre, bearing, float(np.hypot(*offset_m)))
    return float(lon), float(lat)


def _is_clear(
    east_m: float, north_m: float, length_m: float, other: tuple[float, float, float]
) -> bool:
    """Do two hulls have room for their beams?"""
    apart_m = math.hypot(east_m - other[0], north_m - other[1])
    return apart_m > (length_m + other[2]) / (2.0 * BEAM_SHARE)


def _place(track: Floats, at_s: float) -> Floats | None:
    """(2,) east, north m between the reports around an instant; None where none are near."""
    after = int(np.searchsorted(track[:, 0], at_s))
    if after == 0 or after == len(track) or track[after, 0] - track[after - 1, 0] > NEAR_S:
        return None
    share = (at_s - track[after - 1, 0]) / (track[after, 0] - track[after - 1, 0])
    return np.asarray(track[after - 1, 1:3] + share * (track[after, 1:3] - track[after - 1, 1:3]))


def _last_before(track: Floats, at_s: float) -> Floats | None:
    """The last report before an instant; None where there is none."""
    row = int(np.searchsorted(track[:, 0], at_s, side="right")) - 1
    return np.asarray(track[row]) if row >= 0 else None
