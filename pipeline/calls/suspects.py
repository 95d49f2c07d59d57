"""Who may have made a dark call: ships whose silence leaves room for it, and one we do not know.

posterior of a ship ∝ p(length | ship) / p0(length) · odds of its type · odds of its silence; of the
unknown one ∝ `unknown_weight`. Distances are great circles, which no sea route undercuts: a ship
ruled out by them is ruled out; one that is not may still be too far by sea.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.calls.settings import Settings
from pipeline.calls.stays import Stay, normal
from pipeline.calls.visits import Fixes
from pipeline.geo import azimuth_deg, distance_m
from pipeline.heard import Gap, Track
from pipeline.records import TANKER_TYPES, Candidate
from pipeline.units import HOUR_S, NAUTICAL_MILE_M

EXCLUSION_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Air:
    """What is known of the ships on the air."""

    gaps: Sequence[Gap]
    tracks: Mapping[str, Track]
    fixes: Fixes


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One ship against one dark call."""

    gap: Gap
    track: Track
    slack_s: float
    """Time the silence leaves beyond sailing and the seen stay; below 0: out of reach."""
    length: float
    type: float
    silence: float
    reason: str

    @property
    def weight(self) -> float:
        """Odds against a ship of which nothing is known; 0 where out of reach."""
        return math.exp(self.length + self.type + self.silence) if self.slack_s >= 0 else 0.0


def suspects(stay: Stay, air: Air, settings: Settings) -> list[Suspect]:
    """Ships that were silent while the images show the hull, one silence each; any order."""
    at = stay.sightings[0].detection
    found = []
    for gap in air.gaps:
        closed = gap.on_at is not None and gap.on_at <= stay.last_at
        if gap.off_at >= stay.first_at or closed:
            continue
        slack_s = sailing_slack_s(
            gap, lon=at.lon, lat=at.lat, span=(stay.first_at, stay.last_at), settings=settings
        )
        found.append(_suspect(gap, stay, slack_s, air, settings))
    return found


def sailing_slack_s(
    gap: Gap, *, lon: float, lat: float, span: tuple[datetime, datetime], settings: Settings
) -> float:
    """What a silence leaves beyond sailing in and out, s; below 0 where one of them does not fit.

    Args:
        gap: the silence, closed or open.
        lon: of the berth.
        lat: of the berth.
        span: first and last image of the stay.
        settings: greatest speed.
    """
    to_m = float(distance_m(gap.off_lon, gap.off_lat, lon, lat))
    before_s = (span[0] - gap.off_at).total_seconds() - to_m / settings.speed_max_mps
    if gap.on_at is None or gap.on_lon is None or gap.on_lat is None:
        after_s = max((gap.data_end_at - span[1]).total_seconds(), 0.0)
    else:
        from_m = float(distance_m(lon, lat, gap.on_lon, gap.on_lat))
        after_s = (gap.on_at - span[1]).total_seconds() - from_m / settings.speed_max_mps
    return before_s + after_s if min(before_s, after_s) >= 0 else min(before_s, after_s)


def _suspect(gap: Gap, stay: Stay, slack_s: float, air: Air, settings: Settings) -> Suspect:
    track = air.tracks[gap.track_id]
    length = length_term(stay.length_m, track.length_m, settings)
    kind = _type_term(track.ship_type, settings)
    heading, heading_words = _heading_term(gap, stay, air.fixes, settings)
    surprise = -math.log(max(gap.p_silent_if_on, settings.other_silence))
    # A long silence leaves room for many places; one that just fits points here.
    tight = -math.log1p(max(slack_s, 0.0) / settings.stay_mean_s)
    return Suspect(
        gap=gap,
        track=track,
        slack_s=slack_s,
        length=length,
        type=kind,
        silence=surprise + tight + heading,
        reason=_words(gap, track, stay, slack_s) + heading_words,
    )


def length_term(measured_m: tuple[float, float], said_m: float | None, settings: Settings) -> float:
    """Log ratio of p(measured | broadcast length) to p(measured | any tanker); 0 where untold."""
    if said_m is None:
        return 0.0
    length, sigma = measured_m
    mean, spread = settings.fleet_length_m
    anyone = normal(length - mean, math.hypot(sigma, spread))
    right = normal(length - said_m, math.hypot(sigma, settings.length_sigma_share * said_m))
    wrong = settings.p_wrong_length
    return math.log(((1.0 - wrong) * right + wrong * anyone) / anyone)


def _type_term(ship_type: int | None, settings: Settings) -> float:
    if ship_type is None:
        return math.log(settings.type_odds_unknown)
    return 0.0 if ship_type in TANKER_TYPES else math.log(settings.type_odds_other)


def _heading_term(gap: Gap, stay: Stay, fixes: Fixes, settings: Settings) -> tuple[float, str]:
    """Was she bound for the port when she fell silent, and coming from it when heard again?"""
    at = stay.sightings[0].detection
    towards = float(azimuth_deg(gap.off_lon, gap.off_lat, at.lon, at.lat))
    term, said = _course_agrees(gap.track_id, gap.off_at, towards, fixes, settings)
    words = f"; {said} for the port when last heard" if said else ""
    if gap.on_at is not None and gap.on_lon is not None and gap.on_lat is not None:
        away = (float(azimuth_deg(gap.on_lon, gap.on_lat, at.lon, at.lat)) + 180.0) % 360.0
        back, said = _course_agrees(gap.track_id, gap.on_at, away, fixes, settings)
        term += back
        words += f"; {said} away from it when heard again" if said else ""
    return term, words


