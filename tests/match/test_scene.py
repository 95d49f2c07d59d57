"""One scene: outcomes a reader can check by eye."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.match.scene import match_scene
from pipeline.records import Sensor
from tests.match.conftest import NOON, SETTINGS, hours, hull, place, scene, ship, site


def matched(detections, predictions, *, reception=None, cloud=None, of=None, data_end=None):
    return match_scene(
        of or scene(),
        detections=detections,
        predictions=predictions,
        reception=hours() if reception is None else reception,
        surface_cloud_at=cloud,
        site=site(),
        data_end=data_end or NOON + timedelta(days=30),
        settings=SETTINGS,
    )


def overcast(_lon, _lat):
    return True


def clear(_lon, _lat):
    return False


def outcomes(*args, **more):
    matches, _ = matched(*args, **more)
    return [(match.detection_id, match.outcome, match.track_id) for match in matches]


def views(*args, **more):
    _, in_view = matched(*args, **more)
    return {row.track_id: (row.status, row.detection_id) for row in in_view}


# --------------------------------------------------------------------------- detections


def test_a_hull_where_a_ship_says_she_is_is_matched():
    (match,), _ = matched([hull(20.0)], [ship(ship_type=80)])
    assert (match.outcome, match.track_id, match.mmsi) == ("matched", "t", 273312000)
    assert match.ship_type == 80
    assert match.p_match > 0.99
    assert match.p_dark == pytest.approx(1 - match.p_match)
    assert match.offset_m == pytest.approx(20.0, abs=0.1)
    assert match.llr == pytest.approx(
        match.term_position + match.term_length + match.term_axis + match.term_type
    )


def test_a_hull_with_nobody_near_is_dark_where_others_are_heard():
    (match,), _ = matched([hull()], [ship(2000.0)])
    assert (match.outcome, match.track_id, match.llr) == ("dark", None, None)
    assert (match.p_match, match.p_dark) == (0.0, 1.0)
    assert match.ships_heard == 25


@pytest.mark.parametrize("reception", [[], hours(p_low=0.05, n_ships=0), hours(p_low=0.29)])
def test_the_same_hull_is_no_coverage_where_nobody_is_heard(reception):
    assert outcomes([hull()], [ship(2000.0)], reception=reception) == [("d", "no coverage", None)]


def test_hours_far_from_the_scene_say_nothing_of_it():
    late = [row for row in hours(around=9) if row.hour_at > NOON + timedelta(hours=4)]
    assert outcomes([hull()], [], reception=late) == [("d", "no coverage", None)]


def test_a_match_stands_even_where_little_is_heard():
    assert outcomes([hull()], [ship()], reception=[]) == [("d", "matched", "t")]


def test_two_like_ships_beside_one_hull_are_ambiguous():
    twins = [ship(25.0, name="east"), ship(-25.0, name="west")]
    (match,), _ = matched([hull()], twins)
    assert match.outcome == "ambiguous"
    assert match.track_id in {"east", "west"}
    assert match.p_match == pytest.approx(0.5, abs=0.02)
    assert match.p_dark < 0.05


def test_a_hull_at_the_edge_of_the_gate_may_be_the_ship_or_a_dark_one():
    faint = ship(length_m=None, heading_deg=None, sigma_along_m=900.0, sigma_cross_m=900.0)
    (match,), _ = matched([hull(1800.0)], [faint])
    assert 0.2 < match.p_dark < 0.7
    assert match.outcome == ("matched" if match.p_match >= 0.5 else "dark")
    assert match.p_match + match.p_dark == pytest.approx(1.0)


def test_one_ship_is_one_hull_at_most_and_the_other_is_dark():
    found = outcomes([hull(0.0, name="a"), hull(0.0, 90.0, name="b")], [ship()])
    assert found == [("a", "matched", "t"), ("b", "dark", "t")]


def test_swapped_ships_side_by_side_are_told_apart_by_length():
    # The long hull lies nearer to where the short ship says she is, and the other way round.
    hulls = [hull(0.0, name="long", length_m=170.0), hull(40.0, name="short", length_m=80.0)]
    ships = [
        ship(38.0, name="LONG", length_m=172.0),
        ship(2.0, name="SHORT", length_m=79.0),
    ]
    assert outcomes(hulls, ships) == [("long", "matched", "LONG"), ("short", "matched", "SHORT")]
    unsized = [ship(38.0, name="LONG", length_m=None), ship(2.0, name="SHORT", length_m=None)]
    assert [track for _, _, track in outcomes(hulls, unsized)] == ["SHORT", "LONG"]


def test_a_dark_tanker_alongside_a_ship_on_the_air_is_dark():
    big = ship(0.0, name="BIG", length_m=225.0)
    hulls = [hull(20.0, name="tanker", length_m=98.0), hull(-35.0, name="big", length_m=215.0)]
    assert outcomes(hulls, [big]) == [("tanker", "dark", "BIG"), ("big", "matched", "BIG")]


def test_two_ships_on_one_cloned_mmsi_are_two_ships():
    # The clone lies in the roads, the owner at the quay: one number, two tracks, two hulls.
    hulls = [hull(10.0, name="quay", length_m=98.0), hull(2500.0, name="roads", length_m=150.0)]
    owner = ship(0.0, name="owner", length_m=100.0, mmsi=273312000)
    clone = ship(2480.0, name="clone", length_m=152.0, mmsi=273312000)
    assert outcomes(hulls, [owner, clone]) == [
        ("quay", "matched", "owner"), ("roads", "matched", "clone"),
    ]  # fmt: skip
    # With the clone alone on the air, the hull at the quay is dark, whatever number it shares.
    assert outcomes(hulls, [clone])[0][1] == "dark"


def test_a_moving_ship_is_matched_where_the_radar_shows_her():
    # 6 m/s across the track at 39 deg: 120 x 6 x 0.629 = 453 m along the track.
    sar = scene(Sensor.S1, heading_deg=0.0, incidence_deg=39.0, range_over_velocity_s=120.0)
    mover = ship(sog_mps=6.0, course_deg=90.0, heading_deg=90.0)
    shown = hull(0.0, -453.0, axis_deg=90.0)
    assert outcomes([shown], [mover], of=sar) == [("d", "matched", "t")]
    assert outcomes([shown], [mover]) == [("d", "dark", None)]


@pytest.mark.parametrize(("days", "provisional"), [(9.9, True), (10.1, False)])
def test_an_outcome_is_provisional_while_late_ais_may_come(days, provisional):
    matches, _ = matched([hull()], [], data_end=NOON + timedelta(days=days))
    assert matches[0].provisional is provisional


def test_there_is_one_match_a_detection_in_their_order_and_ids_tell_outcomes_apart():
    hulls = [hull(500.0 * k, name=f"d{k}") for k in range(5)]
    matches, _ = matched(hulls, [ship(500.0 * k, name=f"t{k}") for k in (3, 1)])
    assert [m.detection_id for m in matches] == ["d0", "d1", "d2", "d3", "d4"]
    assert [m.track_id for m in matches] == [None, "t1", None, "t3", None]
    dark, _ = matched(hulls[:2], [])
    assert dark[0].match_id == matches[0].match_id
    assert dark[1].match_id != matches[1].match_id


def test_the_order_of_ships_and_hulls_changes_no_outcome():
    hulls = [hull(70.0 * k, name=f"d{k}", length_m=90.0 + 30 * k) for k in range(4)]
    ships = [ship(70.0 * k + 15, name=f"t{k}", length_m=90.0 + 30 * k) for k in (0, 1, 3)]
    assert sorted(outcomes(hulls, ships)) == sorted(outcomes(hulls[::-1], ships[::-1]))


def test_an_empty_scene_and_empty_air():
    assert matched([], []) == ([], [])
    assert outcomes([hull()], []) == [("d", "dark", None)]


# --------------------------------------------------------------------------- ships in view


def test_a_ship_that_is_matched_is_seen():
    assert views([hull()], [ship()], cloud=overcast) == {"t": ("seen", "d")}


def test_a_ship_in_a_clear_image_that_shows_no_hull_is_not_seen():
    assert views([], [ship()]) == {"t": ("not seen", None)}
    assert views([], [ship()], cloud=clear) == {"t": ("not seen", None)}


def test_a_ship_under_cloud_is_not_missed():
    west, _ = place(-1000.0)
    ships = [ship(-2000.0, name="west"), ship(2000.0, name="east")]
    seen = views([], ships, cloud=lambda lon, _lat: lon < west)
    assert seen == {"west": ("cloud", None), "east": ("not seen", None)}


def test_a_ship_beyond_the_area_of_interest_is_outside():
    assert views([], [ship(4500.0)]) == {"t": ("outside", None)}


def test_ships_in_view_carry_what_a_miss_is_worth():
    _, (small, large) = matched(
        [], [ship(name="b", length_m=200.0), ship(500.0, name="a", length_m=40.0)]
    )
    assert (small.track_id, small.p_detect) == ("a", 0.35)
    assert (large.track_id, large.p_detect, large.sigma_m) == ("b", 0.95, 40.0)
