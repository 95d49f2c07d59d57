"""The seven stages in their order. A command works on some of them and takes the rest as done."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, fields

from pipeline.errors import EXIT_DONE, TryLater, UsageError
from pipeline.jobs.build_voyages import voyages
from pipeline.jobs.call_history import record_history
from pipeline.jobs.contract import StageResult
from pipeline.jobs.detect_ships import detect, screen
from pipeline.jobs.evidence import record_evidence
from pipeline.jobs.failures import WORST_FIRST
from pipeline.jobs.fetch_scenes import fetch
from pipeline.jobs.find_calls import find, name
from pipeline.jobs.findings import FindingsAt
from pipeline.jobs.ingest_ais import ingest
from pipeline.jobs.look_up import look_up
from pipeline.jobs.match_ais import match
from pipeline.jobs.queue_review import catalogue, review
from pipeline.jobs.run import Run
from pipeline.jobs.simulate_season import simulate
from pipeline.jobs.track_season import track
from pipeline.jobs.watch_passes import watch

TOLD = (
    "fetched", "watched", "detected", "screened", "ingested", "surveyed", "divided", "tracked",
    "matched", "called", "named", "sailed",
)  # fmt: skip
STAGES = ("fetch", "detect", "ais", "match", "calls", "voyages", "review")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What each stage left behind."""

    simulated: StageResult | None
    fetched: StageResult
    watched: StageResult
    detected: StageResult
    screened: StageResult
    ingested: StageResult
    surveyed: StageResult | None
    """None where ships are not divided into buckets."""
    divided: StageResult | None
    tracked: StageResult
    looked_up: StageResult
    matched: StageResult
    called: StageResult
    named: StageResult
    sailed: StageResult
    catalogued: StageResult
    queued: StageResult
    findings: FindingsAt

    def results(self) -> list[StageResult]:
        """The stages that exist in this configuration, in order."""
        every = (getattr(self, field.name) for field in fields(self))
        return [result for result in every if isinstance(result, StageResult)]

    @property
    def before_review(self) -> tuple[StageResult, ...]:
        """The stages whose failures the report tells."""
        return _there(*(getattr(self, name) for name in TOLD))

    @property
    def exit_code(self) -> int:
        """The worst of all stages."""
        codes = {result.exit_code for result in self.results()}
        return next((code for code in WORST_FIRST if code in codes), EXIT_DONE)


def tell_and_close(run: Run, active: Collection[str]) -> Story:
    """Tell the story of a run that was opened for this alone, and close its executor."""
    try:
        return tell(run, frozenset(active))
    finally:
        run.executor.close()


def tell(run: Run, active: frozenset[str]) -> Story:
    """Work on the active stages; take what is done of the others.

    Raises:
        Locked: another run holds a stage.
        UsageError: a site or an input of the configuration does not exist.
    """
    run = run if active else run.to_show()

    def at(name: str) -> Run:
        return run if name in active else run.passive()

    simulated = simulate(run if active & {"fetch", "ais"} else run.passive())
    fetched, flights = fetch(at("fetch"), simulated)
    watched = watch(at("fetch"), fetched, flights)
    detected = detect(at("detect"), fetched)
    screened = screen(at("detect"), fetched, detected)
    ingested = ingest(at("ais"), simulated)
    surveyed, divided, tracked = track(at("ais"), ingested)
    looked_up = look_up(at("ais"), ingested)
    matched = match(
        at("match"), fetched=fetched, detected=detected, screened=screened, tracked=tracked
    )
    called = find(
        at("calls"), fetched=fetched, screened=screened, matched=matched, tracked=tracked,
        looked_up=looked_up,
    )  # fmt: skip
    named = name(at("calls"), called)
    if "calls" in active:
        record_history(run, called, named)
    sailed = voyages(
        at("voyages"), named, fetched=fetched, screened=screened, ingested=ingested, tracked=tracked
    )
    catalogued = catalogue(at("review"), fetched, screened)
    findings = FindingsAt.of(
        fetched=fetched, watched=watched, screened=screened, tracked=tracked, matched=matched,
        called=named, sailed=sailed,
    )  # fmt: skip
    told = _there(
        fetched, watched, detected, screened, ingested, surveyed, divided, tracked, matched, called,
        named, sailed,
    )  # fmt: skip
    queued = review(at("review"), findings=findings, simulated=simulated, earlier=told)
    _note_evidence(run, queued)
    return Story(
        simulated=simulated, fetched=fetched, watched=watched, detected=detected,
        screened=screened, ingested=ingested, surveyed=surveyed, divided=divided, tracked=tracked,
        looked_up=looked_up, matched=matched, called=called, named=named, sailed=sailed,
        catalogued=catalogued, queued=queued, findings=findings,
    )  # fmt: skip


def _there(*results: StageResult | None) -> tuple[StageResult, ...]:
    return tuple(result for result in results if result is not None)


def _note_evidence(run: Run, queued: StageResult) -> None:
    """Decisions that cannot be reached now are asked again before anything is pruned."""
    if queued.n_worked:
        with contextlib.suppress(TryLater, UsageError):
            record_evidence(run.config)
