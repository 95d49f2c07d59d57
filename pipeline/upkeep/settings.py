"""Thresholds of running it for years, each with its reason."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How nights are watched and how long what they leave is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # alerts
    alert_tiers: tuple[Literal["A", "B", "C", "D"], ...] = Field(
        ("A", "B", "C"), description="dark calls told of; tier D is a lead, nightly ones are many"
    )
    alerts_a_night: int = Field(
        10, ge=2, description="alerts one by one; what is beyond goes into one: nobody reads fifty"
    )
    told_again_days: float = Field(
        7.0, gt=0, description="d until a trouble that still stands is told again"
    )
    desk_url: str | None = Field(
        None, pattern=r"^https?://", description="of the review desk; alerts link to their case"
    )

    # before a night begins
    min_free_gb: float = Field(
        2.0, ge=0, description="GB free in the workspace below which a night does not begin: a "
        "Sentinel-2 tile with its working files takes 1"
    )  # fmt: skip
    clock_tolerance_s: float = Field(
        300.0, ge=0, description="s a clock may lie behind what it has said before: NTP steps"
    )
    expect_gpu: bool | None = Field(
        None, description="true: a night without a GPU is told; null: if the night before had one"
    )

    # silence
    silence_scenes_h: float = Field(
        240.0,
        gt=0,
        description="h without a new scene over a site: two Sentinel-2 satellites pass every five "
        "days, one Sentinel-1 every twelve; ten days without either is no chance",
    )
    silence_ais_h: float = Field(
        24.0, gt=0, description="h without a ship heard at a site: providers deliver by the day"
    )
    few_share: float = Field(
        0.25, gt=0, lt=1, description="of a site's habit; less than it in a window is told"
    )
    few_scenes_days: float = Field(14.0, gt=0, description="d; window of scenes held against habit")
    few_ais_days: float = Field(2.0, gt=0, description="d; window of hours with ships heard")
    habit_windows: int = Field(
        4, ge=2, description="earlier windows whose median is the habit; with fewer there is none"
    )
