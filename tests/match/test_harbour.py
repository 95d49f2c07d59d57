"""A crowded anchorage: 60 ships in 6 x 6 km, one in five dark; against "any AIS within 1.5 km"."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipeline.geo import distance_m
from pipeline.match.scene import match_scene
from tests.match.conftest import NOON, SETTINGS, hours, hull, scene, ship, site

TRIALS, SHIPS, SIDE_M, ON_AIR, RECALL, FALSE_ALARMS = 12, 60, 6000.0, 0.8, 0.9, 3
NEAR_M = 1500.0
DRIFT_M_PER_MIN = 3.0


def harbour(rng):
    """Hulls, ships on the air, and which ship each hull is: None where it is dark or no ship."""
    at = rng.uniform(-SIDE_M / 2, SIDE_M / 2, (SHIPS, 2))
    length = np.clip(rng.normal(120, 50, SHIPS), 40, 300)
    axis = rng.uniform(0, 360, SHIPS)
    on_air = rng.random(SHIPS) < ON_AIR
    hulls, ships, truth = [], [], []
    for k in range(SHIPS):
        name = f"t{k}"
        if on_air[k]:
            # Fixes 1 to 120 minutes old; the error grows by DRIFT with the age.
            sigma = float(np.hypot(60, DRIFT_M_PER_MIN * rng.uniform(1, 120)))
            east, north = at[k] + rng.normal(0, sigma, 2)
            ships.append(
                ship(
                    east, north, name=name, length_m=float(length[k] * rng.normal(1, 0.03)),
                    heading_deg=float((axis[k] + rng.normal(0, 8)) % 360),
                    sigma_along_m=sigma, sigma_cross_m=sigma,
                )
            )  # fmt: skip
        if rng.random() < RECALL:
            hulls.append(_seen(rng, at[k], length[k], axis[k], len(hulls)))
            truth.append(name if on_air[k] else None)
    for _ in range(FALSE_ALARMS):
        spot = rng.uniform(-SIDE_M / 2, SIDE_M / 2, 2)
        hulls.append(_seen(rng, spot, rng.uniform(40, 200), rng.uniform(0, 360), len(hulls)))
        truth.append(None)
    return hulls, ships, truth


def _seen(rng, at, length, axis, number):
    east, north = at + rng.normal(0, 10, 2)
    return hull(
        east, north, name=f"d{number}", length_m=float(max(15, length * rng.normal(1, 0.15))),
        length_sigma_m=float(0.15 * length), axis_deg=float((axis + rng.normal(0, 8)) % 180),
        axis_sigma_deg=8.0,
    )  # fmt: skip


def precision_recall(said: list[bool], true: list[bool]) -> tuple[float, float]:
    hits = sum(s and t for s, t in zip(said, true, strict=True))
    return hits / max(sum(said), 1), hits / sum(true)


@pytest.fixture(scope="module")
def figures() -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(20240307)
    dark, matched, right, true_dark, true_ship, naive = [], [], [], [], [], []
    for _ in range(TRIALS):
        hulls, ships, truth = harbour(rng)
        matches, _ = match_scene(
            scene(),
            detections=hulls,
            predictions=ships,
            reception=hours(),
            surface_cloud_at=None,
            site=site(),
            data_end=NOON + timedelta(days=30),
            settings=SETTINGS,
        )
        dark += [m.outcome == "dark" for m in matches]
        matched += [m.outcome == "matched" for m in matches]
        right += [m.track_id == name for m, name in zip(matches, truth, strict=True)]
        true_dark += [name is None for name in truth]
        true_ship += [name is not None for name in truth]
        lon, lat = [s.lon for s in ships], [s.lat for s in ships]
        naive += [bool(distance_m(lon, lat, h.lon, h.lat).min() > NEAR_M) for h in hulls]
    hits = sum(m and r for m, r in zip(matched, right, strict=True))
    return {
        "dark": precision_recall(dark, true_dark),
        "naive": precision_recall(naive, true_dark),
        "match": (hits / sum(matched), hits / sum(true_ship)),
    }


def test_dark_ships_are_found_in_a_crowd_where_the_usual_rule_finds_almost_none(figures):
    precision, recall = figures["dark"]
    _, naive_recall = figures["naive"]
    assert naive_recall < 0.05
    assert recall > 0.6
    assert precision > 0.8


def test_matches_in_a_crowd_are_nearly_all_right(figures):
    precision, recall = figures["match"]
    assert precision > 0.9
    assert recall > 0.75
