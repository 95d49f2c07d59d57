"""Raw AIS to position reports and identities: aiscat decodes, nothing is lost unseen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiscat

from pipeline.ais.reports import Reports
from pipeline.ais.sentences import SENTENCE, Message, Plain, SetAside, messages
from pipeline.ais.settings import Settings
from pipeline.records import Issue

NAME = "raw AIS (NMEA AIVDM)"
POSITIONS = (1, 2, 3, 18, 19, 27)
"""Types that say where a ship is."""
IDENTITIES = (5, 19, 24)
"""Types that say what she is."""
CLASS_B = (18, 19, 24)
BAD_CHECKSUM = 512
"""aiscat's `quality` of a message one of whose sentences fails its checksum."""
NOWHERE = {"lon": 181.0, "lat": 91.0}
"""aiscat leaves out what is not available; a fix has it as AIS writes it, to be marked."""
LINES_LOOKED_AT = 50
LINES_A_PART = 500_000
MICROSECONDS = 1_000_000
SHOWN = 40
POSITION_FIELDS = {
    "lon": "lon", "lat": "lat", "sog_kn": "speed", "cog_deg": "course", "heading_deg": "heading",
    "nav_status": "status",
}  # fmt: skip
"""Ours to aiscat's."""
IDENTITY_FIELDS = {
    "imo": "imo", "name": "shipname", "callsign": "callsign", "ship_type": "shiptype",
    "draught_m": "draught", "destination": "destination",
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Decoded:
    """What some lines hold; lines = those of messages + issues."""

    reports: Reports = field(default_factory=Reports)
    issues: list[Issue] = field(default_factory=list)
    n_lines: int = 0
    """Without plain ones: blank, comments, clocks."""
    n_by_type: Counter[int] = field(default_factory=Counter)
    """Messages with a time, by AIS message type."""


def looks_like_nmea(content: bytes) -> bool:
    """Is a sentence of AIS among the first lines?"""
    return any(SENTENCE.search(line) for line in content.split(b"\n", LINES_LOOKED_AT)[:-1])


def decode(lines: Iterable[bytes], *, source: str, settings: Settings) -> Iterator[Decoded]:
    """Every line in a message, set aside with a reason, or plain; in parts, never none.

    Args:
        lines: of the file.
        source: its name.
        settings: which stations are satellites.
    """
    satellites = re.compile(settings.satellite_stations, re.IGNORECASE)
    reader = _Reader(source=source, satellites=satellites)
    for one in messages(lines):
        if isinstance(one, Message):
            reader.take(one)
        elif isinstance(one, SetAside):
            reader.set_aside((one.line,), one.rule, one.text)
        elif isinstance(one, Plain):
            continue
        if reader.found.n_lines >= LINES_A_PART:
            yield reader.found
            reader.found = Decoded()
    yield reader.found


@dataclass(slots=True, kw_only=True)
class _Reader:
    source: str
    satellites: re.Pattern[str]
    decoder: aiscat.Decoder = field(default_factory=aiscat.Decoder)
    found: Decoded = field(default_factory=Decoded)

    def take(self, message: Message) -> None:
        said = self._decoded(message.text)
        shown = message.text[:SHOWN].decode("ascii", "replace").strip()
        if said is None:
            self.set_aside(message.lines, "message is not decoded", shown)
        elif said.get("quality") == BAD_CHECKSUM:
            self.set_aside(message.lines, "checksum does not hold", shown)
        elif message.received_s is None:
            self.set_aside(message.lines, "nothing says when it was received", shown)
        else:
            self.found.n_lines += len(message.lines)
            self._keep(said, round(message.received_s * MICROSECONDS), message.station)

    def set_aside(self, lines: tuple[int, ...], rule: str, text: str) -> None:
        self.found.n_lines += len(lines)
        self.found.issues += [
            Issue(where=f"{self.source} line {line}", rule=rule, value=text) for line in lines
        ]

    def _decoded(self, text: bytes) -> dict[str, Any] | None:
        """Of one message; what the decoder may still hold of another is dropped with it."""
        self.decoder.feed(text)
        said = self.decoder.next()
        while self.decoder.next() is not None:
            pass
        return said if isinstance(said, dict) and "type" in said else None

    def _keep(self, said: Mapping[str, Any], at_us: int, station: str) -> None:
        kind = int(said["type"])
        self.found.n_by_type[kind] += 1
        who = {"mmsi": said["mmsi"], "sent_at": at_us}
        if kind in POSITIONS:
            cells = {**NOWHERE, **said}
            told = {ours: cells.get(theirs) for ours, theirs in POSITION_FIELDS.items()}
            ais_class = "B" if kind in CLASS_B else "A"
            heard = {"ais_class": ais_class, "receiver": self._receiver(station)}
            self.found.reports.positions.append({**who, **told, **heard})
        if kind in IDENTITIES:
            told = {ours: said.get(theirs) for ours, theirs in IDENTITY_FIELDS.items()}
            length_m = said.get("to_bow", 0) + said.get("to_stern", 0)
            width_m = said.get("to_port", 0) + said.get("to_starboard", 0)
            size = {"length_m": float(length_m), "width_m": float(width_m)}
            self.found.reports.identities.append({**who, **told, **size})

    def _receiver(self, station: str) -> str | None:
        if not station:
            return None
        return "satellite" if self.satellites.search(station) else "terrestrial"
