"""Does a service answer at all, and what time does it say it is?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from pipeline.errors import Unreachable
from pipeline.fetch.said import reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An answer, whatever it says."""

    status: int
    date: datetime | None
    """Of its header, aware UTC, to the second; None: it has none."""
    at: datetime
    """This machine's clock when it came."""


def asked(session: requests.Session, url: str, timeout_s: float) -> Reached:
    """The head of one answer; its body is not read and no redirect followed.

    Raises:
        Unreachable: no answer in time.
    """
    try:
        with session.get(url, timeout=timeout_s, stream=True, allow_redirects=False) as answer:
            return Reached(
                status=answer.status_code,
                date=_date(answer.headers.get("Date", "")),
                at=datetime.now(UTC),
            )
    except requests.exceptions.RequestException as error:
        raise Unreachable("No answer", where=url, found=reason(error)) from None


def _date(text: str) -> datetime | None:
    try:
        said = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
