"""What a radar shape is worth is measured on real ships and real coasts."""

from __future__ import annotations

import numpy as np
import pytest

import pipeline.detect.settings
import pipeline.evaluate.settings
from pipeline.jobs.evaluate_radar import evaluate_radar
from pipeline.jobs.label_radar import radar_pictures
from pipeline.records import Sensor


def scored(reference, **changes):
    detect = pipeline.detect.settings.Settings(**changes)
    evaluate = pipeline.evaluate.settings.Settings()
    return evaluate_radar(reference, detect=detect, evaluate=evaluate, coast_error_m=30.0)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_settings_hold_what_the_real_scenes_say(reference_data):
    score = scored(reference_data)

    shipped = pipeline.detect.settings.Settings().score_calibration[Sensor.S1]
    assert score.fitted == pytest.approx(shipped, abs=0.02)
    assert score.as_json()["calibration_error"] < 0.06
    assert score.as_json()["calibration_error_unseen"] < 0.10


@pytest.mark.real_data
def test_ships_that_no_fit_saw_are_believed(reference_data):
    score = scored(reference_data)

    assert score.chips.value > 0.95
    assert score.chip_scores[0] > 0.6


@pytest.mark.slow
@pytest.mark.real_data
def test_read_as_optical_scores_they_were_not(reference_data):
    score = scored(reference_data)
    as_optical = scored(
        reference_data,
        score_calibration=dict.fromkeys(
            Sensor, pipeline.detect.settings.Settings().score_calibration[Sensor.S2]
        ),
    )

    assert as_optical.chip_scores[1] < 0.6  # real ships in open water at even odds
    assert as_optical.as_json()["calibration_error"] > 3 * score.as_json()["calibration_error"]


@pytest.mark.real_data
def test_pictures_are_power_and_hold_their_ships(reference_data):
    pictures = radar_pictures(reference_data)

    assert {one.is_drawn for one in pictures} == {True, False}
    for one in pictures:
        assert one.power.shape[0] == len(one.bands)
        assert np.isfinite(one.power).all()
        assert (one.power >= 0).all()
        centre = one.boxes.mean(axis=1)
        inside = (centre >= 0) & (centre <= np.array(one.power.shape[:0:-1]))
        assert inside.all()
