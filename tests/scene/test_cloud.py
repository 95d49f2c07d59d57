"""Clouds are bright, white and broad; decks, quays and soil are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.records import Image, Sensor
from pipeline.scene.cloud import cloud_fraction, cloud_mask
from pipeline.scene.settings import Settings

SETTINGS = Settings()
CLOUD = np.s_[30:70, 60:110]
WHITE = (0.40, 0.41, 0.42, 0.45)


@pytest.fixture
def sky(make_grid, make_image):
    def with_patch(place, spectrum, height=100, width=150):
        image = make_image(make_grid(height, width), level=0.03)
        for band, value in zip(image.data, spectrum, strict=True):
            band[place] = value
        return image

    return with_patch


def test_a_cloud_is_found_whole_with_its_thin_edges(sky):
    cloud = cloud_mask(sky(CLOUD, WHITE), SETTINGS)
    assert cloud[CLOUD].all()
    rows, cols = np.nonzero(cloud)
    edge = SETTINGS.cloud_grow_m / 10.0
    assert (rows.min(), rows.max()) == pytest.approx((30 - edge, 69 + edge))
    assert (cols.min(), cols.max()) == pytest.approx((60 - edge, 109 + edge))


@pytest.mark.parametrize(
    ("place", "spectrum"),
    [
        (np.s_[30:36, 60:95], WHITE),  # a white deck of 60 m × 350 m
        (np.s_[30:45, 10:140], WHITE),  # a quay 150 m broad
        (CLOUD, (0.12, 0.2, 0.33, 0.4)),  # soil
        (CLOUD, (0.10, 0.11, 0.12, 0.13)),  # haze
        (CLOUD, (0.40, 0.41, 0.42, 0.10)),  # foam: dark in the near infrared
    ],
    ids=["deck", "quay", "soil", "haze", "foam"],
)
def test_what_is_no_cloud_is_not_called_one(sky, place, spectrum):
    assert not cloud_mask(sky(place, spectrum), SETTINGS).any()


def test_the_fraction_is_of_the_valid_pixels(sky):
    image = sky(np.s_[:, :75], WHITE)
    image.valid[:50] = False
    cloud = cloud_mask(image, SETTINGS)
    assert not cloud[:50].any()
    assert cloud_fraction(image, cloud) == pytest.approx(85 / 150, abs=0.01)
    image.valid[:] = False
    assert cloud_fraction(image, cloud) == 0.0


def test_radar_and_an_image_without_visible_bands_have_no_clouds(sky, make_grid, make_image):
    assert not cloud_mask(make_image(make_grid(), sensor=Sensor.S1, level=1.0), SETTINGS).any()
    image = sky(CLOUD, WHITE)
    bare = Image(grid=image.grid, bands=("B08",), data=image.data[3:], valid=image.valid)
    assert not cloud_mask(bare, SETTINGS).any()


def test_what_the_archive_calls_cloud_is_cloud_unless_it_is_as_narrow_as_a_deck(sky):
    image = sky(np.s_[0:0, 0:0], WHITE)
    said = np.zeros(image.valid.shape, np.bool_)
    said[20:60, 30:75] = True  # cirrus that four bands do not show
    said[80:86, 20:60] = True  # a white deck
    image = replace(image, said_cloud=said)

    cloud = cloud_mask(image, SETTINGS)

    expected = np.zeros_like(said)
    expected[20:60, 30:75] = True
    np.testing.assert_array_equal(cloud, expected)


def test_own_evidence_counts_where_the_archive_says_nothing(sky):
    image = sky(CLOUD, WHITE)
    silent = replace(image, said_cloud=np.zeros(image.valid.shape, np.bool_))

    np.testing.assert_array_equal(cloud_mask(silent, SETTINGS), cloud_mask(image, SETTINGS))
