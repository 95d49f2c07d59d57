"""The score of `p_tanker` finds what is there, and says so where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.tanker import RadarShips, Statics, area, score_tankers


def ships(*, signal_db, n=240, scenes=4, seed=3):
    """Tankers are brighter amidships by `signal_db`; scenes differ in their share of tankers."""
    rng = np.random.default_rng(seed)
    scene = rng.integers(scenes, size=n)
    is_tanker = rng.uniform(size=n) < 0.2 + 0.15 * scene
    brightness = rng.normal(0.0, 1.0, (n, 6))
    brightness[:, 2] += signal_db * is_tanker
    return RadarShips(
        length_m=rng.lognormal(4.8, 0.4, n),
        brightness=brightness,
        is_tanker=is_tanker,
        scene=scene.astype(str),
        mmsi=(200_000_000 + np.arange(n)).astype(str),
    )


def statics(prior, share=0.5, n=200):
    is_tanker = np.arange(n) < share * n
    source = np.where(np.arange(n) % 2 == 0, "one", "other")
    return Statics(source=source, is_tanker=is_tanker, prior=prior(is_tanker))


def knowing(is_tanker):
    return np.where(is_tanker, 0.9, 0.1)


def test_brightness_that_tells_is_seen_to_tell():
    score = score_tankers(ships(signal_db=2.0), statics(knowing), seed=1)

    assert score.auc_radar > 0.85
    assert score.gain[1] > 0.2 < score.gain[0] < score.gain[2]
    assert "beats length alone" in dict(score.rows())["gain, 90 % interval"]
    assert "no evidence" not in dict(score.rows())["gain, 90 % interval"]


def test_brightness_that_tells_nothing_is_no_gain():
    score = score_tankers(ships(signal_db=0.0), statics(knowing), seed=1)

    assert score.gain[1] < 0.0 < score.gain[2]
    assert "no evidence" in dict(score.rows())["gain, 90 % interval"]


def test_a_ship_in_two_scenes_is_not_its_own_teacher():
    """Brightness is the ship's signature alone: a fit that met the ship would know its type."""
    rng = np.random.default_rng(8)
    n = 60
    signature = rng.normal(0.0, 1.0, (n, 40))
    is_tanker = rng.uniform(size=n) < 0.4
    both = RadarShips(
        length_m=np.full(2 * n, 150.0) + rng.uniform(0, 1, 2 * n),
        brightness=np.concatenate([signature, signature]),
        is_tanker=np.concatenate([is_tanker, is_tanker]),
        scene=np.repeat(["a", "b"], n),
        mmsi=np.concatenate([np.arange(n), np.arange(n)]).astype(str),
    )
    third = ships(signal_db=0.0, n=60, scenes=1)
    all_three = RadarShips(
        length_m=np.concatenate([both.length_m, third.length_m]),
        brightness=np.concatenate([both.brightness, rng.normal(0, 1, (60, 40))]),
        is_tanker=np.concatenate([both.is_tanker, third.is_tanker]),
        scene=np.concatenate([both.scene, np.repeat("c", 60)]),
        mmsi=np.concatenate([both.mmsi, third.mmsi]),
    )

    score = score_tankers(all_three, statics(knowing), seed=1)

    assert score.auc_radar < 0.7


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.sampled_from("ab")), min_size=2, max_size=30
    )
)
def test_area_is_the_share_of_pairs_of_one_scene(rows):
    score = np.array([row[0] for row in rows], float)
    truth = np.array([row[1] for row in rows])
    scene = np.array([row[2] for row in rows])
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p, is_tanker, one in rows
        for q, other_is, other in rows
        if is_tanker and not other_is and one == other
    ]

    found = area(score, truth, scene)

    if pairs:
        assert found == pytest.approx(np.mean(pairs))
    else:
        assert np.isnan(found)


def test_a_prior_is_held_against_the_share_elsewhere():
    score = score_tankers(ships(signal_db=0.0), statics(knowing), seed=1)

    for _, n, tankers, brier, flat in score.prior:
        assert (n, tankers) == (100, 50)
        assert brier == pytest.approx(0.01)
        assert flat == pytest.approx(0.25)
