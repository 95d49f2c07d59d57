"""What was said of a call before, and what is said of it now: nothing said is ever overwritten.

Late AIS names a hull or explains it, a later pass prolongs a stay: the calls of a run replace those
of the run before. The history keeps each version with its day and what changed, so that a reader
of an old report can see what became of it, and a decision on other evidence is known to be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pipeline.records import CallState, CallVersion, PortCall, SeenStay, content_id


def new_versions(
    history: Sequence[CallVersion],
    calls: Sequence[PortCall],
    stays: Iterable[SeenStay],
    *,
    now: datetime,
) -> list[CallVersion]:
    """Rows to add to the history: calls that are new, changed or no longer made.

    A call that shares a detection with an earlier event, or its silence where no image shows it, is
    that event, whatever else changed; of several the one begun first.

    Args:
        history: all earlier rows.
        calls: of this run; those on the air are not kept a history of.
        stays: of its dark calls.
        now: time of the run.
    """
    latest: dict[str, CallVersion] = {}
    for row in sorted(history, key=lambda row: (row.version, row.event_id)):
        latest[row.event_id] = row
    owner = _owners(history)
    provisional = {stay.call_id: stay.provisional for stay in stays}
    told: set[str] = set()
    rows = []
    for call in sorted(_versioned(calls), key=lambda call: (call.arrival_latest, call.call_id)):
        evidence = [*call.detection_ids, *call.gap_ids]
        anchors = call.detection_ids or call.gap_ids
        known = [owner[one] for one in anchors if one in owner and owner[one] not in told]
        event_id = known[0] if known else content_id("event", call.zone_id, *anchors[:1])
        told.add(event_id)
        before = latest.get(event_id)
        state = CallState.PROVISIONAL if provisional.get(call.call_id) else CallState.FIRM
        row = _row(call, event_id, before, state, evidence, now)
        if before is None or row.evidence_key != before.evidence_key:
            rows.append(row)
    rows += [_withdrawn(row, now) for event_id, row in sorted(latest.items())
             if event_id not in told and row.state != CallState.WITHDRAWN]  # fmt: skip
    return rows


def _versioned(calls: Iterable[PortCall]) -> list[PortCall]:
    return [call for call in calls if call.is_dark or not call.track_ids]


def _owners(history: Sequence[CallVersion]) -> Mapping[str, str]:
    """The event that first rested on each detection or silence."""
    owner: dict[str, str] = {}
    for row in sorted(history, key=lambda row: (row.recorded_at, row.version, row.event_id)):
        for one in row.evidence_ids:
            owner.setdefault(one, row.event_id)
    return owner


def _row(
    call: PortCall, event_id: str, before: CallVersion | None, state: CallState,
    evidence: list[str], now: datetime,
) -> CallVersion:  # fmt: skip
    row = CallVersion(
        event_id=event_id,
        version=1 if before is None else before.version + 1,
        recorded_at=now,
        call_id=call.call_id,
        site_id=call.site_id,
        zone_id=call.zone_id,
        state=str(state),
        evidence_class=call.evidence_class,
        tier=call.tier,
        mmsi=call.mmsi,
        p_dark=call.p_dark,
        p_ship=call.p_ship,
        evidence_ids=evidence,
        evidence_key=content_id("evidence", call.evidence_key, state),
        changed=[],
    )
    return row if before is None else replace(row, changed=_changes(before, row))


def _changes(before: CallVersion, row: CallVersion) -> list[str]:
    """In words."""
    said = []
    for what, old, new in (
        ("state", before.state, row.state),
        ("tier", before.tier, row.tier),
        ("evidence", before.evidence_class, row.evidence_class),
        ("ship", before.mmsi or "unknown", row.mmsi or "unknown"),
        ("P(dark)", f"{before.p_dark:.2f}", f"{row.p_dark:.2f}"),
        ("P(ship)", f"{before.p_ship:.2f}", f"{row.p_ship:.2f}"),
    ):
        if old != new:
            said.append(f"{what}: {old}, now {new}")
    more = len(set(row.evidence_ids) - set(before.evidence_ids))
    fewer = len(set(before.evidence_ids) - set(row.evidence_ids))
    if more or fewer:
        said.append(f"evidence: {more} more, {fewer} fewer")
    return said or ["what speaks against it"]


def _withdrawn(row: CallVersion, now: datetime) -> CallVersion:
    """Nothing is claimed any more: AIS explains the hull, or the detector no longer finds it."""
    return replace(
        row,
        version=row.version + 1,
        recorded_at=now,
        state=str(CallState.WITHDRAWN),
        evidence_key=content_id("evidence", "withdrawn", row.evidence_key),
        changed=[f"{row.state}, tier {row.tier}, now no call"],
    )
