"""Score matching on real pairs among real traffic, and on made-up harbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from shapely.geometry import box

from pipeline.ais.predict import predict
from pipeline.ais.settings import Settings as AisSettings
from pipeline.evaluate.crowd import (
    PLAIN,
    REAL,
    Crowd,
    Harbour,
    RealPair,
    Traffic,
    among_traffic,
    harbour,
    of_traffic,
)
from pipeline.evaluate.match import MatchScore, RealScore, Rule, Share, Verdicts
from pipeline.geo import distance_m
from pipeline.heard import Reception, TrackFix
from pipeline.jobs.real_pairs import read_pairs, read_traffic
from pipeline.match.scene import match_scene
from pipeline.match.settings import Settings as MatchSettings
from pipeline.records import Detection, Match, Outcome, Prediction, Scene, Site
from pipeline.tables import to_table
from pipeline.units import mps_from_knots

SEED = 7_000_000
"""Of crowds that were not looked at when the method was chosen."""
REPEATS = 3
"""Crowds around each real pair."""
AGES_MIN = ((0, 10), (10, 30), (30, 60), (60, 120))
"""Reports' ages."""
SNAPSHOTS, HARBOURS = 40, 40
DENSITIES = (15, 30, 60, 120)
HEADLINE = 60
NEAR_M = 1500.0
MOVING_MPS = mps_from_knots(3.0)
AOI_DEG = 0.3


def evaluate_match(
    reference: Path, ais: AisSettings, settings: MatchSettings, *, share: float = 1.0
) -> MatchScore:
    """Match where the truth is known.

    Args:
        reference: folder of the reference data.
        ais: how ships are predicted.
        settings: how they are matched.
        share: of the crowds; 1 for figures to be quoted.

    Raises:
        UsageError: the data are not there.
        BadInput: they cannot be read.
    """
    pairs, traffic = read_pairs(reference), read_traffic(reference)
    few = pairs[:: max(1, round(1.0 / share))]
    repeats = max(1, round(REPEATS * share))
    snapshots, n_harbours = max(2, round(SNAPSHOTS * share)), max(2, round(HARBOURS * share))
    real = _real(few, pairs, traffic, ais, settings, repeats)
    still = [replace(pair, scene=replace(pair.scene, range_over_velocity_s=None)) for pair in few]
    by_age = {ages[1]: _of_age(pairs, traffic, ages, ais, settings, snapshots) for ages in AGES_MIN}
    by_density = {ships: harbours(ships, settings, n_harbours) for ships in DENSITIES}
    any_near, nearest = simple_rules(n_harbours)
    return MatchScore(
        real=real,
        without_doppler=_real(still, pairs, traffic, ais, settings, repeats),
        by_age=by_age,
        harbour=by_density[HEADLINE],
        by_density=by_density,
        any_near=any_near,
        nearest=nearest,
    )


def _real(
    few: Sequence[RealPair], pairs: Sequence[RealPair], traffic: Traffic, ais: AisSettings,
    settings: MatchSettings, repeats: int,
) -> RealScore:  # fmt: skip
    crowd, offsets = Verdicts(), []
    said, right, moving = 0, 0, [0, 0]
    shapes = [pair.shape for pair in pairs]
    for number, pair in enumerate(few):
        for repeat in range(repeats):
            rng = np.random.default_rng([SEED, number, repeat])
            made = among_traffic(pair, traffic, shapes, rng)
            matches = matched(made.scene, made.detections, _predictions(made, ais), settings)
            crowd.add(matches, made.truth)
            own = matches[made.truth.index(REAL)]
            named = [m for m in matches if m.outcome == Outcome.MATCHED]
            said += sum(m is own or m.track_id == REAL for m in named)
            hit = own in named and own.track_id == REAL
            right += hit
            if pair.sog_mps >= MOVING_MPS:
                moving[0] += hit
                moving[1] += 1
                if own.track_id == REAL and own.offset_m is not None:
                    offsets.append(own.offset_m)
    return RealScore(
        precision=Share(part=right, whole=said),
        recall=Share(part=right, whole=len(few) * repeats),
        moving_recall=Share(part=moving[0], whole=moving[1]),
        moving_offset_m=float(np.median(offsets)) if offsets else float("nan"),
        crowd=crowd,
    )


