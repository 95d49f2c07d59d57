"""Do reviewers agree, with one another and with cases whose answer is known?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.decided import Verdict, VerdictGiven
from pipeline.decisions.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of cases that two people have judged, each without the other's word."""

    n_cases: int
    n_alike: int
    kappa: float | None
    """Cohen's kappa: agreement beyond chance; None without pairs, or where chance explains all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One reviewer on cases whose answer is known."""

    who: str
    n_cases: int
    n_right: int
    n_cannot_tell: int
    """Neither right nor wrong."""


def agreement(standings: Iterable[Standing]) -> Agreement:
    """Of the first two verdicts of each case, in the order they were given."""
    pairs = [
        (first, second)
        for first, second in (_first_two(one) for one in standings)
        if first is not None and second is not None
    ]
    return Agreement(
        n_cases=len(pairs), n_alike=sum(a is b for a, b in pairs), kappa=cohens_kappa(pairs)
    )


def cohens_kappa(pairs: Iterable[tuple[Verdict, Verdict]]) -> float | None:
    """(p_o - p_e) / (1 - p_e), with each side's own shares of verdicts (Cohen 1960).

    The sides are "first" and "second", whoever they were.
    """
    both = list(pairs)
    if not both:
        return None
    n = len(both)
    observed = sum(a is b for a, b in both) / n
    first, second = Counter(a for a, _ in both), Counter(b for _, b in both)
    chance = sum(first[verdict] * second[verdict] for verdict in Verdict) / n**2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def on_known(standings: Iterable[Standing], answers: Mapping[str, Verdict]) -> list[Known]:
    """Each reviewer's verdicts on known cases, by name.

    Args:
        standings: of all cases.
        answers: the right verdict, by case.
    """
    told: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for one in standings:
        if one.case_id in answers:
            for who, entry in one.verdicts.items():
                assert isinstance(entry.body, VerdictGiven)
                told.setdefault(who, []).append((entry.body.verdict, answers[one.case_id]))
    return [
        Known(
            who=who,
            n_cases=len(pairs),
            n_right=sum(said is right for said, right in pairs),
            n_cannot_tell=sum(
                said is Verdict.CANNOT_TELL and right is not said for said, right in pairs
            ),
        )
        for who, pairs in sorted(told.items())
    ]


def _first_two(one: Standing) -> tuple[Verdict | None, Verdict | None]:
    given = sorted(one.verdicts.values(), key=lambda entry: entry.seq)[:2]
    said = [entry.body.verdict for entry in given if isinstance(entry.body, VerdictGiven)]
    return (said[0], said[1]) if len(said) == 2 else (None, None)
