"""Crowds whose truth is known: that they are what they say they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipeline.evaluate.crowd import (
    PLAIN,
    REAL,
    RealPair,
    Shape,
    Traffic,
    among_traffic,
    harbour,
    of_traffic,
)
from pipeline.geo import distance_m

SHAPE = Shape(said_m=100.0, measured_m=96.0, heading_deg=30.0, axis_off_deg=4.0, ship_type=80)


def traffic(ships=25, minutes=150):
    """Ships on a lattice of 2 km, every other one under way at 3 m/s to the east."""
    time_s = np.arange(0.0, 60.0 * minutes, 60.0)
    tracks = []
    for number in range(ships):
        speed = 3.0 * (number % 2)
        east = 2000.0 * (number % 5) + speed * time_s
        north = np.full_like(time_s, 2000.0 * (number // 5))
        speeds, courses = np.full_like(time_s, speed), np.full_like(time_s, 90.0)
        tracks.append(np.stack([time_s, east, north, speeds, courses], axis=1))
    return Traffic(tracks=tuple(tracks))


def pair():
    return RealPair(
        scene=PLAIN, lon=139.8, lat=35.4, mmsi=431000001, sog_mps=2.0, cog_deg=40.0, shape=SHAPE,
        sent_at=PLAIN.sensed_at - timedelta(seconds=90), sent_lon=139.79, sent_lat=35.39,
    )  # fmt: skip


def made(seed=0, ages_s=(0.0, 600.0)):
    return of_traffic(traffic(), [SHAPE], ages_s, np.random.default_rng(seed), scene=PLAIN)


@pytest.mark.parametrize("ages_s", [(0.0, 600.0), (3600.0, 7200.0)])
def test_reports_are_as_old_as_was_asked_for(ages_s):
    crowd = made(ages_s=ages_s)
    ages = [(PLAIN.sensed_at - fix.sent_at).total_seconds() for fix in crowd.fixes]
    # The last report before stands up to a minute earlier.
    assert ages_s[0] <= min(ages)
    assert max(ages) <= ages_s[1] + 60.0


def test_a_hull_and_its_report_are_one_ship():
    crowd = made()
    at = {fix.track_id: fix for fix in crowd.fixes}
    pairs = [(d, at[t]) for d, t in zip(crowd.detections, crowd.truth, strict=True) if t]
    assert len(pairs) > 5
    for hull, fix in pairs:
        age_s = (PLAIN.sensed_at - fix.sent_at).total_seconds()
        apart = float(distance_m(hull.lon, hull.lat, fix.lon, fix.lat))
        # What she has sailed since, the antenna, and the hull's own error.
        assert apart == pytest.approx(fix.sog_mps * age_s, abs=0.3 * 96 + 60)


def test_some_are_silent_and_some_unseen():
    crowds = [made(seed) for seed in range(8)]
    ships = sum(len(crowd.tracks) for crowd in crowds)
    hulls = sum(len(crowd.truth) for crowd in crowds)
    dark = sum(ship is None for crowd in crowds for ship in crowd.truth)
    assert ships == pytest.approx(0.8 * 200, rel=0.1)
    assert hulls == pytest.approx(0.9 * 200, rel=0.1)
    assert dark == pytest.approx(0.2 * 180, rel=0.4)


def test_a_real_pair_keeps_its_own_place_and_report_and_no_hull_overlaps_it():
    own = pair()
    for seed in range(6):
        crowd = among_traffic(own, traffic(), [SHAPE], np.random.default_rng(seed))
        index = crowd.truth.index(REAL)
        hull = crowd.detections[index]
        assert (hull.lon, hull.lat) == (own.lon, own.lat)
        (fix,) = [one for one in crowd.fixes if one.track_id == REAL]
        assert (fix.lon, fix.lat, fix.sent_at) == (own.sent_lon, own.sent_lat, own.sent_at)
        others = [one for k, one in enumerate(crowd.detections) if k != index]
        apart = distance_m(own.lon, own.lat, [d.lon for d in others], [d.lat for d in others])
        assert np.sort(apart)[1] < 9000.0


def test_hulls_do_not_lie_in_one_another():
    time_s = np.arange(0.0, 9000.0, 60.0)
    still = np.zeros_like(time_s)
    heap = Traffic(tracks=(np.stack([time_s, still, still, still, still], axis=1),) * 40)
    crowds = [of_traffic(heap, [SHAPE], (0.0, 600.0), np.random.default_rng(k), scene=PLAIN)
              for k in range(5)]  # fmt: skip
    # 40 hulls told to one place lie within 40 m of it each way: there is room for some 25 beams.
    assert all(0 < len(crowd.detections) < 30 for crowd in crowds)
    lonely = among_traffic(
        pair(), Traffic(tracks=heap.tracks[:2]), [replace(SHAPE, measured_m=900.0)],
        np.random.default_rng(1),
    )  # fmt: skip
    assert lonely.truth == [REAL]


def test_a_harbour_is_as_full_as_was_asked_for_and_as_unsure_as_it_says():
    rng = np.random.default_rng(4)
    harbours = [harbour(rng, ships=60) for _ in range(30)]
    hulls = np.mean([len(one.truth) for one in harbours])
    assert hulls == pytest.approx(0.9 * 60 + 3, rel=0.05)
    off = []
    for one in harbours:
        by_name = {ship.track_id: ship for ship in one.predictions}
        for hull, name in zip(one.detections, one.truth, strict=True):
            if name is not None:
                ship = by_name[name]
                apart = float(distance_m(ship.lon, ship.lat, hull.lon, hull.lat))
                off.append(apart / np.hypot(ship.sigma_along_m, 10.0))
    # Rayleigh: the mean square is 2.
    assert np.mean(np.square(off)) == pytest.approx(2.0, rel=0.1)
