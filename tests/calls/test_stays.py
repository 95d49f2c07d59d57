"""One ship on several passes: what joins sightings, what splits them, what bounds a stay."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from scipy.integrate import quad
from scipy.stats import gamma, norm

from pipeline.calls.stays import combined_length, find_stays, p_lasts, p_same

CLEAR, CLOUDY = "seen", "cloudy"


def stays_of(made, settings, watch):
    """Stays; every detection that was kept has a match of the outcome the watch tells."""
    kept = [one for own in watch.detections.values() for one in own if one.screened is None]
    matches = {
        one.detection_id: made.match(one, watch.outcomes[one.detection_id])
        for one in kept
        if one.detection_id in watch.outcomes
    }
    return find_stays(watch, matches, settings)


def days_of(made, stays):
    return [[(one.at - made.at(0)).total_seconds() / 86400 for one in s.sightings] for s in stays]


def test_two_passes_of_one_hull_are_one_stay(made, settings):
    watch = made.watch([made.hull(2), made.hull(3, 20)], {2: CLEAR, 3: CLEAR})
    assert days_of(made, stays_of(made, settings, watch)) == [[2, 3]]


@pytest.mark.parametrize(
    "other", [{"length_m": 140.0}, {"east_m": 180.0}], ids=["another length", "another place"]
)
def test_hulls_that_differ_are_two_stays(made, settings, other):
    watch = made.watch([made.hull(2), made.hull(3, **other)], {2: CLEAR, 3: CLEAR})
    assert days_of(made, stays_of(made, settings, watch)) == [[2], [3]]


def test_an_anchored_ship_swings(made, settings):
    hulls = [made.hull(2, 0, -4000), made.hull(3, 400, -4000)]
    swung = made.watch(hulls, {2: CLEAR, 3: CLEAR}, in_zone=made.roads)
    assert days_of(made, stays_of(made, settings, swung)) == [[2, 3]]


def test_weeks_apart_are_two_stays(made, settings):
    watch = made.watch([made.hull(2), made.hull(23)], {2: CLEAR, 23: CLEAR})
    assert days_of(made, stays_of(made, settings, watch)) == [[2], [23]]


def test_probability_of_one_ship_follows_bayes_rule(made, settings):
    first, second = made.hull(2), made.hull(4, length_m=101.0, length_sigma_m=8.0)
    watch = made.watch([first, second], {2: CLEAR, 3: CLEAR, 4: CLEAR})
    (one,), (other,) = (made.stay(hull).sightings for hull in (first, second))
    # P(still there after 2 d): what is left of stays beyond, over the mean stay of 2.5 d
    beyond, _ = quad(gamma(a=4, scale=2.5 / 4).sf, 2.0, 40.0)
    left = beyond / 2.5
    error = math.hypot(5.0, 8.0)
    same = left * norm.pdf(9.0, scale=error) * 0.15  # one clear image without her
    fleet = math.hypot(error, 25.0 * math.sqrt(2.0))
    taken = (1.0 - left) * 0.15 * norm.pdf(9.0, scale=fleet)
    assert p_same([one], other, watch, settings) == pytest.approx(same / (same + taken))


def test_clear_empty_passes_split_and_bracket(made, settings):
    hulls = [made.hull(2), made.hull(5)]
    passes = {1: CLEAR, 2: CLEAR, 3: CLEAR, 4: CLEAR, 5: CLEAR, 7: CLEAR}
    first, second = stays_of(made, settings, made.watch(hulls, passes))
    assert days_of(made, [first, second]) == [[2], [5]]
    assert (first.absent_before_at, first.absent_after_at) == (made.at(1), made.at(3))
    assert (second.absent_before_at, second.absent_after_at) == (made.at(4), made.at(7))


@pytest.mark.parametrize("state", ["cloudy", "partly", "not imaged"])
def test_a_pass_that_showed_too_little_neither_splits_nor_brackets(made, settings, state):
    passes = {0: CLEAR, 1: state, 2: CLEAR, 3: state, 4: CLEAR, 5: state}
    (stay,) = stays_of(made, settings, made.watch([made.hull(2), made.hull(4)], passes))
    assert days_of(made, [stay]) == [[2, 4]]
    assert stay.absent_before_at == made.at(0)
    assert stay.absent_after_at is None


@pytest.mark.parametrize(("east_m", "proof"), [(30.0, 0), (180.0, 1)])
def test_a_shape_set_aside_at_the_place_keeps_a_pass_from_proof(made, settings, east_m, proof):
    shape = made.hull(1, east_m, screened="not shaped like a hull")
    watch = made.watch([shape, made.hull(2)], {0: CLEAR, 1: CLEAR, 2: CLEAR})
    (stay,) = stays_of(made, settings, watch)
    assert days_of(made, [stay]) == [[2]]
    assert stay.absent_before_at == made.at(proof)


def test_a_matched_ship_at_the_place_is_no_sighting_and_shows_that_this_one_is_absent(
    made, settings
):
    watch = made.watch(
        [made.hull(1), made.hull(2)], {1: CLEAR, 2: CLEAR}, outcomes={"hull@1": "matched"}
    )
    (stay,) = stays_of(made, settings, watch)
    assert days_of(made, [stay]) == [[2]]
    assert stay.absent_before_at == made.at(1)


def test_a_ship_on_the_air_at_the_berth_brackets_without_any_image(made, settings):
    visits = [made.visit(first=0.2, last=1.4), made.visit(first=2.8, last=3.5)]
    (stay,) = stays_of(made, settings, made.watch([made.hull(2)], {2: CLEAR}, visits=visits))
    assert (stay.absent_before_at, stay.absent_after_at) == (made.at(1.4), made.at(2.8))


def test_an_anchorage_holds_many_so_a_ship_on_the_air_brackets_nothing(made, settings):
    hulls = [made.hull(2, 0, -4000)]
    visits = [made.visit(made.roads, first=0.2, last=1.4)]
    watch = made.watch(hulls, {2: CLEAR}, in_zone=made.roads, visits=visits)
    (stay,) = stays_of(made, settings, watch)
    assert (stay.absent_before_at, stay.absent_after_at) == (None, None)


def test_a_ship_on_the_air_in_between_speaks_against_one_stay(made, settings):
    one, other = made.stay(made.hull(2), made.hull(4)).sightings
    hulls, passes = [made.hull(2), made.hull(4)], {2: CLEAR, 4: CLEAR}
    alone = p_same([one], other, made.watch(hulls, passes), settings)
    between = made.watch(hulls, passes, visits=[made.visit(first=2.5, last=3.5)])
    assert p_same([one], other, between, settings) < alone


def test_one_pass_never_gives_one_ship_two_places(made, settings):
    twin = made.hull(3, 60, detection_id="twin@3")
    watch = made.watch([made.hull(2), made.hull(3), twin], {2: CLEAR, 3: CLEAR})
    stays = stays_of(made, settings, watch)
    assert sorted(days_of(made, stays)) == [[2, 3], [3]]


def test_lengths_of_one_hull_are_averaged_with_half_their_variance_shared(made):
    pair = [
        made.hull(2, length_m=90.0, length_sigma_m=6.0),
        made.hull(3, length_m=99.0, length_sigma_m=12.0),
    ]
    # Weights 1/36 and 1/144 are 4 : 1; single variance 2 / (5/144) = 57.6, three quarters of it.
    assert combined_length(pair) == pytest.approx((91.8, math.sqrt(43.2)))
    assert combined_length(pair[:1]) == pytest.approx((90.0, 6.0))


def test_another_hull_at_the_berth_bounds_both_stays(made, settings):
    hulls = [made.hull(2, length_m=75.0), made.hull(5, length_m=130.0)]
    watch = made.watch(hulls, {2: CLEAR, 5: CLEAR})
    first, second = stays_of(made, settings, watch)
    assert first.absent_after_at == second.first_at
    assert second.absent_before_at == first.last_at


@pytest.mark.parametrize("shape", [1, 2, 4, 7])
def test_a_seen_ship_stays_on_as_the_rest_of_a_stay_that_images_catch(settings, shape):
    chosen = settings.model_copy(update={"stay_shape": shape})
    mean_days = chosen.stay_mean_s / 86400.0
    lasts = [p_lasts(timedelta(days=days), chosen) for days in (0.0, 0.7, 2.0, 6.0)]
    assert lasts[0] == pytest.approx(1.0)
    for days, chance in zip((0.7, 2.0, 6.0), lasts[1:], strict=True):
        beyond, _ = quad(gamma(a=shape, scale=mean_days / shape).sf, days, 80.0)
        assert chance == pytest.approx(beyond / mean_days, rel=1e-6)


def test_the_longer_seen_the_sooner_gone(made, settings):
    hulls = [made.hull(day) for day in (2, 3, 5, 6)]
    watch = made.watch(hulls, {2: CLEAR, 3: CLEAR, 5: CLEAR, 6: CLEAR})
    one, two, three, four = (made.stay(hull).sightings[0] for hull in hulls)
    assert p_same([one, two, three], four, watch, settings) < p_same([three], four, watch, settings)
