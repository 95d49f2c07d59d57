"""Two decoders of raw AIS on the same messages: what each finds, and how fast.

Needs the reference data (`DARKCALL_REFERENCE_DATA`). Sentences are put together by
`pipeline.ais.sentences` for both; the speeds are of decoding alone, and of putting together alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiscat
import pyais

sys.path.insert(0, str(Path(__file__).parents[2]))
from pipeline.ais.sentences import Message, messages

FILES = (
    "nmea_pyais/nmea_data_sample.txt", "nmea_libais/test.aivdm", "nmea_libais/typeexamples.nmea",
    "nmea_libais/tagblock.nmea", "nmea_pyais/gatehouse.nmea", "nmea_pyais/mixed.txt",
    "decoded_and_raw/test_data_20211101.nm4",
)  # fmt: skip
FIELDS = ("mmsi", "lon", "lat", "speed", "course", "heading", "imo", "shipname", "callsign",
          "to_bow", "to_stern", "draught", "destination", "status")  # fmt: skip
NOT_AVAILABLE = {"lon": (181.0,), "lat": (91.0,), "speed": (102.3, 63), "course": (360.0, 511),
                 "heading": (511,)}  # fmt: skip
SAID_OF_SHIPS = (1, 2, 3, 5, 18, 19, 24, 27)
LEAST_S = 3.0


def by_aiscat(decoder: aiscat.Decoder, text: bytes) -> dict[str, Any] | None:
    """One message, or None where it is not decoded."""
    decoder.feed(text)
    return decoder.next()


def by_pyais(text: bytes) -> dict[str, Any] | None:
    """One message, or None where it is not decoded."""
    try:
        return pyais.decode(*text.split()).asdict()
    except pyais.exceptions.AISBaseException:
        return None


def differs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Do two decoders tell different things of a ship?"""
    for name in FIELDS:
        a, b = one.get(name), other.get(name)
        b = None if b in NOT_AVAILABLE.get(name, ()) else getattr(b, "value", b)
        if isinstance(a, float) and b is not None:
            if abs(a - b) > 2e-5 * max(1.0, abs(b)):
                return True
        elif (a or None) != (b or None):
            return True
    return False


def speed(function: Any, texts: list[bytes]) -> float:
    """Messages a second of this process's own time."""
    started, count = time.process_time(), 0
    while time.process_time() - started < LEAST_S:
        for text in texts:
            function(text)
        count += len(texts)
    return count / (time.process_time() - started)


def main() -> None:
    """Print one table, or with --json one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = Path(os.environ.get("DARKCALL_REFERENCE_DATA", "")) / "ais"
    if not folder.is_dir():
        print("skipped: DARKCALL_REFERENCE_DATA names no folder")
        return
    decoder = aiscat.Decoder()
    lines = [line for name in FILES for line in (folder / name).read_bytes().splitlines()]
    texts = [one.text for one in messages(lines) if isinstance(one, Message)]
    tally: Counter[str] = Counter(messages=len(texts))
    for text in texts:
        ours, theirs = by_aiscat(decoder, text), by_pyais(text)
        tally["aiscat_decodes"] += ours is not None
        tally["pyais_decodes"] += theirs is not None
        if ours is not None and theirs is not None and ours["type"] in SAID_OF_SHIPS:
            tally["of_ships_in_both"] += 1
            tally["of_ships_different"] += differs(ours, theirs)
    figures = {
        **tally,
        "aiscat_per_s": speed(lambda text: by_aiscat(decoder, text), texts),
        "pyais_per_s": speed(by_pyais, texts),
        "lines_put_together_per_s": len(lines) * speed(lambda some: list(messages(some)), [lines]),
    }
    if args.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        print(f"{key:<26} {value:,.0f}")


if __name__ == "__main__":
    main()
