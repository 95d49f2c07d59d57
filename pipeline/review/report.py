"""The report: one static page that opens from disk, for people who will never run the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from shapely import Geometry

from pipeline.heard import Gap
from pipeline.records import (
    CAP_BBL,
    AisInView,
    Candidate,
    Case,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerTotal,
    Match,
    PortCall,
    Site,
    Voyage,
)
from pipeline.review import words
from pipeline.review.barrels_plot import barrels_plots
from pipeline.review.call_sheet import Sources, call_sheet
from pipeline.review.headlines import headlines
from pipeline.review.leads import SPOOFING_LEAD
from pipeline.review.site_sheet import site_sheet

REPORT = "report.html"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page tells."""

    title: str
    config_name: str
    config_sha256: str
    is_simulated: bool
    sites: tuple[Site, ...]
    land: Mapping[str, Geometry]
    """By site: land around it, lon/lat."""
    track_lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
    """By site: AIS tracks as lines of (lon, lat)."""
    chip_root: Path
    """From the report's folder to the folder of the sites' detection tables."""
    coverage: Sequence[Coverage]
    missed: Sequence[Coverage]
    """Of passes that failed or should have been."""
    detections: Sequence[Detection]
    matches: Sequence[Match]
    gaps: Sequence[Gap]
    in_view: Sequence[AisInView]
    calls: Sequence[PortCall]
    candidates: Sequence[Candidate]
    voyages: Sequence[Voyage]
    entries: Sequence[LedgerEntry]
    totals: Sequence[LedgerTotal]
    cases: Sequence[Case]
    failures: Sequence[tuple[str, str, str]]
    """(stage, item, message)."""
    rows_set_aside: int
    truth_rows: Sequence[tuple[str, str]] | None
    """How right the run was, in words; None where no truth is known."""


def write_report(folder: Path, report: Report) -> None:
    """Write `report.html` into a folder.

    Figures are inside the page; image chips are linked where they lie in the workspace.
    """
    page = _environment().get_template("report.html").render(**_told(report, folder))
    (folder / REPORT).write_text(page, encoding="utf-8", newline="\n")


def _environment() -> Environment:
    """Everything is escaped: ships name themselves, and anybody can transmit."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["words"] = words
    return environment


def _headlines(report: Report) -> list[str]:
    return headlines(
        report.calls,
        coverage=report.coverage,
        missed=report.missed,
        totals=report.totals,
        sites=report.sites,
    )


def _told(report: Report, folder: Path) -> dict[str, object]:
    sources = Sources.of(
        sites=report.sites,
        detections=report.detections,
        matches=report.matches,
        gaps=report.gaps,
        candidates=report.candidates,
        voyages=report.voyages,
        entries=report.entries,
    )
    calls = sorted(
        report.calls, key=lambda call: (call.tier == "D", call.arrival_latest, call.call_id)
    )
    voyages = sorted(
        report.voyages, key=lambda v: (words.sortable(v.loaded_at or v.discharged_at), v.voyage_id)
    )
    return {
        "report": report,
        "cap": CAP_BBL,
        "headlines": _headlines(report),
        "sheets": [
            call_sheet(call, sources, chip_root=report.chip_root, folder=folder)
            for call in calls
            if call.is_dark
        ],
        "visits": [call for call in calls if not call.is_dark],
        "places": sources.places,
        "site_names": {site.site_id: site.name for site in report.sites},
        "barrels": barrels_plots(report.totals),
        "site_sheets": [
            site_sheet(
                site,
                land=report.land[site.site_id],
                track_lines=report.track_lines.get(site.site_id, ()),
                coverage=[*report.coverage, *report.missed],
                calls=report.calls,
                detections=report.detections,
                matches=report.matches,
            )
            for site in report.sites
        ],
        "voyages": voyages,
        "entries": sources.entries,
        "leads": [case for case in report.cases if case.kind == SPOOFING_LEAD],
    }
