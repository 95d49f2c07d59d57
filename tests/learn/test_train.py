"""Training resumes where it stopped, forgets nothing, and learns from what it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pipeline.learn.train as module
from pipeline.errors import UsageError
from pipeline.learn.render import Renderer
from pipeline.learn.settings import Recipe, Render
from pipeline.learn.train import CHECKPOINT, _batch, _counted, _Heedless, train
from pipeline.model import Inputs, Stretch
from pipeline.records import Sensor

TINY = """
nc: 1
scales: {n: [0.5, 0.25, 256]}
backbone:
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [64, 3, 2]]
head:
  - [[1, 2], 1, OBB, [nc, 1]]
"""


@pytest.fixture
def architecture(tmp_path):
    path = tmp_path / "yolo11n-tiny.yaml"
    path.write_text(TINY)
    return path


def recipe(**changes):
    values = {
        "architecture": "yolo11n-tiny.yaml",
        "inputs": Inputs(
            sensor=Sensor.S2, bands=("B02", "B03", "B04", "B08"), stretch=Stretch(kind="root")
        ),
        "chips": 48, "batch": 4, "warmup_chips": 8, "render": Render(chip_px=64),
    }  # fmt: skip
    return Recipe(**{**values, **changes})


def run(images, folder: Path, architecture, **changes):
    folder.mkdir(exist_ok=True)
    network = train(
        Renderer(images, recipe(**changes).render), recipe(**changes), architecture=architecture,
        folder=folder, threads=1,
        report=lambda _: None,
    )  # fmt: skip
    return {name: value.clone() for name, value in network.state_dict().items()}


class Killed(Exception):
    pass


def test_a_training_that_was_cut_off_ends_as_one_that_was_not(
    tmp_path, architecture, image, monkeypatch
):
    whole = run([image], tmp_path / "whole", architecture)
    step, taken = module._step, []

    def dies(learner, batch):
        if len(taken) == 7:
            raise Killed
        taken.append(batch)
        return step(learner, batch)

    monkeypatch.setattr(module, "_step", dies)
    with pytest.raises(Killed):
        run([image], tmp_path / "cut", architecture, checkpoint_chips=8)
    monkeypatch.undo()
    state = torch.load(tmp_path / "cut" / CHECKPOINT, weights_only=True)
    assert state["steps"] == 6
    resumed = run([image], tmp_path / "cut", architecture, checkpoint_chips=8)
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_a_foreign_checkpoint_is_refused(tmp_path, architecture, image):
    (tmp_path / "part").mkdir()
    torch.save({"steps": 3}, tmp_path / "part" / CHECKPOINT)
    with pytest.raises(UsageError, match="cannot be gone on from"):
        run([image], tmp_path / "part", architecture)
    (tmp_path / "part" / CHECKPOINT).write_bytes(b"no checkpoint at all")
    with pytest.raises(UsageError, match="cannot be gone on from"):
        run([image], tmp_path / "part", architecture)


def test_ignored_places_do_not_count_in_the_loss():
    ignored = torch.zeros(2, 16, 16, dtype=torch.bool)
    ignored[1, :8] = True
    weight = _counted(ignored, [torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 2, 2)])
    assert weight.shape == (2, 20, 1)
    assert weight[0].all()
    assert weight[1, :8].sum() == 0
    assert weight[1, 8:16].all()
    assert list(weight[1, 16:, 0]) == [0, 0, 1, 1]
    heedless = _Heedless()
    scores, wanted = torch.randn(2, 20, 1), torch.zeros(2, 20, 1)
    plain = heedless(scores, wanted)
    heedless.weight = weight
    torch.testing.assert_close(heedless(scores, wanted), plain * weight)


def test_a_batch_holds_every_box_as_shares_of_the_side(image, harbour):
    renderer = Renderer([image, harbour(group="south", seed=9)], Render(chip_px=64))
    chips = [renderer.chip(np.random.default_rng(n)) for n in range(5)]
    batch = _batch(chips)
    assert batch["img"].shape == (5, 4, 64, 64)
    assert len(batch["bboxes"]) == sum(len(chip.boxes) for chip in chips)
    for number, chip in enumerate(chips):
        mine = batch["bboxes"][batch["batch_idx"] == number]
        np.testing.assert_allclose(mine[:, :2] * 64, chip.boxes.xy_px, atol=1e-3)
        np.testing.assert_allclose(mine[:, 4], chip.boxes.angle_rad, atol=1e-6)


@pytest.mark.parametrize("able", [True, False])
def test_bfloat16_is_used_only_where_the_processor_multiplies_it(
    tmp_path, architecture, image, monkeypatch, able
):
    forward, halved = module.OBBModel.forward, set()

    def seen(self, x, *args, **kwargs):
        halved.add(torch.is_autocast_enabled("cpu"))
        return forward(self, x, *args, **kwargs)

    monkeypatch.setattr(module.OBBModel, "forward", seen)
    monkeypatch.setattr(module, "has_bfloat16", lambda _: able)
    run([image], tmp_path / "run", architecture, chips=8)
    assert (True in halved) is able


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_chips_come_in_the_same_order_however_many_draw_them(image):
    chips = module._Chips(Renderer([image], recipe().render), recipe(), 3)
    alone, several = (list(module._loaded(chips, workers)) for workers in (1, 3))
    assert len(alone) == len(several) == 9
    for one, other in zip(alone, several, strict=True):
        assert torch.equal(one["img"], other["img"])
        assert torch.equal(one["bboxes"], other["bboxes"])
