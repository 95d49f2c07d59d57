"""Everything the stages found, as paths that a worker can be handed and as records once read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.heard import Gap, Track
from pipeline.jobs.build_voyages import ENTRIES, ESTIMATES, GROUPS, TOTALS, VOYAGES
from pipeline.jobs.contract import Done, StageResult
from pipeline.jobs.detect_ships import DETECTIONS
from pipeline.jobs.fetch_scenes import COVERAGE
from pipeline.jobs.find_calls import CALLS, CANDIDATES
from pipeline.jobs.match_ais import IN_VIEW, MATCHES
from pipeline.jobs.track_season import GAPS, TRACKS
from pipeline.jobs.watch_passes import MISSED
from pipeline.records import (
    AisInView,
    Candidate,
    Coverage,
    Detection,
    LedgerEntry,
    LedgerGroup,
    LedgerTotal,
    Match,
    PortCall,
    SeasonEstimate,
    Voyage,
)
from pipeline.tables import read_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The tables of a whole run."""

    coverage: list[Coverage]
    missed: list[Coverage]
    """Of passes that failed or should have been."""
    detections: list[Detection]
    tracks: list[Track]
    gaps: list[Gap]
    matches: list[Match]
    in_view: list[AisInView]
    calls: list[PortCall]
    candidates: list[Candidate]
    voyages: list[Voyage]
    entries: list[LedgerEntry]
    totals: list[LedgerTotal]
    groups: list[LedgerGroup]
    estimates: list[SeasonEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsAt:
    """Where the tables of a whole run lie."""

    scenes: tuple[Path, ...]
    watched: tuple[Path, ...]
    detections: tuple[Path, ...]
    season: tuple[Path, ...]
    matches: tuple[Path, ...]
    calls: tuple[Path, ...]
    voyages: tuple[Path, ...]
    contents: Mapping[str, str]
    """Content hashes, by stage and item."""

    @staticmethod
    def of(
        *,
        fetched: StageResult,
        watched: StageResult,
        screened: StageResult,
        tracked: StageResult,
        matched: StageResult,
        called: StageResult,
        sailed: StageResult,
    ) -> FindingsAt:
        """From the results of the stages."""
        results = (fetched, watched, screened, tracked, matched, called, sailed)
        return FindingsAt(
            scenes=_folders(fetched.done),
            watched=_folders(watched.done),
            detections=_folders(screened.done),
            season=_folders(tracked.done),
            matches=_folders(matched.done),
            calls=_folders(called.done),
            voyages=_folders(sailed.done),
            contents={
                f"{result.stage} {name}": done.content_sha256
                for result in results
                for name, done in result.done.items()
            },
        )

    def read(self) -> Findings:
        """All tables, in the order of their items."""
        return Findings(
            coverage=read_records(Coverage, [folder / COVERAGE for folder in self.scenes]),
            missed=read_records(Coverage, [folder / MISSED for folder in self.watched]),
            detections=read_records(Detection, [folder / DETECTIONS for folder in self.detections]),
            tracks=read_records(Track, [folder / TRACKS for folder in self.season]),
            gaps=read_records(Gap, [folder / GAPS for folder in self.season]),
            matches=read_records(Match, [folder / MATCHES for folder in self.matches]),
            in_view=read_records(AisInView, [folder / IN_VIEW for folder in self.matches]),
            calls=read_records(PortCall, [folder / CALLS for folder in self.calls]),
            candidates=read_records(Candidate, [folder / CANDIDATES for folder in self.calls]),
            voyages=read_records(Voyage, [folder / VOYAGES for folder in self.voyages]),
            entries=read_records(LedgerEntry, [folder / ENTRIES for folder in self.voyages]),
            totals=read_records(LedgerTotal, [folder / TOTALS for folder in self.voyages]),
            groups=read_records(LedgerGroup, [folder / GROUPS for folder in self.voyages]),
            estimates=read_records(SeasonEstimate, [folder / ESTIMATES for folder in self.voyages]),
        )


def _folders(done: Mapping[str, Done]) -> tuple[Path, ...]:
    return tuple(item.folder for item in done.values())
