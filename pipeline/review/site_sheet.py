"""One site as a reader gets it: its map, its calendar, how often it was really looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from shapely import Geometry

from pipeline.records import (
    Coverage,
    CoverageState,
    Detection,
    Match,
    PortCall,
    Site,
)
from pipeline.review.calendar_plot import calendar_plot
from pipeline.review.picture import Picture
from pipeline.review.site_map import site_map, zone_numbers
from pipeline.units import DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSheet:
    """A site's figures and what they rest on."""

    site: Site
    chart: Picture
    """The map."""
    calendar: Picture | None
    """None where no pass was asked about."""
    numbers: Mapping[str, int]
    """What each zone is called on the map."""
    states: tuple[str, ...]
    """Of coverage."""
    looks: Mapping[str, Mapping[str, int]]
    """By sensor and coverage state: how many times a zone was looked at, or should have been."""
    blind_days: Mapping[str, float]
    """By zone: the longest time between two looks that saw it, of those that were."""


def site_sheet(
    site: Site,
    *,
    land: Geometry,
    track_lines: Sequence[Sequence[tuple[float, float]]],
    coverage: Sequence[Coverage],
    calls: Sequence[PortCall],
    detections: Sequence[Detection],
    matches: Sequence[Match],
) -> SiteSheet:
    """Draw one site and count its coverage."""
    own = [row for row in coverage if row.site_id == site.site_id]
    looks: dict[str, Counter[str]] = {}
    for row in own:
        looks.setdefault(row.sensor, Counter())[row.state] += 1
    return SiteSheet(
        site=site,
        chart=site_map(
            site, land=land, track_lines=track_lines, detections=detections, matches=matches
        ),
        calendar=calendar_plot(site, own, calls),
        numbers=zone_numbers(site),
        states=tuple(str(state) for state in CoverageState),
        looks={
            sensor: {str(state): looks[sensor][state] for state in CoverageState}
            for sensor in sorted(looks)
        },
        blind_days=_blind_days(own),
    )


def _blind_days(coverage: Sequence[Coverage]) -> dict[str, float]:
    times: dict[str, list[datetime]] = {}
    for row in sorted(coverage, key=lambda row: row.sensed_at):
        if row.state == CoverageState.SEEN:
            times.setdefault(row.zone_id, []).append(row.sensed_at)
    return {
        zone_id: max((b - a).total_seconds() for a, b in pairwise(seen)) / DAY_S
        for zone_id, seen in times.items()
        if len(seen) > 1
    }
