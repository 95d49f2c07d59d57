"""Lines of raw AIS (NMEA 0183 AIVDM/AIVDO) to whole messages, each with the time it was received.

A message of several sentences is put together by station, sequence and count, however they are
interleaved. The time stands, by feed, in a tag block (IEC 61162-450), after the checksum (US Coast
Guard), in a line before (Gatehouse), or in front of the sentence; AIS itself sends the second only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pipeline.clock import parse_utc
from pipeline.errors import BadInput

SENTENCE = re.compile(
    rb"![A-Z]{2}VD[MO],(?P<total>[1-9]),(?P<number>[1-9]),(?P<sequence>\d?),(?P<channel>[^,*]?),"
    rb"(?P<payload>[0-W`-w]*),[0-5]\*[0-9A-Fa-f]{2}"
)
TAG_BLOCK = re.compile(rb"\\(?P<fields>[^\\*]*)\*[0-9A-Fa-f]{1,2}\\")
GATEHOUSE = re.compile(
    rb"\$PGHP,1,(\d{4}),(\d{1,2}),(\d{1,2}),(\d{1,2}),(\d{1,2}),(\d{1,2}),(\d{1,3}),"
)
STATION_AFTER = re.compile(rb",([rb][A-Za-z0-9_]+)")
EPOCH_AFTER = re.compile(rb",(\d{10}(?:\.\d+)?)(?=,|$)")
EPOCH_BEFORE = re.compile(rb"(?<!\d)(\d{10}(?:\.\d+)?|\d{13})(?!\d)")
ISO_BEFORE = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
MILLISECONDS_FROM = 1e11
"""A larger number of a clock counts milliseconds."""
EARLIEST_S, LATEST_S = 631_152_000.0, 4_102_444_800.0
"""1990 and 2100: there was no AIS before, and a clock beyond is wrong."""
LINES_WAITED = 10_000
"""For the rest of a message; a feed of the whole world interleaves some hundreds."""
SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One whole message."""

    lines: tuple[int, ...]
    """Numbers of its lines in the file, from 1."""
    text: bytes
    """Its sentences, without what stood around them, each ended."""
    received_s: float | None
    """POSIX seconds; None where nothing says."""
    station: str = ""
    """Who received it, as the feed names its receivers; empty where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A line that is part of no message."""

    line: int
    rule: str
    text: str


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """Sentences of a message that is not whole yet."""

    total: int
    parts: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    received_s: float | None = None
    station: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What stands around a sentence."""

    group: bytes = b""
    """What its message's other sentences share."""
    station: str = ""
    received_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A line that holds no sentence and is none the worse for it: blank, a comment, a clock."""

    line: int


def messages(lines: Iterable[bytes]) -> Iterator[Message | SetAside | Plain]:
    """Every line once: in a message, set aside, or plain."""
    waiting: dict[tuple[bytes, bytes, int], _Waiting] = {}
    clock_s: float | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            yield Plain(line=number)
            continue
        gatehouse = GATEHOUSE.match(text)
        if gatehouse is not None:
            clock_s = _gatehouse_s(gatehouse)
            yield Plain(line=number)
            continue
        match = SENTENCE.search(text)
        problem = _problem(match)
        if match is None or problem is not None:
            yield SetAside(line=number, rule=str(problem), text=_shown(text))
            continue
        around = _around(text, match)
        if around.received_s is None:
            around, clock_s = replace(around, received_s=clock_s), None
        if int(match["total"]) == 1:
            yield Message(
                lines=(number,), text=match.group() + b"\r\n", received_s=around.received_s,
                station=around.station,
            )  # fmt: skip
            continue
        yield from _joined(waiting, around, match, number)
        yield from _given_up(waiting, number)
    yield from _given_up(waiting, number + LINES_WAITED + 1)


def _joined(
    waiting: dict[tuple[bytes, bytes, int], _Waiting],
    around: _Around,
    match: re.Match[bytes],
    line: int,
) -> Iterator[Message | SetAside]:
    """The message this sentence completes, if any; what it shows to be lost."""
    total, number = int(match["total"]), int(match["number"])
    if number > total:
        yield SetAside(
            line=line, rule="sentence of a message that has fewer", text=_shown(match.group())
        )
        return
    key = around.group, match["sequence"], total
    held = waiting.get(key)
    if held is not None and number in held.parts:  # its number comes round again
        yield from _lost(waiting.pop(key))
        held = None
    if held is None:
        held = waiting[key] = _Waiting(total=total)
    held.parts[number] = line, match.group()
    if held.received_s is None:
        held.received_s = around.received_s
    held.station = held.station or around.station
    if len(held.parts) == total:
        del waiting[key]
        ordered = [held.parts[part] for part in sorted(held.parts)]
        yield Message(
            lines=tuple(line for line, _ in ordered),
            text=b"".join(text + b"\r\n" for _, text in ordered),
            received_s=held.received_s,
            station=held.station,
        )


def _given_up(waiting: dict[tuple[bytes, bytes, int], _Waiting], line: int) -> Iterator[SetAside]:
    """Parts that have waited too long for the rest."""
    while waiting:
        key = next(iter(waiting))
        if line - min(at for at, _ in waiting[key].parts.values()) <= LINES_WAITED:
            return
        yield from _lost(waiting.pop(key))


def _lost(held: _Waiting) -> Iterator[SetAside]:
    for line, text in held.parts.values():
        yield SetAside(line=line, rule="parts of the message are missing", text=_shown(text))


def _problem(match: re.Match[bytes] | None) -> str | None:
    if match is None:
        return "no sentence of AIS"
    return None if match["payload"] else "sentence without content"


def _around(text: bytes, match: re.Match[bytes]) -> _Around:
    before, after = text[: match.start()], text[match.end() :]
    tag = TAG_BLOCK.search(before)
    if tag is not None:
        said = dict(part.split(b":", 1) for part in tag["fields"].split(b",") if b":" in part)
        group = said[b"g"].split(b"-")[-1] if b"g" in said else b""
        source = said.get(b"s", b"")
        return _Around(
            group=group or source, station=_shown(source), received_s=_epoch_s(said.get(b"c"))
        )
    if after:
        station = STATION_AFTER.search(after)
        epoch = EPOCH_AFTER.search(after)
        name = station[1] if station else b""
        return _Around(
            group=name, station=_shown(name), received_s=_epoch_s(epoch[1] if epoch else None)
        )
    if before:
        iso = ISO_BEFORE.search(before)
        epoch = EPOCH_BEFORE.search(before)
        at_s = _iso_s(iso.group()) if iso else _epoch_s(epoch[1] if epoch else None)
        return _Around(received_s=at_s)
    return _Around()


def _epoch_s(text: bytes | None) -> float | None:
    try:
        value = float(text or b"nan")
    except ValueError:
        return None
    value = value / 1000.0 if value >= MILLISECONDS_FROM else value
    return value if EARLIEST_S <= value < LATEST_S else None


def _iso_s(text: bytes) -> float | None:
    written = text.decode("ascii").replace(" ", "T")
    zoned = written if re.search(r"(Z|[+-]\d\d:?\d\d)$", written) else f"{written}Z"
    try:
        value = parse_utc(zoned).timestamp()
    except BadInput:
        return None
    return value if EARLIEST_S <= value < LATEST_S else None


def _gatehouse_s(match: re.Match[bytes]) -> float | None:
    year, month, day, hour, minute, second, millisecond = (int(group) for group in match.groups())
    try:
        at = datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        return None
    value = at.timestamp()
    return value if EARLIEST_S <= value < LATEST_S else None


def _shown(text: bytes) -> str:
    return text[:SHOWN].decode("ascii", "replace")
