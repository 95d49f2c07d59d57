"""Who made the calls of a season: against enumeration, and on cases a reader can check."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest
import scipy.stats
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.calls import names
from pipeline.calls.names import candidates, name_calls
from pipeline.records import SeenStay, Suspicion

DAY_S = 86_400.0


def seen(made, call, first, last, east_m=0.0):
    lon, lat = made.place(east_m, 0.0)
    return SeenStay(
        call_id=call, zone_id="oil", lon=lon, lat=lat, first_at=made.at(first),
        last_at=made.at(last), p_false=0.0, p_unmatched=0.97, p_unheard=0.0, is_dark=True,
        at_oil_berth=True, on_air_there=False, provisional=False,
        may_be_fixture=False,
    )  # fmt: skip


def suspicion(made, call, mmsi, log=0.0, silence=(0.0, 30.0), **other):
    """A ship whose silence spans all; of no odds but `log`."""
    off, on = silence
    values = {
        "call_id": call, "mmsi": mmsi, "ship_name": None, "ship_type": 80, "ship_length_m": None,
        "gap_id": f"g{mmsi}@{off}", "verdict": "likely off", "off_at": made.at(off),
        "on_at": None if on is None else made.at(on), "data_end_at": made.at(40),
        "sail_in_s": 0.0, "sail_out_s": 0.0, "n_not_shown": 0, "term_length": log,
        "term_type": 0.0, "term_listed": 0.0, "term_silent": 0.0, "term_bound": 0.0,
        "term_leaving": 0.0, "reason": "test",
    }  # fmt: skip
    return Suspicion(**{**values, **other})


def odds(stays, found, settings):
    """P by call and MMSI."""
    told = name_calls(stays, found, settings)
    return {call: {one.mmsi: value for value, one in own} for call, own in told.items()}


def fit(stay_days, silent_days, settings, n_calls=1):
    """Odds of a silence's length, by scipy's own distributions."""
    shape, mean_days = settings.stay_shape, settings.stay_mean_s / DAY_S
    stays = scipy.stats.gamma(
        shape * n_calls, scale=mean_days * (n_calls + 1.0 / shape) / (shape * n_calls)
    )
    shortest, longest = (value / DAY_S for value in settings.other_silence_s)
    others = scipy.stats.loguniform(shortest, longest)
    doubt = settings.stay_doubt
    return (1.0 - doubt) * stays.pdf(stay_days) / others.pdf(silent_days) + doubt


def test_odds_of_one_ship_are_her_weight_against_the_unknown_one(made, settings):
    stays = [seen(made, "a", 4, 5)]
    found = [suspicion(made, "a", 1, silence=(3.0, 6.0)),
             suspicion(made, "a", 2, math.log(2.0), silence=(3.0, 6.0))]  # fmt: skip
    weight = fit(3.0, 3.0, settings)
    whole = 3.0 + 3.0 * weight
    assert odds(stays, found, settings)["a"] == pytest.approx(
        {1: weight / whole, 2: 2.0 * weight / whole}
    )


@given(logs=st.lists(st.floats(-30, 30), max_size=12))
@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_candidates_and_the_unknown_ship_share_one_certainty(made, settings, logs):
    stay = seen(made, "a", 4, 5)
    found = [suspicion(made, "a", 520_000_100 + k, log) for k, log in enumerate(logs)]
    rows = candidates(stay, name_calls([stay], found, settings)["a"], settings)
    assert sum(row.posterior for row in rows) == pytest.approx(1.0)
    assert [row.mmsi for row in rows].count(None) == 1
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert all(a.posterior >= b.posterior - 1e-12 for a, b in itertools.pairwise(rows))
    assert len(rows) == min(len(logs), settings.listed_max) + 1


def test_the_unknown_ship_wins_where_nobody_fits(made, settings):
    stay = seen(made, "a", 4, 5)
    own = name_calls([stay], [suspicion(made, "a", 1, -3.0)], settings)["a"]
    assert candidates(stay, own, settings)[0].mmsi is None
    assert candidates(stay, [], settings)[0].posterior == 1.0


def test_one_ship_does_not_lie_at_two_places_at_once(made, settings):
    stays = [seen(made, "here", 4, 5), seen(made, "there", 4.5, 5.5, 900.0)]
    found = [suspicion(made, "here", 1, 4.0), suspicion(made, "there", 1, 2.0)]
    told = odds(stays, found, settings)
    # By enumeration she is here, there or at neither place, e^4 and e^2 (and what her silence of
    # 30 days is worth) against 3, twice that as two shapes lie there at once.
    here, there = (6.0 * math.exp(log) * fit(30.0, 30.0, settings) for log in (4.0, 2.0))
    whole = here + there + 36.0
    assert told["here"][1] == pytest.approx(here / whole, abs=0.02)
    assert told["there"][1] == pytest.approx(there / whole, abs=0.02)


def test_a_silence_with_two_calls_is_the_better_explained(made, settings):
    # Ten days' silence, a berth on days 1 and 2, another on days 8 and 9, 500 km apart.
    stays = [seen(made, "load", 1, 2), seen(made, "unload", 8, 9, 500_000.0)]
    both = [suspicion(made, call, 1, 1.0, silence=(0.5, 9.5)) for call in ("load", "unload")]
    told = odds(stays, both, settings)
    alone = odds(stays[:1], both[:1], settings)
    assert told["load"][1] > alone["load"][1] + 0.1


def test_a_silence_too_short_to_sail_between_holds_one_call_alone(made, settings):
    # 500 km in a day are 5.8 m/s, under the 7 m/s of the settings; 800 km are 9.3 m/s.
    near = [seen(made, "a", 1, 2), seen(made, "b", 3, 4, 500_000.0)]
    far = [seen(made, "a", 1, 2), seen(made, "b", 3, 4, 800_000.0)]
    found = [suspicion(made, call, 1, 8.0, silence=(0.5, 4.5)) for call in "ab"]
    told_near, told_far = (odds(stays, found, settings) for stays in (near, far))
    assert min(told_near["a"][1], told_near["b"][1]) > 0.95
    assert told_far["a"][1] + told_far["b"][1] < 1.02
    assert told_far["a"][1] == pytest.approx(told_far["b"][1], abs=0.03)


def test_two_dark_ships_side_by_side_are_told_apart_by_length(made, settings):
    stays = [seen(made, "a", 4, 5), seen(made, "b", 4, 5, 150.0)]
    found = [suspicion(made, "a", 1, 3.0), suspicion(made, "a", 2, -2.0),
             suspicion(made, "b", 1, -2.0), suspicion(made, "b", 2, 3.0)]  # fmt: skip
    told = odds(stays, found, settings)
    assert told["a"][1] == pytest.approx(told["b"][2], abs=0.03)
    assert told["a"][1] > 5 * told["a"][2]
    alike = [suspicion(made, call, ship, 2.0) for call in "ab" for ship in (1, 2)]
    same = odds(stays, alike, settings)
    assert same["a"][1] == pytest.approx(same["a"][2], abs=0.05)
    assert same["a"][1] < 0.5


def test_who_called_before_is_the_likelier_to_have_called_again(made, settings):
    stays = [seen(made, "sure", 4, 5), seen(made, "open", 20, 21)]
    sure = suspicion(made, "sure", 1, 9.0, silence=(3.5, 5.5))
    rivals = [suspicion(made, "open", ship, 1.0, silence=(19.0, 22.0)) for ship in (1, 2)]
    told = odds(stays, [sure, *rivals], settings)
    # Twice as likely as her like, for one call that is hers beyond doubt.
    assert told["open"][1] == pytest.approx(2.0 * told["open"][2], rel=0.02)
    alone = odds(stays[1:], rivals, settings)
    assert alone["open"][1] == pytest.approx(alone["open"][2])


@pytest.mark.parametrize(
    ("seed", "counted", "within"), [(3, 10**6, 1e-9), (3, 0, 0.04), (7, 0, 0.04)]
)
def test_counting_and_sampling_agree_with_enumeration(
    made, settings, monkeypatch, seed, counted, within
):
    monkeypatch.setattr(names, "COUNTED_MAX", counted)
    rng = random.Random(seed)
    stays = [seen(made, call, 4 + k, 4.5 + k, 400.0 * k) for k, call in enumerate("abcd")]
    ends = {ship: (rng.uniform(1, 3.9), rng.uniform(9, 12)) for ship in range(1, 5)}
    found = [
        suspicion(made, stay.call_id, ship, rng.uniform(-1, 3), silence=ends[ship])
        for stay in stays for ship in ends if rng.random() < 0.8
    ]  # fmt: skip
    told = odds(stays, found, settings)
    expected = enumerated(stays, found, settings)
    for call, ships in expected.items():
        for ship, value in ships.items():
            assert told[call][ship] == pytest.approx(value, abs=within)


def enumerated(stays, found, settings):
    """The same by adding up every assignment. All of these stays fit into any silence."""
    own = {s.call_id: [None, *(one for one in found if one.call_id == s.call_id)] for s in stays}
    sums, whole = (
        {call: dict.fromkeys((o.mmsi for o in some if o), 0.0) for call, some in own.items()},
        0.0,
    )
    for chosen in itertools.product(*own.values()):
        weight = math.prod(3.0 if one is None else math.exp(one.term_length) for one in chosen)
        for ship in {one.mmsi for one in chosen if one}:
            held = [s for s, one in zip(stays, chosen, strict=True) if one and one.mmsi == ship]
            one = next(o for o in chosen if o and o.mmsi == ship)
            sailed = sum(abs(b.lon - a.lon) * 106_200 / 7.0 for a, b in itertools.pairwise(held))
            silent = (one.on_at - one.off_at).total_seconds()
            odds = fit((silent - sailed) / DAY_S, silent / DAY_S, settings, len(held))
            weight *= odds * math.factorial(len(held))
        whole += weight
        for stay, one in zip(stays, chosen, strict=True):
            if one:
                sums[stay.call_id][one.mmsi] += weight
    return {call: {ship: v / whole for ship, v in own.items()} for call, own in sums.items()}


def test_a_silence_as_long_as_a_stay_points_here_and_a_month_does_not(made, settings):
    stays = [seen(made, "a", 10, 10.5)]
    told = [
        odds(stays, [suspicion(made, "a", 1, silence=silence)], settings)["a"][1]
        for silence in ((9.0, 12.5), (2.0, 30.0), (9.9, 10.6))
    ]
    assert told[0] > 2 * told[1]  # 3.5 days against a month
    assert told[0] > 2 * told[2]  # and against hours


def test_a_silence_that_has_not_ended_is_worth_what_has_passed_of_it(made, settings):
    """Data end two days after the image or a month after."""
    stays = [seen(made, "a", 10, 10.0)]
    soon, late = (
        odds(stays, [suspicion(made, "a", 1, silence=(9.0, None), data_end_at=made.at(end))],
             settings)["a"][1]
        for end in (12, 39)
    )  # fmt: skip
    assert soon > 2 * late > 0.0


def test_of_many_unexplained_shapes_at_once_none_takes_a_silence_from_a_berth(made, settings):
    """A scene full of cloud beside the one hull at the oil berth."""
    berth = seen(made, "berth", 5, 5)
    crowd = [
        replace(seen(made, f"road-{k}", 5.1, 5.1, 8000.0 + 300.0 * k), zone_id="roads",
                p_false=0.5, at_oil_berth=False)
        for k in range(8)
    ]  # fmt: skip
    found = [suspicion(made, stay.call_id, 1, 3.0, silence=(4.0, 7.0)) for stay in [berth, *crowd]]
    told = odds([berth, *crowd], found, settings)
    assert told["berth"][1] > 0.5
    assert all(told[one.call_id][1] < 0.1 for one in crowd)
