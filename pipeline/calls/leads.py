"""Silences that may hide a call no image shows: leads of tier D, never counted."""

from __future__ import annotations

from datetime import timedelta

from pipeline.calls.settings import Settings
from pipeline.calls.suspects import Air
from pipeline.geo import distance_m
from pipeline.heard import (
    Gap,
    GapVerdict,
    Track,
)
from pipeline.records import (
    TANKER_TYPES,
    Cargo,
    EvidenceClass,
    PortCall,
    Site,
    ZoneRole,
    content_id,
)


def silent_leads(site: Site, air: Air, settings: Settings) -> list[PortCall]:
    """One for each closed, likely-off silence of a tanker with time for a call at the site.

    As no image shows a berth, the call's zone is the site itself.
    """
    oil = [zone for zone in site.zones if zone.is_berth and zone.handles_oil]
    if not oil:
        return []
    leads = []
    for gap in air.gaps:
        track = air.tracks[gap.track_id]
        might_be = track.ship_type is None or track.ship_type in TANKER_TYPES
        if gap.verdict == GapVerdict.LIKELY_OFF and might_be:
            leads += _lead(site, {zone.role for zone in oil}, gap, track, settings)
    return leads


def _lead(
    site: Site, roles: set[ZoneRole], gap: Gap, track: Track, settings: Settings
) -> list[PortCall]:
    if gap.on_at is None or gap.on_lon is None or gap.on_lat is None:
        return []
    centre = site.aoi.centroid
    to_m = float(distance_m(gap.off_lon, gap.off_lat, centre.x, centre.y))
    from_m = float(distance_m(gap.on_lon, gap.on_lat, centre.x, centre.y))
    earliest = gap.off_at + timedelta(seconds=to_m / settings.speed_max_mps)
    latest = gap.on_at - timedelta(seconds=from_m / settings.speed_max_mps)
    stay = timedelta(seconds=settings.lead_stay_s)
    if max(to_m, from_m) > settings.lead_range_m or latest - earliest < stay:
        return []
    return [
        PortCall(
            call_id=content_id("call", site.site_id, gap.gap_id),
            site_id=site.site_id,
            zone_id=site.site_id,
            zone_role=str(min(roles)) if len(roles) == 1 else "unknown",
            cargo=str(Cargo.UNKNOWN),
            mmsi=track.mmsi,
            ship_name=track.name,
            ship_type=track.ship_type,
            arrival_earliest=earliest,
            arrival_latest=latest - stay,
            departure_earliest=earliest + stay,
            departure_latest=latest,
            evidence_class=str(EvidenceClass.GAP_SPANS_PORT),
            tier="D",
            p_dark=1.0 - gap.p_silent_if_on,
            p_tanker=1.0 if track.ship_type in TANKER_TYPES else settings.p_tanker_lead,
            p_ship=1.0,
            length_m=track.length_m,
            length_sigma_m=None,
            n_seen=0,
            detection_ids=[],
            gap_ids=[gap.gap_id],
            track_ids=[],
            counter_evidence=["no image shows the ship: she may have been elsewhere"],
        )
    ]
