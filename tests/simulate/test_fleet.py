"""The ships: identities that could not be mistaken for real ones, sizes of the trade."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.simulate.fleet import Trade, build_fleet, deadweight_t
from pipeline.simulate.settings import Settings

FLEET = build_fleet(Settings(n_dark_tankers=60, n_honest_tankers=12, n_cargo=12, n_small_craft=8))


def test_as_many_ships_of_each_trade_as_set():
    assert Counter(ship.trade for ship in FLEET) == {
        Trade.DARK_TANKER: 60, Trade.TANKER: 12, Trade.CARGO: 12, Trade.SMALL: 8,
    }  # fmt: skip
    assert {ship.is_tanker for ship in FLEET if "tanker" in ship.trade} == {True}
    assert {ship.is_tanker for ship in FLEET if "tanker" not in ship.trade} == {False}


def test_nobody_shares_an_identity_and_none_is_a_real_ships():
    for key in ("mmsi", "imo", "name", "callsign"):
        assert len({getattr(ship, key) for ship in FLEET}) == len(FLEET), key
    # ITU assigns no country 299; IMO numbers of real ships begin above 5,000,000.
    assert all(299_000_000 <= ship.mmsi < 300_000_000 for ship in FLEET)
    assert all(1_000_000 < ship.imo < 5_000_000 for ship in FLEET)


def test_imo_numbers_pass_the_check_a_register_makes():
    """The last digit of 7a + 6b + 5c + 4d + 3e + 2f is the seventh digit."""
    for ship in FLEET:
        a, b, c, d, e, f, check = (int(digit) for digit in str(ship.imo))
        assert (7 * a + 6 * b + 5 * c + 4 * d + 3 * e + 2 * f) % 10 == check


def test_sizes_are_those_of_the_trade():
    settings = Settings()
    for ship in FLEET:
        low, high = {
            Trade.DARK_TANKER: settings.dark_length_m,
            Trade.TANKER: (72.0, 178.0),
            Trade.CARGO: settings.cargo_length_m,
            Trade.SMALL: (20.0, 40.0),
        }[ship.trade]
        assert low <= ship.length_m <= high
        assert 3.9 < ship.length_m / ship.width_m < 6.9
        assert settings.speed_kn[0] <= ship.speed_kn <= settings.speed_kn[1]


@pytest.mark.parametrize(
    ("length_m", "dwt_t"),
    # 0.0062 L^2.9: ln L = 4.2195, 4.6052, 4.8520; times 2.9, exp, times 0.0062
    [(68.0, 1278.0), (100.0, 3912.0), (128.0, 8004.0)],
)
def test_deadweight_follows_length_as_worked_by_hand(length_m, dwt_t):
    assert deadweight_t(length_m) == pytest.approx(dwt_t, rel=0.005)


def test_some_dark_tankers_lie_about_themselves_and_nobody_else_does():
    dark = [ship for ship in FLEET if ship.trade is Trade.DARK_TANKER]
    assert 0 < sum(ship.said_length_m == 0 for ship in dark) < len(dark) / 2
    assert 0 < sum(ship.said_type != 80 for ship in dark) < len(dark) / 2
    for ship in FLEET:
        if ship.trade is not Trade.DARK_TANKER:
            assert ship.said_length_m == round(ship.length_m)
        if ship.trade is Trade.TANKER:
            assert ship.said_type == 80


def test_a_ship_stays_itself_when_others_are_added():
    few = build_fleet(Settings(n_dark_tankers=3, n_honest_tankers=0, n_cargo=0, n_small_craft=0))
    assert few == FLEET[:3]
