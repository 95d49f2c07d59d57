"""How many calls nobody saw: against seasons made up by hand, and against brute force."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Coverage, Detection
from pipeline.units import DAY_S
from pipeline.voyages.missed import (
    LENGTHS_M,
    Looks,
    Recall,
    Stays,
    berth_looks,
    chances_at,
    chapman,
    fit_recall,
    fit_stays,
    p_seen_by_length,
)

START = datetime(2024, 3, 1, tzinfo=UTC)
DRAWS = 200


def look(day, *, sensor="S1", state="seen", zone="load-oil", clear=1.0):
    return Coverage(
        site_id="load", zone_id=zone, scene_id=f"{sensor}-{day}", sensor=sensor,
        sensed_at=START + timedelta(days=day), state=state, clear_fraction=clear,
        cloud_fraction=0.0, imaged_fraction=1.0,
    )  # fmt: skip


def sure(p_s1, p_s2):
    """A recall that is known, the same at every length."""
    level = np.log([p_s1 / (1 - p_s1), p_s2 / (1 - p_s2)])
    return Recall(
        level=np.tile(level, (DRAWS, 1)), slope=np.zeros(DRAWS), at_site={}, n_looks=0, n_hits=0
    )


def always(days):
    return Stays(
        log_median_s=np.full(DRAWS, np.log(days * DAY_S)), spread=np.zeros(DRAWS), n_heard=0
    )


def chance(looks, recall, stays, days=100.0):
    drawn = p_seen_by_length(
        looks, site_id="load", first=START, last=START + timedelta(days=days), recall=recall,
        stays=stays, rng=np.random.default_rng(1),
    )  # fmt: skip
    return drawn.mean()


def test_a_look_every_four_days_sees_half_of_two_day_stays():
    """Two of four days lead to a look; each shows her with 0.8: 0.4. One look at the most."""
    looks = Looks.of([look(day) for day in range(0, 110, 4)])
    assert chance(looks, sure(0.8, 0.5), always(2.0)) == pytest.approx(0.40, abs=0.01)
    # six days: half of the calls have one look, half have two
    expected = 0.5 * 0.8 + 0.5 * (1 - 0.2**2)
    assert chance(looks, sure(0.8, 0.5), always(6.0)) == pytest.approx(expected, abs=0.01)


def test_two_sensors_have_recalls_of_their_own():
    looks = Looks.of([look(d) for d in range(0, 110, 4)] + [look(d + 2, sensor="S2")
                                                            for d in range(0, 110, 4)])  # fmt: skip
    assert chance(looks, sure(0.8, 0.3), always(2.0)) == pytest.approx(
        0.5 * 0.8 + 0.5 * 0.3, abs=0.01
    )


def test_cloud_is_no_look_and_a_part_is_a_part():
    clear = [look(d) for d in range(0, 110, 4)]
    clouded = [look(d, state="cloudy", clear=0.0) for d in range(0, 110, 4)]
    half = [look(d, state="partly", clear=0.5) for d in range(0, 110, 4)]

    assert chance(Looks.of(clouded), sure(0.8, 0.5), always(2.0)) == 0.0
    # half a berth in view: half a look, 1 - sqrt(0.2)
    assert chance(Looks.of(half), sure(0.8, 0.5), always(2.0)) == pytest.approx(
        0.5 * (1 - 0.2**0.5), abs=0.01
    )
    assert Looks.of(clear + clouded).between(
        np.array([START.timestamp()]), np.array([START.timestamp() + 8.5 * DAY_S])
    ).tolist() == [[3.0, 0.0]]


@given(
    days=st.lists(st.integers(0, 60), max_size=30, unique=True),
    start=st.floats(0, 60),
    lasted=st.floats(0, 20),
)
def test_looks_between_are_counted_as_by_hand(days, start, lasted):
    rows = [look(day, sensor="S1" if day % 2 else "S2") for day in days]
    told = Looks.of(rows).between(
        np.array([START.timestamp() + start * DAY_S]),
        np.array([START.timestamp() + (start + lasted) * DAY_S]),
    )[0]
    inside = [
        r
        for r in rows
        if START.timestamp() + start * DAY_S
        <= r.sensed_at.timestamp()
        <= START.timestamp() + (start + lasted) * DAY_S
    ]
    assert told.tolist() == [sum(r.sensor == "S1" for r in inside),
                             sum(r.sensor == "S2" for r in inside)]  # fmt: skip


def detection(name, sensor, score=0.9):
    values = {field.name: None for field in fields(Detection)}
    return Detection(**{**values, "detection_id": name, "sensor": sensor, "score": score})


def on_ais(made, number, length_m, shown, start=0.0, days=4.0):
    return made.visit(
        "load-west", start, start + days, 445_100_000 + number, length_m=length_m,
        zone_id="load-oil", detection_ids=shown,
    )  # fmt: skip


def test_recall_is_what_ships_on_ais_say(made, settings):
    """40 long ships and 40 short ones, one look each; 36 and 12 are shown."""
    start = (made.at(0.0) - START).total_seconds() / DAY_S
    looks = berth_looks([look(start + 1.0)])
    found = [detection("d", "S1")]
    calls = [on_ais(made, k, 140.0, ["d"] if k < 36 else []) for k in range(40)]
    calls += [on_ais(made, 100 + k, 70.0, ["d"] if k < 12 else []) for k in range(40)]
    recall = fit_recall(calls, looks, found, np.random.default_rng(0), settings)

    assert (recall.n_looks, recall.n_hits) == (80, 48)
    assert recall.at(140.0, "load-west")[:, 0].mean() == pytest.approx(0.88, abs=0.04)
    assert recall.at(70.0, "load-west")[:, 0].mean() == pytest.approx(0.32, abs=0.05)
    # nobody was looked for on Sentinel-2: the prior, and wide
    assert recall.at(100.0, "load-west")[:, 1].std() > 2 * recall.at(100.0, "load-west")[:, 0].std()


def test_a_site_whose_quays_hide_ships_has_a_recall_of_its_own(made, settings):
    """One site shows 38 of 40, the other 8 of 40, of ships of one size."""
    looks = berth_looks([look((made.at(0.0) - START).total_seconds() / DAY_S + 1.0)])
    calls = [on_ais(made, k, 100.0, ["d"] if k < 38 else []) for k in range(40)]
    calls += [
        replace(on_ais(made, 100 + k, 100.0, ["d"] if k < 8 else []), site_id="load-east")
        for k in range(40)
    ]
    recall = fit_recall(calls, looks, [detection("d", "S1")], np.random.default_rng(0), settings)
    kind, unkind, elsewhere = (
        recall.at(100.0, site)[:, 0] for site in ("load-west", "load-east", "another")
    )
    assert kind.mean() > 0.85
    assert unkind.mean() < 0.35
    assert unkind.mean() < elsewhere.mean() < kind.mean()
    assert elsewhere.std() > kind.std()


def test_a_faint_shape_counts_as_often_as_silent_ships_explain_claims(made, settings):
    looks = berth_looks([look((made.at(0.0) - START).total_seconds() / DAY_S + 1.0)])
    faint = fit_recall(
        [on_ais(made, k, 100.0, ["d"]) for k in range(30)], looks,
        [detection("d", "S1", score=0.3)], np.random.default_rng(0), settings,
    )  # fmt: skip
    assert (faint.n_looks, faint.n_hits) == (30, 15)  # nothing is known: half of them
    claims = [made.call("load-west", 10.0 + k, 11.0 + k, tier="B") for k in range(8)]
    more = fit_recall(
        [*[on_ais(made, k, 100.0, ["d"]) for k in range(30)], *claims], looks,
        [detection("d", "S1", score=0.3)], np.random.default_rng(0), settings,
    )  # fmt: skip
    assert more.n_hits == 27
    none = fit_recall(
        [on_ais(made, k, 100.0, ["d"]) for k in range(30)], looks,
        [detection("d", "S1", score=0.1)], np.random.default_rng(0), settings,
    )  # fmt: skip
    assert none.n_hits == 0


def test_stays_are_those_heard_and_an_assumption_before(made, settings):
    rng = np.random.default_rng(0)
    before = fit_stays([], "load", rng, settings)
    assert before.n_heard == 0
    assert before.median_d == pytest.approx(2.0, rel=0.25)

    heard = [made.visit("load-west", 9.0 * k, 9.0 * k + 5.0, 445_200_000 + k, p_tanker=1.0)
             for k in range(60)]  # fmt: skip
    after = fit_stays(heard, "load", rng, settings)
    assert after.n_heard == 60
    assert after.median_d == pytest.approx(5.0, rel=0.1)
    assert after.log_median_s.std() < before.log_median_s.std()


def test_chances_between_lengths_lie_on_a_line():
    rising = np.linspace(0.2, 0.8, len(LENGTHS_M))[None, :]
    (told,) = chances_at(rising, np.array([10.0, 67.5, 500.0]))
    assert told.tolist() == pytest.approx([0.2, 0.26, 0.8])


def test_capture_and_recapture_by_hand():
    """Chapman: 21 · 16 / 11 - 1."""
    low, middle, high = chapman(20, 15, 10)
    assert middle == pytest.approx(29.545, abs=1e-3)
    assert 25.0 < low < middle < high
    assert chapman(5, 4, 0) is None
    assert chapman(5, 5, 5) == (5.0, 5.0, 5.0)


def test_capture_and_recapture_holds_the_number_of_independent_looks():
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        one, other = rng.random(60) < 0.6, rng.random(60) < 0.5
        interval = chapman(int(one.sum()), int(other.sum()), int((one & other).sum()))
        held += interval is not None and interval[0] <= 60 <= interval[2]
    assert 0.82 <= held / 300 <= 0.97
