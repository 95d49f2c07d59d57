"""A site as a map: land, berths, what was heard and what was seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator
from shapely import Geometry

from pipeline.geo import destination, distance_m
from pipeline.records import (
    Detection,
    Match,
    Outcome,
    Site,
    Zone,
    ZoneRole,
)
from pipeline.review.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LAND,
    MUTED,
    ORANGE,
    SEA,
    SKY,
    VERMILION,
    Picture,
    picture,
)

Box = tuple[float, float, float, float]
"""west, south, east, north, degrees."""

MARGIN = 0.06
"""Share of the AOI's extent that is shown around it."""
WIDTH_IN = 11.4
DETAIL = 2000.0
"""Outlines are thinned to a two-thousandth of the map's width."""

ROLES = {
    ZoneRole.LOAD: ORANGE,
    ZoneRole.DISCHARGE: GREEN,
    ZoneRole.LAY_BY: SKY,
    ZoneRole.ANCHORAGE: GREY,
}
OUTCOMES: dict[str, tuple[str, str, str, float]] = {
    Outcome.MATCHED: ("o", "none", BLUE, 4.0),
    Outcome.AMBIGUOUS: ("s", "none", MUTED, 4.0),
    Outcome.NO_COVERAGE: ("x", MUTED, MUTED, 4.0),
    Outcome.DARK: ("^", VERMILION, "white", 7.5),
}
"""Marker, face, edge and size in points."""


def site_map(
    site: Site,
    *,
    land: Geometry,
    track_lines: Sequence[Sequence[tuple[float, float]]],
    detections: Sequence[Detection],
    matches: Sequence[Match],
) -> Picture:
    """One site's map, north up, with distances true at its middle latitude."""
    box = _view(site)
    aspect = 1.0 / math.cos(math.radians((box[1] + box[3]) / 2.0))
    outcomes = {match.detection_id: match.outcome for match in matches}
    placed: dict[str, list[tuple[float, float]]] = {}
    for item in detections:
        if item.site_id == site.site_id and item.screened is None:
            outcome = outcomes.get(item.detection_id)
            placed.setdefault(outcome or Outcome.NO_COVERAGE, []).append((item.lon, item.lat))

    close = _close_up(site)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
        for axes, view in zip(panels, (box, close), strict=True):
            axes.set_facecolor(SEA)
            _draw_ground(axes, site, land, view)
            lines = [*map(np.asarray, track_lines)]
            axes.add_collection(LineCollection(lines, colors=MUTED, lw=0.35, alpha=0.45), False)
            for outcome in OUTCOMES:
                axes.add_line(_dots(outcome, placed.get(outcome, [])))
            _draw_frame(axes, view, aspect)
        for outline in _outlines(shapely.box(*close)):
            panels[0].add_patch(PathPatch(outline, facecolor="none", edgecolor=MUTED, lw=0.7))
        _draw_numbers(panels, site, close)
        figure.legend(handles=_legend(site, placed), loc="outside lower center", ncols=5)

    says = f"Map of {site.name}: " + ", ".join(
        f"{len(points)} detections {outcome}" for outcome, points in sorted(placed.items())
    )
    shape = (box[3] - box[1]) * aspect / (box[2] - box[0])
    return picture((WIDTH_IN, min(9.5, max(4.5, 0.47 * WIDTH_IN * shape + 1.0))), says, draw)


def zone_numbers(site: Site) -> Mapping[str, int]:
    """The number each zone carries on the map, berths first."""
    ordered = sorted(site.zones, key=lambda zone: (not zone.is_berth, zone.zone_id))
    return {zone.zone_id: k for k, zone in enumerate(ordered, start=1)}


def _view(site: Site) -> Box:
    west, south, east, north = site.aoi.bounds
    dx, dy = MARGIN * (east - west), MARGIN * (north - south)
    return west - dx, south - dy, east + dx, north + dy


def _close_up(site: Site) -> Box:
    """Around the oil berths, which the whole area shows too small, or whatever zones there are."""
    berths = [zone for zone in site.zones if zone.is_berth]
    chosen = [zone for zone in berths if zone.handles_oil] or berths or list(site.zones)
    if not chosen:
        return _view(site)
    west, south, east, north = shapely.total_bounds([zone.polygon for zone in chosen])
    pad = 0.25 * max(east - west, north - south)
    return west - pad, south - pad, east + pad, north + pad


def _draw_ground(axes: Axes, site: Site, land: Geometry, box: Box) -> None:
    shown = shapely.clip_by_rect(land, *box).simplify((box[2] - box[0]) / DETAIL)
    for outline in _outlines(shown):
        axes.add_patch(PathPatch(outline, facecolor=LAND, edgecolor=MUTED, lw=0.5))
    for outline in _outlines(site.aoi):
        axes.add_patch(PathPatch(outline, facecolor="none", edgecolor=INK, lw=0.9, ls=(0, (5, 3))))
    for zone in site.zones:
        _draw_zone(axes, zone)


