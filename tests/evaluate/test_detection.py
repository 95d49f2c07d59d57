"""Scoring of hulls against figures worked by hand, on a grid south of the equator."""

from __future__ import annotations

import dataclasses
import math

import pytest

from pipeline.evaluate.detection import FoundShip, Tally, TrueShip, score
from pipeline.evaluate.settings import Settings

WATER_M2 = 2.5e8


@pytest.fixture
def settings():
    return Settings(
        match_radius_m=30.0, match_length_share=0.5, length_edges_m=(60.0, 100.0, 180.0),
        shore_edges_m=(500.0, 2000.0), axis_tolerance_deg=10.0,
    )  # fmt: skip


def true(x_m=0.0, length_m=120.0, **other):
    values = {
        "scene_id": "a", "x_m": 700_000.0 + x_m, "y_m": 8_060_000.0, "length_m": length_m,
        "axis_deg": 30.0, "shore_distance_m": 300.0,
    }  # fmt: skip
    return TrueShip(**{**values, **other})


def found(x_m=0.0, length_m=120.0, **other):
    values = {
        "scene_id": "a", "x_m": 700_000.0 + x_m, "y_m": 8_060_000.0, "length_m": length_m,
        "axis_deg": 30.0, "shore_distance_m": 300.0,
    }  # fmt: skip
    return FoundShip(**{**values, **other})


def scored(settings, truths, hulls, water_m2=WATER_M2):
    return score(truths, hulls, water_m2=water_m2, settings=settings)


def counts(tally):
    return (tally.hits, tally.misses, tally.false_alarms)


def test_precision_recall_and_f1_by_hand(settings):
    # Four ships over 100 m, three of them hit; two more shapes: 3 of 5 and 3 of 4, F1 = 6/9.
    truths = [true(1000 * k) for k in range(4)]
    hulls = [found(1000 * k + 10) for k in range(3)] + [found(7000), found(8000)]
    figures = scored(settings, truths, hulls)
    assert counts(figures.over_100m) == (3, 1, 2)
    assert figures.over_100m.precision == pytest.approx(0.6)
    assert figures.over_100m.recall == pytest.approx(0.75)
    assert figures.over_100m.f1 == pytest.approx(6 / 9)
    assert figures.false_alarms_per_100km2 == pytest.approx(2 / 2.5)
    assert figures.position_rms_m == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("length_m", "apart_m", "hit"),
    [(60.0, 30.0, 1), (60.0, 30.5, 0), (180.0, 90.0, 1), (180.0, 90.5, 0)],
    ids=["30 m", "beyond 30 m", "half a length", "beyond half a length"],
)
def test_a_hit_lies_within_thirty_metres_or_half_a_length(settings, length_m, apart_m, hit):
    hull = found(0.6 * apart_m, length_m, y_m=8_060_000.0 - 0.8 * apart_m)
    table = scored(settings, [true(0, length_m)], [hull]).table
    assert sum(row.tally.hits for row in table) == hit
    assert sum(row.tally.misses for row in table) == 1 - hit
    assert sum(row.tally.false_alarms for row in table) == 1 - hit


def test_pairs_are_one_to_one_and_as_many_as_can_be(settings):
    # One hull twice found counts once.
    assert counts(scored(settings, [true()], [found(5), found(-9)]).over_100m) == (1, 0, 1)
    # The shape in the middle is nearest to both ships; only taking the far one too makes two hits.
    pair = scored(settings, [true(0), true(70)], [found(30), found(-40)])
    assert counts(pair.over_100m) == (2, 0, 0)


def test_ships_of_another_scene_match_nothing(settings):
    assert counts(scored(settings, [true()], [found(scene_id="b")]).over_100m) == (0, 1, 1)


def test_ignored_labels_absorb_any_number_of_shapes(settings):
    figures = scored(settings, [true(is_ignored=True)], [found(5), found(-40), found(61)])
    # 61 m is beyond half the label's length.
    assert counts(figures.over_100m) == (0, 0, 1)


def test_short_ships_and_shapes_are_neither_hits_nor_errors(settings):
    truths = [true(0, 40), true(1000, 70), true(2000, 40)]
    hulls = [found(0, 45), found(1000, 50), found(2000, 70), found(3000, 55)]
    figures = scored(settings, truths, hulls)
    # The 70 m ship is found, but as too short a shape: missed. The rest counts as nothing.
    assert counts(figures.from_60_to_100m) == (0, 1, 0)
    assert counts(figures.over_100m) == (0, 0, 0)
    assert figures.false_alarms_per_100km2 == 0.0


@pytest.mark.parametrize(("apart_m", "wrong"), [(29.0, 0), (31.0, 1)])
def test_a_short_ship_absorbs_shapes_within_thirty_metres(settings, apart_m, wrong):
    figures = scored(settings, [true(0, 40)], [found(apart_m, 70)])
    assert counts(figures.from_60_to_100m) == (0, 0, wrong)


def test_a_hit_counts_in_the_class_of_the_true_ship(settings):
    figures = scored(settings, [true(0, 120, shore_distance_m=600.0)], [found(0, 80)])
    assert counts(figures.over_100m) == (1, 0, 0)
    assert counts(figures.over_100m_near_shore) == (0, 0, 0)
    assert counts(figures.from_60_to_100m) == (0, 0, 0)
    rows = [row for row in figures.table if row.tally.hits]
    assert [(row.length_class, row.shore_class) for row in rows] == [
        ("100 to 180 m", "500 to 2000 m off the shore")
    ]


def test_errors_of_length_axis_and_place(settings):
    truths = [true(0, 100, axis_deg=178.0), true(1000, 200, axis_deg=90.0)]
    hulls = [found(30, 110, axis_deg=4.0), found(1040, 170, axis_deg=101.0)]
    figures = scored(settings, truths, hulls)
    assert figures.length_mae_m == pytest.approx(20.0)
    assert figures.length_bias_m == pytest.approx(-10.0)
    assert figures.axis_within_10deg == 0.5  # 6 degrees across north, and 11
    assert figures.position_rms_m == pytest.approx(math.sqrt((900 + 1600) / 2))


def test_the_table_holds_every_hit_and_error_once(settings):
    places = [(70, 100.0), (120, 900.0), (200, 5000.0), (100, 500.0), (180, 2000.0)]
    truths = [true(1000 * k, n, shore_distance_m=far) for k, (n, far) in enumerate(places)]
    hulls = [dataclasses.replace(found(), x_m=one.x_m) for one in truths[:3]]
    hulls += [found(9000, n, shore_distance_m=far) for n, far in places]
    table = scored(settings, truths, hulls).table
    assert len(table) == 9
    sums = [sum(counts(row.tally)[k] for row in table) for k in range(3)]
    assert sums == [3, 2, 5]


def test_nothing_to_measure_is_null_and_not_nought(settings):
    figures = scored(settings, [], [], water_m2=0.0)
    assert set(figures.as_json().values()) == {None}
    assert all("-" in text for _, text in figures.rows())
    assert Tally(hits=0, misses=2, false_alarms=0).precision is None
    assert Tally(hits=0, misses=2, false_alarms=0).f1 == 0.0
