"""What ran last, what is behind, what waits, and how long the disk lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.clock import format_utc
from pipeline.config import Config
from pipeline.errors import EXIT_DONE, EXIT_SOME_FAILED, DarkcallError
from pipeline.jobs.contract import Mode, StageResult
from pipeline.jobs.fetch_scenes import FETCH
from pipeline.jobs.ingest_ais import AIS
from pipeline.jobs.locks import held_locks
from pipeline.jobs.progress import Progress
from pipeline.jobs.run import Selection, open_run
from pipeline.jobs.story import tell_and_close
from pipeline.jobs.take_stock import take_stock
from pipeline.units import DAY_S, HOUR_S
from pipeline.upkeep.health import Health, Newest
from pipeline.upkeep.machine import Taken, taken
from pipeline.upkeep.ran import RunRecord
from pipeline.upkeep.settings import Settings

GB = 1e9
EXIT_WORDS = {
    0: "done", 1: "a defect", 2: "usage or configuration", 3: "some items failed",
    4: "output checks failed", 75: "try again later", 130: "interrupted", None: "killed",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a workspace stands now."""

    health: Health
    behind: Sequence[StageResult]
    """Each stage as it would find its items now."""
    behind_problem: str | None
    """Why that is unknown."""
    locks: Mapping[str, str]
    """Stages at work, each with who holds it."""
    taken: Taken
    settings: Settings
    site_ids: tuple[str, ...]
    """Watched; empty where the sites cannot be read."""

    @property
    def last_ended(self) -> RunRecord | None:
        """The last run that is over and did not merely find another at work."""
        runs, running = self.health.runs.records, self.health.running
        over = (one for name, one in reversed(runs.items()) if name not in running)
        return next((one for one in over if not one.found_another), None)

    @property
    def exit_code(self) -> int:
        """0: well, or nothing has run yet; 3: the last run did not end well, or items failed."""
        last = self.last_ended
        ill = last is not None and last.exit_code != EXIT_DONE
        failing = any(result.failures for result in self.behind)
        return EXIT_SOME_FAILED if ill or failing else EXIT_DONE

    def left_out(self, stage: str) -> int | None:
        """Items of a stage that are known and neither done nor tried; None: unknown."""
        return next((len(one.left_out) for one in self.behind if one.stage == stage), None)

    def late(self, found: Sequence[Newest], limit: timedelta) -> list[Newest]:
        """Those older than that now, or at the period's end where it has passed."""
        until = min(self.health.at, self.health.period_end)
        return [one for one in found if until - one.at > limit]

    @property
    def sites_without_scenes(self) -> list[str]:
        """Sites that are watched and of which no scene has come."""
        return sorted(set(self.site_ids) - {one.site_id for one in self.health.scenes})

    @property
    def late_scenes(self) -> list[Newest]:
        """Sites and archives whose newest scene is old."""
        limit = timedelta(days=self.settings.scene_late_days)
        return self.late(self.health.scenes, limit)

    @property
    def late_ais(self) -> list[Newest]:
        """Providers and sites whose newest fix is old."""
        limit = timedelta(hours=self.settings.ais_late_h)
        return self.late([*self.health.ais_files, *self.health.heard], limit)

    def as_json(self) -> dict[str, Any]:
        """One object."""
        health = self.health
        last = self.last_ended
        return {
            "config": health.config,
            "at": format_utc(health.at),
            "well": self.exit_code == EXIT_DONE,
            "last_run": None if last is None else _run_json(last),
            "running": [_run_json(health.runs.records[name]) for name in health.running],
            "locks": dict(self.locks),
            "behind": {
                result.stage: {
                    "items": result.n_items,
                    "done": len(result.done),
                    "failed": len(result.failures),
                    "left_out": len(result.left_out),
                }
                for result in self.behind
            },
            "behind_unknown": self.behind_problem,
            "scenes_not_fetched": self.left_out(FETCH.name),
            "ais_files_not_read": self.left_out(AIS.name),
            "late_scenes": [_newest_json(one) for one in self.late_scenes],
            "late_ais": [_newest_json(one) for one in self.late_ais],
            "queue": self._queue_json(),
            "newest_scenes": [_newest_json(one) for one in health.scenes],
            "sites_without_scenes": self.sites_without_scenes,
            "newest_ais": [_newest_json(one) for one in (*health.ais_files, *health.heard)],
            "disk": self._disk_json(),
        }

    def _queue_json(self) -> dict[str, Any] | None:
        queue = self.health.queue
        if queue is None:
            return None
        oldest = None if queue.oldest_at is None else format_utc(queue.oldest_at)
        return {"cases": queue.cases, "waiting": queue.waiting, "oldest": oldest,
                "by_status": dict(queue.by_status)}  # fmt: skip

    def _disk_json(self) -> dict[str, Any]:
        held, told = self.health.disk, self.health.forecast
        return {
            "free_bytes": None if held is None else held.free_bytes,
            "size_bytes": None if held is None else held.size_bytes,
            "workspace_bytes": sum(self.taken.by_folder.values()),
            "by_folder": dict(self.taken.by_folder),
            "is_whole": self.taken.is_whole,
            "growth_bytes_per_day": told.growth_bytes_a_day,
            "full_at": None if told.full_at is None else format_utc(told.full_at),
            "full_unknown": told.reason,
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a thing."""
        return [
            *self._run_rows(),
            *self._behind_rows(),
            ("queue", self._queue_words()),
            *self._newest_rows(),
            *self._disk_rows(),
        ]

    def _run_rows(self) -> Iterator[tuple[str, str]]:
        last, at = self.last_ended, self.health.at
        if last is None:
            yield "last run", "none is on record"
        else:
            yield "last run", _run_words(last, at)
        for name in self.health.running:
            one = self.health.runs.records[name]
            yield (
                "at work",
                f"{one.command}, pid {one.pid} on {one.host}, for {_age(one.began, at)}",
            )
        for stage, holder in self.locks.items():
            yield "locked", f"{stage}, by {holder}"

    def _behind_rows(self) -> Iterator[tuple[str, str]]:
        if self.behind_problem is not None:
            yield "behind", f"unknown: {self.behind_problem}"
            return
        told = [
            f"{result.stage} {', '.join(words)}"
            for result in self.behind
            if (words := _behind_words(result))
        ]
        yield "behind", "; ".join(told) or "nothing"
        for result in self.behind:
            for failure in result.failures[:3]:
                yield "failed", f"{result.stage}: {failure.item_id}: {failure.message}"

    def _queue_words(self) -> str:
        queue = self.health.queue
        if queue is None:
            return f"unknown: {self.health.queue_problem or 'no run has made one'}"
        if not queue.waiting:
            return f"{queue.cases} cases, none waits"
        since = "" if queue.oldest_at is None else (
            f", the oldest for {_age(queue.oldest_at, self.health.at)}"
        )  # fmt: skip
        return f"{queue.waiting} of {queue.cases} cases wait{since}"

    def _newest_rows(self) -> Iterator[tuple[str, str]]:
        health, late = self.health, [*self.late_scenes, *self.late_ais]
        for label, found in (
            ("newest scene", health.scenes),
            ("newest AIS", health.ais_files),
            ("last heard", health.heard),
        ):
            for one in found:
                of = ", ".join(word for word in (one.site_id, one.provider) if word)
                said = " LATE" if one in late else ""
                yield label, f"{of}: {format_utc(one.at)}, {_age(one.at, health.at)} ago{said}"
        for site_id in self.sites_without_scenes:
            yield "newest scene", f"{site_id}: none yet"
        if health.period_end < health.at:
            yield "period", f"ended {format_utc(health.period_end)}; ages count to there"

    def _disk_rows(self) -> Iterator[tuple[str, str]]:
        held, told = self.health.disk, self.health.forecast
        if held is not None:
            yield "disk", f"{held.free_bytes / GB:.1f} GB free of {held.size_bytes / GB:.1f} GB"
        sizes = sorted(self.taken.by_folder.items(), key=lambda pair: -pair[1])
        each = ", ".join(f"{name} {size / GB:.2f}" for name, size in sizes[:6])
        whole = "" if self.taken.is_whole else " (counting took too long: at least)"
        yield "workspace", f"{sum(self.taken.by_folder.values()) / GB:.2f} GB{whole}: {each}"
        growth = told.growth_bytes_a_day
        if growth is not None:
            yield "growth", f"{growth / GB:+.3f} GB a day"
        full = f"unknown: {told.reason}" if told.full_at is None else format_utc(told.full_at)[:10]
        yield "disk full on", full


def status(config: Config, now: datetime, progress: Progress) -> Status:
    """Look at everything; nothing is worked on."""
    behind: Sequence[StageResult] = ()
    problem: str | None = None
    run = open_run(config, selection=Selection(), mode=Mode(), progress=progress)
    site_ids: tuple[str, ...] = ()
    try:
        site_ids = tuple(site.site_id for site in run.sites)
        behind = tell_and_close(run, ()).results()
    except DarkcallError as error:
        problem = str(error)
    return Status(
        health=take_stock(config, now),
        behind=behind,
        behind_problem=problem,
        locks=held_locks(config.workspace),
        taken=taken(config.workspace),
        site_ids=site_ids,
        settings=config.upkeep,
    )


def _behind_words(result: StageResult) -> list[str]:
    counts = ((len(result.failures), "failed and due again"), (len(result.left_out), "not done"))
    return [f"{count} {what}" for count, what in counts if count]


def _run_words(record: RunRecord, at: datetime) -> str:
    how = f"{EXIT_WORDS.get(record.exit_code, 'unknown')}"
    code = "" if record.exit_code is None else f" ({record.exit_code})"
    when = record.ended or record.began
    words = f"{record.command}, began {format_utc(record.began)[:19]}Z, ended: {how}{code}"
    if record.ended is not None:
        words += f" after {(record.ended - record.began).total_seconds():.0f} s"
    if record.failed_items:
        words += f", {record.failed_items} items failed"
    return f"{words}, {_age(when, at)} ago" + (f": {record.error}" if record.error else "")


def _run_json(record: RunRecord) -> dict[str, Any]:
    kept = record.model_dump(mode="json", exclude={"workspace_bytes", "disk_free_bytes"})
    return {**kept, "how": EXIT_WORDS.get(record.exit_code, "unknown") if record.ended else None}


def _newest_json(one: Newest) -> dict[str, str | None]:
    return {"site": one.site_id, "provider": one.provider, "at": format_utc(one.at)}


def _age(since: datetime, at: datetime) -> str:
    seconds = (at - since).total_seconds()
    if seconds < 2 * HOUR_S:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * DAY_S:
        return f"{seconds / HOUR_S:.0f} h"
    return f"{seconds / DAY_S:.0f} days"
