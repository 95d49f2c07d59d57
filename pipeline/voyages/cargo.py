"""What ships on the air say of their cargo: draughts typed in, and meetings at sea."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.heard import Encounter, Static
from pipeline.records import ZoneRole
from pipeline.units import DAY_S, HOUR_S
from pipeline.voyages.ends import End
from pipeline.voyages.settings import Settings

CREW = "as the crew typed it in, which many never do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What ships said of themselves in the season, and whom they met."""

    statics: Sequence[Static] = ()
    encounters: Sequence[Encounter] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DraughtChange:
    """Of a named ship over one call."""

    before_m: float
    after_m: float

    def share(self) -> float:
        """Of the draught before."""
        return self.after_m / self.before_m - 1.0

    def __str__(self) -> str:
        """For a reader."""
        return f"AIS draught {self.before_m:.1f} m before, {self.after_m:.1f} m after, {CREW}"


def draught_change(end: End, heard: Heard, settings: Settings) -> DraughtChange | None:
    """The draughts last said before a call and first said after it; None where one is missing."""
    call = end.call
    if call.mmsi is None:
        return None
    reach = timedelta(seconds=settings.draught_days * DAY_S)
    own = [s for s in heard.statics if s.mmsi == call.mmsi and s.draught_m]
    before = [s for s in own if s.first_at <= call.arrival_latest <= s.last_at + reach]
    after = [s for s in own if s.last_at >= call.departure_earliest >= s.first_at - reach]
    if not before or not after:
        return None
    last = max(before, key=lambda s: (min(s.last_at, call.arrival_latest), s.first_at))
    first = min(after, key=lambda s: (max(s.first_at, call.departure_earliest), s.last_at))
    if last.draught_m is None or first.draught_m is None:
        return None
    return DraughtChange(before_m=last.draught_m, after_m=first.draught_m)


def told_by_draught(end: End, heard: Heard, settings: Settings) -> tuple[str | None, str | None]:
    """(laden, ballast or None between load and discharge; the words for it or None)."""
    change = draught_change(end, heard, settings)
    if change is None:
        return None, None
    sign = 1.0 if end.call.zone_role == ZoneRole.LOAD else -1.0
    moved = sign * change.share()
    if moved >= settings.draught_share_min:
        return "laden", str(change)
    if moved <= -settings.draught_share_min:
        return "ballast", str(change)
    return None, f"{change}: unchanged, which says nothing"


def possible_transfer(end: End, until: datetime, heard: Heard) -> str:
    """A meeting at sea of the named ship after loading or before discharging, in words; or none."""
    call = end.call
    if call.mmsi is None:
        return ""
    span = (
        (call.departure_earliest, until)
        if call.zone_role == ZoneRole.LOAD
        else (until, call.arrival_latest)
    )
    met = [
        one
        for one in heard.encounters
        if call.mmsi in (one.mmsi, one.other_mmsi) and span[0] <= one.start_at <= span[1]
    ]
    if not met:
        return ""
    first = min(met, key=lambda one: (one.start_at, one.encounter_id))
    other = first.other_mmsi if first.mmsi == call.mmsi else first.mmsi
    hours = (first.end_at - first.start_at).total_seconds() / HOUR_S
    return (
        f"; possible transfer at sea: beside MMSI {other} for {hours:.0f} h from "
        f"{first.start_at:%d %b %Y %H:%M} UTC at {first.lat:.3f}, {first.lon:.3f} "
        f"({first.encounter_id})"
    )
