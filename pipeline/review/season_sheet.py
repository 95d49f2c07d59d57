"""The season as it goes on paper: which figures and which tables, in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.records import LedgerEntry, LedgerGroup, SeasonEstimate, Voyage
from pipeline.review import words
from pipeline.review.paper import SeasonPaper, Table
from pipeline.review.reviewed import mark_of_all
from pipeline.review.told import Report
from pipeline.rhythm import Cadence

SIMULATED = "SIMULATED SEASON: ships, images and AIS records are invented. Nothing here happened."
NOT_SEEN = "not seen"


def season_paper(report: Report, told: Mapping[str, Any], method_html: str) -> SeasonPaper:
    """Pages from what the page already drew.

    Args:
        report: everything.
        told: of the page: headlines, figures, voyages.
        method_html: method and limits.
    """
    figures = [("Barrels against the cap", plot) for plot in told["barrels"]]
    figures += [("Cadence", plot) for _, plot in told["cadences"]]
    if told["voyage_map"] is not None:
        figures.append(("Voyages", told["voyage_map"]))
    figures += [
        (f"Coverage: {sheet.site.name}", sheet.calendar)
        for sheet in told["site_sheets"]
        if sheet.calendar is not None
    ]
    names = told["site_names"]
    return SeasonPaper(
        title=report.title,
        notices=[f"{report.reviewed} Times are UTC."],
        findings=told["headlines"],
        figures=figures,
        tables=[
            _estimates(report.estimates, names),
            _voyages(told["voyages"], told["entries"], names),
            _groups(report.groups),
            *(_returning(cadence) for cadence in report.cadences if cadence.returning),
        ],
        method_html=method_html,
        footer=f"Darkcall, configuration {report.config_name}, {report.config_sha256[:12]}",
        mark=mark_of_all(report.reviews),
        band=SIMULATED if report.is_simulated else None,
        dated=max(
            (row.sensed_at for row in report.coverage), default=datetime(2000, 1, 1, tzinfo=UTC)
        ),
    )


def between(low: float, middle: float, high: float) -> str:
    """`43 (37 to 52)`, whole numbers."""
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def _estimates(rows: Sequence[SeasonEstimate], names: Mapping[str, str]) -> Table:
    return Table(
        title="Dark calls, those that nobody saw reckoned in (90 % intervals)",
        headings=(
            "Berths",
            "Claimed",
            "P(dark) summed",
            "Share seen",
            "Calls made",
            "By two sensors",
            "Barrels, thousand",
            "It rests on",
        ),
        rows=[
            (
                f"{row.role}, {_whose(row, names)}",
                str(row.n_claims),
                f"{row.n_true:.1f}",
                f"{row.p_seen_p50:.2f} ({row.p_seen_p5:.2f} to {row.p_seen_p95:.2f})",
                between(row.calls_p5, row.calls_p50, row.calls_p95),
                two_sensors(row),
                barrels_k(row),
                row.basis,
            )
            for row in rows
        ],
        widths=(14, 7, 8, 14, 12, 12, 14, 40),
        note="Shown beside the count, never instead of it. By two sensors: capture and recapture "
        "of Sentinel-1 and Sentinel-2, which leans low where stays differ, or ships in how well "
        "they are seen.",
    )


def _whose(row: SeasonEstimate, names: Mapping[str, str]) -> str:
    return "all" if row.site_id is None else names.get(row.site_id, row.site_id)


def two_sensors(row: SeasonEstimate) -> str:
    """Capture and recapture, or why there is none."""
    if row.two_sensors_p5 is None or row.two_sensors_p50 is None or row.two_sensors_p95 is None:
        return "no call was seen by both"
    return between(row.two_sensors_p5, row.two_sensors_p50, row.two_sensors_p95)


def barrels_k(row: SeasonEstimate) -> str:
    """Thousand barrels of all calls, or a dash."""
    if row.barrels_p5 is None or row.barrels_p50 is None or row.barrels_p95 is None:
        return "-"
    return between(row.barrels_p5 / 1e3, row.barrels_p50 / 1e3, row.barrels_p95 / 1e3)


def _voyages(
    voyages: Sequence[Voyage], entries: Mapping[str, LedgerEntry], names: Mapping[str, str]
) -> Table:
    return Table(
        title="Voyages",
        headings=(
            "Ship",
            "From",
            "To",
            "Loaded",
            "Discharged",
            "P(one voyage)",
            "Length",
            "Tier",
            "Cargo between",
            "Barrels (P10 to P90)",
            "Evidence",
        ),
        rows=[_voyage(voyage, entries.get(voyage.voyage_id), names) for voyage in voyages],
        widths=(15, 10, 10, 12, 12, 8, 9, 5, 28, 16, 20),
        note="Images behind each call, and everything else, are in the page and in the exports, by "
        "these ids.",
    )


def _voyage(voyage: Voyage, entry: LedgerEntry | None, names: Mapping[str, str]) -> tuple[str, ...]:
    def port(site_id: str | None) -> str:
        return NOT_SEEN if site_id is None else names.get(site_id, site_id)

    amount = "none counted"
    if entry is not None:
        amount = _amount(entry)
    missing = f". {voyage.missing}" if voyage.missing else ""
    return (
        words.ship(voyage.ship_name, voyage.mmsi),
        port(voyage.load_site_id),
        port(voyage.discharge_site_id),
        words.utc(voyage.loaded_at),
        words.utc(voyage.discharged_at),
        "-" if voyage.p_link is None else words.probability(voyage.p_link),
        words.length(voyage.length_m, voyage.length_sigma_m),
        voyage.tier,
        f"{voyage.cargo_inference}: {voyage.cargo_basis}{missing}",
        amount,
        " ".join(one for one in (voyage.load_call_id, voyage.discharge_call_id) if one),
    )


def _amount(of: LedgerEntry | LedgerGroup) -> str:
    low, high = words.barrels(of.barrels_p10), words.barrels(of.barrels_p90)
    return f"{words.barrels(of.barrels_p50)} ({low} to {high})"


def _groups(groups: Sequence[LedgerGroup]) -> Table:
    ordered = sorted(groups, key=lambda g: (g.scope, g.kind, g.key))
    return Table(
        title="Barrels by month and by ship",
        headings=("Scope", "Month or ship", "Deliveries", "Barrels, median (P10 to P90)"),
        rows=[
            (
                group.scope,
                group.key if group.kind == "month" else named(group),
                str(group.n_deliveries),
                _amount(group),
            )
            for group in ordered
        ],
        widths=(12, 20, 10, 30),
    )


def named(group: LedgerGroup) -> str:
    """The ship of a group."""
    return words.ship(group.ship_name, None if group.key == "unknown" else int(group.key))


def _returning(cadence: Cadence) -> Table:
    return Table(
        title=f"Who came back: {cadence.role} berths",
        headings=("Ship", "Calls", "Days between arrivals", "Calls by id"),
        rows=[
            (
                words.ship(ship.ship_name, ship.mmsi),
                str(len(ship.call_ids)),
                ", ".join(f"{turn:.0f}" for turn in ship.turns_d) or "-",
                " ".join(ship.call_ids),
            )
            for ship in cadence.returning
        ],
        widths=(20, 8, 24, 60),
        note="Ships that stand out among the candidates: leads, not identifications.",
    )
