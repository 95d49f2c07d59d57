"""Which faults strike in which night, drawn by seed, and what must be told of each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

P_NIGHT = 0.75
"""Of a night being struck at all: a year of bad luck in a month."""


class Fault(StrEnum):
    """What can go wrong in a night."""

    KILL = "killed"
    DISK = "disk full"
    NETWORK = "network cut"
    STORM = "429 storm, ridden out"
    REFUSAL = "429 all night"
    BAD_FILE = "corrupt AIS file"
    BAD_SCENE = "truncated scene"
    DUPLICATE = "AIS file delivered twice"
    LATE = "late deliveries"
    CLOCK_BACK = "clock nine days back"
    CLOCK_AHEAD = "clock a hundred days ahead"
    DATABASE = "database gone"
    OVERLAP = "a second night while one is at work"


NEEDS_SCENES = {Fault.DISK, Fault.BAD_SCENE, Fault.REFUSAL}
CLOCK_BACK_FROM = 12
"""Night before which nine days back is before the first scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One night's faults."""

    night: int
    faults: tuple[Fault, ...]


def draw(seed: int, nights: int, with_scenes: set[int], possible: Sequence[Fault]) -> list[Struck]:
    """One fault a night at most, each kind as often as the others; the last two nights are calm.

    Args:
        seed: everything follows from it.
        nights: how many.
        with_scenes: nights in which new scenes arrive.
        possible: faults that this machine can be given.
    """
    chance = random.Random(seed)  # noqa: S311  a plan, not a secret
    left: Counter[Fault] = Counter()
    struck = []
    for night in range(1, nights + 1):
        fits = [
            fault
            for fault in possible
            if (fault not in NEEDS_SCENES or night in with_scenes)
            and (fault is not Fault.CLOCK_BACK or night >= CLOCK_BACK_FROM)
        ]
        chosen: tuple[Fault, ...] = ()
        if night <= nights - 2 and chance.random() < P_NIGHT:
            least = min(left[fault] for fault in fits)
            chosen = (chance.choice([fault for fault in fits if left[fault] == least]),)
            left.update(chosen)
        struck.append(Struck(night=night, faults=chosen))
    return struck


TROUBLE = {
    Fault.DISK: "disk full",
    Fault.NETWORK: "network",
    Fault.REFUSAL: "network",
    Fault.BAD_FILE: "failure",
    Fault.BAD_SCENE: "failure",
    Fault.CLOCK_BACK: "clock",
    Fault.DATABASE: "database",
    Fault.OVERLAP: "overlap",
}
"""Kind of alert that is due in the same night."""
KEYS = {Fault.BAD_FILE: "failure:ais", Fault.BAD_SCENE: "failure:fetch"}
EXITS = {
    Fault.DISK: 75, Fault.NETWORK: 75, Fault.REFUSAL: 75, Fault.CLOCK_BACK: 75,
    Fault.DATABASE: 75, Fault.BAD_FILE: 3, Fault.BAD_SCENE: 3,
}  # fmt: skip
NOT_TOLD_TO_ITS_END = {Fault.KILL, Fault.CLOCK_BACK}
"""Nights that cannot say what is over."""


def due(struck: Sequence[Struck]) -> Counter[str]:
    """How many alerts of each kind a month of these nights owes, dark calls apart.

    Written down from what docs/operations.md promises, not from the code that keeps it: a trouble
    is told when it begins and when a whole night no longer meets it; a night that was killed, and
    a clock that has run ahead, are told in the night after.
    """
    owed: Counter[str] = Counter()
    standing: set[str] = set()
    after: Fault | None = None
    for one in struck:
        fault = one.faults[0] if one.faults else None
        met: dict[str, str] = {}
        if fault in TROUBLE:
            met[KEYS.get(fault, TROUBLE[fault])] = TROUBLE[fault]
        if after is Fault.KILL:
            owed["night not ended"] += 1
        if after is Fault.CLOCK_AHEAD and fault is not Fault.KILL:
            met["clock"] = "clock"
        if fault is not Fault.KILL:
            owed.update(kind for key, kind in met.items() if key not in standing)
        if fault not in NOT_TOLD_TO_ITS_END:
            # a second run does not know of what the first has read before it
            over = standing - set(met)
            owed["over"] += len(over)
            standing -= over
        if fault is not Fault.KILL:
            standing |= set(met)
        if fault is not Fault.CLOCK_BACK:
            after = fault
        elif after is Fault.KILL:
            after = None  # told by the night that was refused
    return owed
