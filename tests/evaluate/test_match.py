"""How verdicts are counted, on hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.match import Share, Verdicts, calibration_error, reliability
from pipeline.records import Match
from tests.match.conftest import NOON


def match(outcome, track=None, p_match=0.0, p_dark=0.0):
    return Match(
        match_id="m", detection_id="d", scene_id="x", site_id="s", sensed_at=NOON, outcome=outcome,
        track_id=track, mmsi=None, ship_type=None, p_match=p_match, p_dark=p_dark, llr=None,
        term_position=None, term_length=None, term_axis=None, term_type=None, offset_m=None,
        ships_heard=9, p_heard=1.0, provisional=False,
    )  # fmt: skip


def test_precision_and_recall_of_matches_and_of_dark_ships():
    verdicts = Verdicts()
    verdicts.add(
        [
            match("matched", "a", 0.9, 0.1),  # right
            match("matched", "b", 0.8, 0.1),  # another ship's
            match("dark", "c", 0.2, 0.8),  # right: nobody on the air
            match("dark", None, 0.0, 1.0),  # wrong: it was d
            match("ambiguous", "e", 0.4, 0.2),  # e indeed, but not said
            match("matched", "f", 0.6, 0.4),  # nobody on the air
        ],
        ["a", "c", None, "d", "e", None],
    )
    assert verdicts.match_precision == Share(part=1, whole=3)
    assert verdicts.match_recall == Share(part=1, whole=4)
    assert verdicts.dark_precision == Share(part=1, whole=2)
    assert verdicts.dark_recall == Share(part=1, whole=2)
    said, true = verdicts.odds()
    assert said.tolist() == [0.9, 0.8, 0.2, 0.4, 0.6, 0.1, 0.1, 0.8, 1.0, 0.2, 0.4]
    assert true.tolist() == [True, False, False, True, False,
                             False, False, True, False, False, True]  # fmt: skip


def test_the_calibration_error_is_the_mean_distance_weighted_by_how_many():
    said = np.array([0.05, 0.05, 0.95, 0.95, 0.95, 1.0])
    true = np.array([False, False, True, True, False, True])
    bins = reliability(said, true)
    assert [(round(one.said, 4), one.true, one.count) for one in bins] == [
        (0.05, 0.0, 2), (0.9625, 0.75, 4),
    ]  # fmt: skip
    assert calibration_error(bins) == pytest.approx((2 * 0.05 + 4 * 0.2125) / 6)
    assert calibration_error([]) is None


def test_a_share_of_nothing_is_none():
    assert Share(part=0, whole=0).value is None
    assert str(Share(part=0, whole=0)) == "0 of 0"
    assert str(Share(part=3, whole=4)) == "3 of 4 (0.750)"
