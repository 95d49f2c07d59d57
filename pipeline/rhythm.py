"""What a season's calls say together: rates, stays, returns, and when a cap was passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Claimed dark calls of one week."""

    start_at: datetime
    n_claims: int
    low: float
    """5 % point of the rate a week, of what was claimed; unseen calls are not in it."""
    high: float
    """95 % point."""
    seen_share: float
    """Of the berths' days, those within a day of a clear look: how far the count can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A span in which calls came at one rate."""

    start_at: datetime
    end_at: datetime
    n_claims: int
    per_week: float
    low: float
    """5 % point."""
    high: float
    """95 % point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long one claimed ship lay there, as far as images tell."""

    call_id: str
    least_d: float
    """Between the first and the last image that shows her."""
    most_d: float | None
    """Between the images without her; None where one end is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """A ship that stands out in several calls."""

    mmsi: int
    ship_name: str | None
    call_ids: tuple[str, ...]
    turns_d: tuple[float, ...]
    """Between one arrival and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Of dark calls at berths of one role."""

    role: str
    weeks: tuple[Week, ...]
    phases: tuple[Phase, ...]
    stays: tuple[Stay, ...]
    returning: tuple[Returning, ...]
    """By how often they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """When a year's cap was passed, as far as the totals tell."""

    scope: str
    year: int
    at: tuple[datetime | None, datetime | None, datetime | None]
    """When P(exceeded) reached 5, 50 and 95 %; None where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What states told the 1718 Committee of one month: a series of its own, never added."""

    month_end: date
    barrels: float
    country: str
    source: str
