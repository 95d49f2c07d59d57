"""How radar chips are composed for training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RadarRender(BaseModel):
    """Real ships on sea of known statistics and on real coasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chip_px: int = Field(128, ge=32, multiple_of=16, description="px; side of a chip")
    coast_share: float = Field(
        0.45, ge=0, le=1, description="of chips: on a real scene with its coast, else on open sea"
    )
    ships_max: int = Field(5, ge=0, description="ships laid into one chip at most")
    shore_share: float = Field(0.35, ge=0, le=1, description="of ships: beside bright ground")
    raft_share: float = Field(0.12, ge=0, le=1, description="of ships: abreast of another")
    scale: tuple[float, float] = Field((0.7, 1.15), description="zoom of a ship")
    turn_deg: float = Field(
        20.0,
        ge=0,
        description="deg; ships are turned so far, or half round: side lobes and shadow "
        "follow the look direction (xView3, second place)",
    )
    free_turn_share: float = Field(
        0.35, ge=0, le=1, description="of ships: turned by any angle, so that all axes are seen"
    )
    gain_db: float = Field(3.0, ge=0, description="dB; a ship may be so much brighter or darker")
    sea_vv_db: tuple[float, float] = Field(
        (-24.0, -9.0), description="dB; VV of the sea: medians around the ships of OpenSARShip are "
        "-18 to -10"
    )  # fmt: skip
    cross_db: tuple[float, float] = Field(
        (-14.0, -6.0), description="dB; VH of the sea less its VV, floored by the noise"
    )
    noise_db: tuple[float, float] = Field(
        (-31.0, -23.0), description="dB; noise floor; Sentinel-1C and D lie 1.4-1.8 dB below 1A"
    )
    looks: float = Field(4.4, gt=0, description="equivalent looks of IW GRDH")
    texture: float = Field(0.25, ge=0, description="largest spread of ln(sea) over some 20 px")
    calibration_db: float = Field(0.7, ge=0, description="dB; standard deviation of a scene's gain")
    ghost_share: float = Field(0.25, ge=0, le=1, description="of chips: with an azimuth ghost")
    points_max: int = Field(3, ge=0, description="buoys and turbines in one chip at most")
    dropout: float = Field(0.45, ge=0, le=1, description="of chips: without VH")
