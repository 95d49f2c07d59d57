"""Which detector a scene is given to, and that other weights mean other detections."""

from __future__ import annotations

import shutil

import pytest

from pipeline.detect.settings import Settings
from pipeline.errors import UsageError
from pipeline.jobs.trained import MODELS, fingerprint, named_detector
from pipeline.records import Sensor


@pytest.fixture
def own_model(tmp_path):
    """A copy of the shipped Sentinel-2 model, without its folds' weights."""
    shutil.copytree(MODELS / "s2", tmp_path / "s2", ignore=shutil.ignore_patterns("folds"))
    return tmp_path / "s2"


def test_a_model_is_opened_once_for_many_scenes(own_model):
    settings = Settings()

    first = named_detector(str(own_model), Sensor.S2, settings)

    assert named_detector(str(own_model), Sensor.S2, settings) is first


def test_weights_swapped_under_an_open_model_are_noticed(own_model):
    settings = Settings(engine="torch")
    named_detector(str(own_model), Sensor.S2, settings)
    before = fingerprint(str(own_model))
    description = own_model / "model.yaml"
    text = description.read_text()
    sha256 = text.split("sha256: ")[1][:64]
    description.write_text(text.replace(sha256, "f" * 64))

    assert fingerprint(str(own_model)) != before
    with pytest.raises(UsageError, match="not those described"):
        named_detector(str(own_model), Sensor.S2, settings)


def test_a_changed_model_detects_again_and_an_unchanged_one_does_not(
    own_season, own_model, darkcall, write_config
):
    detect = {"models": {"S2": str(own_model), "S1": "cfar"}, "views": {"S2": 1}}
    config = write_config(own_season.config.parents[1], detect=detect)
    command = ("detect", "--config", config, "--site", "demo-alder", "--log-json")

    first = darkcall(*command)
    second = darkcall(*command)
    with (own_model / "model.yaml").open("a") as description:
        description.write("# calibrated anew\n")
    third = darkcall(*command)

    assert first.code == second.code == third.code == 0, first.err + second.err + third.err
    assert second.worked() == {}
    assert third.worked()["detect"] == first.worked()["detect"] > 0


def test_a_model_that_is_not_there_is_one_message(own_season, darkcall_here, write_config):
    models = {"models": {"S2": "s9", "S1": "cfar"}}
    config = write_config(own_season.config.parents[1], detect=models)

    ended = darkcall_here("detect", "--config", config)

    assert ended.code == 2
    assert "s9" in ended.err
    assert "Traceback" not in ended.err
