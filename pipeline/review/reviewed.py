"""What people have said of a call, as it stands on everything that leaves the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.decided import Entry, Verdict, what_said, why_said
from pipeline.decisions.standing import Standing, Status
from pipeline.review import words

NOT_REVIEWED = "NOT REVIEWED"
NOT_ALL_REVIEWED = "NOT ALL REVIEWED"
ALL_REVIEWED = "all reviewed"
REOPENED = f"{NOT_REVIEWED}: decided before, on other evidence"
MARKS = {
    Verdict.REJECTED: "REJECTED BY REVIEW",
    Verdict.NOT_A_SHIP: "REJECTED BY REVIEW",
    Verdict.WRONG_SHIP: "WRONG SHIP NAMED",
    Verdict.CANNOT_TELL: "REVIEW CANNOT TELL",
}
"""Across the page where it is decided, but not confirmed."""
CONFIRMED = "confirmed by review"
FINELY_SEEN = f"{CONFIRMED}, a finer image shows her: tier A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line of the journal in words."""

    seq: int
    when: str
    who: str
    what: str
    why: str
    """Reasons and note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """How one call stands, in words."""

    label: str
    """In the column `review` of every export."""
    mark: str | None
    """Across each page; None: confirmed."""
    told: str
    """A sentence."""
    said: tuple[Said, ...] = ()
    """All lines of its case, as far as they may be shown."""
    hidden: bool = False
    """True: somebody has spoken, and it stays unseen until a second opinion is there."""


UNREVIEWED = Reviewed(
    label=NOT_REVIEWED,
    mark=NOT_REVIEWED,
    told="Nobody has reviewed this call. It is what a program found.",
)


def reviewed(standing: Standing | None) -> Reviewed:
    """A call's standing in words; None: it is no case, nobody was asked."""
    if standing is None:
        return UNREVIEWED
    shown = standing.may_see("", leads=True)
    label, mark, told = _standing(standing)
    return Reviewed(
        label=label,
        mark=mark,
        told=told,
        said=tuple(_said(entry) for entry in standing.entries) if shown else (),
        hidden=bool(standing.entries) and not shown,
    )


def _standing(standing: Standing) -> tuple[str, str | None, str]:
    if standing.status is Status.SECOND:
        mark = "SECOND OPINION PENDING"
        return mark, mark, (
            "One person has decided. What was said stays hidden until a second person has decided."
        )  # fmt: skip
    if standing.status is Status.DISPUTED:
        return "DISPUTED", "DISPUTED", (
            "Reviewers differ, and nobody has settled it: " + _voices(standing) + "."
        )  # fmt: skip
    if standing.status is Status.REOPENED:
        return REOPENED, NOT_REVIEWED, (
            "It was decided before, on other evidence. Nobody has reviewed the evidence of today."
        )  # fmt: skip
    verdict = standing.verdict
    if verdict is None:
        return UNREVIEWED.label, UNREVIEWED.mark, UNREVIEWED.told
    decided = MARKS.get(verdict)
    told = f"Decided: {verdict}. {_voices(standing)}."
    if standing.is_finely_seen:
        return FINELY_SEEN, None, f"{told} A finer image shows her at the berth: tier A."
    return decided or CONFIRMED, decided, told


def _voices(standing: Standing) -> str:
    """Who said what, and when, of the evidence of today."""
    last = [] if standing.settled is None else [standing.settled]
    by_seq = {entry.seq: entry for entry in [*standing.verdicts.values(), *last]}
    return "; ".join(
        f"{entry.who} on {words.utc(entry.at)} UTC: {what_said(entry)}"
        for _, entry in sorted(by_seq.items())
    )


def _said(entry: Entry) -> Said:
    return Said(
        seq=entry.seq,
        when=words.utc(entry.at),
        who=entry.who,
        what=what_said(entry),
        why=why_said(entry),
    )


def mark_of_all(all_of_them: Iterable[Reviewed]) -> str | None:
    """Across the pages of a season: None where every call is decided or there is none."""
    marks = [one.mark for one in all_of_them]
    open_ones = [mark for mark in marks if mark is not None and mark not in MARKS.values()]
    if not open_ones:
        return None
    return open_ones[0] if marks.count(open_ones[0]) == len(marks) else NOT_ALL_REVIEWED


def counted(all_of_them: Sequence[Reviewed]) -> str:
    """`34 dark calls: 30 NOT REVIEWED, 4 confirmed by review`."""
    labels = sorted({one.label for one in all_of_them})
    parts = [f"{sum(one.label == label for one in all_of_them)} {label}" for label in labels]
    return f"{words.count(len(all_of_them), 'dark call')}: {', '.join(parts) or 'none'}"


def label_of(call_ids: Iterable[str | None], labels: Mapping[str, str]) -> str:
    """Of what rests on several calls: each call's word, once."""
    found = {labels.get(one, NOT_REVIEWED) for one in call_ids if one is not None}
    return "; ".join(sorted(found)) or NOT_REVIEWED
