"""The report: one static page that opens from disk, for people who will never run the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.records import (
    CAP_BBL,
)
from pipeline.review import season_sheet, words
from pipeline.review.barrels_plot import barrels_plots
from pipeline.review.cadence_plot import cadence_plot
from pipeline.review.call_sheet import Sources, call_sheet
from pipeline.review.caveats import CAVEATS
from pipeline.review.exports import Exported, write_exports
from pipeline.review.headlines import headlines
from pipeline.review.leads import SPOOFING_LEAD
from pipeline.review.reviewed import NOT_REVIEWED, counted, mark_of_all
from pipeline.review.site_sheet import site_sheet
from pipeline.review.told import Report
from pipeline.review.voyage_map import voyage_map

REPORT = "report.html"
PAPER = "season.pdf"
EXPORTS = "exports"
TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: Path, report: Report) -> None:
    """Write `report.html` into a folder.

    Figures are inside the page; image chips are linked where they lie in the workspace. Beside it
    the same season as PDF, and its tables for other programs.
    """
    from pipeline.review.season_pdf import write_season_pdf  # noqa: PLC0415 - fpdf takes a second

    told = _told(report, folder)
    told["exports"] = write_exports(
        folder / EXPORTS,
        Exported(
            sites=report.sites, calls=report.calls, voyages=told["voyages"],
            entries=report.entries, totals=report.totals, groups=report.groups,
            estimates=report.estimates,
            review={name: one.label for name, one in report.review.items()},
            reviewed=counted(report.reviews) if report.review else NOT_REVIEWED,
        ),
    )  # fmt: skip
    pages = environment()
    page = pages.get_template("report.html").render(**told)
    (folder / REPORT).write_text(page, encoding="utf-8", newline="\n")
    method = pages.get_template("method.html").render()
    write_season_pdf(folder / PAPER, season_sheet.season_paper(report, told, method))


def environment() -> Environment:
    """Everything is escaped: ships name themselves, and anybody can transmit."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["words"] = words
    made.globals["caveats"] = CAVEATS
    made.globals["sheet_words"] = season_sheet
    return made


def _headlines(report: Report) -> list[str]:
    return headlines(
        report.calls,
        coverage=report.coverage,
        missed=report.missed,
        totals=report.totals,
        estimates=report.estimates,
        crossings=report.crossings,
        sites=report.sites,
    )


def _told(report: Report, folder: Path) -> dict[str, Any]:
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
        "mark": mark_of_all(report.reviews),
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
        "barrels": barrels_plots(report.totals, report.declared),
        "estimates": report.estimates,
        "crossings": report.crossings,
        "cadences": [(cadence, cadence_plot(cadence)) for cadence in report.cadences],
        "voyage_map": voyage_map(report.sites, voyages, report.region),
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
