"""Everything the report tells, whatever it is written on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shapely import Geometry

from pipeline.heard import Gap
from pipeline.records import (
    AisInView,
    Candidate,
    Case,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    Match,
    PortCall,
    SeasonEstimate,
    Site,
    Voyage,
)
from pipeline.review.reviewed import NOT_REVIEWED, UNREVIEWED, Reviewed, counted
from pipeline.rhythm import Cadence, Crossing, Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page tells."""

    title: str
    config_name: str
    config_sha256: str
    is_simulated: bool
    sites: tuple[Site, ...]
    land: Mapping[str, Geometry]
    """By site: land around it, lon/lat."""
    track_lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
    """By site: AIS tracks as lines of (lon, lat)."""
    chip_root: Path
    """From the report's folder to the folder of the sites' detection tables."""
    coverage: Sequence[Coverage]
    missed: Sequence[Coverage]
    """Of passes that failed or should have been."""
    detections: Sequence[Detection]
    matches: Sequence[Match]
    gaps: Sequence[Gap]
    in_view: Sequence[AisInView]
    calls: Sequence[PortCall]
    candidates: Sequence[Candidate]
    voyages: Sequence[Voyage]
    entries: Sequence[LedgerEntry]
    totals: Sequence[LedgerTotal]
    groups: Sequence[LedgerGroup]
    estimates: Sequence[SeasonEstimate]
    cadences: Sequence[Cadence]
    crossings: Sequence[Crossing]
    declared: Sequence[Declared]
    region: Geometry
    """Land around all sites, lon/lat."""
    cases: Sequence[Case]
    failures: Sequence[tuple[str, str, str]]
    """(stage, item, message)."""
    rows_set_aside: int
    truth_rows: Sequence[tuple[str, str]] | None
    """How right the run was, in words; None where no truth is known."""
    review: Mapping[str, Reviewed] = field(default_factory=dict)
    """What people have said of each dark call; of the others nobody was asked."""

    @property
    def reviews(self) -> list[Reviewed]:
        """How each dark call stands."""
        return [self.review_of(call.call_id) for call in self.calls if call.is_dark]

    def review_of(self, call_id: str) -> Reviewed:
        """How a call stands."""
        return self.review.get(call_id, UNREVIEWED)

    @property
    def reviewed(self) -> str:
        """How the season stands, in a sentence."""
        if all(one.label == NOT_REVIEWED for one in self.reviews):
            return "Nobody has reviewed these results. They are what a program found."
        return f"Reviewed by people so far: {counted(self.reviews)}."
