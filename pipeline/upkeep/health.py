"""How a workspace stands: what is newest, what waits, how fast it grows, when the disk is full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pipeline.records import CoverageState
from pipeline.units import DAY_S
from pipeline.upkeep.machine import Disk, Gpu
from pipeline.upkeep.ran import RunRecord, Runs
from pipeline.upkeep.settings import Settings

FORECAST_DAYS = 36_500.0
"""A disk that lasts a century is not forecast to fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest of something from somewhere."""

    site_id: str | None
    """None: of all sites together."""
    provider: str | None
    """None: of all providers together."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the passes of the last days could show of a site's zones."""

    site_id: str
    shares: Mapping[CoverageState, float]
    """Of all looks, one a zone and pass; they sum to 1."""
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Cases and how many wait for a decision."""

    cases: int
    by_status: Mapping[str, int]
    oldest_at: datetime | None
    """Since when the one that waits longest is in the queue on its evidence; None: none waits."""

    @property
    def waiting(self) -> int:
        """Cases that are not decided."""
        return sum(count for status, count in self.by_status.items() if status != "decided")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When the disk is full, as the workspace grows."""

    growth_bytes_a_day: float | None
    full_at: datetime | None
    reason: str | None
    """Why one of them is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Everything that is told of a workspace and its machine, at one instant."""

    at: datetime
    config: str
    period_end: datetime
    version: str
    runs: Runs
    running: tuple[str, ...]
    """Names of records of runs that are at work."""
    scenes: Sequence[Newest]
    ais_files: Sequence[Newest]
    """By provider: the newest fix in its files."""
    heard: Sequence[Newest]
    """By site: the newest hour in which any ship was heard near it."""
    looks: Sequence[Looks]
    queue: Queue | None
    """None: no queue yet, or the decisions cannot be read."""
    queue_problem: str | None
    disk: Disk | None
    gpus: Sequence[Gpu]
    forecast: Forecast

    @property
    def last(self) -> RunRecord | None:
        """The last run that did not merely find another at work."""
        return self.runs.last


def newest(found: Iterable[Newest]) -> list[Newest]:
    """The newest of each site and provider, sorted."""
    best: dict[tuple[str, str], Newest] = {}
    for one in found:
        key = (one.site_id or "", one.provider or "")
        if key not in best or one.at > best[key].at:
            best[key] = one
    return [best[key] for key in sorted(best)]


def forecast(
    records: Iterable[RunRecord], free_bytes: int | None, *, now: datetime, settings: Settings
) -> Forecast:
    """From the sizes that ended runs have on record: a straight line by least squares."""
    since = now - timedelta(days=settings.growth_days)
    sized = [
        (record.ended.timestamp(), float(sum(record.workspace_bytes.values())))
        for record in records
        if record.ended is not None and record.ended >= since and record.workspace_bytes
    ]
    span_d = (max(t for t, _ in sized) - min(t for t, _ in sized)) / DAY_S if sized else 0.0
    if span_d < settings.growth_days_min:
        reason = f"runs on record span {span_d:.1f} days, {settings.growth_days_min:g} are needed"
        return Forecast(growth_bytes_a_day=None, full_at=None, reason=reason)
    days, sizes = (np.asarray(column) for column in zip(*sized, strict=True))
    days = (days - days.mean()) / DAY_S
    growth = float((days * sizes).sum() / (days * days).sum())
    if free_bytes is None:
        reason = "the disk does not say what is free"
    elif growth <= 0:
        reason = "the workspace does not grow"
    elif free_bytes / growth > FORECAST_DAYS:
        reason = "at this rate it lasts for more than a hundred years"
    else:
        full_at = now + timedelta(days=free_bytes / growth)
        return Forecast(growth_bytes_a_day=growth, full_at=full_at, reason=None)
    return Forecast(growth_bytes_a_day=growth, full_at=None, reason=reason)


def last_by_command(runs: Runs) -> dict[str, RunRecord]:
    """The last run of each command that did not merely find another at work."""
    return {one.command: one for one in runs.records.values() if not one.found_another}


def last_success(runs: Runs, command: str) -> RunRecord | None:
    """The last run of a command that ended with 0."""
    ended = (one for one in reversed(runs.records.values()) if one.command == command)
    return next((one for one in ended if one.exit_code == 0), None)
