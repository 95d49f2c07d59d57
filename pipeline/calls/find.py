"""One site's port calls: visits on the air, dark calls on pictures, silences that may hide one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.calls.leads import silent_leads
from pipeline.calls.settings import Settings
from pipeline.calls.stays import Sighting, Stay, Watch, combined_length, find_stays
from pipeline.calls.suspects import Air, Suspect, candidates, posteriors, suspects
from pipeline.calls.visits import Fixes, Visit, find_visits
from pipeline.clock import format_utc
from pipeline.heard import (
    Gap,
    GapVerdict,
    Track,
)
from pipeline.records import (
    TANKER_TYPES,
    Candidate,
    Coverage,
    CoverageState,
    Detection,
    EvidenceClass,
    Match,
    Outcome,
    PortCall,
    Site,
    Zone,
    content_id,
)


def find_calls(
    site: Site,
    *,
    detections: list[Detection],
    matches: list[Match],
    coverage: list[Coverage],
    gaps: list[Gap],
    tracks: list[Track],
    fixes: pa.Table,
    settings: Settings,
) -> tuple[list[PortCall], list[Candidate]]:
    """Every call of one site in time, and the candidates of the dark ones.

    Args:
        site: with its zones.
        detections: of the site, those set aside too: a set-aside shape keeps a pass from counting
            as proof of an empty berth.
        matches: one for each detection that was kept.
        coverage: each zone in each pass.
        gaps: of the whole season.
        tracks: of the whole season.
        fixes: of `TrackFix`, any order.
        settings: thresholds.
    """
    gaps = sorted(gaps, key=lambda gap: gap.gap_id)
    detections = sorted(detections, key=lambda one: one.detection_id)
    air = Air(gaps=gaps, tracks={track.track_id: track for track in tracks}, fixes=Fixes.of(fixes))
    visits = find_visits(site, air.fixes, air.tracks, settings)
    watches = [_watch(zone, detections, matches, coverage, visits) for zone in site.zones]
    by_detection = {match.detection_id: match for match in matches}
    stays = [stay for watch in watches for stay in find_stays(watch, by_detection, settings)]
    found = [suspects(stay, air, settings) for stay in stays]
    odds = posteriors(stays, found, settings)
    watch_of = {watch.zone.zone_id: watch for watch in watches}
    calls = [
        _visit_call(visit, watch_of[visit.zone.zone_id], by_detection, settings) for visit in visits
    ]
    ranked: list[Candidate] = []
    for stay, own, values in zip(stays, found, odds, strict=True):
        call = _dark_call(stay, own, values, watch_of[stay.zone.zone_id], settings)
        calls.append(call)
        ranked += candidates(call.call_id, own, values, settings)
    calls += silent_leads(site, air, calls, settings)
    return sorted(calls, key=lambda call: (call.arrival_latest, call.call_id)), ranked


def _watch(
    zone: Zone,
    detections: Sequence[Detection],
    matches: Sequence[Match],
    coverage: Sequence[Coverage],
    visits: Sequence[Visit],
) -> Watch:
    by_scene: dict[str, tuple[Detection, ...]] = {}
    for one in detections:
        if one.zone_id == zone.zone_id:
            by_scene[one.scene_id] = (*by_scene.get(one.scene_id, ()), one)
    passes = (row for row in coverage if row.zone_id == zone.zone_id)
    return Watch(
        zone=zone,
        passes=tuple(sorted(passes, key=lambda row: (row.sensed_at, row.scene_id))),
        detections=by_scene,
        outcomes={match.detection_id: match.outcome for match in matches},
        visits=tuple(visit for visit in visits if visit.zone.zone_id == zone.zone_id),
    )


def _visit_call(
    visit: Visit, watch: Watch, matches: Mapping[str, Match], settings: Settings
) -> PortCall:
    """A call that the ship itself reported; images confirm it or speak against it."""
    track, zone = visit.track, visit.zone
    shown = [
        one
        for own in watch.detections.values()
        for one in own
        if one.detection_id in matches
        and matches[one.detection_id].outcome == Outcome.MATCHED
        and matches[one.detection_id].track_id == track.track_id
        and visit.first_at <= one.sensed_at <= visit.last_at
    ]
    length, sigma = combined_length(shown) if shown else (track.length_m, None)
    return PortCall(
        call_id=content_id("call", zone.zone_id, track.mmsi, format_utc(visit.first_at)),
        site_id=zone.site_id,
        zone_id=zone.zone_id,
        zone_role=str(zone.role),
        cargo=str(zone.cargo),
        mmsi=track.mmsi,
        ship_name=track.name,
        ship_type=track.ship_type,
        arrival_earliest=visit.before_at,
        arrival_latest=visit.first_at,
        departure_earliest=visit.last_at,
        departure_latest=visit.after_at,
        evidence_class=str(EvidenceClass.AIS_VISIT),
        tier="A",
        p_dark=0.0,
        p_tanker=_p_tanker_on_air(track, settings),
        p_ship=1.0,
        length_m=length,
        length_sigma_m=sigma,
        n_seen=len(shown),
        detection_ids=sorted(one.detection_id for one in shown),
        gap_ids=[],
        track_ids=[track.track_id],
        counter_evidence=_not_shown(visit, watch),
    )


def _p_tanker_on_air(track: Track, settings: Settings) -> float:
    if track.ship_type is None:
        return settings.p_tanker_untold
    return float(track.ship_type in TANKER_TYPES)


def _not_shown(visit: Visit, watch: Watch) -> list[str]:
    """Clear images of the berth in that time without any hull: positions may be false."""
    clear = [
        one
        for one in watch.passes
        if visit.first_at <= one.sensed_at <= visit.last_at and one.state == CoverageState.SEEN
    ]
    empty = sum(not watch.detections.get(one.scene_id) for one in clear)
    return [f"{empty} of {len(clear)} clear images show no hull there"] if empty else []


def _dark_call(
    stay: Stay,
    own: Sequence[Suspect],
    values: Sequence[float],
    watch: Watch,
    settings: Settings,
) -> PortCall:
    zone = stay.zone
    best = max(range(len(own)), key=lambda k: (values[k], own[k].gap.gap_id), default=None)
    named = own[best] if best is not None and values[best] >= settings.named_min else None
    p_named = 0.0 if named is None or best is None else values[best]
    p_unknown = 1.0 - sum(values)
    p_dark, p_tanker = _p_dark(stay.sightings, p_unknown, settings), _p_tanker(stay.sightings)
    on_air = _on_air_at_berth(stay, watch)
    length, sigma = stay.length_m
    return PortCall(
        call_id=content_id(
            "call", zone.zone_id, *(s.detection.detection_id for s in stay.sightings)
        ),
        site_id=zone.site_id,
        zone_id=zone.zone_id,
        zone_role=str(zone.role),
        cargo=str(zone.cargo),
        mmsi=None if named is None else named.track.mmsi,
        ship_name=None if named is None else named.track.name,
        ship_type=None if named is None else named.track.ship_type,
        arrival_earliest=stay.absent_before_at,
        arrival_latest=stay.first_at,
        departure_earliest=stay.last_at,
        departure_latest=stay.absent_after_at,
        evidence_class=str(
            EvidenceClass.IMAGE_ONLY if named is None else EvidenceClass.GAP_AND_IMAGE
        ),
        tier="D" if on_air else _tier(stay, named, p_dark, p_tanker, settings),
        p_dark=p_dark,
        p_tanker=p_tanker,
        p_ship=p_named if named is not None else p_unknown,
        length_m=length,
        length_sigma_m=sigma,
        n_seen=len(stay.sightings),
        detection_ids=[sighting.detection.detection_id for sighting in stay.sightings],
        gap_ids=[] if named is None else [named.gap.gap_id],
        track_ids=[],
        counter_evidence=_counter_evidence(stay, on_air),
    )


def _p_dark(sightings: Sequence[Sighting], p_unknown: float, settings: Settings) -> float:
    """P(a ship lies there and does not transmit).

    A ship: at least one image is right, the likelier as ships are silent that would explain it (a
    false shape needs none). Not on the air: the mean over the images, as their doubts are shared.
    Not merely unheard: even odds of off against on-but-unheard before the hours in which she should
    have been heard.
    """
    false = math.prod(1.0 - sighting.detection.score for sighting in sightings)
    explained = min(1.0 / max(p_unknown, 1e-9), settings.explained_max)
    real = (1.0 - false) * explained / ((1.0 - false) * explained + false)
    unmatched = sum(sighting.match.p_dark for sighting in sightings) / len(sightings)
    heard = max(sighting.match.p_heard for sighting in sightings)
    unheard = (1.0 - heard) ** settings.unheard_hours
    return float(real * unmatched / (1.0 + unheard))


def _p_tanker(sightings: Sequence[Sighting]) -> float:
    return sum(sighting.detection.p_tanker for sighting in sightings) / len(sightings)


def _on_air_at_berth(stay: Stay, watch: Watch) -> list[Visit]:
    """Ships that report from the very berth while an image shows the hull: it may be theirs."""
    if not stay.zone.is_berth:
        return []
    return [
        visit
        for visit in watch.visits
        if any(visit.first_at <= one.at <= visit.last_at for one in stay.sightings)
    ]


def _counter_evidence(stay: Stay, on_air: Sequence[Visit]) -> list[str]:
    """What speaks against: a ship on the air at that very berth, no reception, late data."""
    said = [
        f"MMSI {visit.track.mmsi} reports from this berth at the time; it may be the same hull"
        for visit in on_air
    ]
    if not any(sighting.is_dark for sighting in stay.sightings):
        said.append("no image shows the ship dark beyond doubt, or nobody was heard around them")
    if any(sighting.match.provisional for sighting in stay.sightings):
        said.append("provisional: late AIS may still explain it")
    if stay.zone.is_guess:
        said.append("the berth's place is a guess")
    return said


def _tier(
    stay: Stay, named: Suspect | None, p_dark: float, p_tanker: float, settings: Settings
) -> str:
    """B, C or D as in DESIGN 7; A needs a finer image or AIS at the berth.

    Where nobody was heard around the images, only a silence that began or ended where others were
    heard lifts the call to C: a receivers' hole alone is no darkness.
    """
    at_oil_berth = stay.zone.is_berth and stay.zone.handles_oil
    is_dark = any(sighting.is_dark for sighting in stay.sightings)
    was_off = named is not None and named.gap.verdict == GapVerdict.LIKELY_OFF
    if not at_oil_berth or not (is_dark or was_off):
        return "D"
    if p_dark < settings.dark_min or p_tanker < settings.tanker_min:
        return "D"
    return "B" if is_dark and was_off else "C"
