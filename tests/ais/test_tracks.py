"""Tracks: one ship each, whatever the order of the rows and however many share an MMSI."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ais.hours import ship_hours
from pipeline.heard import Fix, Static
from pipeline.units import KNOT_MPS
from tests.ais.conftest import NOON, SETTINGS, fix
from tests.ais.conftest import built as build

TANKER, OTHER = 273312000, 445000001
DEG_LAT_M = 111_132.0


def voyage(mmsi=TANKER, *, lon=133.0, lat=42.7, speed_kn=10.0, n=60, every_min=6.0, first_min=0.0):
    """Northward at a steady speed."""
    step_deg = speed_kn * KNOT_MPS * every_min * 60 / DEG_LAT_M
    return [fix(mmsi, first_min + k * every_min, lon, lat + k * step_deg) for k in range(n)]


def said(mmsi, n_reports, **values):
    empty = {
        "imo": None, "imo_wrong": None, "name": None, "callsign": None, "ship_type": None,
        "length_m": None,
        "width_m": None, "draught_m": None, "destination": None,
    }  # fmt: skip
    return Static(
        mmsi=mmsi, first_at=NOON, last_at=NOON, n_reports=n_reports, **{**empty, **values}
    )


def test_no_fixes_no_tracks():
    built = build([])
    assert (built.tracks, built.fixes.num_rows) == ([], 0)


def test_one_ship_is_one_track_from_her_first_fix_to_her_last():
    built = build(voyage(n=60))
    (track,) = built.tracks
    assert (track.mmsi, track.n_fixes) == (TANKER, 60)
    assert (track.start_at, track.end_at) == (NOON, NOON + timedelta(minutes=59 * 6))
    assert set(built.fixes["track_id"].to_pylist()) == {track.track_id}


def test_every_fix_is_accounted_for():
    marked = [fix(TANKER, 1.0, 181.0, 91.0, mark="position not available")]
    twice = [fix(TANKER, 6.0, 133.0, voyage()[1].lat, source="b.csv")]
    lost = [fix(TANKER, 100.5, 0.0, 0.0)]
    built = build([*voyage(n=60), *marked, *twice, *lost])
    assert built.counts == {"repeated": 1, "splinters": 1, "zombies": 0, "clean": 60}
    assert sorted(built.set_aside["mark"].to_pylist()) == [
        "already said, by another feed or a second before", "impossible jump",
    ]  # fmt: skip


def test_the_same_report_from_two_feeds_is_one_report():
    north = voyage(n=30)
    # The other feed rounds the position and its clock is a second late.
    south = [
        Fix(**{**{f: getattr(a, f) for f in Fix.__slots__}, "lon": round(a.lon + 3e-4, 4),
               "sent_at": a.sent_at + timedelta(seconds=1), "source": "b.csv"})
        for a in north
    ]  # fmt: skip
    built = build([*north, *south])
    assert built.counts["repeated"] == 30
    assert built.fixes.num_rows == 30
    assert len(built.tracks) == 1


def test_reports_a_second_apart_are_not_all_taken_for_one():
    every_second = voyage(every_min=1 / 60, n=600)
    built = build(every_second)
    (track,) = built.tracks
    assert track.n_fixes == 300
    assert track.end_at - track.start_at > timedelta(seconds=590)
    gaps_s = np.diff([at.timestamp() for at in built.fixes["sent_at"].to_pylist()])
    assert gaps_s.max() <= 2.0


def test_two_ships_of_the_same_second_far_apart_are_no_duplicates():
    built = build([*voyage(TANKER), *voyage(TANKER, lon=140.0)])
    assert built.counts["repeated"] == 0


@pytest.mark.parametrize("phase_min", [0.0, 1.0, 3.0])
def test_two_ships_on_one_mmsi_are_two_tracks(phase_min):
    here = voyage(n=60)
    there = voyage(n=60, lon=-150.0, lat=-20.0, speed_kn=8.0, first_min=phase_min)
    built = build([*here, *there])
    assert len(built.tracks) == 2
    hemispheres = {
        track.track_id: {
            row["lat"] > 0 for row in built.fixes.to_pylist() if row["track_id"] == track.track_id
        }
        for track in built.tracks
    }
    assert sorted(map(sorted, hemispheres.values())) == [[False], [True]]
    assert [track.n_fixes for track in built.tracks] == [60, 60]


def test_a_single_impossible_fix_is_a_splinter_and_the_voyage_goes_on():
    built = build([*voyage(n=60), fix(TANKER, 100.5, 50.0, 10.0)])
    (track,) = built.tracks
    assert track.n_fixes == 60
    assert built.counts["splinters"] == 1


def test_many_false_fixes_do_not_break_a_voyage():
    false = [fix(TANKER, 10.5 + 24 * k, -170.0 + 25 * k, -60.0 + 8 * k) for k in range(13)]
    built = build([*voyage(n=60), *false])
    assert [track.n_fixes for track in built.tracks] == [60]
    assert built.counts["splinters"] == 13


def test_a_false_fix_ahead_does_not_take_the_voyage_over_when_the_ship_gets_there():
    steps = voyage(n=60)
    # Half an hour in, a position 25 miles ahead, a mile off the course.
    ahead = fix(TANKER, 31.0, 133.02, steps[31].lat)
    built = build([*steps, ahead])
    assert [track.n_fixes for track in built.tracks] == [60]


def test_a_jump_is_judged_by_speed_across_the_antimeridian_too():
    step_deg = 12 * KNOT_MPS * 360 / (DEG_LAT_M * np.cos(np.deg2rad(60)))
    lons = [(179.5 + k * step_deg + 180) % 360 - 180 for k in range(40)]
    built = build([fix(TANKER, 6.0 * k, lon, 60.0) for k, lon in enumerate(lons)])
    assert min(lons) < -179 < 179 < max(lons)
    assert [track.n_fixes for track in built.tracks] == [40]


@pytest.mark.parametrize(("speed_kn", "n_tracks"), [(38.0, 1), (42.0, 2)])
def test_what_speed_is_impossible(speed_kn, n_tracks):
    # One leap of an hour at the speed asked about, between two stays.
    there = 30.0 + speed_kn * 1852 / DEG_LAT_M
    stay = [fix(TANKER, k, 133.0, 30.0) for k in range(0, 50, 10)]
    later = [fix(TANKER, 100 + k, 133.0, there) for k in range(0, 50, 10)]
    assert len(build([*stay, *later]).tracks) == n_tracks


def test_a_short_silence_or_a_long_one_is_still_the_same_ship():
    built = build([*voyage(n=20), *voyage(n=20, lat=42.9, first_min=60 * 24 * 9)])
    assert len(built.tracks) == 1


def test_two_mmsis_are_never_one_track():
    built = build([*voyage(TANKER), *voyage(OTHER)])
    assert [track.mmsi for track in built.tracks] == [TANKER, OTHER]


def test_a_track_carries_what_its_mmsi_mostly_said():
    built = build(
        voyage(),
        said(TANKER, 900, name="LADA", ship_type=80, length_m=98.0),
        said(TANKER, 80, name="LUCKY", ship_type=70, length_m=98.0, imo=9307839),
        said(OTHER, 5000, name="ELSE", width_m=30.0),
    )
    (track,) = built.tracks
    assert (track.name, track.ship_type, track.length_m) == ("LADA", 80, 98.0)
    assert (track.imo, track.width_m) == (9307839, None)


def test_of_two_reports_of_one_second_the_same_one_is_kept_in_any_order():
    north = [*voyage(n=5), fix(TANKER, 6.0, 133.0, voyage()[1].lat + 4e-4, sog_mps=3.0)]
    assert build(north).counts["repeated"] == 1
    assert build(north).fixes.equals(build(north[::-1]).fixes)


REPORT = st.builds(
    fix,
    st.sampled_from([TANKER, OTHER]),
    st.integers(0, 40),
    st.sampled_from([133.0, 133.0005, 150.0, -179.99]),
    st.sampled_from([42.7, 42.7004, -20.0]),
    sog_mps=st.sampled_from([None, 1.0, 5.0]),
    cog_deg=st.sampled_from([None, 90.0]),
    nav_status=st.sampled_from([None, 0, 5]),
    mark=st.sampled_from([None, None, None, "duplicate"]),
)


@settings(deadline=None, max_examples=80)
@given(fixes=st.lists(REPORT, max_size=40), seed=st.integers(0, 1000))
def test_the_order_of_the_rows_leaves_no_trace_and_no_fix_is_lost(fixes, seed):
    shuffled = list(fixes)
    random.Random(seed).shuffle(shuffled)
    one, other = build(fixes), build(shuffled)
    assert one.fixes.equals(other.fixes)
    assert one.tracks == other.tracks
    assert one.counts == other.counts
    assert sum(one.counts.values()) == sum(fix.mark is None for fix in fixes)
    assert one.set_aside.num_rows + one.fixes.num_rows == sum(one.counts.values())
    assert sum(track.n_fixes for track in one.tracks) == one.fixes.num_rows


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 60), min_size=20, max_size=90), st.integers(0, 1000))
def test_tracks_stand_in_the_order_of_their_fixes(hours, seed):
    places = random.Random(seed)
    fixes = [
        fix(TANKER + places.randrange(40), 60.0 * hour, places.choice([0.5, 90.5, 170.5]), 10.0)
        for hour in hours
    ]
    built = build(fixes, settings=SETTINGS.model_copy(update={"fragment_min_fixes": 1}))
    own = [track.track_id for track in built.tracks]
    for rows in (built.fixes, built.on_air):
        assert list(dict.fromkeys(rows["track_id"].to_pylist())) == own
    assert ship_hours(built.on_air, SETTINGS).track_ids == tuple(own)


def test_what_was_said_while_a_track_lasted_outweighs_what_was_said_before():
    later = NOON + timedelta(days=30)
    before = said(TANKER, 5000, name="LADA", imo=9307839)
    after = replace(said(TANKER, 300, name="LUCKY STAR"), first_at=later, last_at=later)
    first = [replace(one, sent_at=one.sent_at + timedelta(days=30)) for one in voyage(n=20)]
    (track,) = build(first, before, after).tracks
    assert (track.name, track.imo) == ("LUCKY STAR", None)


def test_a_ship_that_moves_and_stays_in_one_place_is_on_the_air_but_nowhere():
    frozen = [fix(TANKER, 360 + 6.0 * k, 133.0, voyage()[59].lat, sog_mps=5.0) for k in range(9)]
    found = build([*voyage(n=60), *frozen])
    assert found.counts["zombies"] == 8
    assert found.fixes.num_rows == 61
    assert found.on_air.num_rows == 69
    assert set(found.set_aside["mark"].to_pylist()) == {"moves, and stays in one place"}
    moored = [fix(TANKER, 6.0 * k, 133.0, 42.0, sog_mps=0.0) for k in range(9)]
    assert build(moored).counts["zombies"] == 0


def test_a_track_has_the_class_of_most_of_its_fixes():
    mixed = [replace(one, ais_class="B" if k % 3 else "A") for k, one in enumerate(voyage(n=9))]
    assert [track.ais_class for track in build([*mixed, *voyage(OTHER)]).tracks] == ["B", None]


@pytest.mark.real_data
def test_a_real_shared_mmsi_is_taken_apart_much_as_the_reference_does(reference_data):
    """416000000 is sent around Taiwan, in the Indian Ocean and off Cameroon: 29 segments.

    The reference cuts at every 8 hours of silence, which is a gap here and not another ship, so
    there are fewer tracks. What is asked: fixes that follow one another in a segment stay together.
    """
    path = reference_data / "ais/shared_mmsi_gold/segmented-416000000.json"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    segment: dict[tuple[datetime, float, float], str] = {}
    fixes = []
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"])
        segment[at, row["lon"], row["lat"]] = row["segment"]
        fixes.append(fix(row["ssvid"], 0.0, row["lon"], row["lat"], start=at))
    built = build(fixes)
    own = {(r["sent_at"], r["lon"], r["lat"]): r["track_id"] for r in built.fixes.to_pylist()}
    links = [
        own[one] == own[other]
        for name in set(segment.values())
        for one, other in pairwise(sorted(key for key in own if segment[key] == name))
    ]
    assert len(fixes) == 1668
    assert len(links) > 1400
    assert sum(links) >= 0.97 * len(links)
    assert 3 <= len(built.tracks) <= 29
    away = {track for (_, lon, _), track in own.items() if lon < 70}
    assert away
    assert away.isdisjoint(track for (_, lon, _), track in own.items() if lon > 110)
