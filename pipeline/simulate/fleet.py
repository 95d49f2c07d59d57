"""The ships: who they are, and what they say they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pipeline.imo import check_digit
from pipeline.simulate.chance import chance
from pipeline.simulate.settings import Settings

NAMES = (
    "AMBER", "BASALT", "CEDAR", "DRIFT", "EMBER", "FLINT", "GARNET", "HAZE", "IVORY", "JASPER",
    "KESTREL", "LARCH", "MARBLE", "NIMBUS", "OPAL", "PLOVER", "QUARTZ", "RAVEN", "SLATE", "TEAL",
    "UMBER", "VELVET", "WILLOW", "XENON", "YARROW", "ZEPHYR",
)  # fmt: skip
SECOND = ("DAWN", "STAR", "TIDE", "WAVE")
MMSI_FIRST = 299_000_100
"""Country code 299 is assigned to nobody."""
RENAMED_MMSI = 500_000
"""A ship's second MMSI lies so far above her first."""
MMSI_STEP = 7
IMO_FIRST = 100_100
"""Real ships' numbers begin above 500,000."""
TANKER_TYPE = 80
CARGO_TYPE = 70
TUG_TYPE = 52
FISHING_TYPE = 30


class Trade(StrEnum):
    """What a ship does for a living."""

    DARK_TANKER = "dark tanker"
    TANKER = "tanker"
    CARGO = "cargo"
    SMALL = "small craft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ship:
    """A ship, and what its transponder says."""

    mmsi: int
    imo: int
    name: str
    callsign: str
    trade: Trade
    length_m: float
    width_m: float
    dwt_t: float
    speed_kn: float
    said_type: int
    """AIS type broadcast; 0 where the crew left it out."""
    said_length_m: float
    """Length broadcast; 0 where the crew left it out."""

    @property
    def is_tanker(self) -> bool:
        """Does it carry oil?"""
        return self.trade in (Trade.DARK_TANKER, Trade.TANKER)


def build_fleet(settings: Settings) -> list[Ship]:
    """Every ship of the season, dark tankers first."""
    trades = (
        [Trade.DARK_TANKER] * settings.n_dark_tankers
        + [Trade.TANKER] * settings.n_honest_tankers
        + [Trade.CARGO] * settings.n_cargo
        + [Trade.SMALL] * settings.n_small_craft
    )
    return [_ship(index, trade, settings) for index, trade in enumerate(trades)]


def _ship(index: int, trade: Trade, settings: Settings) -> Ship:
    rng = chance(settings.seed, "ship", index)
    length_m = _length_m(trade, rng, settings)
    dwt_t = deadweight_t(length_m) * _off_the_line(index, settings)
    said_length, said_type = _said(trade, round(length_m), rng)
    return Ship(
        mmsi=MMSI_FIRST + MMSI_STEP * index,
        imo=_imo(IMO_FIRST + 13 * index),
        name=f"{NAMES[index % len(NAMES)]} {SECOND[index // len(NAMES) % len(SECOND)]}",
        callsign=f"ZZ{index:04d}",
        trade=trade,
        length_m=length_m,
        width_m=length_m / (4.0 if trade is Trade.SMALL else float(rng.uniform(5.9, 6.8))),
        dwt_t=dwt_t,
        speed_kn=float(rng.uniform(*settings.speed_kn)),
        said_type=said_type,
        said_length_m=said_length,
    )


def _length_m(trade: Trade, rng: np.random.Generator, settings: Settings) -> float:
    if trade is Trade.SMALL:
        return float(rng.uniform(20, 40))
    if trade is Trade.CARGO:
        return float(rng.uniform(*settings.cargo_length_m))
    low, high = settings.dark_length_m
    if trade is Trade.TANKER:
        return float(rng.uniform(low + 6, high + 50))
    # The trade is mostly at the small end: Seatrade, 22 November 2024.
    return float(low + (high - low) * rng.beta(1.2, 1.6))


def deadweight_t(length_m: float) -> float:
    """Deadweight of a small product tanker, t.

    dwt = 0.0062 · L^2.9: about 1,280 t at 68 m, 3,500 t at 96 m, 8,000 t at 128 m, which spans the
    fleet's reported 1,000-9,000 t.
    """
    return float(0.0062 * length_m**2.9)


def _off_the_line(index: int, settings: Settings) -> float:
    """Factor of a ship's deadweight: a season's own line, and the ship's own luck."""
    common = chance(settings.seed, "deadweight").normal(0.0, 1.0) * settings.dwt_world_spread
    own = chance(settings.seed, "deadweight", index).normal(0.0, 1.0) * settings.dwt_spread
    return float(np.exp(common + own))


def renamed(ship: Ship) -> Ship:
    """The same hull under another MMSI, name and call sign, her IMO number no longer sent."""
    return replace(
        ship,
        mmsi=ship.mmsi + RENAMED_MMSI,
        imo=0,
        name=f"NEW {ship.name.split()[0]}",
        callsign=f"Y{ship.callsign[1:]}",
    )


def _said(trade: Trade, length_m: int, rng: np.random.Generator) -> tuple[float, int]:
    if trade is Trade.SMALL:
        return float(length_m), TUG_TYPE if rng.random() < 0.5 else FISHING_TYPE
    if trade is Trade.CARGO:
        return float(length_m), CARGO_TYPE
    if trade is Trade.TANKER:
        return float(length_m), TANKER_TYPE
    # Identity tampering: a third give no length or a false type.
    said_length = 0.0 if rng.random() < 0.2 else float(length_m)
    said_type = CARGO_TYPE if rng.random() < 0.2 else TANKER_TYPE
    return said_length, said_type


def _imo(six_digits: int) -> int:
    """An IMO number with its check digit."""
    return six_digits * 10 + int(check_digit(six_digits))
