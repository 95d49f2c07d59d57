"""The size and the habits of the simulated world."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator


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

    # itineraries
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
    land_wander_m: float = Field(
        8.0, ge=0, description="m by which the drawn coast differs from the rendered one"
    )
    psf_sigma_px: float = Field(0.55, ge=0, description="px; optical blur")
    sar_psf_sigma_px: float = Field(0.85, ge=0, description="px; 20 x 22 m resolution at 10 m")
    sar_looks: float = Field(4.4, gt=0, description="equivalent number of looks, IW GRDH")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Ranges run from low to high, shares of all passes sum to at most 1, days are whole."""
        for name, value in self:
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{name}: expected low then high, found {value[0]}, {value[1]}")
        if self.clear_share + self.overcast_share > 1.0:
            raise ValueError("clear_share + overcast_share: expected at most 1")
        if self.start != self.start.astimezone(UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        ):
            raise ValueError(f"start: expected midnight UTC, found {self.start.isoformat()}")
        return self
