"""Who could have been there: sailing times against the geodesic, terms, ships that others list."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from pyproj import Geod

from pipeline.calls.names import candidates, name_calls
from pipeline.calls.suspects import length_term, suspicions
from pipeline.heard import HitBy
from pipeline.records import AisInView
from pipeline.sea_routes import Ways

GEOD = Geod(ellps="WGS84")
CALL = "call"


def found(stay, air, settings, is_land=None):
    return suspicions(CALL, stay, air, Ways(is_land), settings)


def slack_s(made, gap, settings, first=4, last=5):
    """Of the silence as the candidate's row tells it."""
    stay = made.stay(made.hull(first), made.hull(last))
    seen = made.seen(stay)
    own = found(stay, made.air([gap]), settings)
    (row,) = [one for one in candidates(seen, [(0.5, own[0])], settings) if one.mmsi]
    assert row.feasible is (row.slack_s >= 0)
    return row.slack_s


@pytest.mark.parametrize("spare_s", [60.0, 0.001, -0.001, -60.0])
@pytest.mark.parametrize("end", ["in", "out"])
def test_a_silence_fits_exactly_up_to_the_greatest_speed(made, settings, end, spare_s):
    # Off at 178.9 W, on at 179.2 E: the way in crosses the 180th meridian.
    off, on, berth = (-178.9, -17.9), (179.2, -18.6), made.place(0, 0)
    way = {"in": GEOD.inv(*off, *berth)[2] / 7.0, "out": GEOD.inv(*berth, *on)[2] / 7.0}
    spare = {"in": 10.0, "out": 10.0, end: spare_s}
    gap = made.gap(
        0, 9, off_lon=off[0], off_lat=off[1], on_lon=on[0], on_lat=on[1],
        off_at=made.at(4) - timedelta(seconds=way["in"] + spare["in"]),
        on_at=made.at(5) + timedelta(seconds=way["out"] + spare["out"]),
    )  # fmt: skip
    assert slack_s(made, gap, settings) == pytest.approx(
        spare_s + 10.0 if spare_s > 0 else spare_s, abs=1e-4
    )


def test_time_to_spare_at_one_end_does_not_pay_for_the_other(made, settings):
    gap = made.gap(3.99, 20)  # 20 km in a quarter of an hour
    assert slack_s(made, gap, settings) < 0


def test_an_open_silence_is_bounded_by_the_end_of_the_data(made, settings):
    gap = made.gap(1, None, end=8)
    way_s = GEOD.inv(gap.off_lon, gap.off_lat, *made.place(0, 0))[2] / 7.0
    assert slack_s(made, gap, settings) == pytest.approx(6 * 86400 - way_s)


def test_a_way_round_land_takes_longer_than_the_great_circle(made, settings):
    # A wall of land between 18.05 S and 17.95 S, west of 180: round its eastern end.
    def wall(lon, lat):
        return (abs(lat + 18.0) < 0.05) & (lon % 360.0 > 178.0) & (lon % 360.0 < 180.0)

    gap = made.gap(3.0, 6, off_lon=179.0, off_lat=-18.5, on_lon=179.6, on_lat=-17.2)
    stay = made.stay(made.hull(4))
    (plain,), (barred,) = (found(stay, made.air([gap]), settings, land) for land in (None, wall))
    straight_m = GEOD.inv(179.0, -18.5, *made.place(0, 0))[2]
    corner = (-179.98, -18.0)
    around_m = GEOD.inv(179.0, -18.5, *corner)[2] + GEOD.inv(*corner, *made.place(0, 0))[2]
    assert plain.sail_in_s == pytest.approx(straight_m / 7.0, rel=1e-3)
    assert barred.sail_in_s == pytest.approx(around_m / 7.0, rel=0.12)
    assert barred.sail_in_s > 1.1 * plain.sail_in_s
    assert barred.sail_out_s == pytest.approx(plain.sail_out_s)  # open water to the north


@pytest.mark.parametrize(
    ("off", "on", "expected"),
    [(1, 9, 1), (1, None, 1), (4.5, 9, 0), (1, 3, 0), (1, 4.8, 0), (5.5, None, 0)],
    ids=["spans", "still open", "still on at first", "on before", "on between", "off after"],
)
def test_a_ship_on_the_air_at_an_image_is_no_suspect(made, settings, off, on, expected):
    stay = made.stay(made.hull(4), made.hull(5))
    assert len(found(stay, made.air([made.gap(off, on)]), settings)) == expected


def test_the_turn_of_the_year_is_no_edge(made, settings):
    stay = made.stay(made.hull(2.5), made.hull(3.5))
    assert (stay.first_at.year, stay.last_at.year) == (2023, 2024)
    new_year = slack_s(made, made.gap(2, 4), settings, 2.5, 3.5)
    mid_january = slack_s(made, made.gap(12, 14), settings, 12.5, 13.5)
    assert new_year == pytest.approx(mid_january)
    assert new_year > 0


