"""One site's port calls: visits on the air, dark calls on pictures, silences that may hide one.

Who made a dark call is decided afterwards, over all sites: `named` gives it its name and tier.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.calls.leads import silent_leads
from pipeline.calls.names import weights_alone
from pipeline.calls.settings import Settings
from pipeline.calls.stays import (
    Sighting,
    Stay,
    Watch,
    bracketed,
    combined_length,
    find_stays,
    p_same,
)
from pipeline.calls.suspects import Air, suspicions
from pipeline.calls.visits import Visit, find_visits
from pipeline.clock import format_utc
from pipeline.heard import GapVerdict, Track
from pipeline.records import (
    TANKER_TYPES,
    Coverage,
    CoverageState,
    Detection,
    EvidenceClass,
    Match,
    Outcome,
    PortCall,
    SeenStay,
    Site,
    Suspicion,
    Zone,
    content_id,
)
from pipeline.sea_routes import IsLand, Ways


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCalls:
    """Of one site."""

    calls: list[PortCall]
    """In time; the dark ones without a name."""
    stays: list[SeenStay]
    """One for each dark call."""
    suspicions: list[Suspicion]


def find_calls(
    site: Site,
    *,
    detections: list[Detection],
    matches: list[Match],
    coverage: list[Coverage],
    air: Air,
    is_land: IsLand | None,
    settings: Settings,
) -> FoundCalls:
    """Every call of one site in time, and who may have made the dark ones.

    Args:
        site: with its zones.
        detections: of the site, those set aside too: a set-aside shape keeps a pass from counting
            as proof of an empty berth.
        matches: one for each detection that was kept.
        coverage: each zone in each pass.
        air: the whole season's tracks, silences and watch list hits, and the site's ships in view.
        is_land: of places, for ways by sea; None where great circles must do.
        settings: thresholds.
    """
    detections = sorted(detections, key=lambda one: one.detection_id)
    visits = find_visits(site, air.fixes, air.tracks, settings)
    watches = [_watch(zone, detections, matches, coverage, visits) for zone in site.zones]
    by_detection = {match.detection_id: match for match in matches}
    watch_of = {watch.zone.zone_id: watch for watch in watches}
    calls = [
        _visit_call(visit, watch_of[visit.zone.zone_id], by_detection, settings) for visit in visits
    ]
    ways = Ways(is_land)
    stays: list[SeenStay] = []
    found: list[Suspicion] = []
    for watch in watches:
        chains = [
            part
            for stay in find_stays(watch, by_detection, settings)
            for part in _parted(stay, watch, air, ways, settings)
        ]
        for stay in bracketed(chains, watch, settings):
            call = _dark_call(stay, watch, settings)
            calls.append(call)
            stays.append(_seen(call, stay, watch, settings))
            found += suspicions(call.call_id, stay, air, ways, settings)
    calls += silent_leads(site, air, settings)
    return FoundCalls(
        calls=sorted(calls, key=lambda call: (call.arrival_latest, call.call_id)),
        stays=sorted(stays, key=lambda stay: (stay.first_at, stay.call_id)),
        suspicions=found,
    )


def _parted(
    stay: Stay, watch: Watch, air: Air, ways: Ways, settings: Settings
) -> list[tuple[Sighting, ...]]:
    """A stay's images, parted where two ships' silences explain them better than one ship's.

    Lengths alone run two tankers of a size together that lie at one berth one after the other.
    """
    chain = stay.sightings

    @functools.cache
    def explained(first: int, last: int) -> dict[str, float]:
        """Odds of each silence that spans some of the images."""
        part = replace(stay, sightings=chain[first:last])
        call = _dark_call(part, watch, settings)
        own = suspicions(call.call_id, part, air, ways, settings)
        return weights_alone(_seen(call, part, watch, settings), own, settings)

    def parted(first: int, last: int) -> list[tuple[Sighting, ...]]:
        best, where = math.log(settings.parted_odds_min), first
        for cut in range(first + 1, last):
            one, other = explained(first, cut), explained(cut, last)
            same = p_same(chain[first:cut], chain[cut], watch, settings)
            together = one_ship(explained(first, last), settings)
            gain = math.log(two_ships(one, other, settings) / together)
            gain += math.log(max(1.0 - same, 1e-9) / max(same, 1e-9))
            if gain > best:
                best, where = gain, cut
        if where == first:
            return [chain[first:last]]
        return parted(first, where) + parted(where, last)

    return parted(0, len(chain))


def one_ship(weights: Mapping[str, float], settings: Settings) -> float:
    """Odds that one ship made it, known or not, against an unknown one."""
    unknown = settings.unknown_weight
    return (unknown + sum(weights.values())) / unknown


def two_ships(one: Mapping[str, float], other: Mapping[str, float], settings: Settings) -> float:
    """The same of two ships one after the other, who cannot be one and the same."""
    unknown = settings.unknown_weight
    apart = (unknown + sum(one.values())) * (unknown + sum(other.values()))
    apart -= sum(weight * other.get(key, 0.0) for key, weight in one.items())
    return apart / unknown**2


def named(
    call: PortCall, stay: SeenStay, own: Sequence[tuple[float, Suspicion]], settings: Settings
) -> PortCall:
    """A dark call with the name that stands out, if one does, its tier and its odds.

    Args:
        call: without a name.
        stay: what images showed.
        own: posterior of each suspicion.
        settings: thresholds.
    """
    p_unknown = max(0.0, 1.0 - sum(value for value, _ in own))
    best = max(own, key=lambda one: (one[0], one[1].gap_id or ""), default=(0.0, None))
    value, who = best if best[0] >= settings.named_min else (p_unknown, None)
    p_dark = _p_dark(stay, p_unknown, settings)
    said = list(call.counter_evidence)
    if who is not None and who.gap_id is None:
        said.append(f"MMSI {who.mmsi} {who.reason.split(';')[0]}")
    return replace(
        call,
        mmsi=None if who is None else who.mmsi,
        ship_name=None if who is None else who.ship_name,
        ship_type=None if who is None else who.ship_type,
        evidence_class=str(_evidence_class(who)),
        tier=_tier(stay, who, p_dark, call.p_tanker, settings),
        p_dark=p_dark,
        p_ship=value,
        gap_ids=[] if who is None or who.gap_id is None else [who.gap_id],
        counter_evidence=said,
    )


def _evidence_class(who: Suspicion | None) -> EvidenceClass:
    if who is None:
        return EvidenceClass.IMAGE_ONLY
    return EvidenceClass.CONTRADICTED if who.gap_id is None else EvidenceClass.GAP_AND_IMAGE


def without_used_leads(calls: Sequence[PortCall]) -> list[PortCall]:
    """Leads whose silence explains a dark call already are no leads."""
    used = {gap_id for call in calls if call.is_dark for gap_id in call.gap_ids}
    return [
        call
        for call in calls
        if call.evidence_class != EvidenceClass.GAP_SPANS_PORT or not used & set(call.gap_ids)
    ]


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


def _dark_call(stay: Stay, watch: Watch, settings: Settings) -> PortCall:
    """As the images show it, nobody named."""
    zone = stay.zone
    length, sigma = stay.length_m
    return PortCall(
        call_id=content_id(
            "call", zone.zone_id, *(s.detection.detection_id for s in stay.sightings)
        ),
        site_id=zone.site_id,
        zone_id=zone.zone_id,
        zone_role=str(zone.role),
        cargo=str(zone.cargo),
        mmsi=None,
        ship_name=None,
        ship_type=None,
        arrival_earliest=stay.absent_before_at,
        arrival_latest=stay.first_at,
        departure_earliest=stay.last_at,
        departure_latest=stay.absent_after_at,
        evidence_class=str(EvidenceClass.IMAGE_ONLY),
        tier="D",
        p_dark=0.0,
        p_tanker=_p_tanker(stay.sightings),
        p_ship=1.0,
        length_m=length,
        length_sigma_m=sigma,
        n_seen=len(stay.sightings),
        detection_ids=[sighting.detection.detection_id for sighting in stay.sightings],
        gap_ids=[],
        track_ids=[],
        counter_evidence=_counter_evidence(stay, _on_air_at_berth(stay, watch), settings),
    )


def _seen(call: PortCall, stay: Stay, watch: Watch, settings: Settings) -> SeenStay:
    sightings, first = stay.sightings, stay.sightings[0].detection
    heard = max(sighting.match.p_heard for sighting in sightings)
    return SeenStay(
        call_id=call.call_id,
        zone_id=call.zone_id,
        lon=first.lon,
        lat=first.lat,
        first_at=stay.first_at,
        last_at=stay.last_at,
        p_false=math.prod(1.0 - sighting.detection.score for sighting in sightings),
        p_unmatched=sum(sighting.match.p_dark for sighting in sightings) / len(sightings),
        p_unheard=(1.0 - heard) ** settings.unheard_hours,
        is_dark=any(sighting.is_dark for sighting in sightings),
        at_oil_berth=stay.zone.is_berth and stay.zone.handles_oil,
        on_air_there=bool(_on_air_at_berth(stay, watch)),
        provisional=any(sighting.match.provisional for sighting in sightings),
        may_be_fixture=_may_be_fixture(stay, settings),
    )


def _p_dark(stay: SeenStay, p_unknown: float, settings: Settings) -> float:
    """P(a ship lies there and does not transmit).

    A ship: at least one image is right. Of shapes that no ship on the air explains, a false one
    needs no explanation, a ship has to be one of the few that AIS does not show; the likelier as
    silent ships fit. Not on the air: the mean over the images, as their doubts are shared. Not
    merely unheard: even odds of off against on-but-unheard before the hours in which she should
    have been heard.
    """
    # `names` weighs a shape that may be no ship down by P(ship); here it counts below, once
    p_ship = max(1.0 - stay.p_false, 1e-3)
    explained = min(1.0 + (1.0 / max(p_unknown, 1e-9) - 1.0) / p_ship, settings.explained_max)
    real = (1.0 - stay.p_false) * settings.silent_share * explained
    real /= real + stay.p_false
    return float(real * stay.p_unmatched / (1.0 + stay.p_unheard))


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


def _counter_evidence(stay: Stay, on_air: Sequence[Visit], settings: Settings) -> list[str]:
    """What speaks against: a ship on the air at that very berth, no reception, late data."""
    said = [
        f"MMSI {visit.track.mmsi} reports from this berth at the time; it may be the same hull"
        for visit in on_air
    ]
    if not any(sighting.is_dark for sighting in stay.sightings):
        said.append("no image shows the ship dark beyond doubt, or nobody was heard around them")
    if any(sighting.match.provisional for sighting in stay.sightings):
        said.append("provisional: late AIS may still explain it")
    if _may_be_fixture(stay, settings):
        said.append(
            f"on {len(stay.sightings)} images and never seen to arrive or leave: it may be a "
            "crane, a pontoon or a laid-up ship"
        )
    if stay.zone.is_guess:
        said.append("the berth's place is a guess")
    if stay.zone.is_berth and all(s.detection.empty_share is None for s in stay.sightings):
        said.append("the berth was not seen empty often enough to rule out a pier's shape")
    return said


def _may_be_fixture(stay: Stay, settings: Settings) -> bool:
    """A ship that lies for weeks has come some day, and some image shows the berth without her."""
    unbounded = stay.absent_before_at is None and stay.absent_after_at is None
    return unbounded and len(stay.sightings) >= settings.fixture_images_min


def _tier(
    stay: SeenStay, who: Suspicion | None, p_dark: float, p_tanker: float, settings: Settings
) -> str:
    """B, C or D as in DESIGN 7; A needs a finer image or AIS at the berth.

    Where nobody was heard around the images, only a silence that began or ended where others were
    heard lifts the call to C: a receivers' hole alone is no darkness. A ship named for reports that
    no image bears out makes C at most: the name may be as false as they are.
    """
    was_off = who is not None and who.verdict == GapVerdict.LIKELY_OFF
    if stay.on_air_there or stay.may_be_fixture or not stay.at_oil_berth:
        return "D"
    if not (stay.is_dark or was_off):
        return "D"
    if p_dark < settings.dark_min or p_tanker < settings.tanker_min:
        return "D"
    return "B" if stay.is_dark and was_off else "C"
