"""A turned view's boxes come back to where they are, and chance is averaged away."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.detect.boxes import Found
from pipeline.detect.settings import Settings
from pipeline.detect.views import TURNS, UNSEEN, fused, turned, turned_back, weighed
from pipeline.records import Sensor

HEIGHT, WIDTH = 40, 56


def boxes(rows):
    """(x, y, length, width, degrees, score) each."""
    table = np.array(rows, float).reshape(-1, 6)
    return Found(
        xy_px=table[:, :2],
        length_px=table[:, 2],
        width_px=table[:, 3],
        angle_rad=np.radians(table[:, 4]),
        score=table[:, 5],
    )


def brightest(view):
    """x, y of the middle of the brightest pixel."""
    row, col = np.unravel_index(np.argmax(view[0]), view[0].shape)
    return np.array([col + 0.5, row + 0.5])


@pytest.mark.parametrize("turn", TURNS)
@given(bow=st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)),
       stern=st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)))  # fmt: skip
def test_a_ship_comes_back_to_its_place_and_axis(turn, bow, stern):
    if bow == stern:
        return
    ends = []
    for x, y in (bow, stern):
        view = np.zeros((1, HEIGHT, WIDTH), np.float32)
        view[0, y, x] = 1.0
        ends.append(brightest(turned(view, turn)))
    ahead = ends[0] - ends[1]
    seen = boxes([[*(ends[0] + ends[1]) / 2, 9, 2, math.degrees(math.atan2(*ahead[::-1])), 0.5]])

    back = turned_back(seen, turn, (HEIGHT, WIDTH))

    true = np.array(bow, float) - np.array(stern)
    middle = (np.array(bow) + np.array(stern)) / 2 + 0.5
    assert back.xy_px[0] == pytest.approx(middle)
    off = back.angle_rad[0] - math.atan2(true[1], true[0])
    assert abs(math.sin(off)) < 1e-9


def test_every_turn_is_another():
    view = np.arange(2 * HEIGHT * WIDTH, dtype=np.float32).reshape(2, HEIGHT, WIDTH)

    assert len({turned(view, turn).tobytes() for turn in TURNS}) == 8


def test_what_all_views_say_is_kept_and_what_one_says_fades():
    ship = [30, 20, 18, 4, 10, 0.8]
    chance = [10, 30, 12, 3, 90, 0.8]
    told = [boxes([ship, chance])] + [boxes([ship])] * 3

    both = fused(told, Settings())

    assert both.score == pytest.approx([0.8, 0.2])
    assert both.xy_px[0] == pytest.approx([30, 20])


def test_position_length_and_axis_are_averaged_across_the_turn_of_the_axis():
    told = [boxes([[30, 20, 18, 4, 89, 0.6]]), boxes([[31, 20, 20, 4, -89, 0.6]])]

    one = fused(told, Settings())

    assert len(one) == 1
    assert one.xy_px[0] == pytest.approx([30.5, 20])
    assert one.length_px[0] == pytest.approx(19)
    assert abs(math.cos(one.angle_rad[0])) < 1e-6


def test_ships_abreast_stay_two():
    told = [boxes([[30, 20, 18, 4, 0, 0.7], [30, 24.2, 18, 4, 0, 0.6]])] * 4

    assert fused(told, Settings()).score == pytest.approx([0.7, 0.6])


def test_nothing_seen_is_nothing():
    assert len(fused([boxes([]), boxes([])], Settings())) == 0


SHIP = [30, 20, 18, 4, 10, 0.8]


def test_what_every_scale_shows_keeps_its_score_and_a_pier_of_one_scale_fades():
    pier = [10, 30, 12, 3, 90, 0.8]
    looks = [boxes([SHIP]), boxes([SHIP])]

    seen = weighed(boxes([SHIP, pier]), looks, Settings(), pixel_m=10.0)

    logit = 0.5 * math.log(0.8 / 0.2) + 0.5 * math.log(UNSEEN / (1.0 - UNSEEN))
    assert seen.score == pytest.approx([0.8, 1.0 / (1.0 + math.exp(-logit))])
    assert seen.xy_px[0] == pytest.approx([30, 20])


def test_what_only_a_coarser_look_shows_is_not_added():
    other = boxes([SHIP, [10, 30, 12, 3, 90, 0.9]])

    assert len(weighed(boxes([SHIP]), [other], Settings(), pixel_m=10.0)) == 1
    assert len(weighed(boxes([]), [other], Settings(), pixel_m=10.0)) == 0


@pytest.mark.parametrize(
    ("fine_m", "expected_m"),
    [
        (100, 100),  # as the fine look says
        (180, (180 + 210) / 2),  # the mean of the fine and the first coarser look
        (260, (210 + 300) / 2),  # the mean of the coarser looks
    ],
)
def test_long_ships_are_measured_by_coarser_looks(fine_m, expected_m):
    def one(length_m):
        return boxes([[30, 20, length_m / 10.0, 4, 0, 0.8]])

    seen = weighed(one(fine_m), [one(210), one(300)], Settings(), pixel_m=10.0)

    assert seen.length_px[0] * 10.0 == pytest.approx(expected_m)


def test_a_look_that_overlaps_nothing_leaves_the_length_alone():
    seen = weighed(boxes([SHIP]), [boxes([]), boxes([])], Settings(), pixel_m=20.0)

    assert seen.length_px[0] == pytest.approx(18)
    assert seen.score[0] < 0.4


def test_radar_is_turned_by_no_quarter():
    with pytest.raises(ValidationError, match="radar"):
        Settings(views={"S2": 8, "S1": 8})


def test_a_sensor_left_out_keeps_its_own_model_views_and_limit():
    """`models: {S2: ...}` in a configuration is laid over the defaults, not put in their place."""
    chosen = Settings(
        models={"S2": "mine"}, views={"S2": 2}, coarser={"S1": [0.5]}, empty_share_max={"S1": 0.3}
    )
    own = Settings()
    assert chosen.models == {Sensor.S2: "mine", Sensor.S1: own.models[Sensor.S1]}
    assert chosen.views == {Sensor.S2: 2, Sensor.S1: own.views[Sensor.S1]}
    assert chosen.coarser == {Sensor.S2: own.coarser[Sensor.S2], Sensor.S1: (0.5,)}
    assert chosen.empty_share_max == {Sensor.S2: own.empty_share_max[Sensor.S2], Sensor.S1: 0.3}
