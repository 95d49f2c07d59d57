"""What a run tells people at its end: dark calls, barrels, how sure, how right, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.jobs.contract import StageResult
from pipeline.jobs.evaluate_season import score_findings
from pipeline.jobs.findings import Findings
from pipeline.jobs.look_up import HITS
from pipeline.jobs.queue_review import REPORT
from pipeline.jobs.run import Run
from pipeline.jobs.story import Story
from pipeline.jobs.track_season import OUTAGES, SEASON
from pipeline.records import (
    Candidate,
    CoverageState,
    EvidenceClass,
    PortCall,
    SeasonEstimate,
    Site,
    ZoneRole,
)
from pipeline.review import words
from pipeline.review.headlines import last_totals

NAMED_CANDIDATES = 2


def print_summary(console: Console, run: Run, story: Story) -> None:
    """The dark calls, the ledger, the coverage behind them, and where to look further."""
    found = story.findings.read()
    console.print()
    if story.simulated is not None:
        console.print(Text("SIMULATED SEASON: invented ports and ships", style="bold yellow"))
    calls = _dark_calls(found)
    console.print(
        _calls_table(calls, found, run.sites)
        if calls
        else Text("No dark port call of tiers A to C was found; tier D is in the report.")
    )
    for line in [*_lines(found), *_on_the_air(story)]:
        console.print(Text(line))
    if story.simulated is not None and story.findings.voyages:
        score = score_findings(story.simulated, found, run.config.evaluate)
        console.print()
        console.print(Text("How right it was (the truth of a simulated season is known)"))
        console.print(_rows_table(score.rows()))
    queued = story.queued.done.get(SEASON)
    if queued is not None:
        cases = queued.counts.get("cases", 0)
        console.print()
        console.print(Text(f"{cases} cases wait for review. Nobody has reviewed these results."))
        console.print(Text(f"Report: {queued.folder / REPORT}"), soft_wrap=True)


def _dark_calls(found: Findings) -> list[PortCall]:
    dark = [call for call in found.calls if call.is_claim]
    return sorted(dark, key=lambda call: (call.arrival_latest, call.call_id))


def _calls_table(calls: Sequence[PortCall], found: Findings, sites: Sequence[Site]) -> Table:
    names = {site.site_id: site.name for site in sites}
    berths = {
        zone.zone_id: words.berth(zone.name, site.name) for site in sites for zone in site.zones
    }
    table = Table(title="Dark port calls", title_justify="left")
    for heading in ("port", "berth", "arrived", "left", "length", "P(dark)", "tier", "who"):
        table.add_column(heading, no_wrap=heading in ("length", "tier"))
    for call in calls:
        length = "?" if call.length_m is None else f"{call.length_m:.0f} m"
        table.add_row(
            names.get(call.site_id, call.site_id),
            berths.get(call.zone_id, call.zone_id),
            _interval(call.arrival_earliest, call.arrival_latest),
            _interval(call.departure_earliest, call.departure_latest),
            length,
            f"{call.p_dark:.2f}",
            call.tier,
            _suspects(call, found.candidates),
        )
    return table


def _interval(first: datetime | None, last: datetime | None) -> str:
    """`5 Mar 08:51 … 6 Mar 02:09`, or `before …` / `after …` where one end is unknown."""

    def short(instant: datetime) -> str:
        return f"{instant:%d %b %H:%M}"

    if first is None and last is not None:
        return f"before {short(last)}"
    if last is None and first is not None:
        return f"after {short(first)}"
    if first is None or last is None:
        return "unknown"
    return f"{short(first)} … {short(last)}"


def _suspects(call: PortCall, candidates: Sequence[Candidate]) -> Text:
    """The likeliest ships with their odds; names are hostile input and never read as markup."""
    own = sorted((c for c in candidates if c.call_id == call.call_id), key=lambda c: c.rank)
    shown = [f"{words.ship(c.ship_name, c.mmsi)} {c.posterior:.2f}" for c in own[:NAMED_CANDIDATES]]
    return Text(", ".join(shown) or words.UNKNOWN_SHIP)


def _on_the_air(story: Story) -> list[str]:
    """What kept ships from being heard, and who of those heard is on a list."""
    lines = []
    tracked, looked_up = story.tracked.done.get(SEASON), story.looked_up.done.get(SEASON)
    outages = tracked.counts.get("outages", 0) if tracked is not None else 0
    if outages:
        lines.append(
            f"Receivers or satellite navigation failed {words.count(outages, 'time')}: "
            f"{OUTAGES} says where; no silence then is held against a ship."
        )
    if looked_up is not None and looked_up.counts.get("listed", 0):
        listed, hits = looked_up.counts["listed"], looked_up.counts["hits"]
        lines.append(
            f"Watch lists name {words.count(listed, 'ship')}; what the ships heard said of "
            f"themselves meets them {words.count(hits, 'time')} ({HITS})."
        )
    return lines


def _lines(found: Findings) -> list[str]:
    visits = sum(call.evidence_class == EvidenceClass.AIS_VISIT for call in found.calls)
    seen = sum(row.state == CoverageState.SEEN for row in found.coverage)
    cloudy = sum(row.state == CoverageState.CLOUDY for row in found.coverage)
    return [
        f"{visits} further calls were made with AIS on.",
        f"Berths were looked at {len(found.coverage)} times: {seen} seen, {cloudy} cloudy.",
        "Counts are lower bounds: a call that no pass could see is not in them.",
        *(_estimated(row) for row in found.estimates if row.site_id is None),
        *(
            f"Delivered in {total.year}, {total.scope}: {total.barrels_p50:,.0f} barrels "
            f"(P10 {total.barrels_p10:,.0f}, P90 {total.barrels_p90:,.0f}); "
            f"P(cap of the year exceeded) {total.p_cap_exceeded:.2f}"
            for total in last_totals(found.totals)
        ),
    ]


def _estimated(row: SeasonEstimate) -> str:
    """The number of calls with those that nobody saw, and what it rests on."""
    said = (
        f"Dark calls at {row.role} berths, the unseen reckoned in: {row.calls_p50:.0f} "
        f"(90 %: {row.calls_p5:.0f} to {row.calls_p95:.0f}) for {row.n_claims} claimed, as "
        f"{row.p_seen_p50:.0%} of such calls are seen"
    )
    if row.barrels_p5 is not None and row.role == ZoneRole.LOAD:
        said += (
            f"; {row.barrels_p50:,.0f} barrels ({row.barrels_p5:,.0f} to {row.barrels_p95:,.0f})"
        )
    return f"{said}."


def _rows_table(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for what, how_much in rows:
        table.add_row(what, how_much)
    return table


def print_failures(console: Console, story: Story) -> None:
    """Each failed item once more, at the end where it is read, and what was left out."""
    failed: list[tuple[StageResult, str, str]] = [
        (result, failure.item_id, failure.message)
        for result in story.results()
        for failure in result.failures
    ]
    if failed:
        console.print(Text(f"{len(failed)} items failed; the others were processed:", style="red"))
    for result, item_id, message in failed:
        console.print(Text(f"  {result.stage}: {item_id}: {message}"), soft_wrap=True)
    left_out = sum(len(result.left_out) for result in story.results())
    if left_out:
        console.print(Text(f"{left_out} items are not done and were not worked on in this run."))
    for result in story.results():
        if result.held:
            console.print(Text(_held(result)), soft_wrap=True)


def _held(result: StageResult) -> str:
    """Items that stand as they were, as nothing is left to work on; one of them as an example."""
    item_id, why = min(result.held.items())
    standing = sum(item_id in result.done for item_id in result.held)
    return (
        f"{result.stage}: {len(result.held)} items were left out, as their pixels were pruned; "
        f"{standing} of them stand as they were made before. {item_id}: {why}"
    )
