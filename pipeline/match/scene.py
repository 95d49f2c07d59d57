"""One scene: which detections are ships on the air, which are dark, which ships are not seen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point

from pipeline.heard import Reception
from pipeline.match.assign import best_assignment, pair_probabilities
from pipeline.match.score import Pair, displaced, p_detect, score
from pipeline.match.settings import Settings
from pipeline.records import (
    AisInView,
    Detection,
    Match,
    Outcome,
    Prediction,
    Scene,
    Site,
    content_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Air:
    """What the receivers near the site heard around the scene."""

    ships: int
    p_heard: float
    p_heard_low: float
    provisional: bool
    """May late AIS still change what is known?"""


def match_scene(
    scene: Scene,
    *,
    detections: list[Detection],
    predictions: list[Prediction],
    reception: list[Reception],
    surface_cloud_at: Callable[[float, float], bool] | None,
    site: Site,
    data_end: datetime,
    settings: Settings,
) -> tuple[list[Match], list[AisInView]]:
    """Match one scene.

    Args:
        scene: with its pass geometry.
        detections: kept ones of this scene.
        predictions: ships that may be in view.
        reception: hours around the scene, of this site.
        surface_cloud_at: is a place (lon, lat) hidden in the image?
        site: whose AOI bounds what "in view" means.
        data_end: end of the AIS data; decides what is provisional.
        settings: thresholds.

    Returns:
        one match a detection, in their order; one row a ship in view, by track id.
    """
    pairs = _pairs(scene, detections, predictions, settings)
    sizes = (len(predictions), len(detections))
    probability = pair_probabilities(pairs, *sizes, settings)
    chosen = best_assignment(pairs, *sizes)
    air = _air(scene, reception, data_end, settings)
    decide = functools.partial(
        _match, pairs=pairs, probability=probability, chosen=chosen, predictions=predictions,
        air=air, settings=settings,
    )  # fmt: skip
    matches = [decide(index, detection) for index, detection in enumerate(detections)]
    look = functools.partial(_in_view, scene, hidden=surface_cloud_at, site=site, settings=settings)
    in_view = [
        look(prediction=prediction, seen_as=_seen_as(index, matches, predictions))
        for index, prediction in enumerate(predictions)
    ]
    return matches, sorted(in_view, key=lambda row: row.track_id)


def _pairs(
    scene: Scene, detections: list[Detection], predictions: list[Prediction], settings: Settings
) -> list[Pair]:
    found = []
    for j, prediction in enumerate(predictions):
        at = displaced(prediction, scene)
        for i, detection in enumerate(detections):
            pair = score(detection, prediction, at=at, indices=(i, j), settings=settings)
            if pair is not None:
                found.append(pair)
    return found


def _air(scene: Scene, reception: list[Reception], data_end: datetime, settings: Settings) -> _Air:
    """The hours that touch the window around the scene; nothing known is nothing heard."""
    window = timedelta(seconds=settings.heard_window_s)
    start, end = scene.sensed_at - window, scene.sensed_at + window
    near = [r for r in reception if r.hour_at < end and r.hour_at + timedelta(hours=1) > start]
    own = [r for r in near if r.hour_at <= scene.sensed_at < r.hour_at + timedelta(hours=1)]
    provisional = data_end < scene.sensed_at + timedelta(seconds=settings.provisional_s)
    if not own:
        return _Air(ships=0, p_heard=0.0, p_heard_low=0.0, provisional=provisional)
    return _Air(
        ships=max(r.n_ships for r in near),
        p_heard=max(r.p_heard for r in near),
        p_heard_low=float(np.median([r.p_heard_low for r in near])),
        provisional=provisional,
    )


def _match(
    index: int,
    detection: Detection,
    *,
    pairs: Sequence[Pair],
    probability: NDArray[np.float64],
    chosen: set[int],
    predictions: Sequence[Prediction],
    air: _Air,
    settings: Settings,
) -> Match:
    own = [k for k, pair in enumerate(pairs) if pair.detection == index]
    p_dark = max(0.0, 1.0 - float(probability[own].sum()))
    taken = next((k for k in own if k in chosen), None)
    best = (
        taken if taken is not None else max(own, key=lambda k: (probability[k], -k), default=None)
    )
    p_match = 0.0 if best is None else float(probability[best])
    pair = None if best is None else pairs[best]
    ship = None if pair is None else predictions[pair.prediction]
    outcome = _outcome(p_match if taken is not None else 0.0, p_dark, air, settings)
    return Match(
        match_id=content_id("m", detection.detection_id, outcome, ship and ship.track_id),
        detection_id=detection.detection_id,
        scene_id=detection.scene_id,
        site_id=detection.site_id,
        sensed_at=detection.sensed_at,
        outcome=str(outcome),
        track_id=None if ship is None else ship.track_id,
        mmsi=None if ship is None else ship.mmsi,
        ship_type=None if ship is None else ship.ship_type,
        p_match=p_match,
        p_dark=p_dark,
        llr=None if pair is None else pair.llr,
        term_position=None if pair is None else pair.position,
        term_length=None if pair is None else pair.length,
        term_axis=None if pair is None else pair.axis,
        term_type=None if pair is None else pair.type,
        offset_m=None if pair is None else pair.offset_m,
        ships_heard=air.ships,
        p_heard=air.p_heard,
        provisional=air.provisional,
    )


def _outcome(p_match: float, p_dark: float, air: _Air, settings: Settings) -> Outcome:
    """Three outcomes where the air was heard; a match stands even where little was."""
    if p_match >= settings.matched_min:
        return Outcome.MATCHED
    if air.p_heard_low < settings.heard_low_min:
        return Outcome.NO_COVERAGE
    return Outcome.DARK if p_dark >= settings.dark_min else Outcome.AMBIGUOUS


def _seen_as(index: int, matches: Sequence[Match], predictions: Sequence[Prediction]) -> str | None:
    """The detection a ship was matched with."""
    track = predictions[index].track_id
    matched = (m for m in matches if m.outcome == Outcome.MATCHED and m.track_id == track)
    return next((m.detection_id for m in matched), None)


def _in_view(
    scene: Scene,
    *,
    prediction: Prediction,
    seen_as: str | None,
    hidden: Callable[[float, float], bool] | None,
    site: Site,
    settings: Settings,
) -> AisInView:
    if seen_as is not None:
        status = "seen"
    elif not site.aoi.covers(Point(prediction.lon, prediction.lat)):
        status = "outside"
    elif hidden is not None and hidden(prediction.lon, prediction.lat):
        status = "cloud"
    else:
        status = "not seen"
    return AisInView(
        scene_id=scene.scene_id,
        site_id=scene.site_id,
        sensed_at=scene.sensed_at,
        track_id=prediction.track_id,
        mmsi=prediction.mmsi,
        lon=prediction.lon,
        lat=prediction.lat,
        sigma_m=max(prediction.sigma_along_m, prediction.sigma_cross_m),
        status=status,
        p_detect=p_detect(prediction.length_m, settings),
        detection_id=seen_as,
    )
