"""Thresholds of running it for years, each with its reason."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How nights are watched and how long what they leave is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
