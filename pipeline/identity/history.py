"""Identities over time: what each MMSI said of itself, from when to when, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from pipeline.clock import format_utc
from pipeline.heard import Identity, Static

Key = tuple[int, int | None, int | None, str | None, str | None]


def identities_of(statics: Iterable[Static]) -> list[Identity]:
    """Each distinct identity once, by MMSI and time, with what is odd about it."""
    spans: dict[Key, tuple[datetime, datetime, int]] = {}
    for said in statics:
        key = (said.mmsi, said.imo, said.imo_wrong, said.name, said.callsign)
        if key[1:] == (None, None, None, None):
            continue
        first, last, n = spans.get(key, (said.first_at, said.last_at, 0))
        spans[key] = (
            min(first, said.first_at), max(last, said.last_at), n + said.n_reports,
        )  # fmt: skip
    rows = sorted(spans.items(), key=lambda item: (item[0][0], item[1], str(item[0])))
    odd = _oddities([(key, first, last) for key, (first, last, _) in rows])
    return [
        Identity(
            mmsi=key[0], imo=key[1], imo_wrong=key[2], name=key[3], callsign=key[4],
            first_at=first, last_at=last, n_reports=n, oddities=odd[number],
        )
        for number, (key, (first, last, n)) in enumerate(rows)
    ]  # fmt: skip


def _oddities(rows: Sequence[tuple[Key, datetime, datetime]]) -> list[list[str]]:
    """What does not fit, row by row: wrong IMO numbers, changes, numbers of two ships at once."""
    told: list[list[str]] = [[] for _ in rows]
    by_mmsi: dict[int, list[int]] = {}
    by_imo: dict[int, list[int]] = {}
    for number, (key, _, _) in enumerate(rows):
        by_mmsi.setdefault(key[0], []).append(number)
        if key[1] is not None:
            by_imo.setdefault(key[1], []).append(number)
        if key[2] is not None:
            told[number].append(f"IMO {key[2]} fails its check digit")
    for own in by_mmsi.values():
        for name, place in (("IMO", 1), ("name", 3)):
            _changes(rows, own, place, name, told)
    for imo, own in by_imo.items():
        for number in own:
            others = {rows[k][0][0] for k in own if _overlap(rows[number], rows[k])}
            others -= {rows[number][0][0]}
            if others:
                mmsis = ", ".join(map(str, sorted(others)))
                told[number].append(f"IMO {imo} is sent under MMSI {mmsis} too at that time")
    return told


def _changes(
    rows: Sequence[tuple[Key, datetime, datetime]],
    own: list[int],
    place: int,
    what: str,
    told: list[list[str]],
) -> None:
    """Say where the value differs from the one last said before it."""
    known = [number for number in own if rows[number][0][place] is not None]
    for before, after in pairwise(known):
        one, other = rows[before][0][place], rows[after][0][place]
        if one != other:
            when = format_utc(rows[after][1])
            told[after].append(f"{what} was {one} before {when}")


def _overlap(one: tuple[Key, datetime, datetime], other: tuple[Key, datetime, datetime]) -> bool:
    return one[1] <= other[2] and other[1] <= one[2]
