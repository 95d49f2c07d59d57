"""What network libraries say, brought to what a reader needs."""

from __future__ import annotations

import re

LONGEST = 200
CAUSE = re.compile(r"Caused by \w+\((?P<quote>[\"'])(?P<cause>.*)(?P=quote)\)")


def plain(error: Exception) -> str:
    """On one line, not longer than a message bears."""
    return " ".join(str(error).split())[:LONGEST]


def reason(error: Exception) -> str:
    """Why there was no connection: the innermost cause, without the objects it came through."""
    text = " ".join(str(error).split())
    match = CAUSE.search(text)
    if match is None:
        return text[:LONGEST]
    return re.sub(r"^\w+\(.*?\): |^<.*?>: ", "", match["cause"])[:LONGEST]
