"""The coverage calendar: what each pass could show of each berth, with the calls drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from pipeline.records import (
    Coverage,
    CoverageState,
    EvidenceClass,
    PortCall,
    Site,
    Zone,
)
from pipeline.review import words
from pipeline.review.picture import BLUE, GREY, INK, MUTED, SKY, VERMILION, Picture, picture

STRETCH_DAYS = 92
"""A panel holds so many days at most: a quarter; longer seasons go below one another."""

LANES = {"S2": 0.06, "S1": 0.66}
"""Top of a sensor's lane within a berth's row; calls are drawn between the two."""
LANE_HEIGHT = 0.28
MARK_DAYS = 0.8
STATES: dict[str, dict[str, Any]] = {
    CoverageState.SEEN: {"facecolor": BLUE, "edgecolor": BLUE},
    CoverageState.PARTLY: {"facecolor": SKY, "edgecolor": BLUE},
    CoverageState.CLOUDY: {"facecolor": GREY, "edgecolor": GREY},
    CoverageState.NOT_IMAGED: {"facecolor": "white", "edgecolor": MUTED, "hatch": "////"},
    CoverageState.NOT_FETCHED: {"facecolor": "white", "edgecolor": VERMILION, "hatch": "xxxx"},
    CoverageState.NO_PRODUCT: {"facecolor": "white", "edgecolor": MUTED, "linestyle": ":"},
}


def calendar_plot(
    site: Site, coverage: Sequence[Coverage], calls: Sequence[PortCall]
) -> Picture | None:
    """One site's passes and calls; None where no pass was asked about."""
    rows = [row for row in coverage if row.site_id == site.site_id]
    own = [call for call in calls if call.site_id == site.site_id]
    if not rows or not site.zones:
        return None
    stretches = _stretches([row.sensed_at for row in rows])
    zones = sorted(
        site.zones, key=lambda zone: (not zone.is_berth, not zone.handles_oil, zone.name)
    )
    height = 0.75 + len(stretches) * (0.5 + 0.36 * len(zones))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(stretches), 1, squeeze=False)[:, 0]
        for axes, (start, end) in zip(panels, stretches, strict=True):
            _panel(axes, [words.berth(zone.name, site.name) for zone in zones], start, end)
            _draw_passes(axes, zones, [row for row in rows if start <= row.sensed_at < end])
            _draw_calls(axes, zones, own)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=5, fontsize=8.5)

    says = (
        f"Coverage calendar of {site.name}: {words.count(len(rows), 'look')} at "
        f"{words.count(len(zones), 'zone')}, and {words.count(len(own), 'call')}"
    )
    return picture((11.4, height), says, draw)


def _stretches(times: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Whole days from the first pass to the last, in panels of equal length."""
    first = min(times).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (max(times) - first).days + 1
    panels = -(-days // STRETCH_DAYS)
    span = timedelta(days=-(-days // panels))
    return [(first + k * span, first + (k + 1) * span) for k in range(panels)]


def _panel(axes: Axes, names: Sequence[str], start: datetime, end: datetime) -> None:
    axes.xaxis_date()
    axes.set_xlim(_days(start), _days(end))
    axes.set_ylim(len(names), 0)
    axes.set_yticks([k + 0.5 for k in range(len(names))], names)
    axes.tick_params(axis="y", length=0)
    for k in range(len(names) + 1):
        axes.axhline(k, color="#DDDDDD", lw=0.6, zorder=0)
    locator = AutoDateLocator(minticks=5, maxticks=14)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.spines["left"].set_visible(False)


def _draw_passes(axes: Axes, zones: Sequence[Zone], rows: Sequence[Coverage]) -> None:
    place = {zone.zone_id: k for k, zone in enumerate(zones)}
    for row in sorted(rows, key=lambda row: (row.sensed_at, row.scene_id, row.zone_id)):
        if row.zone_id in place and row.sensor in LANES:
            left = _days(row.sensed_at) - MARK_DAYS / 2.0
            top = place[row.zone_id] + LANES[row.sensor]
            axes.add_patch(
                Rectangle((left, top), MARK_DAYS, LANE_HEIGHT, lw=0.6, **STATES[row.state])
            )


def _draw_calls(axes: Axes, zones: Sequence[Zone], calls: Sequence[PortCall]) -> None:
    """A bar while the ship was surely there, a thin line as far as it may have been."""
    place = {zone.zone_id: k for k, zone in enumerate(zones)}
    for call in sorted(calls, key=lambda call: (call.arrival_latest, call.call_id)):
        if call.zone_id not in place or call.evidence_class == EvidenceClass.GAP_SPANS_PORT:
            continue
        colour = VERMILION if call.is_dark else INK
        y = place[call.zone_id] + 0.5
        sure = [_days(call.arrival_latest), _days(call.departure_earliest)]
        may_be = [
            _days(call.arrival_earliest or call.arrival_latest),
            _days(call.departure_latest or call.departure_earliest),
        ]
        axes.plot(may_be, [y, y], color=colour, lw=1.1, solid_capstyle="butt")
        axes.plot(
            [sure[0] - 0.08, sure[1] + 0.08], [y, y], color=colour, lw=4.5, solid_capstyle="butt"
        )


def _legend() -> list[Patch | Line2D]:
    marks: list[Patch | Line2D] = [
        Patch(label=str(state), lw=0.6, **style) for state, style in STATES.items()
    ]
    lane = "in each row: Sentinel-2 above, Sentinel-1 below"
    return [
        *marks,
        Line2D([], [], color=VERMILION, lw=4.5, label="dark call (line: may have been)"),
        Line2D([], [], color=INK, lw=4.5, label="AIS visit"),
        Line2D([], [], lw=0, label=lane),
    ]


def _days(instant: datetime) -> float:
    return float(date2num(instant))