def _draw_zone(axes: Axes, zone: Zone) -> None:
    colour = ROLES[zone.role]
    for outline in _outlines(zone.polygon):
        fill = PathPatch(outline, facecolor=colour, alpha=0.45 if zone.is_berth else 0.18, lw=0)
        line = PathPatch(outline, facecolor="none", edgecolor=INK, lw=0.6)
        line.set_linestyle(":" if zone.is_guess else "-")
        axes.add_patch(fill)
        axes.add_patch(line)


def _draw_numbers(panels: Sequence[Axes], site: Site, close: Box) -> None:
    """A zone is numbered in the close-up where it lies there, else on the whole map."""
    for zone_id, number in zone_numbers(site).items():
        middle = next(zone for zone in site.zones if zone.zone_id == zone_id).polygon.centroid
        panels[int(shapely.box(*close).covers(middle))].annotate(
            str(number), (middle.x, middle.y), xytext=(-14, 14), textcoords="offset points",
            fontsize=9, fontweight="bold", ha="right", zorder=6,
            bbox={"boxstyle": "circle,pad=0.18", "facecolor": "white", "edgecolor": INK, "lw": 0.6},
            arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.6},
        )  # fmt: skip


def _dots(outcome: str, points: Sequence[tuple[float, float]], label: str | None = None) -> Line2D:
    marker, face, edge, size_pt = OUTCOMES[outcome]
    return Line2D(
        [lon for lon, _ in points],
        [lat for _, lat in points],
        marker=marker,
        markerfacecolor=face,
        markeredgecolor=edge,
        markersize=size_pt,
        linestyle="none",
        label=label,
        zorder=5,
    )


def _draw_frame(axes: Axes, box: Box, aspect: float) -> None:
    west, south, east, north = box
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(aspect)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    for axis, letters in ((axes.xaxis, "EW"), (axes.yaxis, "NS")):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda x, _, pair=letters: _degrees(x, pair)))
    axes.tick_params(labelsize=8)
    _draw_scale_bar(axes, box)
    axes.annotate(
        "↑\nN", (1.0, 1.0), xytext=(-14, -8), xycoords="axes fraction",
        textcoords="offset points", ha="center", va="top", fontsize=13, zorder=7,
    )  # fmt: skip


def _draw_scale_bar(axes: Axes, box: Box) -> None:
    """A round length of about a fifth of the map's width, true on its own parallel."""
    west, south, east, north = box
    lon, lat = west + 0.03 * (east - west), south + 0.03 * (north - south)
    bar_m = round_length_m(0.25 * float(distance_m(west, lat, east, lat)))
    end = float(destination(lon, lat, 90.0, bar_m)[0])
    axes.plot([lon, end], [lat, lat], color=INK, lw=3.0, solid_capstyle="butt", zorder=7)
    text = f"{bar_m / 1000.0:g} km" if bar_m >= 1000.0 else f"{bar_m:g} m"
    axes.annotate(
        text, (lon, lat), xytext=(0, 5), textcoords="offset points", fontsize=8.5, zorder=7
    )


def round_length_m(length_m: float) -> float:
    """The longest of 1, 2, 5 × 10ⁿ that is not longer.

    >>> round_length_m(1730.0), round_length_m(5000.0), round_length_m(49.0)
    (1000.0, 5000.0, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(length_m))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= length_m)


def _degrees(value: float, letters: str) -> str:
    folded = (value + 180.0) % 360.0 - 180.0 if letters == "EW" else value
    return f"{abs(folded):.3f}° {letters[0] if folded >= 0 else letters[1]}"


def _outlines(geometry: Geometry) -> list[Outline]:
    """Polygons with their holes as paths; points and lines have no area and are left out."""
    paths = []
    for part in shapely.get_parts(geometry):
        if part.geom_type in ("MultiPolygon", "GeometryCollection"):
            paths += _outlines(part)
        elif part.geom_type == "Polygon" and not part.is_empty:
            rings = [Outline(np.asarray(ring.coords)[:, :2], closed=True)
                     for ring in (part.exterior, *part.interiors)]  # fmt: skip
            paths.append(Outline.make_compound_path(*rings))
    return paths


def _legend(
    site: Site, placed: Mapping[str, Sequence[tuple[float, float]]]
) -> list[Patch | Line2D]:
    roles = {zone.role for zone in site.zones}
    marks: list[Patch | Line2D] = []
    for outcome in OUTCOMES:
        label = f"detection: {outcome} ({len(placed.get(outcome, []))})"
        marks.append(_dots(outcome, [], label))
    marks.append(Line2D([], [], color=MUTED, lw=0.8, label="AIS tracks, thinned"))
    marks += [
        Patch(facecolor=colour, edgecolor=INK, lw=0.6, alpha=0.6, label=_role(role))
        for role, colour in ROLES.items()
        if role in roles
    ]
    marks.append(Line2D([], [], color=INK, lw=0.9, ls=(0, (5, 3)), label="area of interest"))
    marks.append(Patch(facecolor=LAND, edgecolor=MUTED, lw=0.5, label="land"))
    return marks


def _role(role: ZoneRole) -> str:
    return "anchorage" if role == ZoneRole.ANCHORAGE else f"berth: {role}"
