"""Load calls joined to discharge calls by ship, order and sea time; a missing end says so."""

from __future__ import annotations

from pipeline.records import (
    Candidate,
    PortCall,
    Site,
    Voyage,
    ZoneRole,
    content_id,
)
from pipeline.sea_routes import Ways
from pipeline.voyages.cargo import Heard, told_by_draught
from pipeline.voyages.ends import End, make_ends
from pipeline.voyages.link import Link, best_links
from pipeline.voyages.missing import Season, why_missing
from pipeline.voyages.settings import Settings

ORDER = "an oil load berth, then an oil discharge berth: inferred from the order of calls"
NOT_PIXELS = "not from pixels, which show no draught at 10 m"


def join_voyages(
    calls: list[PortCall],
    *,
    candidates: list[Candidate],
    sites: tuple[Site, ...],
    settings: Settings,
    heard: Heard | None = None,
    ways: Ways | None = None,
) -> list[Voyage]:
    """The voyages in which at least one call was made without AIS, in time.

    Honest tankers take part in the linking, so that no dark call takes their cargo, but make no
    voyage: they are declared traffic. Calls of tier D and silences without an image are never
    linked, as they would drag a voyage below what counts; they are named where an end is missing.

    Args:
        calls: all calls of all sites.
        candidates: the ships that may have made the dark ones.
        sites: whose berths say where the calls lie.
        settings: speeds, waits, chances.
        heard: draughts and meetings; None: nothing.
        ways: by sea; None: great circles.

    Raises:
        BadInput: a call lies at a berth that no site has.
    """
    heard, ways = heard or Heard(), ways or Ways()
    ends = make_ends(calls, candidates, sites)
    if not ends:
        return []
    season = Season.of(calls, sites)
    loads = [end for end in ends if end.call.zone_role == ZoneRole.LOAD]
    discharges = [end for end in ends if end.call.zone_role == ZoneRole.DISCHARGE]
    season_s = (season.end - season.start).total_seconds()
    links = best_links(loads, discharges, season_s, settings, ways)
    linked = {end.call.call_id for link in links for end in (link.load, link.discharge)}
    voyages = [
        _linked(link, heard, settings)
        for link in links
        if link.load.is_dark or link.discharge.is_dark
    ]
    voyages += [
        _one_ended(end, season, settings, ways=ways, heard=heard)
        for end in (*loads, *discharges)
        if end.is_dark and end.call.call_id not in linked
    ]
    return sorted(voyages, key=lambda v: (v.loaded_at or v.discharged_at, v.voyage_id))


def _linked(link: Link, heard: Heard, settings: Settings) -> Voyage:
    load, discharge = link.load.call, link.discharge.call
    length_m, sigma_m = _combined_length((load, discharge), settings)
    is_laden = link.p_link >= settings.laden_link_min
    doubt = "" if is_laden else f"; but P(one voyage) is only {link.p_link:.2f}"
    told = [told_by_draught(end, heard, settings) for end in (link.load, link.discharge)]
    doubt += "".join(f"; {words}" for _, words in told if words is not None)
    if any(cargo == "ballast" for cargo, _ in told):
        is_laden = False
        doubt += ", which speaks against a cargo"
    names = {**link.discharge.names, **link.load.names}
    return Voyage(
        voyage_id=content_id("v", load.call_id, discharge.call_id),
        load_call_id=load.call_id,
        discharge_call_id=discharge.call_id,
        load_site_id=load.site_id,
        discharge_site_id=discharge.site_id,
        mmsi=link.mmsi,
        ship_name=None if link.mmsi is None else names.get(link.mmsi),
        is_dark=True,
        loaded_at=load.departure_earliest,
        discharged_at=discharge.arrival_latest,
        p_link=link.p_link,
        length_m=length_m,
        length_sigma_m=sigma_m,
        tier=max(load.tier, discharge.tier),
        cargo_inference="laden" if is_laden else "unknown",
        cargo_basis=f"{ORDER}, {NOT_PIXELS}{doubt}",
        missing=None,
    )


def _one_ended(end: End, season: Season, settings: Settings, *, ways: Ways, heard: Heard) -> Voyage:
    """Nothing lies between the calls where there is one call: only a draught may tell the cargo."""
    call = end.call
    cargo, words = told_by_draught(end, heard, settings)
    is_load = call.zone_role == ZoneRole.LOAD
    length_m, sigma_m = _combined_length((call,), settings)
    return Voyage(
        voyage_id=content_id(
            "v", call.call_id if is_load else None, None if is_load else call.call_id
        ),
        load_call_id=call.call_id if is_load else None,
        discharge_call_id=None if is_load else call.call_id,
        load_site_id=call.site_id if is_load else None,
        discharge_site_id=None if is_load else call.site_id,
        mmsi=call.mmsi,
        ship_name=call.ship_name,
        is_dark=True,
        loaded_at=call.departure_earliest if is_load else None,
        discharged_at=None if is_load else call.arrival_latest,
        p_link=None,
        length_m=length_m,
        length_sigma_m=sigma_m,
        tier=call.tier,
        cargo_inference=cargo or "unknown",
        cargo_basis=f"only a call at an oil {call.zone_role} berth was seen, so no order of calls; "
        f"{words or NOT_PIXELS}",
        missing=why_missing(end, season, settings, ways=ways, heard=heard),
    )


def _combined_length(
    calls: tuple[PortCall, ...], settings: Settings
) -> tuple[float | None, float | None]:
    """Length and standard error, each call weighed by its own error."""
    measured = [
        (call.length_m, (call.length_sigma_m or settings.length_sigma_default_m) ** -2)
        for call in calls
        if call.length_m is not None
    ]
    if not measured:
        return None, None
    weight = sum(w for _, w in measured)
    return sum(length_m * w for length_m, w in measured) / weight, weight**-0.5