def _of_age(
    pairs: Sequence[RealPair], traffic: Traffic, ages_min: tuple[int, int], ais: AisSettings,
    settings: MatchSettings, snapshots: int,
) -> Verdicts:  # fmt: skip
    verdicts = Verdicts()
    shapes = [pair.shape for pair in pairs]
    ages_s = (60.0 * ages_min[0], 60.0 * ages_min[1])
    for number in range(snapshots):
        rng = np.random.default_rng([SEED, ages_min[1], number])
        made = of_traffic(traffic, shapes, ages_s, rng, scene=PLAIN)
        matches = matched(made.scene, made.detections, _predictions(made, ais), settings)
        verdicts.add(matches, made.truth)
    return verdicts


def harbours(ships: int, settings: MatchSettings, number: int) -> Verdicts:
    """What is said of some harbours of so many ships."""
    verdicts = Verdicts()
    for made in _made(ships, number):
        verdicts.add(matched(PLAIN, made.detections, made.predictions, settings), made.truth)
    return verdicts


def _made(ships: int, count: int) -> list[Harbour]:
    return [
        harbour(np.random.default_rng([SEED, ships, number]), ships=ships)
        for number in range(count)
    ]


def _predictions(crowd: Crowd, ais: AisSettings) -> list[Prediction]:
    order = sorted(crowd.fixes, key=lambda fix: fix.track_id)
    fixes: pa.Table = to_table(TrackFix, order)
    area = _area(crowd.detections)
    return predict(fixes, crowd.tracks, instant=crowd.scene.sensed_at, near=area, settings=ais)


def _area(detections: Sequence[Detection]) -> box:
    lon, lat = [one.lon for one in detections], [one.lat for one in detections]
    return box(min(lon) - AOI_DEG, min(lat) - AOI_DEG, max(lon) + AOI_DEG, max(lat) + AOI_DEG)


def matched(
    scene: Scene, detections: list[Detection], predictions: list[Prediction],
    settings: MatchSettings,
) -> list[Match]:  # fmt: skip
    """By the chain's own matching, in good reception."""
    hour = scene.sensed_at.replace(minute=0, second=0, microsecond=0)
    heard = Reception(site_id=scene.site_id, hour_at=hour, n_ships=99, n_fixes=999,
                      p_heard=0.99, p_heard_low=0.97)  # fmt: skip
    site = Site(
        site_id=scene.site_id, name="", country="", aoi=_area(detections), zones=(), water=(),
        land=(), source="", digitised_on="",
    )  # fmt: skip
    matches, _ = match_scene(
        scene, detections=detections, predictions=predictions, reception=[heard],
        surface_cloud_at=None, site=site, data_end=scene.sensed_at + timedelta(days=30),
        settings=settings,
    )  # fmt: skip
    return matches


def simple_rules(number: int) -> tuple[Rule, Rule]:
    """Dark is what has no AIS within 1.5 km; or what the nearest ships leave over, in turn."""
    tallies = np.zeros((2, 3), int)
    for made in _made(HEADLINE, number):
        apart = np.array(
            [
                distance_m(
                    one.lon, one.lat,
                    [p.lon for p in made.predictions], [p.lat for p in made.predictions],
                )
                for one in made.detections
            ]
        )  # fmt: skip
        true = np.array([ship is None for ship in made.truth])
        for row, dark in enumerate((apart.min(axis=1) > NEAR_M, _left_over(apart))):
            tallies[row] += [(dark & true).sum(), dark.sum(), true.sum()]
    any_near, nearest = (
        Rule(precision=Share(part=int(hits), whole=int(said)),
             recall=Share(part=int(hits), whole=int(true)))
        for hits, said, true in tallies
    )  # fmt: skip
    return any_near, nearest


def _left_over(apart: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(detections,) True where the greedy nearest ship within 1.5 km is taken by another."""
    left = apart.copy()
    dark = np.ones(len(left), bool)
    while left.size and left.min() <= NEAR_M:
        i, j = np.unravel_index(int(left.argmin()), left.shape)
        dark[i] = False
        left[i], left[:, j] = np.inf, np.inf
    return dark
