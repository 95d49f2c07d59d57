"""Health as Prometheus reads it: one text for a file or an endpoint. What is unknown is absent.

Times are told as instants (`…_timestamp_seconds`), never as ages: a file that is read hours after
it was written would tell ages that have stood still. `time() - darkcall_…_timestamp_seconds` is
the age.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.upkeep.health import Health, last_by_command, last_success
from pipeline.upkeep.ran import RunRecord, StageRan

Rows = Sequence[tuple[tuple[str, ...], float]]


def text_of(health: Health) -> str:
    """The exposition format, version 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(lambda: health))
    return generate_latest(registry).decode()


def serve(gather: Callable[[], Health], *, host: str, port: int, age_s: float) -> Serving:
    """Answer `GET /metrics` until closed.

    Args:
        gather: takes stock anew.
        host: address of this machine to listen on.
        port: port; 0: any that is free.
        age_s: s; younger figures are given again.

    Raises:
        OSError: the port is taken, or may not be listened on.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(_Kept(gather, age_s)))
    server, thread = start_http_server(port, addr=host, registry=registry)
    return Serving(server, thread)


class Serving:
    """An endpoint that answers."""

    def __init__(self, server: object, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)  # type: ignore[attr-defined]

    def wait(self) -> None:
        """Until it is closed, or interrupted."""
        self._thread.join()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()  # type: ignore[attr-defined]
        self._server.server_close()  # type: ignore[attr-defined]
        self._thread.join()


class _Kept:
    """Figures that are gathered once for all who ask within a moment."""

    def __init__(self, gather: Callable[[], Health], age_s: float) -> None:
        self._gather = gather
        self._age_s = age_s
        self._lock = threading.Lock()
        self._health: Health | None = None
        self._at_s = 0.0

    def __call__(self) -> Health:
        with self._lock:
            if self._health is None or time.monotonic() - self._at_s > self._age_s:
                self._health, self._at_s = self._gather(), time.monotonic()
            return self._health


class _Told(Collector):
    def __init__(self, gather: Callable[[], Health]) -> None:
        self._gather = gather

    def collect(self) -> Iterator[Metric]:
        """All families that have a value."""
        health = self._gather()
        for part in (_about, _runs, _totals, _stages, _newest, _queue, _machine):
            for family in part(health):
                if family.samples:
                    yield family


def _gauge(health: Health, name: str, said: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = GaugeMetricFamily(f"darkcall_{name}", said, labels=("config", *labels))
    for values, value in rows:
        family.add_metric((health.config, *values), value)
    return family


def _counter(health: Health, name: str, said: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = CounterMetricFamily(f"darkcall_{name}", said, labels=("config", *labels))
    for values, value in rows:
        family.add_metric((health.config, *values), value)
    return family


def _at(instant: datetime | None) -> Rows:
    return [] if instant is None else [((), instant.timestamp())]


def _about(health: Health) -> Iterator[Metric]:
    yield _gauge(
        health, "build_info", "Version of Darkcall; always 1.", ("version",),
        [((health.version,), 1.0)],
    )  # fmt: skip
    yield _gauge(
        health, "metrics_timestamp_seconds",
        "When these figures were gathered, seconds since 1970.", (),
        _at(health.at),
    )  # fmt: skip
    yield _gauge(
        health, "period_end_timestamp_seconds",
        "End of the days that are watched, seconds since 1970; nothing is late after it.",
        (), _at(health.period_end),
    )  # fmt: skip


def _runs(health: Health) -> Iterator[Metric]:
    last = last_by_command(health.runs)

    def rows(value: Callable[[RunRecord], float | None]) -> Rows:
        known = ((name, value(record)) for name, record in last.items())
        return [((name,), number) for name, number in known if number is not None]

    label = ("command",)
    yield _gauge(
        health, "run_begin_timestamp_seconds",
        "When the last run of each command began, seconds since 1970.", label,
        rows(lambda one: one.began.timestamp()),
    )  # fmt: skip
    yield _gauge(
        health, "run_end_timestamp_seconds",
        "When it ended, seconds since 1970; absent while it is at work or if it was killed.", label,
        rows(lambda one: None if one.ended is None else one.ended.timestamp()),
    )  # fmt: skip
    yield _gauge(
        health, "run_duration_seconds", "How long it took, seconds.", label,
        rows(lambda one: None if one.ended is None else (one.ended - one.began).total_seconds()),
    )  # fmt: skip
    yield _gauge(
        health, "run_exit_code",
        "What it ended with: 0 done, 1 defect, 2 usage, 3 some items failed, 4 checks failed, "
        "75 try later, 130 interrupted.", label,
        rows(lambda one: one.exit_code),
    )  # fmt: skip
    success = ((name, last_success(health.runs, name)) for name in last)
    yield _gauge(
        health, "run_success_timestamp_seconds",
        "When the last run of each command that ended with 0 did so, seconds since 1970.", label,
        [((name,), one.ended.timestamp()) for name, one in success if one and one.ended],
    )  # fmt: skip
    yield _gauge(
        health, "runs_in_progress", "Runs at work.", (), [((), float(len(health.running)))]
    )
    killed = [
        name for name, one in health.runs.records.items()
        if one.ended is None and name not in health.running
    ]  # fmt: skip
    yield _gauge(
        health, "runs_killed", "Runs on record that began and never came to their end.", (),
        [((), float(len(killed)))],
    )  # fmt: skip


def _totals(health: Health) -> Iterator[Metric]:
    totals = health.runs.totals(health.running)
    stages = sorted(totals.stages.items())
    ended = [(tuple(key.rsplit(" ", 1)), float(n)) for key, n in sorted(totals.runs.items())]
    yield _counter(
        health, "runs", "Runs since the first record, by what they ended with; none: killed.",
        ("command", "exit_code"), ended,
    )  # fmt: skip
    for name, said, rows in (
        ("stage_worked_items", "Items worked on, all runs.", [one.worked for _, one in stages]),
        ("stage_failures", "Items without success, all runs.", [one.failed for _, one in stages]),
        ("stage_seconds", "Seconds at work, all runs.", [one.seconds for _, one in stages]),
        (
            "stage_written_bytes", "Bytes in the files of finished items, all runs.",
            [one.bytes_written for _, one in stages],
        ),
    ):  # fmt: skip
        told = [((stage,), float(value)) for (stage, _), value in zip(stages, rows, strict=True)]
        yield _counter(health, name, said, ("stage",), told)


def _stages(health: Health) -> Iterator[Metric]:
    found: dict[str, StageRan] = {}
    worked: dict[str, StageRan] = {}
    for record in health.runs.records.values():
        for ran in record.results:
            found[ran.stage] = ran
            if ran.active:
                worked[ran.stage] = ran
    items: list[tuple[tuple[str, ...], float]] = []
    for stage, ran in sorted(found.items()):
        counts = (("done", ran.done), ("failed", ran.failed), ("left_out", ran.left_out))
        items += [((stage, outcome), float(count)) for outcome, count in counts]
    yield _gauge(
        health, "stage_items",
        "Items of each stage as the last run left them: done, failed (tried again by the next "
        "run), left out (neither done nor tried).", ("stage", "outcome"), items,
    )  # fmt: skip
    for name, said, value in (
        (
            "stage_last_duration_seconds", "Seconds of the last run that worked on the stage.",
            lambda ran: ran.seconds,
        ),
        ("stage_last_worked_items", "Items that run worked on.", lambda ran: float(ran.worked)),
        ("stage_last_written_bytes", "Bytes it wrote.", lambda ran: float(ran.bytes_written)),
    ):  # fmt: skip
        rows = [((stage,), value(ran)) for stage, ran in sorted(worked.items())]
        yield _gauge(health, name, said, ("stage",), rows)


def _newest(health: Health) -> Iterator[Metric]:
    yield _gauge(
        health, "scene_newest_timestamp_seconds",
        "Sensing time of the newest scene of each site and archive, seconds since 1970.",
        ("site", "provider"),
        [((one.site_id or "", one.provider or ""), one.at.timestamp()) for one in health.scenes],
    )  # fmt: skip
    yield _gauge(
        health, "ais_newest_timestamp_seconds",
        "Time of the newest fix in each provider's files, seconds since 1970.", ("provider",),
        [((one.provider or "",), one.at.timestamp()) for one in health.ais_files],
    )  # fmt: skip
    yield _gauge(
        health, "ais_heard_newest_timestamp_seconds",
        "Start of the newest hour in which a ship was heard near each site, seconds since 1970.",
        ("site",), [((one.site_id or "",), one.at.timestamp()) for one in health.heard],
    )  # fmt: skip
    shares: list[tuple[tuple[str, ...], float]] = []
    for looks in health.looks:
        shares += [
            ((looks.site_id, str(state).replace(" ", "_")), share)
            for state, share in looks.shares.items()
        ]
    yield _gauge(
        health, "coverage_ratio",
        "What passes of the last days (upkeep.coverage_days, 30) could show of each site's berths, "
        "as shares of all looks, 0 to 1.", ("site", "state"), shares,
    )  # fmt: skip


def _queue(health: Health) -> Iterator[Metric]:
    if health.queue is None:
        return
    yield _gauge(
        health, "queue_cases", "Cases of the review queue, by how they stand.", ("status",),
        [((status,), float(count)) for status, count in health.queue.by_status.items()],
    )  # fmt: skip
    yield _gauge(
        health, "queue_waiting_cases", "Cases that are not decided.", (),
        [((), float(health.queue.waiting))],
    )  # fmt: skip
    yield _gauge(
        health, "queue_oldest_timestamp_seconds",
        "Since when the case that waits longest is in the queue, seconds since 1970.", (),
        _at(health.queue.oldest_at),
    )  # fmt: skip


def _machine(health: Health) -> Iterator[Metric]:
    if health.disk is not None:
        free, size = float(health.disk.free_bytes), float(health.disk.size_bytes)
        yield _gauge(health, "disk_free_bytes", "Free where the workspace lies, bytes.", (),
                     [((), free)])  # fmt: skip
        yield _gauge(health, "disk_size_bytes", "Size of that disk, bytes.", (), [((), size)])
    sized = (one for one in reversed(health.runs.records.values()) if one.workspace_bytes)
    folders = next(sized, None)
    yield _gauge(
        health, "workspace_bytes", "Disk taken by each folder of the workspace after the last run.",
        ("folder",),
        [((name,), float(n)) for name, n in (folders.workspace_bytes if folders else {}).items()],
    )  # fmt: skip
    yield _gauge(
        health, "disk_full_timestamp_seconds",
        "When the disk is full if the workspace goes on to grow as it did, seconds since 1970.", (),
        _at(health.forecast.full_at),
    )  # fmt: skip
    for name, said, value in (
        ("gpu_utilisation_ratio", "Share of the last moments a GPU was at work, 0 to 1.", "busy"),
        ("gpu_memory_used_bytes", "GPU memory in use, bytes.", "memory_used_bytes"),
        ("gpu_memory_size_bytes", "GPU memory, bytes.", "memory_bytes"),
    ):
        known = [(gpu, getattr(gpu, value)) for gpu in health.gpus]
        rows = [((gpu.index, gpu.name), float(n)) for gpu, n in known if n is not None]
        yield _gauge(health, name, said, ("gpu", "name"), rows)
