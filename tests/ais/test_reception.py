"""Reception: how many of the ships known to be there were heard, hour by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ais.reception import reception
from pipeline.geo import destination
from tests.ais.conftest import SETTINGS, fix, hours_of, site

START = datetime(2023, 12, 31, 22, tzinfo=UTC)
HERE = (133.0, 42.7)


def heard(hours_by_ship, *, at=HERE, sites=None, n_hours=6, start=START):
    """Reception where each ship sends one report in the middle of each of its hours."""
    fixes = [
        fix(200_000_000 + ship, 60 * hour + 30, at[0] + 0.001 * ship, at[1], start=START)
        for ship, hours in enumerate(hours_by_ship)
        for hour in hours
    ]
    loose = SETTINGS.model_copy(update={"fragment_min_fixes": 1})
    return reception(
        hours_of(fixes, loose),
        sites=sites or (site(*HERE),),
        start=start,
        end=START + timedelta(hours=n_hours),
        settings=SETTINGS,
    )


def test_one_row_an_hour_across_new_year_without_a_fix():
    rows = heard([])
    assert [row.hour_at for row in rows] == [START + timedelta(hours=k) for k in range(6)]
    assert {(row.n_ships, row.n_fixes) for row in rows} == {(0, 0)}


def test_the_chance_of_being_heard_is_the_beta_posterior():
    # Three ships before and after hour 1, two of them in it: Beta(1 + 2, 1 + 1), mean 3/5.
    # Its distribution function is 4x^3 - 3x^4, which is 0.05 at x = 0.24860.
    rows = heard([(0, 1, 2), (0, 1, 2), (0, 2)])
    assert rows[1].n_ships == 2
    assert rows[1].p_heard == pytest.approx(3 / 5)
    assert rows[1].p_heard_low == pytest.approx(0.24860, abs=1e-5)


def test_hours_of_which_nobody_tells_are_left_at_the_prior():
    # The first and the last hour have no neighbour; hours 3 to 5 no ship before and after.
    rows = heard([(0, 1, 2), (0, 2)])
    assert [row.p_heard for row in rows] == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert rows[1].p_heard_low == pytest.approx(0.13535, abs=1e-5)  # Beta(2, 2): 3x^2 - 2x^3
    assert [rows[k].p_heard_low for k in (0, 3, 5)] == pytest.approx([0.05] * 3)  # uniform


def test_many_ships_heard_make_it_sure_and_many_missed_make_it_sure_of_the_contrary():
    steady = heard([(0, 1, 2)] * 40)[1]
    missed = heard([(0, 2)] * 40)[1]
    assert steady.p_heard == pytest.approx(41 / 42)
    assert steady.p_heard_low == pytest.approx(0.05 ** (1 / 41))
    assert missed.p_heard == pytest.approx(1 / 42)
    assert missed.n_ships == 0


@pytest.mark.parametrize(("away_m", "n_ships"), [(110_000.0, 1), (112_000.0, 0)])
@pytest.mark.parametrize("place", [HERE, (179.9, -65.0)])
def test_only_ships_within_the_radius_count_also_across_the_antimeridian(away_m, n_ships, place):
    lon, lat = destination(*place, 90.0, away_m)
    rows = heard([(0, 1, 2)], at=(float(lon), float(lat)), sites=(site(*place),))
    assert rows[1].n_ships == n_ships


def test_each_site_has_its_own_hours():
    rows = heard([(0, 1, 2)], sites=(site(*HERE, "near"), site(10.0, -50.0, "far")))
    assert {row.site_id: row.n_ships for row in rows if row.hour_at.hour == 23} == {
        "near": 1,
        "far": 0,
    }


def test_fixes_outside_the_period_are_left_out_and_its_start_is_taken_down_to_the_hour():
    rows = heard([(0, 1, 2, 9)], n_hours=3, start=START + timedelta(minutes=59))
    assert [row.n_fixes for row in rows] == [1, 1, 1]
