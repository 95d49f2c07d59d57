"""One dark call as a reader gets it: the facts, the pictures, who it may have been."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.heard import Gap
from pipeline.records import (
    Candidate,
    Detection,
    EvidenceClass,
    LedgerEntry,
    Match,
    PortCall,
    Site,
    Voyage,
)
from pipeline.review import words
from pipeline.review.cases import chip_path

SHOTS_MAX = 12
"""A ship that lies for weeks is shown so often; the remaining images are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The findings, by what they are looked up with."""

    places: Mapping[str, str]
    """Names of berths and anchorages, by zone."""
    ports: Mapping[str, str]
    detections: Mapping[str, Detection]
    matches: Mapping[str, Match]
    """By detection."""
    gaps: Mapping[str, Gap]
    candidates: Mapping[str, Sequence[Candidate]]
    """By call, the most probable first."""
    deliveries: Mapping[str, LedgerEntry]
    """By call that is an end of the delivery's voyage."""
    entries: Mapping[str, LedgerEntry]
    """By voyage."""

    @staticmethod
    def of(
        *,
        sites: Sequence[Site],
        detections: Sequence[Detection],
        matches: Sequence[Match],
        gaps: Sequence[Gap],
        candidates: Sequence[Candidate],
        voyages: Sequence[Voyage],
        entries: Sequence[LedgerEntry],
    ) -> Sources:
        """From the tables of a run."""
        ranked: dict[str, list[Candidate]] = {}
        for candidate in sorted(candidates, key=lambda c: (c.rank, c.mmsi or 0)):
            ranked.setdefault(candidate.call_id, []).append(candidate)
        counted = {entry.voyage_id: entry for entry in entries}
        return Sources(
            places={
                zone.zone_id: words.berth(zone.name, site.name)
                for site in sites
                for zone in site.zones
            },
            ports={site.site_id: site.name for site in sites},
            detections={item.detection_id: item for item in detections},
            matches={match.detection_id: match for match in matches},
            gaps={gap.gap_id: gap for gap in gaps},
            candidates=ranked,
            deliveries={
                call_id: counted[voyage.voyage_id]
                for voyage in voyages
                for call_id in (voyage.load_call_id, voyage.discharge_call_id)
                if call_id is not None and voyage.voyage_id in counted
            },
            entries=counted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One image of the ship."""

    detection: Detection
    match: Match | None
    source: str | None
    """Link to the chip; None where there is none, and `missing` says why."""
    missing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSheet:
    """A dark call with all that stands behind it."""

    call: PortCall
    port: str
    place: str
    evidence: str
    shots: tuple[Shot, ...]
    shots_left_out: int
    candidates: tuple[Candidate, ...]
    gaps: tuple[Gap, ...]
    delivery: LedgerEntry | None

    @property
    def who(self) -> str:
        """The likeliest two in words, with their odds."""
        named = [
            f"{words.ship(c.ship_name, c.mmsi)} {words.probability(c.posterior)}"
            for c in self.candidates[:2]
        ]
        return ", ".join(named) or words.UNKNOWN_SHIP


def call_sheet(call: PortCall, sources: Sources, *, chip_root: Path, folder: Path) -> CallSheet:
    """Gather what stands behind a call.

    Args:
        call: a dark call.
        sources: all findings.
        chip_root: from the report's folder to the folder of the sites' tables.
        folder: the report's folder, to tell which chips are there.
    """
    found = [sources.detections[d] for d in call.detection_ids if d in sources.detections]
    found.sort(key=lambda item: (item.sensed_at, item.detection_id))
    return CallSheet(
        call=call,
        port=sources.ports.get(call.site_id, call.site_id),
        place=sources.places.get(call.zone_id, call.zone_id),
        evidence=words.EVIDENCE[EvidenceClass(call.evidence_class)],
        shots=tuple(
            _shot(item, sources.matches.get(item.detection_id), chip_root, folder)
            for item in found[:SHOTS_MAX]
        ),
        shots_left_out=len(found[SHOTS_MAX:]),
        candidates=tuple(sources.candidates.get(call.call_id, ())),
        gaps=tuple(sources.gaps[gap_id] for gap_id in call.gap_ids if gap_id in sources.gaps),
        delivery=sources.deliveries.get(call.call_id),
    )


def _shot(item: Detection, match: Match | None, chip_root: Path, folder: Path) -> Shot:
    link = chip_path(item, root=chip_root.as_posix())
    missing = None
    if link is None:
        missing = "no chip was made"
    elif not Path(posixpath.normpath(f"{folder.resolve().as_posix()}/{link}")).is_file():
        link, missing = None, f"chip not found: {link}"
    return Shot(
        detection=item, match=match, source=None if link is None else quote(link), missing=missing
    )
