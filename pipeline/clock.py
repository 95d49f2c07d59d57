"""Aware UTC instants: parse, format, and whole days. Nothing here reads the computer's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipeline.errors import BadInput


def parse_utc(text: str) -> datetime:
    """An aware UTC instant from ISO 8601; a text without offset is taken as UTC.

    Raises:
        BadInput: not an ISO 8601 instant.
    """
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            "Not a time", found=repr(text), expected="ISO 8601, as 2024-03-07T02:09:00Z"
        ) from None


def format_utc(instant: datetime) -> str:
    """ISO 8601 with a Z, to the second where there is no fraction."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_posix(posix_s: float) -> datetime:
    """Aware UTC, to the microsecond, of seconds since 1970."""
    return datetime.fromtimestamp(round(float(posix_s) * 1e6) / 1e6, UTC)


def compact_utc(instant: datetime) -> str:
    """`20240307T020900Z`, as it stands in ids and file names."""
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def day_start(day: date) -> datetime:
    """Midnight UTC that begins `day`."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_between(start: datetime, end: datetime) -> list[date]:
    """Every UTC day touched by [start, end)."""
    if end <= start:
        return []
    first = start.astimezone(UTC).date()
    count = (end.astimezone(UTC) - timedelta(microseconds=1)).date() - first
    return [first + timedelta(days=k) for k in range(count.days + 1)]
