"""The season's voyages on one map: straight lines from berth to berth, nobody's track."""

from __future__ import annotations

import math
from collections.abc import Sequence

import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from shapely import Geometry

from pipeline.records import Site, Voyage
from pipeline.review import words
from pipeline.review.picture import BLUE, INK, LAND, MUTED, SEA, VERMILION, Picture, picture

MARGIN_DEG = 0.6
"""Shown around the outermost port."""
HEADLINE = ("A", "B")
THIN_DEG = 0.01
BEND = 0.12
"""Of a line's length: how far voyages between the same ports are drawn apart at most."""


def voyage_map(sites: Sequence[Site], voyages: Sequence[Voyage], land: Geometry) -> Picture | None:
    """All ports, and the voyages between them; None without a voyage."""
    if not voyages:
        return None
    at = {site.site_id: (site.aoi.centroid.x, site.aoi.centroid.y) for site in sites}
    west, east = min(x for x, _ in at.values()), max(x for x, _ in at.values())
    south, north = min(y for _, y in at.values()), max(y for _, y in at.values())
    box = (west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    aspect = 1.0 / math.cos(math.radians((south + north) / 2.0))
    between: dict[tuple[str, str], list[Voyage]] = {}
    one_ended: dict[str, int] = {}
    for voyage in voyages:
        if voyage.load_site_id and voyage.discharge_site_id:
            between.setdefault((voyage.load_site_id, voyage.discharge_site_id), []).append(voyage)
        else:
            end = voyage.load_site_id or voyage.discharge_site_id or ""
            one_ended[end] = one_ended.get(end, 0) + 1

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _ground(axes, box, land, aspect)
        for (load, discharge), own in sorted(between.items()):
            _lines(axes, at[load], at[discharge], own)
        for site in sites:
            _port(axes, site, one_ended.get(site.site_id, 0))
        handles = [
            Line2D([], [], color=VERMILION, lw=1.6, label="tiers A and B"),
            Line2D([], [], color=BLUE, lw=1.2, ls=(0, (4, 2)), label="tier C: upper bound"),
        ]
        axes.legend(handles=handles, loc="lower right", frameon=True)

    height = 8.0 * (box[3] - box[1]) * aspect / (box[2] - box[0])
    names = {site.site_id: site.name for site in sites}
    says = "; ".join(
        f"{names[load]} to {names[discharge]}: {len(own)}"
        for (load, discharge), own in sorted(between.items())
    )
    ended = sum(one_ended.values())
    return picture(
        (8.0, min(max(height, 4.0), 9.0)),
        f"Voyages with both ends seen, {says or 'none'}; {words.count(ended, 'voyage')} with one "
        f"end seen. Straight lines from port to port: no track.",
        draw,
    )


def _ground(
    axes: Axes, box: tuple[float, float, float, float], land: Geometry, aspect: float
) -> None:
    axes.set_facecolor(SEA)
    axes.set_xlim(box[0], box[2])
    axes.set_ylim(box[1], box[3])
    axes.set_aspect(aspect)
    for polygon in shapely.get_parts(shapely.simplify(land, THIN_DEG)):
        rings = [polygon.exterior, *polygon.interiors]
        outline = Outline.make_compound_path(*(Outline(ring.coords) for ring in rings))
        axes.add_patch(PathPatch(outline, facecolor=LAND, edgecolor=MUTED, lw=0.5))


def _lines(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], voyages: Sequence[Voyage]
) -> None:
    """Bent apart, so that each can be counted."""
    ordered = sorted(voyages, key=lambda v: (v.tier, v.voyage_id))
    middle = ((start[0] + end[0]) / 2.0, (start[1] + end[1]) / 2.0)
    across = (-(end[1] - start[1]), end[0] - start[0])
    for number, voyage in enumerate(ordered):
        share = 0.0 if len(ordered) == 1 else 2.0 * number / (len(ordered) - 1) - 1.0
        bend = BEND * share * min(1.0, len(ordered) / 10.0)
        control = (middle[0] + bend * across[0], middle[1] + bend * across[1])
        curve = Outline([start, control, end], [Outline.MOVETO, Outline.CURVE3, Outline.CURVE3])
        sure = voyage.tier in HEADLINE
        axes.add_patch(
            PathPatch(
                curve, facecolor="none", edgecolor=VERMILION if sure else BLUE,
                lw=1.1 if sure else 0.8, ls="-" if sure else (0, (4, 2)), alpha=0.75,
            )
        )  # fmt: skip


def _port(axes: Axes, site: Site, one_ended: int) -> None:
    point = site.aoi.centroid
    axes.plot(point.x, point.y, "o", color=INK, ms=4)
    also = f" (+{one_ended} with one end)" if one_ended else ""
    axes.annotate(
        f"{site.name}{also}", (point.x, point.y), xytext=(5, 5), textcoords="offset points",
        fontsize=8.5,
    )  # fmt: skip
