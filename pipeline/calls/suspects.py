"""Who may have made a dark call, each ship by herself: silences that leave room for it.

A ship ruled out here is ruled out: from her last report to the berth and on to the next she cannot
have sailed in the time, by sea and at the greatest speed. What several calls mean for one another
is weighed in `names`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.calls.settings import Settings
from pipeline.calls.stays import Stay, normal
from pipeline.calls.visits import Fixes
from pipeline.geo import azimuth_deg, distance_m
from pipeline.heard import Gap, HitBy, Track
from pipeline.records import TANKER_TYPES, AisInView, Suspicion
from pipeline.sea_routes import Ways
from pipeline.units import NAUTICAL_MILE_M

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Air:
    """What is known of the ships on the air."""

    gaps: Sequence[Gap]
    tracks: Mapping[str, Track]
    fixes: Fixes
    listed: Mapping[int, HitBy] = field(default_factory=dict)
    """Ships on watch lists, and by what: the strongest."""
    in_view: Sequence[AisInView] = ()
    """Of the site's scenes."""

    @functools.cached_property
    def silent_s(self) -> tuple[Floats, Floats]:
        """(gaps,) posix times of each silence's beginning and end; an open one ends never."""
        off = np.array([gap.off_at.timestamp() for gap in self.gaps])
        on = np.array([math.inf if g.on_at is None else g.on_at.timestamp() for g in self.gaps])
        return off, on

    @functools.cached_property
    def not_shown(self) -> dict[tuple[str, str], AisInView]:
        """Ships that report from where a clear image shows nothing, by scene and track."""
        return {(r.scene_id, r.track_id): r for r in self.in_view if r.status == "not seen"}


def suspicions(
    call_id: str, stay: Stay, air: Air, ways: Ways, settings: Settings
) -> list[Suspicion]:
    """Ships that were silent while the images show the hull, or reported what no image shows.

    Args:
        call_id: of the stay.
        stay: as seen.
        air: who was heard.
        ways: by sea, from the site's zones.
        settings: speeds and odds.
    """
    off_s, on_s = air.silent_s
    first_s, last_s = stay.first_at.timestamp(), stay.last_at.timestamp()
    spans = (off_s < first_s) & (on_s > last_s)
    gaps = [air.gaps[k] for k in np.flatnonzero(spans).tolist()]
    in_m, out_m = _ways_m(gaps, stay, ways, settings)
    silent = [
        _silent(call_id, gap, stay, air, (float(to), float(fro)), settings)
        for gap, to, fro in zip(gaps, in_m, out_m, strict=True)
    ]
    return silent + _contradicted(call_id, stay, air, settings)


def _ways_m(
    gaps: Sequence[Gap], stay: Stay, ways: Ways, settings: Settings
) -> tuple[Floats, Floats]:
    """(gaps,) m from the last report to the berth and from there to the next; 0 where none is.

    Great circles, which no way by sea undercuts, where those alone rule a ship out.
    """
    at = stay.sightings[0].detection
    middle = stay.zone.polygon.centroid
    route = ways.of((middle.x, middle.y))
    found = []
    for ends in ("off", "on"):
        lon, lat = (
            np.array([_number(getattr(gap, f"{ends}_{axis}")) for gap in gaps], np.float64)
            for axis in ("lon", "lat")
        )
        told = ~np.isnan(lon)
        metres = np.zeros(len(gaps))
        metres[told] = distance_m(lon[told], lat[told], at.lon, at.lat)
        if ends == "off":
            left_s = np.array([(stay.first_at - gap.off_at).total_seconds() for gap in gaps])
        else:
            left_s = np.array([_after_s(gap, stay.last_at) for gap in gaps])
        near = told & (metres <= settings.speed_max_mps * left_s)
        if near.any():
            metres[near] = np.maximum(metres[near], route.metres(lon[near], lat[near]))
        found.append(metres)
    return found[0], found[1]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _after_s(gap: Gap, last_at: datetime) -> float:
    return math.inf if gap.on_at is None else (gap.on_at - last_at).total_seconds()


def _silent(
    call_id: str,
    gap: Gap,
    stay: Stay,
    air: Air,
    ways_m: tuple[float, float],
    settings: Settings,
) -> Suspicion:
    track = air.tracks[gap.track_id]
    bound, bound_words, leaving, leaving_words = _headings(gap, stay, air.fixes, settings)
    listed, listed_words = _listed_term(track.mmsi, air, settings)
    words = _words(gap, track, stay, ways_m) + listed_words + bound_words + leaving_words
    return Suspicion(
        call_id=call_id,
        mmsi=track.mmsi,
        ship_name=track.name,
        ship_type=track.ship_type,
        ship_length_m=track.length_m,
        gap_id=gap.gap_id,
        verdict=gap.verdict,
        off_at=gap.off_at,
        on_at=gap.on_at,
        data_end_at=gap.data_end_at,
        sail_in_s=ways_m[0] / settings.speed_max_mps,
        sail_out_s=ways_m[1] / settings.speed_max_mps,
        n_not_shown=0,
        term_length=length_term(stay.length_m, track.length_m, settings),
        term_type=_type_term(track.ship_type, settings),
        term_listed=listed,
        term_silent=-math.log(max(gap.p_silent_if_on, settings.other_silence)),
        term_bound=bound,
        term_leaving=leaving,
        reason=words,
    )


