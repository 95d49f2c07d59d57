"""Raw AIS to position reports and identities: aiscat decodes, nothing is lost unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiscat
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ais.sentences import SENTENCE, Message, Plain, SetAside, messages
from pipeline.records import Issue

NAME = "raw AIS (NMEA AIVDM)"
POSITIONS = (1, 2, 3, 18, 19, 27)
"""Types that say where a ship is."""
IDENTITIES = (5, 19, 24)
"""Types that say what she is."""
BAD_CHECKSUM = 512
"""aiscat's `quality` of a message one of whose sentences fails its checksum."""
NOWHERE = {"lon": 181.0, "lat": 91.0}
"""aiscat leaves out what is not available; a fix has it as AIS writes it, to be marked."""
TENTHS = ("sog_kn", "cog_deg", "draught_m")
"""Sent in tenths; aiscat gives single precision, in which 102.2 kn are more than 102.2 kn."""
LINES_LOOKED_AT = 50
MICROSECONDS = 1_000_000
TIME = pa.timestamp("us", tz="UTC")
SHOWN = 40
POSITION_FIELDS: Mapping[str, tuple[str, pa.DataType]] = {
    "lon": ("lon", pa.float64()), "lat": ("lat", pa.float64()), "sog_kn": ("speed", pa.float64()),
    "cog_deg": ("course", pa.float64()), "heading_deg": ("heading", pa.float64()),
    "nav_status": ("status", pa.int64()),
}  # fmt: skip
"""Ours to aiscat's."""
IDENTITY_FIELDS: Mapping[str, tuple[str, pa.DataType]] = {
    "imo": ("imo", pa.int64()), "name": ("shipname", pa.string()),
    "callsign": ("callsign", pa.string()), "ship_type": ("shiptype", pa.int64()),
    "draught_m": ("draught", pa.float64()), "destination": ("destination", pa.string()),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a file of sentences holds; lines = those of messages + issues + plain."""

    positions: pa.Table
    """As `rows.marked_fixes` takes them."""
    identities: pa.Table
    """As `rows.said_statics` takes them."""
    issues: list[Issue]
    n_lines: int
    """Without plain ones: blank, comments, clocks."""
    n_by_type: Mapping[int, int]
    """Messages with a time, by AIS message type."""


def looks_like_nmea(content: bytes) -> bool:
    """Is a sentence of AIS among the first lines?"""
    return any(SENTENCE.search(line) for line in content.split(b"\n", LINES_LOOKED_AT)[:-1])


def decode(lines: Iterable[bytes], *, source: str) -> Decoded:
    """Every line in a message, set aside with a reason, or plain.

    Args:
        lines: of the file.
        source: its name.
    """
    reader = _Reader(source=source)
    for one in messages(lines):
        if isinstance(one, Message):
            reader.take(one)
        elif isinstance(one, SetAside):
            reader.set_aside((one.line,), one.rule, one.text)
        elif isinstance(one, Plain):
            continue
    return reader.read()


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Columns as they grow."""

    source: str
    decoder: aiscat.Decoder = field(default_factory=aiscat.Decoder)
    positions: list[tuple[Any, ...]] = field(default_factory=list)
    identities: list[tuple[Any, ...]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    n_lines: int = 0
    n_by_type: Counter[int] = field(default_factory=Counter)

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
            self.n_lines += len(message.lines)
            self._keep(said, round(message.received_s * MICROSECONDS))

    def set_aside(self, lines: tuple[int, ...], rule: str, text: str) -> None:
        self.n_lines += len(lines)
        self.issues += [
            Issue(where=f"{self.source} line {line}", rule=rule, value=text) for line in lines
        ]

    def read(self) -> Decoded:
        return Decoded(
            positions=_table(self.positions, POSITION_FIELDS),
            identities=_table(self.identities, IDENTITY_FIELDS, "length_m", "width_m"),
            issues=self.issues,
            n_lines=self.n_lines,
            n_by_type=dict(sorted(self.n_by_type.items())),
        )

    def _decoded(self, text: bytes) -> dict[str, Any] | None:
        """Of one message; what the decoder may still hold of another is dropped with it."""
        self.decoder.feed(text)
        said = self.decoder.next()
        while self.decoder.next() is not None:
            pass
        return said if isinstance(said, dict) and "type" in said else None

    def _keep(self, said: Mapping[str, Any], at_us: int) -> None:
        kind = int(said["type"])
        self.n_by_type[kind] += 1
        if kind in POSITIONS:
            cells = {**NOWHERE, **said}
            told = (cells.get(theirs) for theirs, _ in POSITION_FIELDS.values())
            self.positions.append((said["mmsi"], at_us, *told))
        if kind in IDENTITIES:
            told = (said.get(theirs) for theirs, _ in IDENTITY_FIELDS.values())
            length_m = said.get("to_bow", 0) + said.get("to_stern", 0)
            width_m = said.get("to_port", 0) + said.get("to_starboard", 0)
            self.identities.append((said["mmsi"], at_us, *told, float(length_m), float(width_m)))


def _table(
    rows: list[tuple[Any, ...]], fields: Mapping[str, tuple[str, pa.DataType]], *sizes: str
) -> pa.Table:
    kinds = {
        "mmsi": pa.int64(),
        "sent_at": pa.int64(),
        **{name: kind for name, (_, kind) in fields.items()},
        **dict.fromkeys(sizes, pa.float64()),
    }
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    arrays = {
        name: pa.array(cells, kind)
        for (name, kind), cells in zip(kinds.items(), columns, strict=True)
    }
    arrays |= {name: pc.round(arrays[name], 1) for name in TENTHS if name in arrays}
    return pa.table({**arrays, "sent_at": arrays["sent_at"].cast(TIME)})
