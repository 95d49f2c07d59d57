"""Berths at their emptiest: piers are set aside though found now and then, ships are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipeline.detect.cfar import CfarDetector
from pipeline.detect.empty import CAME, CLOUDY, pictures, screen_berths
from pipeline.detect.locate import detections
from pipeline.detect.settings import Settings
from pipeline.records import Image, Screened, Sensor, Surface
from tests.detect.conftest import Ship, a_scene, a_site, a_zone, box_lonlat, rendered
from tests.detect.test_locate import a_hull

SETTINGS = Settings()
START = datetime(2023, 11, 20, 2, 10, tzinfo=UTC)
PIER = Ship(row=60, col=90, length_m=160, width_m=30, axis_deg=70)
GUEST = Ship(row=64, col=130, length_m=110, width_m=18, axis_deg=15)


def a_pass(number, ships, *, sensor=Sensor.S2, every_days=5.0, orbit=117, jitter=0.3, window=None):
    """The scene, its pixels and what lies under them; each pass off the others by a little."""
    rng = np.random.default_rng(number)
    off = rng.normal(0, jitter, 2)
    moved = [replace(s, row=s.row + off[0], col=s.col + off[1]) for s in ships]
    image, ground = rendered(moved, sensor=sensor, seed=number)
    if window is not None:
        image, ground = cut(image, ground, window)
    scene = replace(
        a_scene(f"scene-{number}", sensor),
        sensed_at=START + timedelta(days=every_days * number),
        relative_orbit=orbit,
    )
    return scene, image, ground


def cut(image, ground, window):
    rows, cols = slice(*window[:2]), slice(*window[2:])
    part = Image(
        grid=image.grid.window(*window),
        bands=image.bands,
        data=image.data[:, rows, cols],
        valid=image.valid[rows, cols],
    )
    under = (getattr(ground, n)[rows, cols] for n in ("sea", "cloud", "shore_distance_m"))
    return part, Surface(**dict(zip(("sea", "cloud", "shore_distance_m"), under, strict=True)))


def port(grid):
    return a_site(grid, (a_zone(box_lonlat(grid, 40, 90, 60, 150)),))


def found(scene, grid, ships, score=0.9):
    """What a detector would say of these ships, were it right."""
    hulls = [
        a_hull(s.row, s.col, s.length_m / 10, s.width_m / 10, s.axis_deg, score=score)
        for s in ships
    ]
    return detections(
        hulls,
        scene=scene,
        grid=grid,
        surface=Surface(
            sea=np.ones((grid.height, grid.width), bool),
            cloud=np.zeros((grid.height, grid.width), bool),
            shore_distance_m=np.full((grid.height, grid.width), 90.0, np.float32),
        ),
        site=port(grid),
        detector=CfarDetector(scene.sensor, SETTINGS),
        settings=SETTINGS,
    )


def screened(passes, detected):
    shown = [one for p in passes for one in pictures(*p, port(passes[0][1].grid))]
    return screen_berths(detected, shown, SETTINGS)


@pytest.mark.parametrize("sensor", [Sensor.S2, Sensor.S1])
def test_a_pier_found_now_and_then_is_fixed_and_a_ship_beside_it_is_not(sensor):
    bright = {Sensor.S2: (0.2, 0.15), Sensor.S1: (-3.0, -2.0)}[sensor]
    pier, guest = (replace(s, bright=b) for s, b in zip((PIER, GUEST), bright, strict=True))
    passes = [
        a_pass(n, [pier, guest] if n in (3, 4, 9) else [pier], sensor=sensor) for n in range(14)
    ]
    detected = []
    for number in (1, 4, 7, 9):  # a detector that flickers
        scene, image, _ = passes[number]
        detected += found(scene, image.grid, [pier, guest] if number in (4, 9) else [pier])
    result = screened(passes, detected)
    assert [one.detection_id for one in result] == [one.detection_id for one in detected]
    piers = [one for one in result if one.length_m > 150]
    guests = [one for one in result if one.length_m < 150]
    assert len(piers) == 4
    assert {one.screened for one in piers} == {Screened.FIXED_OBJECT.value}
    assert all(0.65 < one.empty_share < 1.3 for one in piers)
    assert len(guests) == 2
    assert {one.screened for one in guests} == {None}
    assert all(one.empty_share < 0.25 for one in guests)


def test_a_ship_alongside_the_pier_is_kept_though_the_pier_stays():
    """Hull and pier touch: part of what lies in the outline is there when the berth is empty."""
    alongside = replace(PIER, row=PIER.row - 2.4, col=PIER.col + 0.9, width_m=20, length_m=120)
    passes = [a_pass(n, [PIER, alongside] if n == 6 else [PIER]) for n in range(14)]
    scene, image, _ = passes[6]
    (one,) = screened(passes, found(scene, image.grid, [alongside]))
    assert one.screened is None
    assert one.empty_share < 0.5


def test_a_faint_shape_where_nothing_stays_is_kept_after_all():
    """Four dark passes show that no pier lies there; that takes no season."""
    guest = replace(GUEST, bright=-2.0)
    passes = [a_pass(n, [guest] if n == 2 else [], sensor=Sensor.S1) for n in range(5)]
    scene, image, _ = passes[2]
    detected = found(scene, image.grid, [guest], score=0.06)
    assert detected[0].screened == Screened.SHAPE.value
    (one,) = screened(passes, detected)
    assert one.screened is None
    assert one.score == pytest.approx(4 * 0.06 / (4 * 0.06 + 0.94))  # odds of 4
    assert CAME in one.flags
    (few,) = screened(passes[:3], detected)
    assert (few.screened, few.score) == (Screened.SHAPE.value, detected[0].score)


def test_pieces_of_broken_cloud_come_and_go_and_gain_nothing():
    passes = [a_pass(n, [GUEST] if n == 2 else []) for n in range(9)]
    scene, image, ground = passes[2]
    ground.cloud[75:90, 70:90] = True
    detected = found(scene, image.grid, [GUEST], score=0.5)
    (one,) = screened(passes, detected)
    assert one.empty_share == pytest.approx(0.0, abs=0.05)
    assert one.score == detected[0].score


def test_where_cloud_is_broken_all_odds_in_berths_are_lowered_be_the_berth_itself_clear():
    passes = [a_pass(n, [GUEST] if n == 2 else []) for n in range(9)]
    scene, image, ground = passes[2]
    ground.cloud[: round(0.06 * image.grid.height), :] = True  # far from the berth
    detected = found(scene, image.grid, [GUEST], score=0.8)
    (one,) = screened(passes, detected)
    assert one.empty_share == pytest.approx(0.0, abs=0.05)
    before = detected[0].score / (1 - detected[0].score)
    assert one.score / (1 - one.score) == pytest.approx(before / 4)
    assert CLOUDY in one.flags
    assert CAME not in one.flags


def test_a_tanker_that_lies_for_weeks_is_not_fixed():
    passes = [a_pass(n, [GUEST], every_days=2.5) for n in range(12)]
    detected = [d for scene, image, _ in passes for d in found(scene, image.grid, [GUEST])]
    assert {(d.screened, d.empty_share) for d in screened(passes, detected)} == {(None, None)}


def test_few_passes_do_not_show_what_is_empty():
    passes = [a_pass(n, [PIER], every_days=20.0) for n in range(7)]
    scene, image, _ = passes[2]
    (one,) = screened(passes, found(scene, image.grid, [PIER]))
    assert (one.screened, one.empty_share) == (None, None)


def test_radar_of_another_orbit_shows_another_side_and_is_not_compared():
    pier = replace(PIER, bright=-3.0)
    passes = [a_pass(n, [pier], sensor=Sensor.S1, orbit=25 + 102 * (n % 2)) for n in range(14)]
    scene, image, _ = passes[4]
    (one,) = screened(passes, found(scene, image.grid, [pier]))  # 7 of its own orbit
    assert one.empty_share is None


def test_passes_under_cloud_say_nothing():
    passes = [a_pass(n, [PIER]) for n in range(14)]
    for _, _, ground in passes[::2]:
        ground.cloud[45:75, 70:110] = True
    scene, image, _ = passes[3]
    (one,) = screened(passes, found(scene, image.grid, [PIER]))  # 7 clear ones
    assert one.empty_share is None


def test_passes_on_other_grids_are_laid_upon_one_another():
    """Neighbouring tiles and cropped deliveries begin elsewhere."""
    windows = [None, (20, 140, 30, 200), (11, 150, 0, 187)]
    passes = [a_pass(n, [PIER], window=windows[n % 3]) for n in range(15)]
    whole = [a_pass(n, [PIER]) for n in range(15)]
    scene, image, _ = whole[3]
    (one,) = screened(passes, found(scene, image.grid, [PIER]))
    (same,) = screened(whole, found(scene, image.grid, [PIER]))
    assert one.screened == Screened.FIXED_OBJECT.value
    assert one.empty_share == pytest.approx(same.empty_share, rel=0.02)


def test_what_is_bright_is_measured_above_each_pass_own_water():
    """Haze lifts all of a scene: it must not make a ship's place look occupied."""
    passes = [a_pass(n, [GUEST] if n == 5 else []) for n in range(14)]
    for number, (_, image, _) in enumerate(passes):
        image.data[:] += 0.01 * (number % 7)
    scene, image, _ = passes[5]
    (one,) = screened(passes, found(scene, image.grid, [GUEST]))
    assert one.empty_share == pytest.approx(0.0, abs=0.05)


def test_a_scene_beside_the_berth_has_no_picture_of_it():
    scene, image, ground = a_pass(1, [PIER])
    far = a_zone(box_lonlat(image.grid, 300, 320, 20, 60))
    assert pictures(scene, image, ground, a_site(image.grid, (far,))) == []
    assert screen_berths([], [], SETTINGS) == []


def test_what_only_screening_needs_does_not_ask_for_new_detections():
    other = SETTINGS.model_copy(
        update={"empty_share_max": {Sensor.S2: 0.7, Sensor.S1: 0.7}, "ambiguity_far_m": 7000.0}
    )
    assert other.of_one_scene() == SETTINGS.of_one_scene()
    other = SETTINGS.model_copy(update={"score_min": 0.4})
    assert other.of_one_scene() != SETTINGS.of_one_scene()
