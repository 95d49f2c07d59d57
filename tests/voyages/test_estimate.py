"""The season's number: it holds the truth as often as it says, on seasons made up here."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from pipeline.records import Coverage, Detection
from pipeline.voyages.estimate import Season, estimate_season
from pipeline.voyages.join import join_voyages

DAYS = 120.0
RECALL = 0.8
BERTH = "load-west-oil"


def coverage(made, days):
    return [
        Coverage(
            site_id="load-west", zone_id=BERTH, scene_id=f"s{k}",
            sensor="S2" if k % 3 == 0 else "S1",
            sensed_at=made.at(day), state="seen", clear_fraction=1.0, cloud_fraction=0.0,
            imaged_fraction=1.0,
        )
        for k, day in enumerate(days)
    ]  # fmt: skip


def detection(name, sensor):
    values = {field.name: None for field in fields(Detection)}
    return Detection(**{**values, "detection_id": name, "sensor": sensor, "score": 0.95})


def season(made, settings, seed, n_dark=40, n_honest=60):
    """Dark calls at any time, and honest ones; a look shows a ship four times in five."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.uniform(0, DAYS + 10, 40))
    looks = coverage(made, days)
    calls, found = [], []
    for number in range(n_dark + n_honest):
        arrive = float(rng.uniform(2, DAYS))
        leave = arrive + float(2.0 * np.exp(rng.normal(0, 0.3)))
        shown = [k for k in np.flatnonzero((days >= arrive) & (days <= leave))
                 if rng.random() < RECALL]  # fmt: skip
        ids = [f"d{number}-{k}" for k in shown]
        found += [detection(name, looks[k].sensor) for name, k in zip(ids, shown, strict=True)]
        if number >= n_dark:
            calls.append(
                made.visit(
                    "load-west",
                    arrive,
                    leave,
                    445_300_000 + number,
                    length_m=100.0,
                    detection_ids=ids,
                )
            )
        elif shown:
            calls.append(
                made.call(
                    "load-west",
                    float(days[shown[0]]),
                    float(days[shown[-1]]),
                    call_id=f"c{number}",
                    p_dark=0.98,
                    length_m=100.0,
                    detection_ids=ids,
                )
            )
    voyages = join_voyages(calls, candidates=[], sites=made.sites, settings=settings)
    return Season(calls=calls, coverage=looks, detections=found, voyages=voyages)


def test_nine_of_ten_intervals_hold_the_number_of_calls(made, settings):
    quick = settings.model_copy(update={"n_draws": 400})
    held, shares = [], []
    for seed in range(30):
        row = next(
            r for r in estimate_season(season(made, quick, seed), quick) if r.site_id is None
        )
        held.append(row.calls_p5 <= 40 <= row.calls_p95)
        shares.append(row.n_claims / 40 - row.p_seen_p50)
        assert row.calls_p5 >= row.n_claims * 0.8
        assert row.n_s1 + row.n_s2 - row.n_both == row.n_claims
    assert sum(held) >= 24
    assert abs(np.mean(shares)) < 0.05


def test_unseen_calls_carry_barrels_too(made, settings):
    told = season(made, settings, 5)
    row = next(r for r in estimate_season(told, settings) if r.site_id is None)
    middle_each = row.barrels_p50 / row.calls_p50

    assert row.calls_p50 > row.n_claims
    assert 8_000 < middle_each < 60_000
    assert row.barrels_p5 < row.barrels_p50 < row.barrels_p95
    assert "60 tankers on AIS" in row.basis


def test_no_claim_makes_no_estimate_and_the_same_season_the_same_figures(made, settings):
    assert estimate_season(
        Season(calls=[], coverage=[], detections=[], voyages=[]), settings
    ) == []  # fmt: skip
    told = season(made, settings, 3)
    assert estimate_season(told, settings) == estimate_season(told, settings)


def test_without_a_clear_look_or_a_ship_on_ais_the_assumptions_are_named(made, settings):
    claim = made.call("load-west", 10.0, 11.0)
    voyages = join_voyages([claim], candidates=[], sites=made.sites, settings=settings)
    (row, _) = estimate_season(
        Season(calls=[claim], coverage=[], detections=[], voyages=voyages), settings
    )
    assert "assumed median stay" in row.basis
    assert "assumed recall" in row.basis
    assert row.two_sensors_p50 is None
    assert row.p_seen_p50 == pytest.approx(0.001)  # nobody looked: the number is anybody's guess
