"""Deadweight from a hull's length, and barrels from deadweight, as draws of a Monte Carlo.

    barrels = DWT · k · load · bbl/t

What all deliveries have in common (the line through the length-deadweight pairs, the share of full
loads, the conversion) is drawn once for all, so that it does not average out of a total; a hull's
own luck (its true length within the error, its deviation from the line) is drawn once a ship where
the ship is named, else once a voyage; load and k once a voyage.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from pipeline.geo import Floats
from pipeline.records import Voyage
from pipeline.voyages.settings import Settings

GRID_M = 0.25
"""Step of the grid of true lengths."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Common:
    """What all deliveries share in a draw; every array is (draws,)."""

    line: Floats
    """Error of ln DWT."""
    full_share: Floats
    bbl_per_t: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """One delivery; every array is (draws,)."""

    dwt_t: Floats
    barrels: Floats


def barrels_at(dwt_t: float, load: float, bbl_per_t: float) -> float:
    """Barrels of a ship laden to a share of her deadweight, as the Panel of Experts counts.

    >>> round(barrels_at(3565.0, 0.9, 7.46))  # CHON MA SAN
    23935
    """
    return dwt_t * load * bbl_per_t


def dwt_line(settings: Settings) -> tuple[float, float]:
    """(ln a, b) of dwt = a·length^b, least squares through the logarithms of the pairs."""
    length_m, dwt_t = np.log(np.array(settings.length_dwt_pairs)).T
    slope, intercept = np.polyfit(length_m, dwt_t, 1)
    return float(intercept), float(slope)


def draw_common(settings: Settings) -> Common:
    """The shared unknowns; a conversion between diesel and the Committee's, mostly a mix."""
    rng = stream(settings, "common")
    n = settings.n_draws
    return Common(
        line=rng.normal(0.0, settings.dwt_common_spread, n),
        full_share=rng.uniform(*settings.full_share, n),
        bbl_per_t=rng.triangular(
            settings.bbl_per_t_diesel, settings.bbl_per_t_mix, settings.bbl_per_t_un, n
        ),
    )


def draw_delivery(voyage: Voyage, common: Common, settings: Settings) -> Drawn:
    """Deadweight and barrels of one voyage."""
    n = settings.n_draws
    hull = stream(settings, "hull", voyage.voyage_id if voyage.mmsi is None else voyage.mmsi)
    length_m = lengths_at(hull.random(n), voyage.length_m, voyage.length_sigma_m, settings)
    intercept, slope = dwt_line(settings)
    own = hull.normal(0.0, settings.dwt_spread, n)
    dwt_t = np.exp(intercept + slope * np.log(length_m) + own + common.line)
    cargo = stream(settings, "cargo", voyage.voyage_id)
    is_full = cargo.random(n) < common.full_share
    full, part = cargo.uniform(*settings.full_load, n), cargo.uniform(*settings.part_load, n)
    share = cargo.uniform(*settings.cargo_share, n)
    barrels = dwt_t * share * np.where(is_full, full, part) * common.bbl_per_t
    return Drawn(dwt_t=dwt_t, barrels=barrels)


def lengths_at(
    quantile: Floats, length_m: float | None, sigma_m: float | None, settings: Settings
) -> Floats:
    """True lengths at quantiles of the posterior: the fleet's lengths times the measurement.

    From 10 m pixels a length is good to some 20 m, about the spread of the whole fleet: taken as
    it is, the cube of its error would make giants. Without a measurement the fleet alone speaks.
    """
    low_m, high_m = settings.fleet_length_range_m
    grid = np.arange(low_m, high_m + GRID_M / 2.0, GRID_M)
    mean_m, spread_m = settings.fleet_length_m
    log_p = -0.5 * ((grid - mean_m) / spread_m) ** 2
    if length_m is not None:
        log_p -= 0.5 * ((grid - length_m) / (sigma_m or settings.length_sigma_default_m)) ** 2
    p = np.exp(log_p - log_p.max())
    edges = np.append(grid - GRID_M / 2.0, grid[-1] + GRID_M / 2.0)
    return np.asarray(np.interp(quantile, np.append(0.0, np.cumsum(p) / p.sum()), edges))


def dwt_basis(voyage: Voyage, settings: Settings) -> str:
    """Where the deadweight comes from, in words."""
    low_m, high_m = settings.fleet_length_range_m
    if voyage.length_m is None:
        return f"from the fleet's lengths alone ({low_m:.0f} to {high_m:.0f} m): no hull measured"
    sigma_m = voyage.length_sigma_m or settings.length_sigma_default_m
    basis = f"from hull length {voyage.length_m:.0f} ± {sigma_m:.0f} m and the fleet's lengths"
    if not low_m <= voyage.length_m <= high_m:
        basis += f"; measured outside {low_m:.0f} to {high_m:.0f} m, held within"
    return basis


def stream(settings: Settings, *names: object) -> np.random.Generator:
    """A stream of its own for every purpose: no delivery's draws depend on the others'."""
    digest = hashlib.sha256(repr((settings.seed, *names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