def _contradicted(call_id: str, stay: Stay, air: Air, settings: Settings) -> list[Suspicion]:
    """Ships that reported from elsewhere in the very images, where those show nobody.

    Their odds: that a ship's reports are false at all, over the chance that the detector missed an
    honest one in every image.
    """
    found: dict[str, list[AisInView]] = {}
    scenes = {sighting.detection.scene_id for sighting in stay.sightings}
    for (scene_id, track_id), row in air.not_shown.items():
        if scene_id in scenes:
            found.setdefault(track_id, []).append(row)
    rows = []
    for track_id, missed in sorted(found.items()):
        track = air.tracks[track_id]
        listed, listed_words = _listed_term(track.mmsi, air, settings)
        overlooked = math.prod(1.0 - row.p_detect for row in missed)
        away = stay.sightings[0].detection
        nm = float(distance_m(missed[0].lon, missed[0].lat, away.lon, away.lat)) / NAUTICAL_MILE_M
        rows.append(
            Suspicion(
                call_id=call_id, mmsi=track.mmsi, ship_name=track.name, ship_type=track.ship_type,
                ship_length_m=track.length_m, gap_id=None, verdict=None, off_at=None, on_at=None,
                data_end_at=None, sail_in_s=0.0, sail_out_s=0.0, n_not_shown=len(missed),
                term_length=length_term(stay.length_m, track.length_m, settings),
                term_type=_type_term(track.ship_type, settings), term_listed=listed,
                term_silent=math.log(settings.spoofing_odds / max(overlooked, 1e-6)),
                term_bound=0.0, term_leaving=0.0,
                reason=f"reports from {nm:.1f} nm away, where {len(missed)} of these images show "
                f"nobody: false reports, or another ship{listed_words}; {_size(track, stay)}",
            )
        )  # fmt: skip
    return rows


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


def _listed_term(mmsi: int, air: Air, settings: Settings) -> tuple[float, str]:
    """Watch lists and the flag, which the first three digits of an MMSI tell."""
    term, words = 0.0, ""
    how = air.listed.get(mmsi)
    if how is not None:
        term += math.log(settings.name_odds if how == HitBy.NAME else settings.listed_odds)
        words += f"; on a watch list by her {how}"
    flag = settings.flag_odds.get(f"{mmsi:09d}"[:3])
    if flag is not None:
        term += math.log(flag)
        words += f"; flag {f'{mmsi:09d}'[:3]}"
    return term, words


def _headings(
    gap: Gap, stay: Stay, fixes: Fixes, settings: Settings
) -> tuple[float, str, float, str]:
    """Was she bound for the port when she fell silent, and coming from it when heard again?"""
    at = stay.sightings[0].detection
    towards = float(azimuth_deg(gap.off_lon, gap.off_lat, at.lon, at.lat))
    bound, said = _course_agrees(gap.track_id, gap.off_at, towards, fixes, settings)
    bound_words = f"; {said} for the port when last heard" if said else ""
    if gap.on_at is None or gap.on_lon is None or gap.on_lat is None:
        return bound, bound_words, 0.0, ""
    away = (float(azimuth_deg(gap.on_lon, gap.on_lat, at.lon, at.lat)) + 180.0) % 360.0
    leaving, said = _course_agrees(gap.track_id, gap.on_at, away, fixes, settings)
    return bound, bound_words, leaving, f"; {said} away from it when heard again" if said else ""


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


def _words(gap: Gap, track: Track, stay: Stay, ways_m: tuple[float, float]) -> str:
    """The silence, the way and the size, for a reader."""
    in_nm, out_nm = (way / NAUTICAL_MILE_M for way in ways_m)
    said = f"silent from {gap.off_at:%d %b %H:%M} ({in_nm:.0f} nm off by sea)"
    if gap.on_at is not None:
        said += f" to {gap.on_at:%d %b %H:%M} ({out_nm:.0f} nm off)"
    else:
        said += ", not heard since"
    said += f", {gap.verdict}: a transmitter would be unheard with P {gap.p_silent_if_on:.2g}"
    return f"{said}; {_size(track, stay)}"


def _size(track: Track, stay: Stay) -> str:
    measured, sigma = stay.length_m
    size = "no length broadcast" if track.length_m is None else f"says {track.length_m:.0f} m"
    return f"{size}, images {measured:.0f} ± {sigma:.0f} m"
