"""The queue as it stands for each person: who sees what, whose turn it is, what comes next."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import BaseModel, ConfigDict, Field

from pipeline.decided import Adjudicated, Attached, Entry, Verdict, VerdictGiven
from pipeline.decisions.agreement import Agreement, Known, agreement, on_known
from pipeline.decisions.journal import entries
from pipeline.decisions.settings import Settings
from pipeline.decisions.standing import Standing, Status, standing
from pipeline.decisions.store import Store
from pipeline.desk.case_file import Summary

MINE = "mine"
"""Status in the filter: cases that wait for the person who looks."""


class Filters(BaseModel):
    """Which cases; each left out lets all pass. They stand in the address of the page."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    site: str = Field("", max_length=120)
    tier: str = Field("", max_length=1)
    ship: str = Field("", max_length=60, description="part of a candidate's name or MMSI")
    since: date | None = None
    until: date | None = None
    sensor: str = Field("", max_length=2)
    status: str = Field("", max_length=20)
    reviewer: str = Field("", max_length=64)

    def as_query(self) -> dict[str, str]:
        """Those that are set, as they stand in an address."""
        said = self.model_dump(mode="json")
        return {name: str(value) for name, value in said.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A case of the queue as one person may see it."""

    summary: Summary
    standing: Standing
    status: Status
    awaits_me: bool
    verdict: Verdict | None
    """What holds or what I said; None where I may not see."""

    @property
    def tier(self) -> str | None:
        """The machine's, or A: confirmed, with a finer image of the ship at the berth."""
        return "A" if self.standing.is_finely_seen else self.summary.case.tier


class Docket:
    """All cases and what the journal says of them; safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        summaries: Sequence[Summary],
        settings: Settings,
        known: Mapping[str, Verdict] | None = None,
    ) -> None:
        """Read the journal.

        Args:
            store: the database.
            summaries: the cases, the most valuable first.
            settings: which tiers need two.
            known: the right verdict of cases that measure reviewers, by case; each reviewer
                meets them as if nobody had decided.
        """
        self.known = dict(known or {})
        self._store = store
        self._settings = settings
        self._summaries = {one.case.case_id: one for one in summaries}
        self._entries: dict[str, list[Entry]] = {}
        self._standings: dict[str, Standing] = {}
        self._last = 0
        self._lock = threading.Lock()
        self.refresh()

    def refresh(self) -> None:
        """Take in what was written since, by whichever process."""
        with self._lock:
            for entry in entries(self._store, after=self._last):
                self._entries.setdefault(entry.case_id, []).append(entry)
                self._standings.pop(entry.case_id, None)
                self._last = entry.seq

    @property
    def summaries(self) -> list[Summary]:
        """All cases, the most valuable first."""
        return list(self._summaries.values())

    def __contains__(self, case_id: object) -> bool:
        """Is it a case of the queue?"""
        return case_id in self._summaries

    def summary(self, case_id: str) -> Summary:
        """One case; KeyError: none of the queue."""
        return self._summaries[case_id]

    def standing(self, case_id: str, who: str | None = None) -> Standing:
        """How a case stands; a known case as it stands for one person alone."""
        case = self._summaries[case_id].case
        said = self._entries.get(case_id, [])
        if who is not None and case_id in self.known:
            own = [entry for entry in said if entry.who == who]
            alone = self._settings.model_copy(update={"second_review_tiers": ()})
            return standing(case, own, alone)
        if case_id not in self._standings:
            self._standings[case_id] = standing(case, tuple(said), self._settings)
        return self._standings[case_id]

    def row(self, case_id: str, who: str, *, leads: bool) -> Row:
        """A case as one person may see it."""
        now = self.standing(case_id, who)
        own = now.verdicts.get(who)
        verdict = now.verdict if now.may_see(who, leads=leads) else None
        if verdict is None and own is not None:
            assert isinstance(own.body, VerdictGiven)
            verdict = own.body.verdict
        return Row(
            summary=self._summaries[case_id],
            standing=now,
            status=now.status,
            awaits_me=now.awaits(who, leads=leads),
            verdict=verdict,
        )

    def rows(self, filters: Filters, who: str, *, leads: bool) -> list[Row]:
        """The queue through a filter, in order."""
        every = (self.row(case_id, who, leads=leads) for case_id in self._summaries)
        return [row for row in every if passes(row, filters, who, leads=leads)]

    def said(self, case_id: str, who: str, *, leads: bool) -> list[Entry]:
        """The entries of a case that one person may read, withdrawn ones among them.

        Their own, attachments, and once it is decided the rest.
        """
        now = self.standing(case_id, who)
        if now.may_see(who, leads=leads):
            return list(now.entries)
        return [
            entry for entry in now.entries if entry.who == who or isinstance(entry.body, Attached)
        ]

    def progress(self, who: str) -> Progress:
        """How far everybody is."""
        standings = [self.standing(case_id) for case_id in self._summaries]
        today = datetime.now(UTC).date()
        mine = [
            entry
            for said in self._entries.values()
            for entry in said
            if entry.who == who and isinstance(entry.body, VerdictGiven | Adjudicated)
        ]
        return Progress(
            n_cases=len(standings),
            by_status=Counter(str(one.status) for one in standings),
            by_verdict=Counter(str(one.verdict) for one in standings if one.verdict is not None),
            mine=len(mine),
            mine_today=sum(entry.at.date() == today for entry in mine),
        )

    def agreement(self) -> Agreement:
        """Of cases that two people judged, known ones apart."""
        return agreement(
            self.standing(case_id) for case_id in self._summaries if case_id not in self.known
        )

    def on_known(self) -> list[Known]:
        """Each reviewer on the known cases."""
        return on_known((self.standing(name) for name in self.known if name in self), self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much of the queue is done."""

    n_cases: int
    by_status: Mapping[str, int]
    by_verdict: Mapping[str, int]
    mine: int
    """Verdicts of the person who looks."""
    mine_today: int


def passes(row: Row, filters: Filters, who: str, *, leads: bool) -> bool:
    """Does a case meet every filter? Who decided what is only searched where it may be seen."""
    about, case = row.summary, row.summary.case
    named = filters.ship.strip().casefold()
    reviewers = {who} & set(row.standing.verdicts)
    if row.standing.may_see(who, leads=leads):
        reviewers |= set(row.standing.verdicts)
    return all(
        (
            filters.site in ("", case.site_id),
            filters.tier in ("", row.tier or "-"),
            not named
            or any(named in name.casefold() or named in str(mmsi) for mmsi, name in about.ships),
            filters.since is None or about.end.date() >= filters.since,
            filters.until is None or about.start.date() <= filters.until,
            filters.sensor in ("", *about.sensors),
            filters.status in ("", str(row.status)) or (filters.status == MINE and row.awaits_me),
            filters.reviewer in ("", *reviewers) or filters.reviewer == row.standing.assigned_to,
        )
    )
