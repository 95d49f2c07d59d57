"""The size and the habits of the simulated world."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

_RANGES = (
    "dark_length_m", "cargo_length_m", "speed_kn", "off_range_nm", "days_away", "load_fraction",
    "away_deg", "wait_deg", "dark_days",
)  # fmt: skip


class Settings(BaseModel):
    """How big a season, how its ships behave, and what sensors and receivers are like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(20240307, ge=0, description="everything follows from it")
    start: AwareDatetime = Field(datetime(2024, 3, 1, tzinfo=UTC), description="first instant, UTC")
    n_days: int = Field(60, ge=1, le=400, description="days simulated")

    # fleet
    n_dark_tankers: int = Field(6, ge=0, description="tankers that switch off to call")
    n_honest_tankers: int = Field(9, ge=0, description="tankers that keep transmitting")
    n_cargo: int = Field(24, ge=0, description="bulk and general cargo ships")
    n_small_craft: int = Field(7, ge=0, description="tugs and fishing vessels of 20-40 m")
    dark_length_m: tuple[float, float] = Field(
        (66.0, 128.0), description="m; 1,000-9,000 dwt product tankers, domain facts 4.1"
    )
    cargo_length_m: tuple[float, float] = Field((85.0, 225.0), description="m; bulk and cargo")

    dwt_spread: float = Field(0.0, ge=0, description="of ln dwt about its line, ship by ship")
    dwt_world_spread: float = Field(
        0.0, ge=0, description="of ln dwt, all ships of a season alike: nobody knows the true line"
    )
    n_identity_changes: int = Field(
        0, ge=0, description="dark tankers that take another MMSI and name in mid season"
    )

    # itineraries
    real_coast: bool = Field(
        False, description="sites are real places: land is OpenStreetMap's, ships keep off it"
    )
    seaward_m: float = Field(
        12_000.0, gt=0, description="m from a port to its gate, clear of the ways to other ports"
    )
    away_deg: tuple[float, float] = Field(
        (75.0, 140.0), description="deg; azimuths from a port out to the open sea"
    )
    wait_deg: tuple[float, float] = Field(
        (60.0, 120.0), description="deg; azimuths from a gate to where ships drift and wait"
    )
    dark_sites: tuple[str, ...] = Field(
        (), description="site ids that dark tankers call at; empty: all"
    )
    honest_discharge: bool = Field(
        True, description="honest tankers call at discharge berths of the sites; else elsewhere"
    )
    n_dark_voyages: int | None = Field(
        None, ge=1, description="voyages of all dark tankers together; null: as many as they can"
    )
    dark_days: tuple[float, float] | None = Field(
        None, description="d since the start; first and last load call of those voyages"
    )
    dark_turn_days: float = Field(
        13.0, gt=0, description="d from one load call of a dark tanker to her next at the least"
    )
    lit_arrivals: int | None = Field(
        None,
        ge=0,
        description="dark tankers whose first load call is made with AIS on for a day and a half; "
        "null: one ship in six keeps it on now and then, as CHON MA SAN did",
    )
    stay_median_days: float = Field(2.4, gt=0, description="d; median stay at a berth")
    stay_spread: float = Field(0.32, ge=0, description="log standard deviation of a stay")
    turn_round_h: float = Field(3.0, ge=0, description="h between two ships at one berth")
    speed_kn: tuple[float, float] = Field((9.0, 13.0), description="kn; service speeds")
    harbour_speed_kn: float = Field(5.0, gt=0, description="kn inside the AOI")
    off_range_nm: tuple[float, float] = Field(
        (25.0, 55.0), description="nm from the berth at which a dark tanker switches off and on"
    )
    dark_discharge_share: float = Field(
        0.67, ge=0, le=1, description="share of dark voyages whose discharge call is dark too"
    )
    days_away: tuple[float, float] = Field(
        (1.0, 4.5), description="d an honest ship spends out of the region between calls"
    )
    load_fraction: tuple[float, float] = Field(
        (0.80, 0.98), description="share of the cargo deadweight a loaded tanker carries"
    )
    cargo_share_of_dwt: float = Field(0.95, gt=0, le=1, description="rest: fuel, water, stores")
    barrels_per_t: float = Field(7.46, gt=0, description="bbl/t; gas oil, BP Statistical Review")
    barrels_per_t_mix: tuple[float, float, float] | None = Field(
        None, description="bbl/t; lowest, likeliest, highest of a season's mix, drawn once"
    )

    # radio
    report_interval_s: float = Field(
        300.0, gt=0, description="s; ships send every 2 s to 3 min, this feed keeps one in so long"
    )
    receiver_range_nm: float = Field(60.0, gt=0, description="nm a shore station hears")
    receiver_p_heard: float = Field(0.93, ge=0, le=1, description="of messages within range")
    satellite_p_heard: float = Field(0.05, ge=0, le=1, description="of messages beyond the shore")
    outage_days: float = Field(0.4, ge=0, description="d; one feed's outage in mid season")
    corrupt_share: float = Field(2e-4, ge=0, le=1, description="of rows that are damaged")
    sentinel_share: float = Field(0.004, ge=0, le=1, description="of rows with 91/181 positions")
    gps_sigma_m: float = Field(6.0, ge=0, description="m; position noise")

    # pictures
    clear_share: float = Field(0.42, ge=0, le=1, description="of Sentinel-2 passes without cloud")
    overcast_share: float = Field(0.22, ge=0, le=1, description="of passes all under cloud")
    clear_by_month: tuple[float, ...] | None = Field(
        None, min_length=12, max_length=12, description="clear_share, January to December"
    )
    overcast_by_month: tuple[float, ...] | None = Field(
        None, min_length=12, max_length=12, description="overcast_share, January to December"
    )
    land_wander_m: float = Field(
        8.0, ge=0, description="m by which the drawn coast differs from the rendered one"
    )
    misregistration_m: float = Field(
        3.0,
        ge=0,
        description="m, each axis, by which an optical pass lies off another: 0.3 px at 95 % where "
        "Sentinel-2 is refined and 1.2 px where it is not (L1C Data Quality Report)",
    )
    sar_misregistration_m: float = Field(
        4.0, ge=0, description="m, each axis; 7 m at 95 % for Sentinel-1 IW (product definition)"
    )
    land_gain_sigma: float = Field(
        0.1, ge=0, description="of ln reflectance of land, pass to pass: sun, dust; an assumption"
    )
    sar_land_gain_sigma: float = Field(
        0.2, ge=0, description="of ln power of land, pass to pass: rain; an assumption"
    )
    psf_sigma_px: float = Field(0.55, ge=0, description="px; optical blur")
    sar_psf_sigma_px: float = Field(0.85, ge=0, description="px; 20 x 22 m resolution at 10 m")
    sar_looks: float = Field(4.4, gt=0, description="equivalent number of looks, IW GRDH")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Ranges run from low to high, shares of all passes sum to at most 1, days are whole."""
        for name, value in self:
            if name in _RANGES and value is not None and value[0] > value[1]:
                raise ValueError(f"{name}: expected low then high, found {value[0]}, {value[1]}")
        for month in range(1, 13):
            if sum(self.sky(month)) > 1.0:
                raise ValueError("clear_share + overcast_share: expected at most 1")
        if (self.n_dark_voyages is None) != (self.dark_days is None):
            raise ValueError("n_dark_voyages and dark_days: expected both or neither")
        if self.start != self.start.astimezone(UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        ):
            raise ValueError(f"start: expected midnight UTC, found {self.start.isoformat()}")
        return self

    def sky(self, month: int) -> tuple[float, float]:
        """Shares of clear and of overcast passes in a month, 1 to 12."""
        clear = self.clear_share if self.clear_by_month is None else self.clear_by_month[month - 1]
        over = self.overcast_share
        return clear, over if self.overcast_by_month is None else self.overcast_by_month[month - 1]
