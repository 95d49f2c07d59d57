"""Silences, and what they are worth as evidence.

A gap counts only for the hours in which the ship cannot have left the waters where receivers were
hearing others: from its last fix outward, and back from its next, at a tanker's greatest speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from pipeline.ais.settings import Settings
from pipeline.ais.tracks import seconds
from pipeline.clock import format_utc
from pipeline.geo import distance_m
from pipeline.records import Gap, GapVerdict, Reception, Site, Track, content_id
from pipeline.units import HOUR_S, mps_from_knots


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """The last fix before a silence, or the first after it."""

    at: datetime
    lon: float
    lat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What receivers near the sites would have made of the silence."""

    p_silent: float
    n_expected: float
    n_other_ships: int
    hours: int


def find_gaps(
    fixes: pa.Table,
    tracks: Sequence[Track],
    *,
    sites: tuple[Site, ...],
    reception: Sequence[Reception],
    data_end: datetime,
    settings: Settings,
) -> list[Gap]:
    """Every silence longer than `gap_min_s`, the open ones too, in the order of their beginning.

    Args:
        fixes: of `TrackFix`, sorted by track and time.
        tracks: of the same fixes.
        sites: around which reception is known.
        reception: by site and hour.
        data_end: the end of the AIS data.
        settings: thresholds.
    """
    hours = {(row.site_id, row.hour_at): row for row in reception}
    rates = {track.track_id: _rate_per_h(track) for track in tracks}
    gaps = []
    for off, on, mmsi, track_id in _silences(fixes, data_end, settings):
        heard = _heard(
            off,
            on,
            sites=sites,
            hours=hours,
            rate_per_h=rates[track_id],
            end=data_end,
            settings=settings,
        )
        gap = Gap(
            gap_id=content_id("g", mmsi, format_utc(off.at), off.lon, off.lat),
            mmsi=mmsi,
            track_id=track_id,
            off_at=off.at,
            off_lon=off.lon,
            off_lat=off.lat,
            on_at=None if on is None else on.at,
            on_lon=None if on is None else on.lon,
            on_lat=None if on is None else on.lat,
            data_end_at=data_end,
            n_expected=heard.n_expected,
            n_other_ships=heard.n_other_ships,
            p_silent_if_on=heard.p_silent,
            verdict=str(_verdict(heard, settings)),
        )
        gaps.append(gap)
    return sorted(gaps, key=lambda gap: (gap.off_at, gap.gap_id))


def _silences(
    fixes: pa.Table, data_end: datetime, settings: Settings
) -> list[tuple[_Edge, _Edge | None, int, str]]:
    if fixes.num_rows == 0:
        return []
    time_s = seconds(fixes)
    names = np.asarray(fixes.column("track_id").to_pylist(), dtype=object)
    same = names[1:] == names[:-1]
    closed = np.flatnonzero(same & (np.diff(time_s) > settings.gap_min_s))
    lasts = np.append(np.flatnonzero(~same), len(names) - 1)
    open_ones = lasts[data_end.timestamp() - time_s[lasts] > settings.gap_min_s]
    mmsi = fixes.column("mmsi")
    found: list[tuple[_Edge, _Edge | None, int, str]] = [
        (_edge(fixes, k), _edge(fixes, k + 1), mmsi[k].as_py(), names[k]) for k in map(int, closed)
    ]
    found += [(_edge(fixes, k), None, mmsi[k].as_py(), names[k]) for k in map(int, open_ones)]
    return found


def _edge(fixes: pa.Table, row: int) -> _Edge:
    cells = {name: fixes.column(name)[row].as_py() for name in ("sent_at", "lon", "lat")}
    return _Edge(at=cells["sent_at"], lon=cells["lon"], lat=cells["lat"])


def _rate_per_h(track: Track) -> float:
    """How often the ship is heard in its own habit: fixes an hour over the whole track."""
    span_h = max((track.end_at - track.start_at).total_seconds() / HOUR_S, 1.0)
    return track.n_fixes / span_h


def _heard(
    off: _Edge,
    on: _Edge | None,
    *,
    sites: tuple[Site, ...],
    hours: Mapping[tuple[str, datetime], Reception],
    rate_per_h: float,
    end: datetime,
    settings: Settings,
) -> _Heard:
    """The silence judged by the hours after the off fix and before the on fix, best site each.

    An hour counts once, also where both fixes reach it; one in which nobody was heard is no
    evidence, for the receivers themselves may have been down.
    """
    captive: dict[datetime, Reception] = {}
    until = end if on is None else on.at
    for edge, direction in ((off, 1), (on, -1)):
        if edge is None:
            continue
        rows = _captive_hours(
            edge,
            direction,
            until if direction > 0 else off.at,
            sites=sites,
            hours=hours,
            settings=settings,
        )
        captive |= {row.hour_at: row for row in rows}
    telling = [row for row in captive.values() if row.n_ships > 0]
    return _Heard(
        p_silent=math.exp(sum(math.log(max(1.0 - row.p_heard, 1e-6)) for row in telling)),
        n_expected=sum(row.p_heard * rate_per_h for row in telling),
        n_other_ships=max((row.n_ships for row in telling), default=0),
        hours=len(captive),
    )


def _captive_hours(
    edge: _Edge,
    direction: int,
    limit: datetime,
    *,
    sites: tuple[Site, ...],
    hours: Mapping[tuple[str, datetime], Reception],
    settings: Settings,
) -> list[Reception]:
    """Whole hours next to a fix in which the ship cannot have left a site's reception radius."""
    best: list[Reception] = []
    for site in sites:
        centre = site.aoi.centroid
        margin_m = settings.reception_radius_m - float(
            distance_m(edge.lon, edge.lat, centre.x, centre.y)
        )
        span_s = margin_m / mps_from_knots(settings.tanker_speed_max_kn)
        span_s = min(span_s, abs((limit - edge.at).total_seconds()))
        rows = [
            hours[site.site_id, hour]
            for hour in _whole_hours(edge.at, direction, span_s)
            if (site.site_id, hour) in hours
        ]
        if sum(row.p_heard for row in rows) > sum(row.p_heard for row in best):
            best = rows
    return best


def _whole_hours(at: datetime, direction: int, span_s: float) -> list[datetime]:
    """Starts of the clock hours wholly within `span_s` after (1) or before (-1) a time."""
    if span_s <= 0:
        return []
    floor = at.replace(minute=0, second=0, microsecond=0)
    start, end = (
        (at, at + timedelta(seconds=span_s))
        if direction > 0
        else (at - timedelta(seconds=span_s), at)
    )
    count = int((end - start).total_seconds() // HOUR_S) + 2
    first = floor if direction > 0 else floor - timedelta(hours=count)
    candidates = [first + timedelta(hours=k) for k in range(count + 2)]
    return [hour for hour in candidates if hour >= start and hour + timedelta(hours=1) <= end]


def _verdict(heard: _Heard, settings: Settings) -> GapVerdict:
    """Off only where silence would have been surprising; not heard where others were not either."""
    if heard.hours and heard.p_silent <= settings.off_p_silent_max:
        return GapVerdict.LIKELY_OFF
    if heard.hours and heard.n_other_ships == 0:
        return GapVerdict.NOT_HEARD
    return GapVerdict.CANNOT_TELL
