"""One run: a configuration, its workspace, and how items are worked on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pipeline.clock import parse_utc
from pipeline.config import Config
from pipeline.errors import BadInput, UsageError
from pipeline.jobs.contract import Item, Mode, Stage, StageResult, run_stage
from pipeline.jobs.depot import Depot
from pipeline.jobs.executors import Executor, ProcessExecutor, SerialExecutor
from pipeline.jobs.hashing import HashCache
from pipeline.jobs.progress import Progress
from pipeline.jobs.ray_executor import RayExecutor
from pipeline.records import Site
from pipeline.sites import load_sites


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which items a run works on; the rest are used as they are."""

    site_ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @staticmethod
    def of(site_ids: Sequence[str], since: str | None, until: str | None) -> Selection:
        """From the command line's words.

        Raises:
            UsageError: not a time.
        """
        try:
            return Selection(
                site_ids=tuple(site_ids),
                since=None if since is None else parse_utc(since),
                until=None if until is None else parse_utc(until),
            )
        except BadInput as error:
            raise UsageError(error.what, expected=error.expected, found=error.found) from None

    def takes(self, *, site_id: str | None = None, at: datetime | None = None) -> bool:
        """Is an item of this site and time worked on?"""
        if self.site_ids and site_id is not None and site_id not in self.site_ids:
            return False
        if at is None:
            return True
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What every job is handed."""

    config: Config
    selection: Selection
    mode: Mode
    executor: Executor
    progress: Progress
    hashes: HashCache
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the run began: what it searches up to, and dates what it says with."""
    ended: list[StageResult] = field(default_factory=list)
    """How each stage ended, in order, whatever happens to the next."""
    depot: Depot | None = None

    @property
    def workspace(self) -> Path:
        """Folder of everything computed."""
        return self.config.workspace

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The sites watched; an unknown `--site` is refused."""
        sites = load_sites(self.config.sites, self.config.site_ids)
        load_sites(self.config.sites, self.selection.site_ids)
        return sites

    def site(self, site_id: str) -> Site:
        """One site by id."""
        return next(site for site in self.sites if site.site_id == site_id)

    def placeless(self, text: str) -> str:
        """A message without where this machine keeps its files: results must not tell it."""
        inputs = self.config.inputs
        places = {self.workspace, *inputs.scenes, *inputs.ais, *inputs.watchlists}
        for place in sorted(places, key=lambda one: (-len(str(one)), one)):
            text = text.replace(str(place), place.name)
        return text

    def stage(self, stage: Stage, items: Sequence[Item]) -> StageResult:
        """Run one stage under this run's contract."""
        result = run_stage(
            stage,
            items,
            workspace=self.workspace,
            mode=self.mode,
            executor=self.executor,
            progress=self.progress,
            store=self.depot,
        )
        self.hashes.save()
        self.ended.append(result)
        return result

    def to_show(self) -> Run:
        """The same run, with pixels brought here from the depot: nothing is computed, but shown."""
        return replace(self, depot=self.depot and replace(self.depot, whole=True))

    def passive(self) -> Run:
        """The same run, taking what is done and doing nothing."""
        return replace(self, mode=replace(self.mode, active=False))


def open_run(
    config: Config,
    *,
    selection: Selection,
    mode: Mode,
    progress: Progress,
    now: datetime | None = None,
) -> Run:
    """A run of a configuration, now or as if it were another time. Close its executor when done."""
    return Run(
        config=config,
        selection=selection,
        mode=mode,
        executor=_executor(config),
        progress=progress,
        hashes=HashCache(config.workspace / ".cache" / "sha256.json"),
        now=now or datetime.now(UTC),
        depot=_depot(config),
    )


def _executor(config: Config) -> Executor:
    if config.executor == "ray":
        return RayExecutor(config.ray, config.workers)
    workers = config.workers or os.cpu_count() or 1
    serial = config.executor == "serial" or workers == 1
    return SerialExecutor() if serial else ProcessExecutor(workers)


def _depot(config: Config) -> Depot | None:
    if config.workspace_store is None:
        return None
    depot = Depot(url=config.workspace_store.rstrip("/"), workspace=config.workspace)
    depot.check()
    return depot
