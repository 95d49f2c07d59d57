"""What went wrong in a night, as alerts: one for each kind of trouble, not one for each item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.upkeep.alerts import Alert, Kind

KINDS = {
    "DiskFull": Kind.DISK,
    "Unreachable": Kind.NETWORK,
    "TryLater": Kind.NETWORK,
    "QuotaSpent": Kind.QUOTA,
    "Refused": Kind.CREDENTIALS,
    "DeviceLost": Kind.GPU,
    "Locked": Kind.OVERLAP,
}
"""By the class of the error; every other is a failure of its stage."""
WORDS = {
    Kind.DISK: "The disk is full",
    Kind.NETWORK: "An archive does not answer",
    Kind.QUOTA: "An archive's quota is spent",
    Kind.CREDENTIALS: "An archive refuses the credentials",
    Kind.GPU: "The GPU failed",
    Kind.OVERLAP: "Another run is at work",
}
NIGHT = "night"
"""In the place of a stage: what kept the night from going on at all."""
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that failed."""

    stage: str
    item_id: str
    error: str
    """Class of the error."""
    message: str


def as_alerts(troubles: Iterable[Trouble]) -> list[Alert]:
    """One alert for each kind of trouble and, of failures, for each stage."""
    groups: dict[tuple[Kind, str], list[Trouble]] = defaultdict(list)
    for trouble in troubles:
        kind = KINDS.get(trouble.error, Kind.FAILURE)
        groups[kind, trouble.stage if kind is Kind.FAILURE else ""].append(trouble)
    return [_alert(kind, stage, found) for (kind, stage), found in sorted(groups.items())]


def _alert(kind: Kind, stage: str, found: list[Trouble]) -> Alert:
    shown = [f"{one.stage} {one.item_id}: {one.message}" for one in found[:SHOWN]]
    more = len(found) - SHOWN
    broken = stage == NIGHT
    head = "The night broke off" if broken else f"{_items(len(found))} of stage {stage} failed"
    return Alert(
        kind=kind,
        key=f"failure:{stage}" if kind is Kind.FAILURE else str(kind),
        title=WORDS.get(kind, head),
        body="\n".join([*shown, f"… and {more} more"] if more > 0 else shown),
        # of one's own failures each is told once; that a disk is full is one thing to know
        about=tuple(sorted(one.item_id for one in found)) if kind is Kind.FAILURE else (),
    )


def _items(count: int) -> str:
    return "An item" if count == 1 else f"{count} items"
