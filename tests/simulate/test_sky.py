"""Clouds: clear, overcast and broken skies as often as set."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.simulate.settings import Settings
from pipeline.simulate.sky import cloud_thickness

SHAPE = (140, 90)


def skies(n: int, **changes: float) -> list[np.ndarray]:
    settings = Settings(**changes)
    return [cloud_thickness(SHAPE, np.random.default_rng(seed), 3, settings) for seed in range(n)]


def test_thickness_fits_the_picture_and_lies_between_clear_and_opaque():
    for sky in skies(20):
        assert sky.shape == SHAPE
        assert sky.dtype == np.float32
        assert 0 <= sky.min() <= sky.max() <= 1


def test_only_clear_and_only_overcast_can_be_asked_for():
    assert not np.any(skies(5, clear_share=1.0, overcast_share=0.0))
    assert np.all(np.array(skies(5, clear_share=0.0, overcast_share=1.0)) == 1)


def test_as_many_skies_of_each_kind_as_set():
    """Of 400 skies 42 % clear and 22 % overcast, within four standard errors (10 and 8 %)."""
    drawn = skies(400)
    assert np.mean([not sky.any() for sky in drawn]) == pytest.approx(0.42, abs=0.10)
    assert np.mean([bool((sky == 1).all()) for sky in drawn]) == pytest.approx(0.22, abs=0.08)


def test_broken_clouds_hang_together():
    """Neighbouring pixels are alike: a cloud is no salt and pepper."""
    broken = [sky for sky in skies(12, clear_share=0.0, overcast_share=0.0) if sky.mean() > 0.2]
    assert broken
    for sky in broken:
        here, there = sky[:, :-1].ravel(), sky[:, 1:].ravel()
        assert np.corrcoef(here, there)[0, 1] > 0.95
        assert 0.08 <= (sky > 0).mean() <= 0.86
