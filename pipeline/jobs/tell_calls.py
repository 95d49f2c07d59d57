"""Dark calls as alerts: new ones, those whose tier has changed, those withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.config import Config
from pipeline.jobs.call_history import HISTORY, TABLE
from pipeline.jobs.queue_review import queued_cases
from pipeline.jobs.story import Story
from pipeline.records import CallState, CallVersion, Candidate, Case, PortCall, Site
from pipeline.review import words
from pipeline.sites import load_sites
from pipeline.tables import read_records
from pipeline.upkeep.alerts import Alert, Kind

WITHDRAWN = "withdrawn"
CANDIDATES = 3
PICTURES = 3
WARNING = "Found by machine from 10 m pixels and AIS; nobody has reviewed it."


def call_alerts(config: Config, story: Story) -> list[Alert]:
    """An alert for each call that was ever dark, as it stands now; the log knows what is new."""
    path = config.workspace / HISTORY / TABLE
    if not path.exists():
        return []
    latest: dict[str, CallVersion] = {}
    ever: set[str] = set()
    for row in sorted(read_records(CallVersion, path), key=lambda row: row.version):
        latest[row.event_id] = row
        if row.tier in config.upkeep.alert_tiers and row.state != CallState.WITHDRAWN:
            ever.add(row.event_id)
    found = story.findings.read()
    told = _Told(
        config=config,
        calls={call.call_id: call for call in found.calls},
        candidates=found.candidates,
        cases={case.subject_id: case for case in queued_cases(story.queued)},
        sites={site.site_id: site for site in load_sites(config.sites, config.site_ids)},
    )
    alerts = [told.alert(latest[event_id]) for event_id in ever]
    return sorted(alerts, key=lambda alert: (alert.about, alert.key))


class _Told:
    """What is said of a call."""

    def __init__(
        self,
        *,
        config: Config,
        calls: Mapping[str, PortCall],
        candidates: Sequence[Candidate],
        cases: Mapping[str, Case],
        sites: Mapping[str, Site],
    ) -> None:
        self._config = config
        self._calls, self._cases, self._sites = calls, cases, sites
        self._candidates: dict[str, list[Candidate]] = {}
        for one in sorted(candidates, key=lambda one: (one.call_id, one.rank)):
            self._candidates.setdefault(one.call_id, []).append(one)

    def alert(self, row: CallVersion) -> Alert:
        """Of a call's latest version."""
        call = self._calls.get(row.call_id)
        key = f"call:{row.event_id}"
        where = self._place(row)
        if row.state == CallState.WITHDRAWN or call is None:
            return Alert(
                kind=Kind.DARK_CALL,
                key=key,
                title=f"Withdrawn: dark call at {where}",
                body=f"{'; '.join(row.changed) or 'No longer found.'}\n{row.call_id}",
                about=(WITHDRAWN,),
            )
        case = self._cases.get(call.call_id)
        return Alert(
            kind=Kind.DARK_CALL,
            key=key,
            title=f"{'Lead' if call.tier == 'D' else 'Dark call'}, tier {call.tier}: {where}",
            body="\n".join([*self._body(call), *self._link(case)]),
            about=(call.tier,),
            pictures=self._pictures(case),
        )

    def _place(self, row: CallVersion) -> str:
        site = self._sites.get(row.site_id)
        return row.zone_id if site is None else f"{site.name}, {words.place(site, row.zone_id)}"

    def _body(self, call: PortCall) -> list[str]:
        own = self._candidates.get(call.call_id, [])[:CANDIDATES]
        names = [
            f"{words.ship(one.ship_name, one.mmsi)} {words.probability(one.posterior)}"
            for one in own
        ]
        seen = (
            f"Hull of {words.length(call.length_m, call.length_sigma_m)}, "
            f"P(dark) {words.probability(call.p_dark)}, seen in {words.count(call.n_seen, 'image')}"
        )
        return [
            f"Arrived {words.interval(call.arrival_earliest, call.arrival_latest)}",
            f"Left {words.interval(call.departure_earliest, call.departure_latest)}",
            seen if call.n_seen else "No image shows her: her silence alone fits.",
            f"Who: {', '.join(names) or words.UNKNOWN_SHIP}",
            *(f"Against it: {doubt}" for doubt in call.counter_evidence),
            WARNING,
            f"darkcall explain {call.call_id}",
        ]

    def _link(self, case: Case | None) -> list[str]:
        desk = self._config.upkeep.desk_url
        return [] if desk is None or case is None else [f"{desk.rstrip('/')}/cases/{case.case_id}"]

    def _pictures(self, case: Case | None) -> tuple[Path, ...]:
        chips = () if case is None else case.chips[:PICTURES]
        return tuple(self._config.workspace / chip for chip in chips)
