"""Chips show hulls where they say they are, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.learn.hulls import filled
from pipeline.learn.paste import cut_outs
from pipeline.learn.render import Renderer
from pipeline.learn.settings import Render

CALM = Render(
    paste_max=0, haze=0.0, noise=0.0, blur_px=0.0, cloud_share=0.0, dropout=0.0, gain=(1.0, 1.0),
    band_gain=0.0,
)  # fmt: skip


def chips(images, settings, count, seed=11):
    renderer = Renderer(images, settings)
    return [renderer.chip(np.random.default_rng([seed, n])) for n in range(count)]


def test_the_same_numbers_give_the_same_chips(image):
    one, other = (chips([image], Render(), 6) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        np.testing.assert_array_equal(a.boxes.corners_px(), b.boxes.corners_px())


def test_boxes_lie_on_the_bright_hulls_and_no_hull_is_without_one(image):
    seen = 0
    for chip in chips([image], CALM, 30):
        inside = filled(list(chip.boxes.corners_px()), chip.data.shape[1:])
        near = filled(
            [centre + (corners - centre) * 1.6 for corners, centre in
             zip(chip.boxes.corners_px(), chip.boxes.xy_px, strict=True)], chip.data.shape[1:],
        )  # fmt: skip
        hull = (chip.data[0] > 0.42) & (chip.data[0] < 0.53)
        land = chip.data[0] > 0.55
        lone = hull & ~near & ~chip.ignored & ~_grown(land, 3)
        assert lone.sum() <= 0.02 * max(1, inside.sum())
        if len(chip.boxes):
            assert chip.data[0][inside].mean() > 0.35
            seen += 1
    assert seen > 10


def _grown(mask, by):
    out = mask.copy()
    for _ in range(by):
        out[1:] |= out[:-1].copy()
        out[:-1] |= out[1:].copy()
        out[:, 1:] |= out[:, :-1].copy()
        out[:, :-1] |= out[:, 1:].copy()
    return out


def test_pasted_hulls_are_labelled_and_lie_on_water(image):
    settings = CALM.model_copy(update={"paste_max": 4, "hull_share": 0.0, "scale": (1.0, 1.0)})
    bare = chips([image], settings.model_copy(update={"paste_max": 0}), 40)
    full = chips([image], settings, 40)
    assert sum(len(chip.boxes) for chip in full) > sum(len(chip.boxes) for chip in bare) + 20
    for chip in full:
        for corners, length in zip(chip.boxes.corners_px(), chip.boxes.length_px, strict=True):
            inside = filled([corners], chip.data.shape[1:])
            if inside.sum() > 12:
                assert chip.data[0][inside].max() > 0.3, length


def test_short_hulls_are_ignored_not_wanted(rectangle, harbour):
    short = harbour(hulls=[rectangle(100.0, 90.0, 4.0, 2.5, 0.3)])
    for chip in chips([short], CALM, 20):
        assert not len(chip.boxes)
    assert any(chip.ignored.any() for chip in chips([short], CALM, 20))


def test_missing_bands_stay_missing_and_some_are_taken_away(image, harbour):
    only_last = harbour(seed=5)
    only_last.data[:3] = 0.0
    only_last = type(only_last)(
        **{**vars(only_last), "present": np.array([False, False, False, True])}
    )
    for chip in chips([only_last], Render(), 10):
        assert (chip.data[:3] == 0).all()
        assert (chip.data[3] > 0).any()
    dropped = [int((chip.data > 0).any(axis=(1, 2)).sum()) for chip in chips([image], Render(), 40)]
    assert set(dropped) - {4}
    assert min(dropped) >= 1


def test_a_cut_out_goes_only_where_its_bands_are(image, harbour):
    lacking = harbour(seed=6)
    lacking = type(lacking)(**{**vars(lacking), "present": np.array([True, True, True, False])})
    renderer = Renderer([image, lacking], Render())
    assert len(cut_outs(image)) == 2
    assert {cut.present.all() for cut in renderer._fitting(image)} == {True}
    assert len(renderer._fitting(lacking)) == 4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_clouds_hide_hulls_and_make_their_place_ignored(image, share):
    settings = CALM.model_copy(update={"cloud_share": share})
    found = chips([image], settings, 30)
    hidden = sum(int(chip.ignored.sum()) for chip in found)
    assert (hidden > 10_000) is bool(share)
