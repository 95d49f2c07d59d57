"""Who could have been there: sailing times against the geodesic, terms, and shares of certainty."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyproj import Geod

from pipeline.calls.suspects import (
    Suspect,
    candidates,
    length_term,
    posteriors,
    sailing_slack_s,
    suspects,
)

GEOD = Geod(ellps="WGS84")


def slack(gap, made, settings, first, last):
    lon, lat = made.place(0, 0)
    return sailing_slack_s(
        gap, lon=lon, lat=lat, span=(made.at(first), made.at(last)), settings=settings
    )


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
    assert slack(gap, made, settings, 4, 5) == pytest.approx(
        spare_s + 10.0 if spare_s > 0 else spare_s, abs=1e-4
    )


def test_time_to_spare_at_one_end_does_not_pay_for_the_other(made, settings):
    gap = made.gap(3.99, 20)  # 20 km in a quarter of an hour
    assert slack(gap, made, settings, 4, 5) < 0


def test_an_open_silence_is_bounded_by_the_end_of_the_data(made, settings):
    gap = made.gap(1, None, end=8)
    way_s = GEOD.inv(gap.off_lon, gap.off_lat, *made.place(0, 0))[2] / 7.0
    assert slack(gap, made, settings, 4, 5) == pytest.approx(6 * 86400 - way_s)


@pytest.mark.parametrize(
    ("off", "on", "found"),
    [(1, 9, 1), (1, None, 1), (4.5, 9, 0), (1, 3, 0), (1, 4.8, 0), (5.5, None, 0)],
    ids=["spans", "still open", "still on at first", "on before", "on between", "off after"],
)
def test_a_ship_on_the_air_at_an_image_is_no_suspect(made, settings, off, on, found):
    stay = made.stay(made.hull(4), made.hull(5))
    assert len(suspects(stay, made.air([made.gap(off, on)]), settings)) == found


def test_the_turn_of_the_year_is_no_edge(made, settings):
    stay = made.stay(made.hull(2.5), made.hull(3.5))
    assert (stay.first_at.year, stay.last_at.year) == (2023, 2024)
    (new_year,) = suspects(stay, made.air([made.gap(2, 4)]), settings)
    later = made.stay(made.hull(12.5), made.hull(13.5))
    (mid_january,) = suspects(later, made.air([made.gap(12, 14)]), settings)
    assert new_year.slack_s == pytest.approx(mid_january.slack_s)
    assert new_year.weight == pytest.approx(mid_january.weight)
    assert new_year.slack_s > 0


def test_a_ship_out_of_reach_is_listed_without_weight(made, settings):
    (one,) = suspects(made.stay(made.hull(4)), made.air([made.gap(3.99, 9)]), settings)
    assert one.weight == 0.0
    (values,) = posteriors([made.stay(made.hull(4))], [[one]], settings)
    rows = candidates("c", [one], values, settings)
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
    def weight(kind):
        air = made.air([made.gap(1, 9)], made.track(ship_type=kind))
        return suspects(made.stay(made.hull(4)), air, settings)[0].weight

    assert weight(80) == weight(89)
    assert weight(None) == pytest.approx(0.7 * weight(84))
    assert weight(70) == pytest.approx(0.1 * weight(84))


def test_an_odd_and_tight_silence_speaks_for_a_ship(made, settings):
    def weight(on=6, **other):
        air = made.air([made.gap(3, on, **other)])
        return suspects(made.stay(made.hull(4)), air, settings)[0].weight

    assert weight(p_silent_if_on=0.01) > weight(p_silent_if_on=0.8)
    assert weight(on=6) > weight(on=25)


@pytest.mark.parametrize(
    ("course", "factor", "words"),
    [(0.0, 2.0, "; bound for the port"), (180.0, 0.5, "; not bound"), (60.0, 1.0, "")],
)
def test_the_last_course_counts(made, settings, course, factor, words):
    # She falls silent 20 km south of the berth; north is towards it.
    gap, stay = made.gap(1, None), made.stay(made.hull(4))
    fixes = made.sail((24, 0, -20_000, 4.0, course))
    (told,) = suspects(stay, made.air([gap], fixes=fixes), settings)
    (untold,) = suspects(stay, made.air([gap]), settings)
    assert told.weight == pytest.approx(factor * untold.weight)
    assert told.reason.startswith(untold.reason + words)


def suspect(made, mmsi, log_weight, slack_s=3600.0):
    return Suspect(
        gap=made.gap(1, 9, mmsi), track=made.track(mmsi), slack_s=slack_s, length=log_weight,
        type=0.0, silence=0.0, reason="test",
    )  # fmt: skip


@given(logs=st.lists(st.floats(-30, 30), max_size=12), sure=st.booleans())
@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_candidates_and_the_unknown_ship_share_one_certainty(made, settings, logs, sure):
    found = [suspect(made, 520_000_100 + k, log if sure else -log) for k, log in enumerate(logs)]
    (values,) = posteriors([made.stay(made.hull(4))], [found], settings)
    rows = candidates("c", found, values, settings)
    assert sum(row.posterior for row in rows) == pytest.approx(1.0)
    assert [row.mmsi for row in rows].count(None) == 1
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert all(a.posterior >= b.posterior - 1e-12 for a, b in itertools.pairwise(rows))
    assert len(rows) == min(len(logs), settings.listed_max) + 1


def test_odds_of_one_ship_are_her_weight_against_the_unknown_one(made, settings):
    found = [suspect(made, made.heron, 0.0), suspect(made, made.gull, 0.6931471805599453)]
    (values,) = posteriors([made.stay(made.hull(4))], [found], settings)
    assert values == pytest.approx([1 / 6, 2 / 6])  # 1 and 2 against 3


def test_the_unknown_ship_wins_where_nobody_fits(made, settings):
    wrong = made.air([made.gap(1, 9)], made.track(ship_type=30, length_m=30.0))
    stay = made.stay(made.hull(4))
    found = suspects(stay, wrong, settings)
    (values,) = posteriors([stay], [found], settings)
    assert candidates("c", found, values, settings)[0].mmsi is None
    assert candidates("c", [], [], settings)[0].posterior == 1.0


def test_one_ship_does_not_lie_at_two_places_at_once(made, settings):
    here, there = made.stay(made.hull(4)), made.stay(made.hull(4, north_m=900), in_zone=made.dry)
    later = made.stay(made.hull(6))
    strong, weak = suspect(made, made.heron, 4.0), suspect(made, made.heron, 2.0)
    ((alone,),) = posteriors([there], [[weak]], settings)
    (first,), (second,) = posteriors([here, there], [[strong], [weak]], settings)
    # e^4 and e^2 against 3: by enumeration she is here, there or at neither place.
    here_w, there_w = math.exp(4.0) * 3.0, math.exp(2.0) * 3.0
    whole = here_w + there_w + 9.0
    assert (first, second) == pytest.approx((here_w / whole, there_w / whole))
    assert second < alone
    apart = posteriors([here, later], [[strong], [weak]], settings)
    assert apart[1] == pytest.approx([alone])  # one after the other is no contradiction


def test_a_ship_that_fits_two_places_alike_is_named_at_neither(made, settings):
    here, there = made.stay(made.hull(4)), made.stay(made.hull(4, north_m=900), in_zone=made.dry)
    fits = suspect(made, made.heron, 6.0)
    (first,), (second,) = posteriors([here, there], [[fits], [fits]], settings)
    assert first == pytest.approx(second)
    assert 0.45 < first < 0.5
