"""Fixed objects and radar ghosts: set aside with a reason, never inside a zone, never dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.locate import detections
from pipeline.detect.screen import screen_site
from pipeline.detect.settings import Settings
from pipeline.geo import destination
from pipeline.records import Screened, Sensor
from tests.detect.conftest import a_scene, a_site, a_zone, box_lonlat
from tests.detect.test_locate import GRID, a_hull, a_surface

SETTINGS = Settings()


def seen(passes, hulls, *, sensor=Sensor.S2, zones=()):
    rows = []
    for number in passes:
        rows += detections(
            hulls(number),
            scene=a_scene(f"scene-{number}", sensor),
            grid=GRID,
            surface=a_surface(),
            site=a_site(GRID, zones),
            detector=CfarDetector(sensor, SETTINGS),
            settings=SETTINGS,
        )
    return rows


def screened(rows, zones=()):
    return screen_site(rows, site=a_site(GRID, zones), settings=SETTINGS)


def a_visitor_and_a_rock(number):
    rng = np.random.default_rng(number)
    rock = a_hull(row=30 + rng.normal(0, 0.5), col=40, length_px=8)
    return [rock, a_hull(row=60 + 3.5 * number, col=150, axis=20.0 * number)]


def test_what_lies_there_in_most_passes_is_fixed_and_a_visitor_is_not():
    rows = seen(range(8), a_visitor_and_a_rock)
    result = screened(rows)
    assert [row.detection_id for row in result] == [row.detection_id for row in rows]
    assert {row.screened for row in result if row.col_px == 40} == {Screened.FIXED_OBJECT.value}
    assert {row.screened for row in result if row.col_px == 150} == {None}


def test_few_passes_prove_nothing():
    assert {row.screened for row in screened(seen(range(3), a_visitor_and_a_rock))} == {None}


def test_a_tanker_that_lies_in_a_zone_for_weeks_is_not_fixed():
    zones = (a_zone(box_lonlat(GRID, 20, 40, 20, 60)),)
    rows = seen(range(8), lambda _: [a_hull(row=30, col=40)], zones=zones)
    assert {row.screened for row in screened(rows, zones)} == {None}


def test_different_ships_at_one_spot_are_not_a_fixed_object():
    rows = seen(range(8), lambda n: [a_hull(length_px=8 + 3 * n, axis=(40.0 * n) % 180)])
    assert {row.screened for row in screened(rows)} == {None}


@pytest.mark.parametrize(("tilt_deg", "is_ghost"), [(-18.7, True), (18.7, True), (60.0, False)])
def test_a_faint_twin_along_the_track_of_a_strong_target_is_a_ghost(tilt_deg, is_ghost):
    # at 63 deg N the ground track leans 18.3 deg off the meridian
    (strong,) = seen([1], lambda _: [a_hull()], sensor=Sensor.S1)
    lon, lat = destination(strong.lon, strong.lat, tilt_deg % 360, 4800.0)
    strong = replace(strong, contrast=4000.0)
    weak = replace(strong, detection_id="d-weak", lon=float(lon), lat=float(lat), contrast=20.0)
    result = screened([strong, weak])
    assert result[0].screened is None
    assert result[1].screened == (Screened.AMBIGUITY.value if is_ghost else None)


def test_nothing_in_nothing_out():
    assert screened([]) == []
