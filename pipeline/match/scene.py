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
from pipeline.match.others import Others
from pipeline.match.score import Pair, score
from pipeline.match.settings import Settings
from pipeline.rates import Rates
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
        settings: thresholds, and the detector's rates.

    Returns:
        one match a detection, in their order; one row a ship in view, by track id.
    """
    others = Others(settings)
    middle = site.aoi.centroid
    pairs = score(
        scene, detections, predictions,
        centre=(middle.x, middle.y), others=others, settings=settings,
    )  # fmt: skip
    sizes = (len(predictions), len(detections))
    probability = pair_probabilities(pairs, *sizes, settings)
    chosen = best_assignment(pairs, *sizes)
    air = _air(scene, reception, data_end, settings)
    own: dict[int, list[int]] = {}
    for k, pair in enumerate(pairs):
        own.setdefault(pair.detection, []).append(k)
    decide = functools.partial(
        _match, pairs=pairs, probability=probability, chosen=chosen, predictions=predictions,
        air=air, settings=settings,
    )  # fmt: skip
    matches = [decide(one, own.get(index, [])) for index, one in enumerate(detections)]
    seen_as = {m.track_id: m.detection_id for m in matches if m.outcome == Outcome.MATCHED}
    look = functools.partial(
        _in_view, scene, hidden=surface_cloud_at, site=site, rates=settings.rates
    )
    in_view = [look(prediction=one, seen_as=seen_as.get(one.track_id)) for one in predictions]
    return matches, sorted(in_view, key=lambda row: row.track_id)


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
    detection: Detection,
    own: Sequence[int],
    *,
    pairs: Sequence[Pair],
    probability: NDArray[np.float64],
    chosen: set[int],
    predictions: Sequence[Prediction],
    air: _Air,
    settings: Settings,
) -> Match:
    p_dark = max(0.0, 1.0 - float(probability[list(own)].sum()))
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


def _in_view(
    scene: Scene,
    *,
    prediction: Prediction,
    seen_as: str | None,
    hidden: Callable[[float, float], bool] | None,
    site: Site,
    rates: Rates,
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
        p_detect=_recall_at_the_quay(prediction, rates),
        detection_id=seen_as,
    )


def _recall_at_the_quay(prediction: Prediction, rates: Rates) -> float:
    """Of a ship whose distance from the shore nobody measured: as near it, where it is least."""
    length_m = np.nan if prediction.length_m is None else prediction.length_m
    return float(rates.recall_of(np.array([length_m]), np.zeros(1))[0])
