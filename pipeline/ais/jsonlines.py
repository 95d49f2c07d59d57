"""Position reports and identities out of JSON: aisstream.io's lines, Digitraffic's features.

aisstream.io writes one decoded message a line, with the time of its receipt beside it. Digitraffic
(Fintraffic's open AIS) writes GeoJSON features of positions and objects of identities, many in a
document or one a line, with a clock in milliseconds and draughts in tenths of a metre.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.ais.reports import Reports
from pipeline.records import Issue

AISSTREAM = "aisstream.io JSON lines"
DIGITRAFFIC = "Digitraffic JSON"
SHOWN = 40
MICROSECONDS = 1_000_000
TIME_UTC = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
CLASS_B = ("StandardClassBPositionReport", "ExtendedClassBPositionReport")
POSITIONS = ("PositionReport", *CLASS_B, "LongRangeAisBroadcastMessage")
WRAPPED = ("VESSEL_LOCATION", "VESSEL_METADATA")
Saying = Mapping[str, Any]


class NotRead(ValueError):
    """An object that is not what its file should hold, and why."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What some objects hold; objects = `n_kept` + issues."""

    reports: Reports = field(default_factory=Reports)
    issues: list[Issue] = field(default_factory=list)
    n_objects: int = 0


def format_of(block: bytes) -> str | None:
    """Name of the JSON format whose first line or document this is; None: neither."""
    first = block.lstrip()[:1]
    if first not in (b"{", b"["):
        return None
    head = block[:65_536]
    if b'"MessageType"' in head and b'"Message"' in head:
        return AISSTREAM
    if b'"mmsi"' in head and any(key in head for key in (b'"geometry"', b'"timestamp"')):
        return DIGITRAFFIC
    return None


def is_lines(block: bytes) -> bool:
    """Is the first line an object of its own, rather than the beginning of one?"""
    return not isinstance(_loaded(block.lstrip().split(b"\n", 1)[0]), NotRead)


def objects(block: bytes) -> Iterator[tuple[int, Any]]:
    """(line, object) of each line, of an array's elements, or of a collection's.

    A line that is no JSON comes as `NotRead`. A document of one line or many is the same.
    """
    try:
        whole = json.loads(block)
    except (ValueError, RecursionError):
        for number, line in enumerate(block.splitlines(), 1):
            if line.strip():
                yield from ((number, one) for one in _several(_loaded(line)))
        return
    yield from ((1, one) for one in _several(whole))


def read(found: Found, numbered: tuple[int, Any], *, form: str, source: str) -> None:
    """Take one object in, or set it aside."""
    line, said = numbered
    found.n_objects += 1
    reader: Callable[[Saying, Reports], None] = _aisstream if form == AISSTREAM else _digitraffic
    try:
        if isinstance(said, NotRead):
            raise said
        if not isinstance(said, dict):
            raise NotRead("no JSON object")
        reader(said, found.reports)
    except NotRead as reason:
        shown = "" if isinstance(said, NotRead) else json.dumps(said)[:SHOWN]
        found.issues.append(Issue(where=f"{source} line {line}", rule=str(reason), value=shown))


def _loaded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return NotRead("no JSON")


def _several(said: Any) -> list[Any]:
    for name in ("features", "entries"):
        if isinstance(said, dict) and isinstance(said.get(name), list):
            return list(said[name])
    return said if isinstance(said, list) else [said]


# --------------------------------------------------------------------------- aisstream.io


def _aisstream(said: Saying, reports: Reports) -> None:
    kind = said.get("MessageType")
    body = _inner(_inner(said, "Message"), str(kind))
    about = said.get("MetaData", said.get("Metadata", {}))
    at_us = _time_us(about.get("time_utc") if isinstance(about, dict) else None)
    who = {"mmsi": _whole(body.get("UserID")), "sent_at": at_us}
    if who["mmsi"] is None:
        raise NotRead("no mmsi that can be read")
    if body.get("Valid") is False:
        raise NotRead("message is not decoded")
    if kind in POSITIONS:
        reports.positions.append({
            **who, "lon": _number(body.get("Longitude")), "lat": _number(body.get("Latitude")),
            "sog_kn": _number(body.get("Sog")), "cog_deg": _number(body.get("Cog")),
            "heading_deg": _number(body.get("TrueHeading")),
            "nav_status": _whole(body.get("NavigationalStatus")),
            "ais_class": "B" if kind in CLASS_B else "A",
        })  # fmt: skip
        _placed(reports)
    if kind in ("ShipStaticData", "ExtendedClassBPositionReport"):
        reports.identities.append({**who, **_told(body)})
    if kind == "StaticDataReport":
        parts = [body.get(name) for name in ("ReportA", "ReportB")]
        told = [_told(part) for part in parts if isinstance(part, dict) and part.get("Valid")]
        reports.identities += [{**who, **one} for one in told]


