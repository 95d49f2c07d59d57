"""Gaps: every silence, and which of them say anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.ais.gaps import find_gaps
from pipeline.ais.reception import reception
from pipeline.ais.tracks import build_tracks
from pipeline.geo import destination
from pipeline.records import Reception
from tests.ais.conftest import SETTINGS, fix, site, statics, table

START = datetime(2024, 3, 7, tzinfo=UTC)
HERE = (133.0, 42.7)
TANKER = 273312000


def gaps(minutes, *, at=HERE, end_h=48.0, start=START, hours=(), others=(), sites=None):
    """Gaps of a tanker that reports at these minutes."""
    own = [fix(TANKER, m, *at, start=start) for m in minutes]
    built = build_tracks(table([*own, *others]), statics(), settings=SETTINGS)
    found = find_gaps(
        built.fixes,
        built.tracks,
        sites=sites or (site(*HERE),),
        reception=hours,
        data_end=start + timedelta(hours=end_h),
        settings=SETTINGS,
    )
    return [gap for gap in found if gap.mmsi == TANKER]


def hourly(p_heard=0.95, n_ships=30, n_hours=48, start=START, site_id="s", skip=()):
    return [
        Reception(
            site_id=site_id,
            hour_at=start + timedelta(hours=k),
            n_ships=n_ships,
            n_fixes=n_ships,
            p_heard=p_heard,
            p_heard_low=p_heard / 2,
        )
        for k in range(n_hours)
        if k not in skip
    ]


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
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, hours=hourly())
    assert gap.verdict == "likely off"
    assert gap.n_other_ships == 30
    # 100 km at 14 kn are 3.86 h: whole hours 1, 2, 3 after 00:20 and 17, 18, 19 before 20:20.
    assert gap.p_silent_if_on == pytest.approx(0.05**6)
    # Heard 5 times in 20.5 h.
    assert gap.n_expected == pytest.approx(6 * 0.95 * 5 / 20.5)


def test_an_hour_near_both_fixes_counts_once():
    # Silent from 00:20 to 06:40: the whole hours 1 to 5, which both fixes reach in part.
    (gap,) = gaps([0, 10, 20, 400, 410], end_h=8, hours=hourly(p_heard=0.5))
    assert gap.p_silent_if_on == pytest.approx(0.5**5)


@pytest.mark.parametrize(("p_heard", "verdict"), [(0.10, "cannot tell"), (0.95, "likely off")])
def test_a_silence_among_ships_that_are_heard_now_and_then_tells_nothing(p_heard, verdict):
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, hours=hourly(p_heard=p_heard))
    assert gap.verdict == verdict


def test_far_from_every_site_one_cannot_tell():
    lon, lat = destination(*HERE, 180.0, 150_000.0)
    (gap,) = gaps([0, 10, 20, 900, 910], at=(float(lon), float(lat)), end_h=16, hours=hourly())
    assert (gap.verdict, gap.p_silent_if_on, gap.n_other_ships) == ("cannot tell", 1.0, 0)


def test_a_ship_that_could_have_left_the_radius_tells_nothing():
    # 80 km out she can be beyond 100 km after 20 km at 14 kn, 46 minutes: no whole hour.
    lon, lat = destination(*HERE, 90.0, 80_000.0)
    (gap,) = gaps([0, 10, 20, 900, 910], at=(float(lon), float(lat)), end_h=16, hours=hourly())
    assert gap.verdict == "cannot tell"


def test_of_two_sites_the_better_heard_one_counts():
    lon, lat = destination(*HERE, 90.0, 20_000.0)
    sites = (site(*HERE, "deaf"), site(float(lon), float(lat), "good"))
    hours = hourly(p_heard=0.1, site_id="deaf") + hourly(p_heard=0.95, site_id="good")
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, hours=hours, sites=sites)
    assert gap.verdict == "likely off"


def test_an_open_gap_is_judged_by_the_hours_after_the_last_fix():
    (gap,) = gaps([0, 10, 20], end_h=48, hours=hourly())
    assert gap.p_silent_if_on == pytest.approx(0.05**3)
    assert gap.verdict == "likely off"


def traffic(silent_min, n=25, end=48 * 60):
    """Ships at anchor off the site that report every 10 minutes but for a time."""
    return [
        fix(200_000_000 + ship, m, HERE[0] + 0.002 * ship, HERE[1] - 0.02, start=START)
        for ship in range(n)
        for m in range(0, end, 10)
        if not silent_min[0] < m < silent_min[1]
    ]


@pytest.mark.parametrize(
    ("down_min", "verdict"),
    [((0, 0), "likely off"), ((585, 1055), "not heard"), ((595, 1045), "not heard")],
    ids=["receivers up", "down for longer", "down for as long"],
)
def test_an_outage_of_the_receivers_is_told_from_a_tracker_switched_off(down_min, verdict):
    others = traffic(down_min)
    tanker = [
        fix(TANKER, m, *HERE, start=START) for m in [*every(10, 0, 600), *every(10, 1040, 2880)]
    ]
    built = build_tracks(table([*others, *tanker]), statics(), settings=SETTINGS)
    hours = reception(
        built.fixes,
        sites=(site(*HERE),),
        start=START,
        end=START + timedelta(hours=48),
        settings=SETTINGS,
    )
    (gap,) = gaps([*every(10, 0, 600), *every(10, 1040, 2880)], hours=hours, others=others)
    assert gap.verdict == verdict


@pytest.mark.parametrize("up_at_min", [1100, 1200, 1400])
@pytest.mark.parametrize("down_at_min", [300, 500, 590])
def test_a_silence_within_an_outage_is_never_likely_off(down_at_min, up_at_min):
    others = traffic((down_at_min, up_at_min))
    own = [*every(10, 0, down_at_min), *every(10, up_at_min, 2880)]
    tanker = [fix(TANKER, m, *HERE, start=START) for m in own]
    hours = reception(
        build_tracks(table([*others, *tanker]), statics(), settings=SETTINGS).fixes,
        sites=(site(*HERE),),
        start=START,
        end=START + timedelta(hours=48),
        settings=SETTINGS,
    )
    found = gaps(own, hours=hours, others=others)
    assert found
    assert {gap.verdict for gap in found} <= {"not heard", "cannot tell"}


def test_hours_without_reception_are_no_evidence_either_way():
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, hours=hourly(skip=range(48)))
    assert gap.verdict == "cannot tell"
    (gap,) = gaps([0, 10, 20, 1220, 1230], end_h=22, hours=hourly(p_heard=0.5, n_ships=0))
    assert (gap.verdict, gap.p_silent_if_on) == ("not heard", 1.0)
