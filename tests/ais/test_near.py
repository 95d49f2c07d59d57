"""Fixes near places and around instants, against brute force."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ais.near import FixesInTime, Place, fixes_near
from pipeline.geo import sphere_m
from pipeline.heard import TrackFix
from pipeline.tables import to_table, write_table
from tests.ais.conftest import NOON, SETTINGS

PLACES = [
    Place(name="suva", lon=178.4, lat=-18.1), Place(name="seam", lon=-179.99, lat=-17.0),
    Place(name="north", lon=25.0, lat=79.3), Place(name="empty", lon=-30.0, lat=0.0),
]  # fmt: skip


def fix(track, minutes, lon, lat):
    return TrackFix(
        track_id=track, mmsi=520000001, sent_at=NOON + timedelta(minutes=minutes), lon=lon,
        lat=lat, sog_mps=1.5, cog_deg=None, heading_deg=None, nav_status=None,
    )  # fmt: skip


@pytest.fixture
def season(tmp_path):
    """Fixes all round three places and on both sides of 180, in two files out of order."""
    rng = np.random.default_rng(3)
    fixes = []
    for place in PLACES[:3]:
        for number in range(400):
            lon = place.lon + rng.normal(0, 2.0) / max(np.cos(np.radians(place.lat)), 0.2)
            lat = float(np.clip(place.lat + rng.normal(0, 1.0), -90, 90))
            lon = float((lon + 180.0) % 360.0 - 180.0)
            fixes.append(fix(f"t{number % 9}", float(rng.uniform(-900, 900)), lon, lat))
    fixes.append(fix("edge", 0.0, 180.0, -17.0))
    for number, own in enumerate((fixes[::2], fixes[1::2])):
        write_table(TrackFix, to_table(TrackFix, own), tmp_path / f"fixes-{number}.parquet")
    return fixes, sorted(tmp_path.glob("fixes-*.parquet")), tmp_path


@pytest.mark.parametrize("reach_m", [20_000.0, 150_000.0, 900_000.0])
def test_each_place_gets_the_fixes_within_its_reach_in_order(season, reach_m):
    fixes, files, scratch = season
    found = dict(fixes_near(files, PLACES, reach_m=reach_m, scratch=scratch, settings=SETTINGS))
    for place in PLACES:
        wanted = [
            one
            for one in fixes
            if float(sphere_m(place.lon, place.lat, one.lon, one.lat)) <= reach_m
        ]
        if not wanted:
            assert place.name not in found
            continue
        wanted.sort(key=lambda one: (one.track_id, one.sent_at))
        assert found[place.name].equals(to_table(TrackFix, wanted))
    assert "empty" not in found
    if reach_m < 100_000:
        assert "edge" in found["seam"].column("track_id").to_pylist()


def test_nothing_of_nothing(tmp_path):
    assert list(fixes_near([], PLACES, reach_m=1.0, scratch=tmp_path, settings=SETTINGS)) == []


@given(
    minutes=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-100, 100)), max_size=25, unique=True
    ),
    at=st.integers(-110, 110),
    window=st.integers(0, 120),
)
@settings(deadline=None, max_examples=150)
def test_around_an_instant_stand_the_last_before_and_the_first_from_then_on(minutes, at, window):
    fixes = sorted((fix(track, m, 0.0, 0.0) for track, m in minutes),
                   key=lambda one: (one.track_id, one.sent_at))  # fmt: skip
    instant, within = NOON + timedelta(minutes=at), timedelta(minutes=window)
    wanted = []
    for track in "abc":
        own = [one for one in fixes if one.track_id == track]
        before = [one for one in own if one.sent_at < instant and instant - one.sent_at <= within]
        after = [one for one in own if one.sent_at >= instant and one.sent_at - instant <= within]
        wanted += before[-1:] + after[:1]
    found = FixesInTime.of(to_table(TrackFix, fixes)).around(instant, within)
    assert isinstance(found, pa.Table)
    assert found.equals(to_table(TrackFix, wanted))