def _course_agrees(
    track_id: str, at: datetime, wanted_deg: float, fixes: Fixes, settings: Settings
) -> tuple[float, str]:
    row = fixes.row_at(track_id, at)
    if row is None or not fixes.sog_mps[row] >= settings.heading_min_mps:
        return 0.0, ""
    course = float(fixes.cog_deg[row])
    if math.isnan(course):
        return 0.0, ""
    off_deg = abs((course - wanted_deg + 180.0) % 360.0 - 180.0)
    if off_deg <= settings.heading_for_deg:
        return math.log(settings.heading_odds), "bound"
    if off_deg >= settings.heading_against_deg:
        return -math.log(settings.heading_odds), "not bound"
    return 0.0, ""


def _words(gap: Gap, track: Track, stay: Stay, slack_s: float) -> str:
    """The silence, the way and the size, for a reader."""
    at = stay.sightings[0].detection
    off_nm = float(distance_m(gap.off_lon, gap.off_lat, at.lon, at.lat)) / NAUTICAL_MILE_M
    said = f"silent from {gap.off_at:%d %b %H:%M} ({off_nm:.0f} nm off)"
    if gap.on_at is not None and gap.on_lon is not None and gap.on_lat is not None:
        on_nm = float(distance_m(gap.on_lon, gap.on_lat, at.lon, at.lat)) / NAUTICAL_MILE_M
        said += f" to {gap.on_at:%d %b %H:%M} ({on_nm:.0f} nm off)"
    else:
        said += ", not heard since"
    said += f", {gap.verdict}: a transmitter would be unheard with P {gap.p_silent_if_on:.2g}"
    room = f"{slack_s / HOUR_S:.0f} h to spare" if slack_s >= 0 else "too far to sail in the time"
    measured, sigma = stay.length_m
    size = "no length broadcast" if track.length_m is None else f"says {track.length_m:.0f} m"
    return f"{said}; {room}; {size}, images {measured:.0f} ± {sigma:.0f} m"


def posteriors(
    stays: Sequence[Stay], found: Sequence[Sequence[Suspect]], settings: Settings
) -> list[list[float]]:
    """Posterior of each suspect of each stay; what is missing to 1 belongs to an unknown ship.

    A ship cannot lie at two places: where stays overlap in time, each takes from a suspect's
    weight in the other what it claims of her. What a stay tells another rests on its further
    rivals only (belief propagation), so that no claim echoes back; for two stays that is exact.
    """
    rivals = [
        [j for j, other in enumerate(stays) if j != i and _overlap(stay, other)]
        for i, stay in enumerate(stays)
    ]
    told = {(j, i): dict[int, float]() for i, own in enumerate(rivals) for j in own}
    for _ in range(EXCLUSION_ROUNDS):
        told = {
            (j, i): _by_ship(
                found[j], _left(found[j], [told[k, j] for k in rivals[j] if k != i], settings)
            )
            for j, i in told
        }
    return [_left(own, [told[j, i] for j in rivals[i]], settings) for i, own in enumerate(found)]


def _left(
    own: Sequence[Suspect], claims: Sequence[Mapping[int, float]], settings: Settings
) -> list[float]:
    """Shares of a stay's suspects after what others claim of them."""
    return _share(
        [
            one.weight * math.prod(1.0 - claim.get(one.gap.mmsi, 0.0) for claim in claims)
            for one in own
        ],
        settings,
    )


def _share(weights: Sequence[float], settings: Settings) -> list[float]:
    whole = settings.unknown_weight + sum(weights)
    return [weight / whole for weight in weights]


def _by_ship(own: Sequence[Suspect], values: Sequence[float]) -> dict[int, float]:
    claims: dict[int, float] = {}
    for one, value in zip(own, values, strict=True):
        claims[one.gap.mmsi] = claims.get(one.gap.mmsi, 0.0) + value
    return claims


def _overlap(one: Stay, other: Stay) -> bool:
    return one.first_at <= other.last_at and other.first_at <= one.last_at


def candidates(
    call_id: str, own: Sequence[Suspect], values: Sequence[float], settings: Settings
) -> list[Candidate]:
    """Ranked rows of one call; the ship we do not know is always among them."""
    order = sorted(range(len(own)), key=lambda k: (-values[k], -own[k].slack_s, own[k].gap.gap_id))
    listed = order[: settings.listed_max]
    unknown = 1.0 - sum(values[k] for k in listed)
    rows = [(values[k], own[k]) for k in listed]
    rank_of_unknown = sum(value > unknown for value, _ in rows)
    ranked: list[tuple[float, Suspect | None]] = [*rows]
    ranked.insert(rank_of_unknown, (unknown, None))
    return [
        _candidate(call_id, rank, suspect, value)
        for rank, (value, suspect) in enumerate(ranked, start=1)
    ]


def _candidate(call_id: str, rank: int, suspect: Suspect | None, value: float) -> Candidate:
    track = None if suspect is None else suspect.track
    return Candidate(
        call_id=call_id,
        rank=rank,
        mmsi=None if track is None else track.mmsi,
        ship_name=None if track is None else track.name,
        ship_type=None if track is None else track.ship_type,
        ship_length_m=None if track is None else track.length_m,
        gap_id=None if suspect is None else suspect.gap.gap_id,
        feasible=suspect is None or suspect.slack_s >= 0,
        slack_s=None if suspect is None else suspect.slack_s,
        term_length=0.0 if suspect is None else suspect.length,
        term_type=0.0 if suspect is None else suspect.type,
        term_gap=0.0 if suspect is None else suspect.silence,
        posterior=value,
        reason=(
            "a ship without AIS, or one whose silence was not found"
            if suspect is None
            else suspect.reason
        ),
    )
