"""What a pass could show of a berth: "no call" is never inferred from "no image"."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.scene.coverage import coverage
from pipeline.scene.settings import Settings

SETTINGS = Settings()


@pytest.fixture
def states(make_grid, make_image, make_scene, make_site, make_zone, box_px):
    """Coverage of one zone, drawn in pixels, by an image with holes and clouds."""

    def of(zone_px, *, missing=None, cloudy=None):
        image = make_image(make_grid(40, 70))
        cloud = np.zeros(image.valid.shape, np.bool_)
        if missing is not None:
            image.valid[missing] = False
        if cloudy is not None:
            cloud[cloudy] = True
        site = make_site(
            box_px(image.grid, 0, 40, 0, 70), zones=[make_zone(box_px(image.grid, *zone_px))]
        )
        (row,) = coverage(make_scene(image), image, cloud, site, SETTINGS)
        return row

    return of


BERTH = (10, 30, 20, 60)


@pytest.mark.parametrize(
    ("missing", "cloudy", "state", "imaged", "clouded"),
    [
        (None, None, "seen", 1.0, 0.0),
        (None, np.s_[:, :], "cloudy", 1.0, 1.0),
        (np.s_[:, 40:], None, "partly", 0.5, 0.0),
        (np.s_[:, 25:], None, "cloudy", 0.125, 0.0),
        (np.s_[:, 22:], None, "not imaged", 0.05, 0.0),
        (np.s_[:, :], None, "not imaged", 0.0, 0.0),
        (None, np.s_[:, :26], "seen", 1.0, 0.15),
        (None, np.s_[:, :40], "partly", 1.0, 0.5),
        # cloud where nothing was imaged is not counted twice
        (np.s_[:, 40:], np.s_[:, 30:], "cloudy", 0.5, 0.25),
    ],
)
def test_a_berth_inside_the_image(states, missing, cloudy, state, imaged, clouded):
    row = states(BERTH, missing=missing, cloudy=cloudy)
    assert row.state == state
    assert row.imaged_fraction == pytest.approx(imaged)
    assert row.cloud_fraction == pytest.approx(clouded)
    assert row.clear_fraction == pytest.approx(imaged - clouded)


@pytest.mark.parametrize(
    ("zone", "state", "imaged"),
    [
        ((10, 30, 100, 140), "not imaged", 0.0),
        ((-60, -20, 20, 60), "not imaged", 0.0),
        # half of the berth lies past the image's edge: the whole berth is the measure
        ((10, 30, 50, 90), "partly", 0.5),
        ((30, 50, 20, 60), "partly", 0.5),
        ((-15, 5, -15, 5), "not imaged", 0.0625),
    ],
)
def test_a_berth_past_the_edge(states, zone, state, imaged):
    row = states(zone)
    assert row.state == state
    assert row.imaged_fraction == pytest.approx(imaged, abs=1e-9)


def test_a_row_names_its_pass_and_zone(states):
    row = states(BERTH)
    assert (row.site_id, row.zone_id, row.scene_id) == ("roads", "berth", "S2B_TEST_roads")
    assert row.sensed_at.isoformat() == "2024-03-07T13:12:09+00:00"
