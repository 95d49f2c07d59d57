"""Thresholds of running it for years, each with its reason."""

from __future__ import annotations

from pathlib import Path
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

    # what each run leaves behind, and figures for Prometheus
    runs_kept: int = Field(
        400, ge=2, description="records of runs kept in `runs/`: a year of nights and some by hand"
    )
    metrics_file: Path | None = Field(
        None,
        description="written at the end of each run for node_exporter's textfile collector, as "
        "/var/lib/node_exporter/textfile/darkcall.prom; null: none",
    )
    metrics_age_s: float = Field(
        15.0, ge=0, description="s; an endpoint gathers anew when its figures are older: a scrape"
    )
    coverage_days: float = Field(30.0, gt=0, description="days of passes behind coverage shares")

    scene_late_days: float = Field(
        6.0, gt=0, description="days; one Sentinel-2 alone passes every 5 days, so one was missed"
    )
    ais_late_h: float = Field(
        36.0, gt=0, description="h; a provider of daily files is a day behind by design, and late "
        "from the next noon on",
    )  # fmt: skip

    # when the disk is full
    growth_days: float = Field(
        60.0, gt=0, description="days of run records that the workspace's growth is told from"
    )
    growth_days_min: float = Field(
        1.0, gt=0, description="days between first and last record below which nothing is forecast"
    )

    # what `darkcall doctor` warns of
    check_timeout_s: float = Field(
        12.0, gt=0, le=15, description="s; a check that takes longer is given up and said"
    )
    answer_timeout_s: float = Field(
        4.0, gt=0, description="s; a provider that is slower to answer counts as out of reach"
    )
    disk_free_warn_gb: float = Field(
        20.0, ge=0, description="GB; a month of ten ports at 10 m, with room"
    )
    disk_free_fail_gb: float = Field(1.0, ge=0, description="GB; less than one scene's pieces")
    disk_speed_warn_mb_s: float = Field(
        20.0, ge=0, description="MB/s of a write and fsync; below a hard disk's slowest third"
    )
    inodes_free_warn: int = Field(
        100_000, ge=0, description="a scene takes some thirty files: three thousand scenes"
    )
    memory_warn_gb: float = Field(
        4.0, ge=0, description="GB available; two workers with a large port each, judged"
    )
    probe_mb: int = Field(
        16, ge=1, le=1024, description="MB; file that the disk's speed is measured with"
    )
    clock_skew_warn_s: float = Field(
        60.0, ge=0, description="s; signed addresses and tokens are refused from minutes on"
    )

    # what is kept, and how long
    keep_scenes_days: int | None = Field(
        None,
        ge=60,
        description="days after which the pixels of a scene that nothing refers to are pruned; "
        "null: never. Not under 60: late AIS may change calls for 32 days (docs/data-life.md)",
    )
    prune_min_age_days: int = Field(
        60,
        ge=60,
        description="days; no younger scene is pruned to free a disk, however full it is",
    )
    backup_margin: float = Field(
        1.05,
        ge=1.0,
        le=2.0,
        description="free space asked for before a back-up or a restore, over what it will "
        "write: a twentieth for folders, blocks and the database",
    )
