"""Why an end of a voyage is missing, in words that do not claim it did not happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.records import (
    PortCall,
    Site,
    ZoneRole,
)
from pipeline.sea_routes import Ways
from pipeline.voyages.cargo import Heard, possible_transfer
from pipeline.voyages.ends import End, is_lead_only, middle, works_oil
from pipeline.voyages.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """All calls, for what they say of an end that is missing."""

    calls: Sequence[PortCall]
    sites: Sequence[Site]
    start: datetime
    """First instant any call speaks of."""
    end: datetime
    """Last instant any call speaks of."""

    @classmethod
    def of(cls, calls: Sequence[PortCall], sites: Sequence[Site]) -> Season:
        """The season of some calls; there is at least one."""
        return cls(
            calls=calls,
            sites=sites,
            start=min(call.arrival_earliest or call.arrival_latest for call in calls),
            end=max(call.departure_latest or call.departure_earliest for call in calls),
        )


def why_missing(end: End, season: Season, settings: Settings, *, ways: Ways, heard: Heard) -> str:
    """Which end is missing, and why, for a voyage of which one call was seen."""
    is_load = end.call.zone_role == ZoneRole.LOAD
    role = ZoneRole.DISCHARGE if is_load else ZoneRole.LOAD
    ways_m = [
        ways.metres((end.lon, end.lat), middle(zone.polygon))
        for site in season.sites
        for zone in site.zones
        if zone.role is role and zone.handles_oil
    ]
    if not ways_m:
        return f"{role} call missing: no oil {role} berth is watched"
    longest = timedelta(seconds=max(ways_m) / settings.speed_slow_mps + settings.wait_max_s)
    until = end.call.departure_earliest + longest if is_load else end.call.arrival_latest - longest
    leads = _leads(end, role, season, longest) + possible_transfer(end, until, heard)
    if is_load and end.call.departure_earliest + longest > season.end:
        return f"{role} call missing: the data end before the ship had to be there{leads}"
    if not is_load and end.call.arrival_latest - longest < season.start:
        return f"{role} call missing: the ship may have loaded before the data begin{leads}"
    return (
        f"{role} call missing: none that fits was seen; it may lie between passes, under cloud or "
        f"at a berth that is not watched{leads}"
    )


def _leads(end: End, role: ZoneRole, season: Season, longest: timedelta) -> str:
    """Calls of tier D by the named ship: they make no voyage, but a reader should know of them."""
    if end.call.mmsi is None:
        return ""
    found = []
    for call in season.calls:
        fits = call.mmsi == end.call.mmsi and call.zone_role == role and works_oil(call)
        if fits and is_lead_only(call) and _follows(end.call, call, longest):
            found.append(call.call_id)
    return f" (weak lead: {', '.join(sorted(found))})" if found else ""


def _follows(seen: PortCall, lead: PortCall, longest: timedelta) -> bool:
    first, then = (seen, lead) if seen.zone_role == ZoneRole.LOAD else (lead, seen)
    return timedelta(0) < then.arrival_latest - first.departure_earliest <= longest