def test_a_ship_out_of_reach_is_listed_without_weight(made, settings):
    stay = made.stay(made.hull(4))
    own = found(stay, made.air([made.gap(3.99, 9)]), settings)
    odds = name_calls([made.seen(stay)], own, settings)
    rows = candidates(made.seen(stay), odds[CALL], settings)
    assert [(row.mmsi, row.feasible, row.posterior) for row in rows] == [
        (None, True, 1.0),
        (made.heron, False, 0.0),
    ]
    assert "too far" in rows[1].reason


def test_lengths_that_agree_speak_for_a_ship_and_others_against(made, settings):
    agrees, near, far = (length_term((92.0, 5.0), said, settings) for said in (92.0, 102.0, 180.0))
    assert agrees > near > far
    assert agrees > 0 > far
    assert length_term((92.0, 5.0), None, settings) == 0.0
    # A useless broadcast length costs no more than its share: log 0.05.
    assert far == pytest.approx(-2.9957, abs=1e-3)


def test_types_count_tanker_then_untold_then_other(made, settings):
    def term(kind):
        air = made.air([made.gap(1, 9)], made.track(ship_type=kind))
        return found(made.stay(made.hull(4)), air, settings)[0].term_type

    assert term(80) == term(89) == 0.0
    assert term(None) == pytest.approx(math.log(0.7))
    assert term(70) == pytest.approx(math.log(0.1))


@pytest.mark.parametrize(
    ("mmsi", "how", "odds", "words"),
    [
        (520_000_001, HitBy.IMO, 5.0, "watch list by her IMO"),
        (520_000_001, HitBy.NAME, 2.0, "watch list by her name"),
        (520_000_001, None, 1.0, ""),
        (445_000_001, None, 3.0, "flag 445"),
        (445_000_001, HitBy.MMSI, 15.0, "watch list by her MMSI; flag 445"),
    ],
)
def test_watch_lists_and_flags_speak_for_a_ship(made, settings, mmsi, how, odds, words):
    listed = {} if how is None else {mmsi: how}
    air = made.air([made.gap(1, 9, mmsi)], listed=listed)
    (one,) = found(made.stay(made.hull(4)), air, settings)
    assert one.term_listed == pytest.approx(math.log(odds))
    assert words in one.reason


def test_an_odd_silence_speaks_for_a_ship(made, settings):
    def term(p):
        air = made.air([made.gap(3, 6, p_silent_if_on=p)])
        return found(made.stay(made.hull(4)), air, settings)[0].term_silent

    assert term(0.8) == pytest.approx(-math.log(0.8))
    assert term(0.01) == term(0.1) == pytest.approx(-math.log(0.1))  # ships are silent of their own


@pytest.mark.parametrize(
    ("course", "factor", "words"),
    [(0.0, 2.0, "; bound for the port"), (180.0, 0.5, "; not bound"), (60.0, 1.0, "")],
)
def test_the_last_course_counts(made, settings, course, factor, words):
    # She falls silent 20 km south of the berth; north is towards it.
    gap, stay = made.gap(1, None), made.stay(made.hull(4))
    fixes = made.sail((24, 0, -20_000, 4.0, course))
    (told,) = found(stay, made.air([gap], fixes=fixes), settings)
    (untold,) = found(stay, made.air([gap]), settings)
    assert told.term_bound == pytest.approx(math.log(factor))
    assert untold.term_bound == 0.0
    assert told.reason.startswith(untold.reason + words)


def in_view(made, days, mmsi, status="not seen", p_detect=0.9):
    lon, lat = made.place(5000.0, -8000.0)
    return AisInView(
        scene_id=f"pass@{days}", site_id="labasa", sensed_at=made.at(days), track_id=f"t{mmsi}",
        mmsi=mmsi, lon=lon, lat=lat, sigma_m=50.0, status=status, p_detect=p_detect,
        detection_id=None,
    )  # fmt: skip


def test_a_ship_that_reports_from_where_images_show_nobody_may_be_the_hull(made, settings):
    # A spoofed position at sea while she lies at the berth.
    stay = made.stay(made.hull(4), made.hull(5), made.hull(6))
    views = [in_view(made, day, made.heron) for day in (4, 5, 6)]
    views += [in_view(made, 4, made.gull, "seen"), in_view(made, 9, made.gull)]
    tracks = (made.track(made.heron), made.track(made.gull))
    (one,) = found(stay, made.air([], *tracks, in_view=views), settings)
    assert (one.mmsi, one.gap_id, one.n_not_shown) == (made.heron, None, 3)
    assert one.term_silent == pytest.approx(math.log(0.02 / 0.1**3))
    assert "reports from 5.1 nm away" in one.reason
    (once,) = found(made.stay(made.hull(4)), made.air([], *tracks, in_view=views), settings)
    # One image that might have missed her says little: odds 0.02 / 0.1.
    assert once.term_silent == pytest.approx(math.log(0.2))
