"""What goes on paper: text, figures and tables, before any page is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.review.picture import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under headings."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    """In proportion."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonPaper:
    """What is printed."""

    title: str
    notices: Sequence[str]
    findings: Sequence[str]
    figures: Sequence[tuple[str, Picture]]
    """(title, figure)."""
    tables: Sequence[Table]
    method_html: str
    footer: str
    mark: str | None
    """Across every page."""
    band: str | None
    """At the top of every page."""
    dated: datetime
    """Of the data; also the document's own date, so that the same season makes the same bytes."""
