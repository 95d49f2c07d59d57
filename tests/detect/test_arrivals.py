"""What only the difference to the empty berth shows: hulls alongside, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.detect.arrivals import arrivals
from pipeline.detect.empty import ARRIVED, pictures, screen_berths
from pipeline.detect.settings import Settings
from pipeline.geo import axis_difference_deg, distance_m
from pipeline.records import Sensor
from tests.detect.conftest import Ship
from tests.detect.test_empty import a_pass, found, port

SETTINGS = Settings()
PIER = Ship(row=70, col=100, length_m=420, width_m=60, axis_deg=80, bright=0.22)
ALONGSIDE = Ship(row=65.6, col=96, length_m=96, width_m=17, axis_deg=80, bright=0.16)


def added(passes, kept=()):
    site = port(passes[0][1].grid)
    shown = [one for p in passes for one in pictures(*p, site)]
    scenes = {scene.scene_id: scene for scene, _, _ in passes}
    return arrivals(shown, kept, scenes=scenes, site=site, settings=SETTINGS)


def season(n=9, guests=(4,), ships=(ALONGSIDE,), **more):
    return [a_pass(k, [PIER, *ships] if k in guests else [PIER], **more) for k in range(n)]


def test_a_hull_alongside_a_pier_is_found_where_she_lies():
    passes = season()
    (one,) = added(passes)

    scene, image, _ = passes[4]
    lon, lat = image.grid.lonlat_from_px(ALONGSIDE.row, ALONGSIDE.col)
    assert one.scene_id == scene.scene_id
    assert ARRIVED in one.flags
    assert one.zone_id == "pier"
    assert float(distance_m(one.lon, one.lat, float(lon), float(lat))) < 20
    assert abs(one.length_m - 96) < 20
    assert float(axis_difference_deg(one.axis_deg, 80.0)) < 8
    # pixels are the scene's, not the picture's
    assert (one.row_px, one.col_px) == pytest.approx((ALONGSIDE.row, ALONGSIDE.col), abs=2)
    rows, cols = np.array(one.outline_px).reshape(-1, 2).T
    assert (rows.mean(), cols.mean()) == pytest.approx((one.row_px, one.col_px), abs=0.5)


def test_its_odds_are_not_raised_a_second_time():
    passes = season()
    shown = [one for p in passes for one in pictures(*p, port(passes[0][1].grid))]
    (one,) = added(passes)
    (held,) = screen_berths([one], shown, SETTINGS)
    assert (held.score, held.screened) == (one.score, None)
    assert held.empty_share is not None


def test_a_pier_that_lies_off_and_shines_brighter_is_no_arrival():
    passes = season(n=12, guests=())
    for number, (_, image, ground) in enumerate(passes):
        bright = image.data > 0.1
        image.data[bright] *= 1.0 + 0.1 * np.sin(number)
        assert ground.sea.all()  # no map helps
    assert added(passes) == []


def test_what_changes_on_land_is_cargo_and_no_hull():
    """A stack of 110 m on the pier itself, twice as bright as it."""
    stack = Ship(row=70.5, col=100, length_m=110, width_m=22, axis_deg=80, bright=0.45)
    assert added(season(ships=(stack,))) == []


def test_where_a_detection_lies_nothing_is_added():
    passes = season()
    scene, image, _ = passes[4]
    known = found(scene, image.grid, [ALONGSIDE])
    assert added(passes, known) == []
    set_aside = [replace(one, screened="not shaped like a hull") for one in known]
    assert len(added(passes, set_aside)) == 1


def test_a_tanker_in_every_pass_is_no_change():
    assert added(season(guests=range(9))) == []


def test_few_passes_radar_and_broken_cloud_are_left_alone():
    assert added(season(n=4, guests=(2,))) == []
    loud = replace(ALONGSIDE, bright=0.0)
    assert added(season(ships=(loud,), sensor=Sensor.S1)) == []
    passes = season()
    passes[4][2].cloud[44:60, 62:90] = True
    assert added(passes) == []
