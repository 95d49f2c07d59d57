"""How each case stands: open, waiting for a second opinion, disputed, decided, or open again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.decided import (
    Adjudicated,
    Assigned,
    Attached,
    Entry,
    Verdict,
    VerdictGiven,
    Withdrawn,
)
from pipeline.decisions.settings import Settings
from pipeline.records import Case


class Status(StrEnum):
    """Of a case."""

    OPEN = "open"
    """Nobody has decided."""
    SECOND = "second opinion"
    """One has; tiers A and B need another, who does not see what the first said."""
    DISPUTED = "disputed"
    """Two have, differently; a lead settles it."""
    DECIDED = "decided"
    REOPENED = "reopened"
    """Decided before, on other evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the journal says of one case, for the evidence of today."""

    case_id: str
    status: Status
    verdicts: Mapping[str, Entry]
    """Valid verdicts on today's evidence, by who gave it; each the last of that person."""
    settled: Entry | None
    """What decided it: a lead's word, else the last verdict; None while it is not decided."""
    assigned_to: str | None
    attachments: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    """All of the case in order, on earlier evidence too."""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that holds."""
        return None if self.settled is None else _verdict(self.settled)

    @property
    def is_finely_seen(self) -> bool:
        """Confirmed, with a finer image of the ship at the berth attached: evidence for tier A."""
        return self.verdict is Verdict.CONFIRMED and any(
            isinstance(entry.body, Attached) and entry.body.shows_ship for entry in self.attachments
        )

    def may_see(self, who: str, *, leads: bool) -> bool:
        """May this person see what others said?

        Once it is decided everybody, and who has given a verdict on a disputed case; leads see
        disputes, as they settle them. Until then each decides without the others' word.
        """
        if self.status is Status.DECIDED:
            return True
        return self.status is Status.DISPUTED and (leads or who in self.verdicts)

    def awaits(self, who: str, *, leads: bool) -> bool:
        """Is it this person's turn?"""
        if self.status is Status.DECIDED:
            return False
        if self.status is Status.DISPUTED:
            return leads
        return who not in self.verdicts and self.assigned_to in (None, who)


def standings(
    cases: Iterable[Case], entries: Sequence[Entry], settings: Settings
) -> dict[str, Standing]:
    """How each case stands, by its id.

    Args:
        cases: of the queue, each with the evidence key of today.
        entries: the journal, in order.
        settings: which tiers need two.
    """
    by_case: dict[str, list[Entry]] = {}
    for entry in entries:
        by_case.setdefault(entry.case_id, []).append(entry)
    return {case.case_id: standing(case, by_case.get(case.case_id, ()), settings) for case in cases}


def standing(case: Case, entries: Sequence[Entry], settings: Settings) -> Standing:
    """How one case stands, from its own entries in order."""
    valid = valid_entries(entries)
    judged = [entry for entry in valid if isinstance(entry.body, VerdictGiven | Adjudicated)]
    today = [entry for entry in judged if entry.evidence_key == case.evidence_key]
    verdicts = {entry.who: entry for entry in today if isinstance(entry.body, VerdictGiven)}
    word = next((entry for entry in reversed(today) if isinstance(entry.body, Adjudicated)), None)
    assigned = [entry.body for entry in valid if isinstance(entry.body, Assigned)]
    status, settled = _status(case, verdicts, word, settings)
    if status is Status.OPEN and len(judged) > len(today):
        status = Status.REOPENED
    return Standing(
        case_id=case.case_id,
        status=status,
        verdicts=verdicts,
        settled=settled,
        assigned_to=assigned[-1].to if assigned else None,
        attachments=tuple(entry for entry in valid if isinstance(entry.body, Attached)),
        entries=tuple(entries),
    )


def valid_entries(entries: Sequence[Entry]) -> list[Entry]:
    """Those that their writers have not withdrawn, in order."""
    withdrawn = {
        (entry.who, entry.body.of_seq) for entry in entries if isinstance(entry.body, Withdrawn)
    }
    return [entry for entry in entries if (entry.who, entry.seq) not in withdrawn]


def needed(case: Case, settings: Settings) -> int:
    """How many people decide a case."""
    return 2 if case.tier in settings.second_review_tiers else 1


def _status(
    case: Case, verdicts: Mapping[str, Entry], word: Entry | None, settings: Settings
) -> tuple[Status, Entry | None]:
    if word is not None:
        return Status.DECIDED, word
    if not verdicts:
        return Status.OPEN, None
    if len({_verdict(entry) for entry in verdicts.values()}) > 1:
        return Status.DISPUTED, None
    if len(verdicts) < needed(case, settings):
        return Status.SECOND, None
    return Status.DECIDED, max(verdicts.values(), key=lambda entry: entry.seq)


def _verdict(entry: Entry) -> Verdict:
    assert isinstance(entry.body, VerdictGiven | Adjudicated)
    return entry.body.verdict
