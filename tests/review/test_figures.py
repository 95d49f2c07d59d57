"""Figures: what is drawn where, for seasons and places of every kind."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
import shapely

from pipeline.geo import distance_m
from pipeline.review.barrels_plot import barrels_plots
from pipeline.review.calendar_plot import calendar_plot
from pipeline.review.site_map import round_length_m, site_map

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


def numbers(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path)]


def filled(svg: str, colour: str) -> list[list[tuple[float, float]]]:
    """Outlines filled with a colour; collections stand once in `defs` and are moved into place."""
    root = ET.fromstring(svg)
    by_id = {f"#{path.get('id')}": path for path in root.iter(f"{SVG}path")}
    found = []
    for node in root.iter():
        if f"fill: {colour.lower()}" not in (node.get("style") or "").lower():
            continue
        if node.tag == f"{SVG}path":
            found.append(numbers(node.get("d", "")))
        if node.tag == f"{SVG}use":
            dx, dy = float(node.get("x", 0)), float(node.get("y", 0))
            outline = numbers(by_id[node.get(LINK, "")].get("d", ""))
            found.append([(x + dx, y + dy) for x, y in outline])
    return found


def test_the_band_holds_the_median_and_ends_at_p10_and_p90(made):
    totals = [
        made.total("headline", made.at(10), 1, 200_000.0),
        made.total("headline", made.at(60), 2, 400_000.0),
    ]
    (plot,) = barrels_plots(totals)
    band = max(filled(plot.svg, "#0072B2"), key=len)
    root = ET.fromstring(plot.svg)
    lines = [p for p in root.iter(f"{SVG}path") if "stroke-width: 1.8" in (p.get("style") or "")]
    median = max((numbers(p.get("d", "")) for p in lines), key=len)
    cap = next(
        numbers(p.get("d", ""))
        for p in root.iter(f"{SVG}path")
        if "#c44e00" in (p.get("style") or "").lower()
    )
    # SVG's y runs down; on one linear scale through 0 the ratios of heights are those of barrels:
    # 0.6 · 400,000 to 1.5 · 400,000, against the cap's 500,000
    zero, top = median[0][1], min(y for _, y in band)
    scale = (zero - cap[0][1]) / 500_000.0
    assert (zero - median[-1][1]) / scale == pytest.approx(400_000, rel=1e-3)
    assert (zero - top) / scale == pytest.approx(600_000, rel=1e-3)
    last_x = max(x for x, _ in band)
    lower = max(y for x, y in band if x == last_x)
    assert (zero - lower) / scale == pytest.approx(240_000, rel=1e-3)


def test_every_pass_is_a_mark_in_the_colour_of_its_state(made):
    rows = [
        made.look("south", "oil-1", "S2", 1, "seen"),
        made.look("south", "oil-1", "S1", 1.3, "seen"),
        made.look("south", "oil-2", "S2", 1, "partly"),
        made.look("south", "roads", "S2", 1, "cloudy"),
        made.look("north", "oil-1", "S2", 1, "seen"),
    ]
    plot = calendar_plot(made.sites[1], rows, [])
    assert plot is not None
    # one mark more than passes: the legend's
    assert [len(filled(plot.svg, c)) for c in ("#0072B2", "#7CC0E8", "#BDBDBD")] == [3, 2, 2]
    optical, radar = sorted(filled(plot.svg, "#0072B2"), key=lambda path: path[0][1])[:2]
    assert max(y for _, y in optical) < min(y for _, y in radar)  # lanes do not overlap
    assert {"oil-1", "oil-2", "roads"} <= set(texts(plot.svg))


def test_a_dark_call_is_drawn_over_the_calendar_and_a_silence_is_not(made):
    rows = [made.look("north", "oil-1", "S2", day, "seen") for day in (1, 20)]

    def bars(**other):
        plot = calendar_plot(made.sites[0], rows, [made.call("c", **other)])
        assert plot is not None
        return plot.svg.lower().count("stroke: #c44e00")

    assert bars(evidence_class="IMAGE_ONLY") - bars(evidence_class="GAP_SPANS_PORT") == 2


def test_a_year_is_broken_into_quarters(made):
    rows = [made.look("north", "oil-1", "S1", day, "seen") for day in range(0, 364, 12)]
    plot = calendar_plot(made.sites[0], rows, [])
    assert plot is not None
    assert texts(plot.svg).count("oil-1") == 4
    assert len(filled(plot.svg, "#0072B2")) == len(rows) + 1


def test_no_pass_no_calendar(made):
    assert calendar_plot(made.sites[0], [made.look("south", "oil-1", "S1", 0, "seen")], []) is None


def chart(made, site, **other):
    values = {"land": shapely.Polygon(), "track_lines": [], "detections": [], "matches": []}
    return site_map(site, **{**values, **other})


def test_a_map_says_how_many_hulls_were_what(made):
    found = [made.detection(f"d{k}") for k in range(3)] + [made.detection("x", screened="cloud")]
    said = [made.match("d0", "dark", 0.9), made.match("d1", "matched", 0.1)]
    plot = chart(made, made.sites[0], detections=found, matches=said)
    labels = texts(plot.svg)
    assert "detection: dark (1)" in labels
    assert "detection: matched (1)" in labels
    assert "detection: no coverage (1)" in labels  # nothing was said of d2


def test_south_and_west_are_called_so(made):
    north, south = (texts(chart(made, site).svg) for site in made.sites)
    assert any(text.endswith("° N") for text in north)
    assert any(text.endswith("° E") for text in north)
    assert any(text.endswith("° S") for text in south)
    assert any(text.endswith("° W") for text in south)


@pytest.mark.parametrize("south", [-33.05, 0.0, 62.0])
def test_the_scale_bar_is_as_long_as_it_says(made, south):
    site = made.site("here", "Here", 10.0, south)
    plot = chart(made, site)
    root = ET.fromstring(plot.svg)
    bars = [p for p in root.iter(f"{SVG}path") if "stroke-width: 3" in (p.get("style") or "")]
    bar = numbers(bars[0].get("d", ""))
    aoi = next(
        numbers(p.get("d", "")) for p in root.iter(f"{SVG}path")
        if "stroke-dasharray: 4.5,2.7" in (p.get("style") or "")
    )  # fmt: skip
    west, low, east, _ = site.aoi.bounds
    aoi_px = max(x for x, _ in aoi) - min(x for x, _ in aoi)
    per_px = float(distance_m(west, low, east, low)) / aoi_px
    told = next(text for text in texts(plot.svg) if re.fullmatch(r"[\d.]+ (km|m)", text))
    number, unit = told.split()
    said_m = float(number) * (1000.0 if unit == "km" else 1.0)
    assert (bar[1][0] - bar[0][0]) * per_px == pytest.approx(said_m, rel=0.01)
    # and a degree of latitude is drawn as long as it is on the ground
    tall_px = max(y for _, y in aoi) - min(y for _, y in aoi)
    tall_m = float(distance_m(west, low, west, site.aoi.bounds[3]))
    assert tall_px * per_px == pytest.approx(tall_m, rel=0.01)


def test_round_lengths_never_exceed_what_they_round():
    for length in (0.7, 1.0, 9.9, 37.0, 420.0, 5000.0, 99_999.0):
        assert length / 2.5 <= round_length_m(length) <= length


def test_land_with_a_hole_keeps_the_hole(made):
    west, south, east, north = made.sites[0].aoi.bounds
    lake = shapely.box(west + 0.01, south + 0.01, west + 0.02, south + 0.02)
    land = shapely.box(west, south, east, north).difference(lake)
    outlines = filled(chart(made, made.sites[0], land=land).svg, "#EFE9DC")
    assert max(len(outline) for outline in outlines) == 8  # two rings of four corners


def test_names_are_never_read_as_formulas_and_any_script_is_kept(made):
    odd = replace(made.zone("north", "oil-1", "load", 132.03, 42.02), name="$x^2$ 남포 부두")
    site = replace(made.sites[0], zones=(odd,))
    plot = calendar_plot(site, [made.look("north", "oil-1", "S2", 1, "seen")], [])
    assert plot is not None
    assert "$x^2$ 남포 부두" in texts(plot.svg)
