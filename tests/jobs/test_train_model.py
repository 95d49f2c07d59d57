"""A recipe and a data set become parts that are trained once, and figures from unseen groups."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from pipeline.detect.boxes import Found
from pipeline.errors import UsageError
from pipeline.jobs.fit_model import _draft, _fitted, _Reading, _written
from pipeline.jobs.judge import Answers, judged
from pipeline.jobs.train_model import Part, Workshop, parts, train_model, weights_without
from pipeline.jobs.trained import read_recipe
from pipeline.learn.fit import calibrated
from pipeline.learn.store import Labelled, read_dataset, write_dataset
from pipeline.model import Model, WeightsFile, read_model
from pipeline.network import load_network, new_network, save_network
from pipeline.whole_files import sha256_of

ARCHITECTURE = """
nc: 1
scales: {n: [0.5, 0.25, 256]}
backbone:
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [64, 3, 2]]
head:
  - [[0, 1], 1, OBB, [nc, 1]]
"""
BANDS = ("B02", "B03", "B04", "B08")
RECIPE = {
    "architecture": "yolo11n-tiny.yaml", "chips": 16, "batch": 4, "warmup_chips": 4,
    "inputs": {"sensor": "S2", "bands": list(BANDS), "stretch": {"kind": "root"}},
    "folds": [["north"], ["south"]], "render": {"chip_px": 64},
}  # fmt: skip


class Silent:
    def stage(self, name, total):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def done(self, item_id, counts):
        pass


def corners(x, y, length, width, angle):
    ahead = np.array([math.cos(angle), math.sin(angle)]) * length / 2
    abeam = np.array([-math.sin(angle), math.cos(angle)]) * width / 2
    centre = np.array([x, y])
    return np.array([centre + ahead + abeam, centre + ahead - abeam, centre - ahead - abeam,
                     centre - ahead + abeam])  # fmt: skip


def port(name, seed):
    rng = np.random.default_rng(seed)
    data = (0.15 + rng.normal(0, 0.01, (4, 90, 130))).astype(np.float32)
    data[:, :20] = 0.6
    boxes = [corners(40, 50, 18, 4, 0.3), corners(90, 60, 12, 4, 1.2)]
    for box in boxes:
        (x, y) = box.mean(axis=0).astype(int)
        data[:, y - 2 : y + 2, x - 5 : x + 5] = 0.5
    return Labelled(
        name=name, group=name, data=data, corners_px=np.array(boxes), outlines=tuple(boxes),
        sources=("drawn", "drawn"),
        ignored=(np.array([[100.0, 70.0], [129.0, 70.0], [129.0, 89.0], [100.0, 89.0]]),),
    )  # fmt: skip


@pytest.fixture
def bench(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "yolo11n-tiny.yaml").write_text(ARCHITECTURE)
    write_dataset(tmp_path / "data", [port("north", 1), port("south", 2)], bands=BANDS)
    return tmp_path, Workshop(
        model_folder=folder, work=tmp_path / "work", threads=1, progress=Silent()
    )


def test_a_part_is_trained_once_and_the_rest_is_left(bench):
    folder, workshop = bench
    assert train_model(folder / "data", workshop, only=["fold-1"]) is None
    weights = folder / "work/fold-1/weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert train_model(folder / "data", workshop, only=["fold-1"]) is None
    assert weights.stat().st_mtime_ns == before
    assert not (folder / "work/full").exists()
    assert not (workshop.model_folder / "model.yaml").exists()


def test_parts_and_folds_that_do_not_exist_are_refused(bench):
    folder, workshop = bench
    with pytest.raises(UsageError, match=r"No such part.*fold-1, fold-2, full.*found fold-9"):
        train_model(folder / "data", workshop, only=["fold-9"])
    recipe = read_recipe(workshop.model_folder)
    images = read_dataset(folder / "data", bands=BANDS, fill=0.075)
    for folds in ((("east",),), (("north",), ("north", "south"))):
        with pytest.raises(UsageError, match="Folds do not fit"):
            parts(images, recipe.model_copy(update={"folds": folds}))


def test_a_recipe_that_is_missing_or_wrong_is_refused(bench):
    _, workshop = bench
    path = workshop.model_folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, "chips": -1}))
    with pytest.raises(UsageError, match=r"Recipe is wrong.*chips"):
        read_recipe(workshop.model_folder)
    path.unlink()
    with pytest.raises(UsageError, match="No recipe there"):
        read_recipe(workshop.model_folder)


def answers(seed, count=400, missed=5):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.06, 0.95, count)
    is_ship = rng.uniform(size=count) < score
    true = np.where(is_ship, rng.uniform(70, 300, count), np.nan)
    length = np.where(is_ship, (true + 10.0) / 0.9 + rng.normal(0, 12, count), 120.0)
    return Answers(
        score=score, is_ship=is_ship, length_m=length, extent_m=np.zeros(count),
        width_m=length / 4.0, true_length_m=true,
        offset_m=rng.normal(0, 9, (count, 2)), axis_error_deg=np.abs(rng.normal(0, 3, count)),
        n_missed=missed,
    )  # fmt: skip


def test_each_fold_is_read_by_what_the_others_showed(bench):
    _, workshop = bench
    recipe = read_recipe(workshop.model_folder)
    weights = workshop.model_folder / "w.safetensors"
    save_network(new_network(workshop.model_folder / "yolo11n-tiny.yaml", 4), weights)
    draft = _draft("test", recipe, workshop.model_folder, weights)
    files = [(("north",), WeightsFile(file="a", sha256="0" * 64)),
             (("south",), WeightsFile(file="b", sha256="1" * 64))]  # fmt: skip
    both = [answers(1), answers(2)]
    described = _fitted(draft, files, both)
    for fold, other in zip(described.folds, both[::-1], strict=True):
        reading = _Reading.of(other)
        assert fold.calibration == reading.calibration
        assert fold.score_min == reading.score_min
        assert fold.length_scale == reading.length_scale
    offset, slope = described.length_scale
    assert offset + slope * 200.0 == pytest.approx(0.9 * 200.0 - 10.0, abs=3.0)
    at_150 = math.hypot(
        described.errors.length_sigma_m, described.errors.length_sigma_share * 150.0
    )
    # a Laplace law fitted to normal errors: √2 times their mean, which is √(2/π) of their deviation
    assert at_150 == pytest.approx(0.9 * 12.0 * 2.0 / math.sqrt(math.pi), rel=0.1)
    assert described.errors.position_sigma_m == pytest.approx(9.0, rel=0.15)
    sure = both[0].score > 0.8
    probable = calibrated(both[0].score[sure], described.calibration).mean()
    assert probable == pytest.approx(both[0].is_ship[sure].mean(), abs=0.08)


def test_where_backscatter_was_measured_lengths_are_read_from_it_too():
    one = answers(3)
    smeared = one.length_m + np.random.default_rng(4).normal(0.0, 40.0, len(one.length_m))
    both = replace(one, length_m=smeared, extent_m=one.length_m)
    reading = _Reading.of(both)
    assert reading.extent_scale == pytest.approx(0.9, abs=0.1)
    assert reading.length_scale[1] == pytest.approx(0.0, abs=0.1)
    read = reading.read(both)
    off = np.abs(read.length_m - read.true_length_m).mean()
    alone = _Reading.of(replace(one, length_m=smeared))
    assert alone.extent_scale == 0.0
    told = alone.read(replace(one, length_m=smeared))
    assert off < 0.6 * np.abs(told.length_m - told.true_length_m).mean()


def test_answers_nobody_can_judge_are_not_counted(bench):
    folder, _ = bench
    image = read_dataset(folder / "data", bands=BANDS, fill=0.075)[0]
    rows = np.array(
        [
            [40.5, 50.2, 17.0, 4.0, 0.3, 0.9],  # the first hull
            [110.0, 80.0, 15.0, 4.0, 0.0, 0.8],  # in the ignored corner
            [60.0, 8.0, 15.0, 4.0, 0.0, 0.7],  # on land
            [20.0, 75.0, 15.0, 4.0, 0.0, 0.6],  # nothing: a false alarm
            [20.0, 40.0, 4.0, 2.0, 0.0, 0.5],  # too short to be counted
        ]
    )
    x, y, length, width, angle, score = rows.T
    found = Found(
        xy_px=np.stack([x, y], 1), length_px=length, width_px=width, angle_rad=angle, score=score
    )
    told = judged(image, found, 10.0)
    assert list(told.score) == [0.9, 0.6]
    assert list(told.is_ship) == [True, False]
    assert told.n_missed == 1
    assert told.true_length_m[0] == pytest.approx(180.0, abs=0.5)


def test_an_answer_that_hits_a_label_counts_under_an_ignored_side_lobe(tmp_path):
    (radar,) = _read(
        tmp_path,
        replace(port("north", 1), ignored=(corners(40, 50, 40, 40, 0.0), corners(90, 60, 9, 9, 0))),
    )
    found = Found(
        xy_px=np.array([[40.0, 50.0], [52.0, 62.0]]),
        length_px=np.array([17.0, 12.0]),
        width_px=np.array([4.0, 4.0]),
        angle_rad=np.array([0.3, 0.3]),
        score=np.array([0.9, 0.8]),
    )

    told = judged(radar, found, 10.0)

    assert list(told.score) == [0.9]
    assert list(told.is_ship) == [True]
    assert told.n_missed == 1


def _read(folder, *ports):
    write_dataset(folder / "data", list(ports), bands=BANDS)
    return read_dataset(folder / "data", bands=BANDS, fill=0.075)


def test_a_finished_model_is_read_back(bench):
    _, workshop = bench
    recipe = read_recipe(workshop.model_folder)
    weights = workshop.model_folder / "w.safetensors"
    save_network(new_network(workshop.model_folder / "yolo11n-tiny.yaml", 4), weights)
    _written(_draft("test", recipe, workshop.model_folder, weights))
    model = read_model(workshop.model_folder)
    assert model.checked(model.description.weights).exists()
    assert model.description.openvino is not None
    assert model.checked(model.description.openvino).exists()
    assert model.description.version == 1


def test_a_folder_that_no_model_can_be_named_after_is_refused_before_training(bench):
    folder, workshop = bench
    odd = folder / "My model"
    (folder / "model").rename(odd)

    with pytest.raises(UsageError, match="named after its folder"):
        train_model(folder / "data", replace(workshop, model_folder=odd))
    assert not (folder / "work").exists()


@pytest.fixture
def before(bench):
    """A described model of the same folds: fold 1 without north, fold 2 without south."""
    _, workshop = bench
    folder = workshop.model_folder
    recipe = read_recipe(folder)
    (folder / "folds").mkdir()
    names = ("w.safetensors", "folds/1.safetensors", "folds/2.safetensors")
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        save_network(new_network(folder / "yolo11n-tiny.yaml", 4), folder / name)
    draft = _draft("test", recipe, folder, folder / names[0])
    kept = [
        (fold, WeightsFile(file=name, sha256=sha256_of(folder / name)))
        for fold, name in zip(recipe.folds, names[1:], strict=True)
    ]
    return Model(folder=folder, description=_fitted(draft, kept, [answers(1), answers(2)]))


def test_a_part_begins_with_weights_that_never_saw_what_it_holds_out(bench, before):
    folder, workshop = bench
    (workshop.model_folder / "recipe.yaml").write_text(
        yaml.safe_dump({**RECIPE, "rate": 1e-9, "decay": 0.0})
    )
    workshop = replace(workshop, begin=before)
    train_model(folder / "data", workshop, only=["fold-2", "full"])
    architecture = workshop.model_folder / "yolo11n-tiny.yaml"
    for part, begun in (("fold-2", "folds/2.safetensors"), ("full", "weights.safetensors")):
        learned = load_network(architecture, 4, workshop.work / part / "weights.safetensors")
        given = load_network(architecture, 4, workshop.model_folder / begun)
        for name, value in given.named_parameters():
            assert torch.allclose(value, learned.get_parameter(name), atol=1e-4), (part, name)


@pytest.mark.parametrize(
    ("held_out", "file"),
    [
        ((), "weights.safetensors"),
        (("east",), "weights.safetensors"),  # a port that the model never saw
        (("north",), "1.safetensors"),
        (("south", "east"), "2.safetensors"),
    ],
)
def test_what_a_part_begins_with_never_saw_its_ports(before, held_out, file):
    assert weights_without(Part(name="fold-9", held_out=held_out), before).name == file


def test_no_part_begins_with_what_it_is_to_be_scored_on(before):
    both = Part(name="fold-1", held_out=("north", "south"))
    with pytest.raises(UsageError, match=r"has seen what this part.*a fold without north, south"):
        weights_without(both, before)
