"""How pages are written: templates, and the journal in words."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.decided import REASONS, Verdict, what_said, why_said
from pipeline.decisions.standing import Status
from pipeline.desk.desk import Desk
from pipeline.desk.docket import MINE
from pipeline.desk.seat import Seat

HERE = Path(__file__).parent
STATIC = HERE / "static"
RENDITIONS = {
    "colour": "True colour (B04 B03 B02)",
    "nir": "Near infrared (B08 B04 B03)",
    "vv": "Radar VV",
    "vh": "Radar VH",
}
COLUMNS = {"before": "Before", "at": "At", "after": "After"}


def _environment() -> Environment:
    """Everything is escaped: ships name themselves, and notes are anybody's words."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(STATIC.glob("*.*"))))
    environment.globals |= {
        "version": digest.hexdigest()[:12],
        "renditions": RENDITIONS,
        "columns": COLUMNS,
        "reasons": REASONS,
        "verdicts": list(Verdict),
        "statuses": [str(status) for status in Status],
        "mine": MINE,
    }
    environment.filters["utc"] = lambda at: f"{at.day} {at:%b %Y %H:%M}"
    environment.filters["short"] = lambda at: f"{at.day} {at:%b %H:%M}"
    environment.filters |= {"said": what_said, "why": why_said}
    return environment


TEMPLATES = _environment()


def page(name: str, desk: Desk, seat: Seat | None, **told: Any) -> HTMLResponse:
    """One page."""
    html = TEMPLATES.get_template(name).render(desk=desk, seat=seat, **told)
    return HTMLResponse(html)
