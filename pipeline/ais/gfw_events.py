"""Events as Global Fishing Watch's API v3 gives them: gaps, port visits, encounters, loitering.

They are somebody else's findings, made with thresholds of their own: they are kept beside ours as
what another has seen, and become no fixes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.ais.jsonlines import NotRead
from pipeline.clock import parse_utc
from pipeline.errors import BadInput
from pipeline.heard import OutsideEvent
from pipeline.units import mps_from_knots

NAME = "Global Fishing Watch events (API v3)"
PROVIDER = "Global Fishing Watch"
KINDS = ("gap", "port_visit", "encounter", "loitering", "fishing")
Saying = Mapping[str, Any]


def looks_like_events(block: bytes) -> bool:
    """Do the first lines hold an event: what, who, where and when?"""
    head = block[:65_536]
    return all(
        key in head for key in (b'"type"', b'"position"', b'"vessel"', b'"start"', b'"ssvid"')
    )


def event_of(said: Any) -> OutsideEvent:
    """One event.

    Raises:
        NotRead: no object, of no kind that is known, or without time or place.
    """
    if not isinstance(said, dict):
        raise NotRead("no JSON object")
    kind = said.get("type")
    if kind not in KINDS:
        raise NotRead("no kind of event that is known")
    start_at = _instant(said.get("start"))
    position, vessel = _inner(said, "position"), _inner(said, "vessel")
    lon, lat = _number(position.get("lon")), _number(position.get("lat"))
    if start_at is None or lon is None or lat is None:
        raise NotRead("no time or place that can be read")
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise NotRead("position out of range")
    about = _inner(said, str(kind))
    return OutsideEvent(
        event_id=str(said.get("id", "")), provider=PROVIDER, kind=str(kind),
        mmsi=_mmsi(vessel), vessel_name=_text(vessel.get("name")), flag=_text(vessel.get("flag")),
        start_at=start_at, end_at=_instant(said.get("end")), lon=lon, lat=lat,
        **_of_kind(str(kind), about),
    )  # fmt: skip


def _of_kind(kind: str, about: Saying) -> dict[str, Any]:
    told: dict[str, Any] = {
        "other_mmsi": None, "on_lon": None, "on_lat": None, "distance_m": None,
        "mean_speed_mps": None, "confidence": None, "place": None, "intentional": None,
    }  # fmt: skip
    if kind == "gap":
        back = _inner(about, "onPosition")
        flag = about.get("intentionalDisabling")
        told |= {
            "on_lon": _number(back.get("lon")), "on_lat": _number(back.get("lat")),
            "distance_m": _times(about.get("distanceKm"), 1000.0),
            "mean_speed_mps": _speed(about.get("impliedSpeedKnots")),
            "intentional": flag if isinstance(flag, bool) else None,
        }  # fmt: skip
    elif kind == "encounter":
        told |= {
            "other_mmsi": _mmsi(_inner(about, "vessel")),
            "distance_m": _times(about.get("medianDistanceKilometers"), 1000.0),
            "mean_speed_mps": _speed(about.get("medianSpeedKnots")),
        }
    elif kind == "port_visit":
        confidence = _number(about.get("confidence"))
        told |= {
            "confidence": None if confidence is None else int(confidence),
            "place": _text(_inner(about, "startAnchorage").get("name")),
        }
    elif kind in ("loitering", "fishing"):
        told |= {
            "distance_m": _times(about.get("totalDistanceKm"), 1000.0),
            "mean_speed_mps": _speed(about.get("averageSpeedKnots")),
        }
    return told


def _inner(said: Saying, name: str) -> Saying:
    inner = said.get(name)
    return inner if isinstance(inner, dict) else {}


def _number(value: Any) -> float | None:
    """A finite number, written as one or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _times(value: Any, unit: float) -> float | None:
    number = _number(value)
    return None if number is None else number * unit


def _speed(knots: Any) -> float | None:
    number = _number(knots)
    return None if number is None else float(mps_from_knots(number))


def _mmsi(vessel: Saying) -> int | None:
    text = str(vessel.get("ssvid", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _text(value: Any) -> str | None:
    clean = value.encode("utf-8", "replace").decode().strip() if isinstance(value, str) else ""
    return clean or None


def _instant(text: Any) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        at = parse_utc(text)
    except BadInput:
        return None
    return at if datetime(1990, 1, 1, tzinfo=UTC) <= at < datetime(2100, 1, 1, tzinfo=UTC) else None