def _told(body: Saying) -> dict[str, Any]:
    sides = body.get("Dimension")
    sides = sides if isinstance(sides, dict) else {}
    a, b, c, d = (_number(sides.get(side)) or 0.0 for side in "ABCD")
    return {
        "imo": _whole(body.get("ImoNumber")), "name": _text(body.get("Name")),
        "callsign": _text(body.get("CallSign")),
        "ship_type": _whole(body.get("Type", body.get("ShipType"))),
        "draught_m": _number(body.get("MaximumStaticDraught")),
        "destination": _text(body.get("Destination")), "length_m": a + b, "width_m": c + d,
    }  # fmt: skip


def _inner(said: Saying, name: str) -> Saying:
    inner = said.get(name)
    if not isinstance(inner, dict):
        raise NotRead(f"no {name}"[:SHOWN])
    return inner


def _time_us(text: Any) -> int:
    """`2022-12-29 18:22:32.318353 +0000 UTC`, as Go prints a time."""
    match = TIME_UTC.match(text) if isinstance(text, str) else None
    try:
        at = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC) if match else None
    except ValueError:
        at = None
    if at is None or match is None:
        raise NotRead("no sent_at that can be read")
    return int(at.timestamp()) * MICROSECONDS + int((match[3] or "0").ljust(6, "0")[:6])


# --------------------------------------------------------------------------- Digitraffic


def _digitraffic(said: Saying, reports: Reports) -> None:
    if said.get("type") in WRAPPED:
        said = _inner(said, "data")
    inside = said.get("properties")
    cells = {**said, **inside} if isinstance(inside, dict) else dict(said)
    who = {"mmsi": _whole(cells.get("mmsi")), "sent_at": None}
    if who["mmsi"] is None:
        raise NotRead("no mmsi that can be read")
    if isinstance(said.get("geometry"), dict):
        point = said["geometry"].get("coordinates")
        lon, lat = point[:2] if isinstance(point, list) and len(point) >= 2 else (None, None)
        reports.positions.append({
            **who, "sent_at": _epoch_us(cells.get("timestampExternal")), "lon": _number(lon),
            "lat": _number(lat), "sog_kn": _number(cells.get("sog")),
            "cog_deg": _number(cells.get("cog")), "heading_deg": _number(cells.get("heading")),
            "nav_status": _whole(cells.get("navStat")), "receiver": "terrestrial",
        })  # fmt: skip
        _placed(reports)
        return
    a, b, c, d = (_number(cells.get(f"referencePoint{side}")) or 0.0 for side in "ABCD")
    draught = _number(cells.get("draught"))
    reports.identities.append({
        **who, "sent_at": _epoch_us(cells.get("timestamp")), "imo": _whole(cells.get("imo")),
        "name": _text(cells.get("name")), "callsign": _text(cells.get("callSign")),
        "ship_type": _whole(cells.get("shipType")), "length_m": a + b, "width_m": c + d,
        "draught_m": None if draught is None else draught / 10.0,
        "destination": _text(cells.get("destination")),
    })  # fmt: skip


def _epoch_us(milliseconds: Any) -> int:
    value = _number(milliseconds)
    if value is None or not 6e11 < value < 4.1e12:  # 1989 to 2099
        raise NotRead("no sent_at that can be read")
    return round(value * 1000)


# --------------------------------------------------------------------------- cells


def _placed(reports: Reports) -> None:
    """A report without a place is none."""
    for axis in ("lon", "lat"):
        if reports.positions[-1][axis] is None:
            reports.positions.pop()
            raise NotRead(f"no {axis} that can be read")


def _number(value: Any) -> float | None:
    """A finite number; JSON's true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e18 else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,10}", value):
        return int(value)
    number = _number(value)
    return int(number) if number is not None and 0 <= number == int(number) else None


def _text(value: Any) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
