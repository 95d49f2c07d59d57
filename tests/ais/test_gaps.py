"""Gaps: every silence, and which of them say anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ais.air import cell_of, known_hours, listen, parent
from pipeline.ais.outages import disturbed, find_outages, outage_records
from tests.ais.conftest import SETTINGS, fix, gaps_of, hours_of

START = datetime(2024, 3, 7, tzinfo=UTC)
HERE = (133.0, 42.7)
TANKER = 273312000


def gaps(minutes, *, at=HERE, end_h=48.0, start=START, others=(), **changes):
    """Gaps of a tanker that reports at these minutes."""
    own = [fix(TANKER, m, *at, start=start) for m in minutes]
    chosen = SETTINGS.model_copy(update=changes)
    end = start + timedelta(hours=end_h)
    found = gaps_of([*own, *others], data_end=end, settings=chosen)
    return [gap for gap in found if gap.mmsi == TANKER]


def traffic(silent_min=(0, 0), *, n=25, heard_every=1, end=48 * 60, at=HERE, **more):
    """Ships at anchor that report every 10 minutes but for a time.

    Of `heard_every` hours each is heard in one, not all in the same.
    """
    return [
        fix(200_000_000 + ship, m, at[0] + 0.002 * ship, at[1] - 0.02, start=START, **more)
        for ship in range(n)
        for m in range(0, end, 10)
        if not silent_min[0] < m < silent_min[1] and (m // 60 + ship) % heard_every == 0
    ]


NO_HABIT = {"habit_hours": 1e9}
"""The ship is judged by the others alone, so that numbers can be worked by hand."""


def every(step, start, end):
    return list(range(start, end, step))


def test_no_fixes_no_gaps():
    assert gaps([]) == []


@pytest.mark.parametrize(("silence_min", "n"), [(359, 0), (360, 0), (361, 1)])
def test_a_gap_is_a_silence_longer_than_the_threshold(silence_min, n):
    minutes = [0, 10, 20, 20 + silence_min, 30 + silence_min]
    assert len(gaps(minutes, end_h=12)) == n


@pytest.mark.parametrize("start", [
    datetime(2024, 3, 7, 20, tzinfo=UTC),
    datetime(2023, 12, 31, 20, tzinfo=UTC),
    datetime(2024, 2, 28, 20, tzinfo=UTC),
])  # fmt: skip
def test_a_closed_gap_runs_from_the_last_fix_to_the_next_whatever_the_calendar(start):
    (gap,) = gaps([0, 10, 20, 1460, 1470], start=start, end_h=26)
    assert gap.off_at == start + timedelta(minutes=20)
    assert gap.on_at == start + timedelta(days=1, minutes=20)
    assert (gap.off_lon, gap.off_lat, gap.on_lon, gap.on_lat) == (*HERE, *HERE)
    assert gap.data_end_at == start + timedelta(hours=26)


def test_a_silence_up_to_the_end_of_the_data_is_an_open_gap():
    (gap,) = gaps([0, 10, 20], end_h=30)
    assert (gap.on_at, gap.on_lon, gap.on_lat) == (None, None, None)
    assert gaps([0, 10, 20], end_h=6.3) == []


def test_gaps_come_in_the_order_they_begin_and_keep_their_id_when_they_close():
    first, second = gaps([0, 10, 20, 1000, 1010], end_h=40)
    assert first.off_at < second.off_at
    (still_open,) = gaps([0, 10, 20], end_h=15)
    assert still_open.gap_id == first.gap_id != second.gap_id


def test_a_gap_across_the_antimeridian_is_one_gap():
    others = [fix(TANKER, m, lon, 52.0, start=START) for m, lon in
              [(0, 179.8), (10, 179.81), (20, 179.82), (500, -179.6), (510, -179.5)]]  # fmt: skip
    (gap,) = gaps([], others=others, end_h=9)
    assert (gap.off_lon, gap.on_lon) == (179.82, -179.6)


def test_a_silence_where_others_were_heard_is_likely_off():
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, others=traffic(), **NO_HABIT)
    assert gap.verdict == "likely off"
    assert (gap.n_other_ships, gap.n_hours) == (25, 6)
    # 100 km at 14 kn are 3.86 h: whole hours 1, 2, 3 after 00:20 and 17, 18, 19 before 20:20, in
    # each of which 25 ships of 25 were heard: Beta(26, 1).
    assert gap.p_silent_if_on == pytest.approx((1 / 27) ** 6)
    assert gap.p_silent_low < gap.p_silent_if_on < gap.p_silent_high < 1e-5
    # Heard 5 times, in two hours.
    assert gap.n_expected == pytest.approx(6 * 26 / 27 * 2.5)
    assert "25 ships" in gap.reason


def test_an_hour_near_both_fixes_counts_once():
    # Silent from 00:20 to 06:40: the whole hours 1 to 5, which both fixes reach in part.
    (gap,) = gaps([0, 10, 20, 400, 410], end_h=8, others=traffic(), **NO_HABIT)
    assert gap.n_hours == 5
    assert gap.p_silent_if_on == pytest.approx((1 / 27) ** 5)


def test_a_ship_that_reports_seldom_by_habit_is_judged_by_her_habit():
    seldom = [*every(180, 0, 1440), *every(180, 1980, 4320)]
    often = [*every(10, 0, 1441), *every(10, 1980, 4320)]
    others = traffic(end=4320)
    (shy,) = gaps(seldom, end_h=72, others=others, gap_min_s=8 * 3600.0)
    (loud,) = gaps(often, end_h=72, others=others, gap_min_s=8 * 3600.0)
    assert loud.p_silent_if_on < 1e-4 < 0.02 < shy.p_silent_if_on
    assert (loud.verdict, shy.verdict) == ("likely off", "cannot tell")


def test_a_silence_among_ships_that_are_heard_now_and_then_tells_nothing():
    # Each of 25 ships is heard in every third hour: 8 or 9 in an hour, all known to be there.
    minutes = [1440, 1450, 1460, 2660, 2670]
    (gap,) = gaps(minutes, end_h=46, others=traffic(heard_every=3), **NO_HABIT)
    assert gap.n_other_ships == 25
    # Beta(1 + 8, 1 + 17) four times of six, Beta(1 + 9, 1 + 16) twice.
    assert gap.p_silent_if_on == pytest.approx((18 / 27) ** 4 * (17 / 27) ** 2)
    assert gap.verdict == "cannot tell"


@pytest.mark.parametrize("at", [(-150.0, 20.0), (133.0, -42.7)])
def test_where_nobody_is_known_to_be_one_cannot_tell(at):
    (gap,) = gaps([0, 10, 20, 900, 910], at=at, end_h=16, others=traffic())
    assert (gap.verdict, gap.p_silent_if_on, gap.n_other_ships) == ("cannot tell", 1.0, 0)
    assert "no ship is known" in gap.reason


def test_others_are_asked_across_the_antimeridian_and_near_the_pole():
    at = (179.995, 75.0)
    (gap,) = gaps([0, 10, 20, 900, 910], at=at, end_h=16, others=traffic(at=at), **NO_HABIT)
    assert gap.verdict == "likely off"


def test_class_b_is_judged_by_class_b():
    weak = traffic(heard_every=3, ais_class="B")
    strong = [replace(one, mmsi=one.mmsi + 1000, ais_class="A") for one in traffic()]
    minutes = [1440, 1450, 1460, 2660, 2670]
    of_class = [
        [fix(TANKER, m, *HERE, start=START, ais_class=kind) for m in minutes] for kind in "AB"
    ]
    end = START + timedelta(hours=46)
    changed = SETTINGS.model_copy(update=NO_HABIT)
    p_a, p_b = (
        next(
            gap.p_silent_if_on
            for gap in gaps_of([*own, *weak, *strong], data_end=end, settings=changed)
            if gap.mmsi == TANKER
        )
        for own in of_class
    )
    assert p_a == pytest.approx((1 / 27) ** 6)
    assert p_b > 0.02


def test_an_open_gap_is_judged_by_the_hours_after_the_last_fix():
    (gap,) = gaps([0, 10, 20], end_h=48, others=traffic(), **NO_HABIT)
    assert gap.p_silent_if_on == pytest.approx((1 / 27) ** 3)
    assert gap.verdict == "likely off"


@pytest.mark.parametrize(
    ("down_min", "verdicts"),
    [
        ((0, 0), {"likely off"}),
        ((585, 1055), {"not heard"}),
        ((595, 1045), {"not heard"}),
        ((300, 1400), {"not heard", "cannot tell"}),
    ],
    ids=["receivers up", "down for longer", "down for as long", "down for most of a day"],
)
def test_an_outage_of_the_receivers_is_told_from_a_tracker_switched_off(down_min, verdicts):
    off, on = (600, 1040) if down_min != (300, 1400) else (300, 1400)
    minutes = [*every(10, 0, off), *every(10, on, 2880)]
    (gap,) = gaps(minutes, others=traffic(down_min))
    assert gap.verdict in verdicts


def test_an_outage_of_one_coast_is_named_and_does_not_excuse_another():
    there = (HERE[0] + 20.0, HERE[1] + 5.0)
    others = [
        *traffic((590, 1100)),
        *(replace(one, mmsi=one.mmsi + 500) for one in traffic(at=there)),
    ]
    minutes = [*every(10, 0, 600), *every(10, 1090, 2880)]
    (excused,) = gaps(minutes, others=others)
    (accused,) = gaps(minutes, at=there, others=others)
    assert (excused.verdict, accused.verdict) == ("not heard", "likely off")
    (outage,) = outage_records(find_outages(hours_of(others), SETTINGS), SETTINGS)
    assert outage.kind == "receivers out"
    assert (outage.start_at, outage.end_at) == (
        START + timedelta(hours=10), START + timedelta(hours=18),
    )  # fmt: skip
    assert (outage.n_usual, outage.n_found) == (25.0, 0)


def test_an_outage_of_the_whole_feed_is_one_of_the_whole_feed():
    everywhere = [
        one
        for k in range(6)
        for one in (
            replace(ship, mmsi=ship.mmsi + 100 * k, lon=-100.0 + 40 * k)
            for ship in traffic((590, 1100), n=4)
        )
    ]
    records = outage_records(find_outages(hours_of(everywhere), SETTINGS), SETTINGS)
    assert [(one.cell, one.n_usual) for one in records] == [(None, 24.0)]


@pytest.mark.parametrize("jumps", [2, 5])
def test_a_ship_heard_from_elsewhere_in_her_silence_is_not_accused(jumps):
    # Disturbed satellite navigation puts her in the mountains while she sails on.
    minutes = [*every(10, 0, 600), *every(10, 1040, 2880)]
    false = [fix(TANKER, 650 + 60 * k, 100.0, 20.0, start=START) for k in range(jumps)]
    gap, *_ = gaps(minutes, others=[*traffic(), *false])
    assert gap.off_at == START + timedelta(minutes=590)
    assert (gap.verdict, gap.n_elsewhere) == ("cannot tell", jumps)
    assert f"{jumps} reports from elsewhere" in gap.reason


@pytest.mark.parametrize("open_", [False, True])
def test_a_ship_that_sends_without_a_position_is_on_the_air(open_):
    minutes = [*every(10, 0, 600), *([] if open_ else every(10, 1040, 2880))]
    lost = {"start": START, "mark": "position not available"}
    own = [fix(TANKER, m, 181.0, 91.0, **lost) for m in (700, 800)]
    before = [fix(TANKER, m, 181.0, 91.0, **lost) for m in (100, 200)]
    end_h = 17.0 if open_ else 48.0
    (gap,) = gaps(minutes, others=[*traffic(), *own, *before], end_h=end_h)
    assert (gap.verdict, gap.n_elsewhere) == ("cannot tell", 2)


def test_another_ship_with_the_same_number_excuses_nobody():
    minutes = [*every(10, 0, 600), *every(10, 1040, 2880)]
    clone = [fix(TANKER, m, 100.0, 20.0, start=START) for m in every(10, 0, 2880)]
    (gap,) = gaps(minutes, others=[*traffic(), *clone])
    assert (gap.verdict, gap.n_elsewhere) == ("likely off", 0)


def test_a_frozen_position_is_no_silence():
    minutes = [*every(10, 0, 600), *every(10, 1040, 2880)]
    frozen = [fix(TANKER, m, *HERE, start=START, sog_mps=5.0) for m in every(10, 600, 1040)]
    assert gaps(minutes, others=[*traffic(), *frozen]) == []


def test_positions_disturbed_are_named_with_their_water():
    place = np.full(6, 0.3)
    time_s = np.array([0.0, 100.0, 200.0, 3700.0, 3800.0, 9e5])
    found = disturbed(place, place + 60, time_s, np.array([1, 2, 3, 4, 5, 6]), SETTINGS)
    assert [(one.kind, one.n_found) for one in found] == [("positions disturbed", 3)]
    assert found[0].end_at - found[0].start_at == timedelta(hours=1)
    assert (found[0].lon, found[0].lat) == pytest.approx((0.3, 60.3), abs=2.0)


def test_the_table_of_cells_tells_who_was_heard_and_by_what():
    here = traffic(end=6 * 60, n=4, receiver="terrestrial")
    rows = [replace(one, receiver="satellite") if one.mmsi % 4 == 0 else one for one in here]
    hours = hours_of(rows)
    table = listen(hours, is_b=np.zeros(4, bool), settings=SETTINGS).table(SETTINGS)
    cells = table.to_pylist()
    assert {row["ais_class"] for row in cells} == {"A"}
    assert sum(row["n_known"] for row in cells) == sum(row["n_heard"] for row in cells) == 16
    assert sum(row["n_satellite"] for row in cells) == 4
    assert all(row["p_heard_low"] < row["p_heard"] < row["p_heard_high"] for row in cells)
    assert {h3.get_resolution(h3.str_to_int(row["cell"])) for row in cells} == {4}


# --------------------------------------------------------------------------- cells


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=20),
    st.sampled_from([2, 3, 4, 5]),
)
def test_cells_and_their_parents_are_those_of_the_library(places, resolution):
    lon, lat = (np.array(axis) for axis in zip(*places, strict=True))
    grid = 0.002
    cells = cell_of(lon, lat, 5)
    near = [h3.latlng_to_cell(round(y / grid) * grid, round(x / grid) * grid, 5) for x, y in places]
    assert cells.tolist() == near
    above = [h3.cell_to_parent(cell, resolution) for cell in near]
    assert parent(cells, resolution).tolist() == above


@pytest.mark.parametrize("w", [1, 2, 3])
@pytest.mark.parametrize(("still_h", "moves"), [(1, False), (6, False), (6, True)])
@settings(deadline=None)
@given(heard=st.lists(st.booleans(), min_size=1, max_size=24))
def test_the_hours_in_which_a_ship_is_known_present_are_those_one_would_count(
    w, still_h, moves, heard
):
    fixes = [
        fix(TANKER, 60 * k + 1, HERE[0] + 0.03 * k * moves, HERE[1], start=START)
        for k, on in enumerate(heard)
        if on
    ]
    loose = SETTINGS.model_copy(
        update={"fragment_min_fixes": 1, "present_bins": w, "still_bins": still_h}
    )
    found = known_hours(hours_of(fixes, loose), loose)
    first = int(START.timestamp()) // 3600
    counted = set()
    for k, on in enumerate(heard):
        before = [j for j in range(k) if heard[j]]
        after = [j for j in range(k + 1, len(heard)) if heard[j]]
        if before and after:
            gone, to_go = k - before[-1], after[0] - k
            near = gone <= w and to_go <= w
            if near or (not moves and gone + to_go <= still_h):
                counted.add((first + k, on))
    assert set(zip(found.hour.tolist(), found.heard.tolist(), strict=True)) == counted


def test_a_ship_s_own_silence_at_her_berth_is_no_witness_for_her():
    # Alone with one other, who is always heard: Beta(2, 1), whatever she herself has missed.
    other = [fix(200_000_000, m, *HERE, start=START) for m in every(10, 0, 2880)]
    minutes = [*every(10, 0, 600), *every(10, 1080, 2880)]
    (gap,) = gaps(minutes, others=other, **NO_HABIT)
    assert gap.n_other_ships == 1
    assert gap.p_silent_if_on == pytest.approx((1 / 3) ** gap.n_hours)


def test_an_outage_up_to_the_end_of_the_data_accuses_nobody():
    elsewhere = [
        replace(one, mmsi=one.mmsi + 500, lon=one.lon + 40.0) for one in traffic(end=17 * 60)
    ]
    found = gaps(every(10, 0, 600), others=[*traffic((590, 9999)), *elsewhere], end_h=17)
    assert {gap.verdict for gap in found} == {"not heard"}
