"""Passes that should have been: satellites come again to the minute, archives do not always say so.

A satellite flies the same track every 10 (Sentinel-2) or 12 days (Sentinel-1). Where it was seen to
image a site at one phase of that cycle as a habit, a time at which it should have and nothing was
delivered is no quiet day: it is a day nobody looked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.records import Sensor
from pipeline.scene.settings import Settings
from pipeline.units import DAY_S

REPEAT_DAYS = {Sensor.S1: 12, Sensor.S2: 10}
"""Of one satellite (ESA, Sentinel-1 and Sentinel-2 mission guides)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One satellite over one site."""

    sensor: Sensor
    platform: str
    sensed_at: datetime


def passes_due(flights: Iterable[Flight], until: datetime, settings: Settings) -> list[Flight]:
    """Flights that the satellites' habits promise and that are not among those known, by time.

    A habit is a phase of the repeat cycle at which `due_passes_min` passes or more are known, and
    `due_share_min` of those that could have been. It is trusted between its first pass and
    `due_cycles_beyond` cycles after its last: plans change, satellites end.

    Args:
        flights: known over one site, fetched or not.
        until: nothing is due after it.
        settings: what a habit is.
    """
    due = []
    for habit in _habits(flights, settings):
        cycle_s = REPEAT_DAYS[habit[0].sensor] * DAY_S
        first = habit[0].sensed_at
        known = {round((one.sensed_at - first).total_seconds() / cycle_s) for one in habit}
        could = max(known) + 1
        if len(known) < max(settings.due_passes_min, settings.due_share_min * could):
            continue
        times = (first + timedelta(seconds=n * cycle_s)
                 for n in range(could + settings.due_cycles_beyond) if n not in known)  # fmt: skip
        due += [
            Flight(sensor=habit[0].sensor, platform=habit[0].platform, sensed_at=time)
            for time in times
            if time < until
        ]
    return sorted(due, key=lambda one: (one.sensed_at, one.platform))


def _habits(flights: Iterable[Flight], settings: Settings) -> list[list[Flight]]:
    """Flights of one satellite at one phase of its cycle, by time."""
    of_platform: dict[tuple[Sensor, str], list[Flight]] = defaultdict(list)
    for one in sorted(flights, key=lambda flight: flight.sensed_at):
        of_platform[one.sensor, one.platform].append(one)
    habits: list[list[Flight]] = []
    for (sensor, _), known in sorted(of_platform.items()):
        cycle_s = REPEAT_DAYS[sensor] * DAY_S
        groups: list[list[Flight]] = []
        for one in known:
            for group in groups:
                off_s = (one.sensed_at - group[0].sensed_at).total_seconds()
                if abs(off_s - round(off_s / cycle_s) * cycle_s) <= settings.due_tolerance_s:
                    group.append(one)
                    break
            else:
                groups.append([one])
        habits += groups
    return habits
