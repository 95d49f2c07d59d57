"""A night's run: all stages, and whatever happens in it ends in a known state, told once.

| what happens                     | what is done                     | exit | told as     |
|----------------------------------|----------------------------------|------|-------------|
| another night is still at work   | nothing                          | 75   | overlap     |
| less disk free than is needed    | nothing                          | 75   | disk full   |
| the disk fills up                | the item in hand is withdrawn    | 75   | disk full   |
| an archive is out of reach       | all that needs no archive        | 75   | network     |
| credentials refused              | all that needs no archive        | 2    | credentials |
| a quota is spent                 | what it allowed                  | 75   | quota       |
| a clock behind the newest scene  | nothing                          | 75   | clock       |
| a clock behind the night before  | everything                       | 0    | clock       |
| the GPU fails while it works     | the items in hand are not done   | 75   | gpu         |
| no GPU where there was one       | everything, on the CPU           | 0    | gpu         |
| the decisions cannot be reached  | everything                       | 75   | database    |
| items that cannot be used        | everything else                  | 3    | failure     |
| a defect                         | what came before it              | 1    | failure     |
| the night before was killed      | everything                       | 0    | not ended   |

The next night goes on from there by itself: items not done are due.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.clock import format_utc, parse_utc
from pipeline.config import Config, Secrets
from pipeline.detect.engines import has_cuda
from pipeline.errors import (
    EXIT_DONE,
    EXIT_TRY_LATER,
    BadInput,
    DarkcallError,
    Locked,
)
from pipeline.heard import Reception
from pipeline.jobs.contract import Mode
from pipeline.jobs.failures import WORST_FIRST, Failure, failure_of
from pipeline.jobs.fetch_scenes import COVERAGE
from pipeline.jobs.locks import stage_lock
from pipeline.jobs.open_decisions import DATABASE, open_decisions
from pipeline.jobs.progress import Progress
from pipeline.jobs.publish_metrics import publish
from pipeline.jobs.run import Selection, open_run
from pipeline.jobs.run_record import recorded
from pipeline.jobs.story import STAGES, Story
from pipeline.jobs.tell_calls import call_alerts
from pipeline.jobs.track_season import RECEPTION
from pipeline.records import Coverage
from pipeline.sites import load_sites
from pipeline.tables import read_records
from pipeline.upkeep.alerts import Alert, Kind, Log, Post, Told, ended, tell
from pipeline.upkeep.heartbeat import beat
from pipeline.upkeep.silence import silences
from pipeline.upkeep.troubles import NIGHT, Trouble, as_alerts
from pipeline.whole_files import replace_text

LAST = "last.json"
DEFECT = "defect.txt"
ALERTS = Path("alerts") / "told.jsonl"
GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What the night before left word of."""

    began: datetime | None = None
    ended: datetime | None = None
    gpu: bool = False
    newest_scene: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How a night ended."""

    exit_code: int
    told: tuple[Told, ...]
    story: Story | None = None
    troubles: tuple[Trouble, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return {
            "exit_code": self.exit_code,
            "alerts": [
                {"kind": str(one.alert.kind), "title": one.alert.title,
                 "delivered": bool(one.reached) and not one.missed}
                for one in self.told
            ],
            "troubles": [f"{one.stage} {one.item_id}: {one.message}" for one in self.troubles],
        }  # fmt: skip


@dataclass(slots=True)
class _Found:
    """What a night has met so far."""

    troubles: list[Trouble] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)

    def met(self, stage: str, failure: Failure) -> None:
        """An item that could not be done."""
        self.troubles.append(
            Trouble(
                stage=stage, item_id=failure.item_id, error=failure.kind, message=failure.message
            )
        )  # fmt: skip
        self.codes.add(failure.exit_code)

    def failed(self, error: Exception, workspace: Path) -> None:
        """The night itself could not be gone through with; a traceback is kept beside its word."""
        failure = failure_of("run", error, workspace)
        self.met(NIGHT, failure)
        if failure.trace is not None:
            _write(workspace / NIGHT / DEFECT, failure.trace)


def keep_night(config: Config, *, now: datetime, progress: Progress) -> Night:
    """Run all stages and tell what is worth telling.

    Raises:
        UsageError: an address for alerts is not understood.
    """
    secrets = Secrets()
    post = None if secrets.alert_urls is None else Post(secrets.alert_urls.get_secret_value())
    log = Log.read(config.workspace / ALERTS)
    try:
        with stage_lock(config.workspace, NIGHT):
            night = _within_lock(config, log, post, now, progress)
    except Locked as error:
        found = _Found()
        found.failed(error, config.workspace)
        night = _ended(found, log, post, now, config)
    if night.exit_code == EXIT_DONE and secrets.heartbeat_url is not None:
        beat(secrets.heartbeat_url.get_secret_value())
    return night


def _within_lock(
    config: Config, log: Log, post: Post | None, now: datetime, progress: Progress
) -> Night:
    before = _former(config.workspace)
    found = _Found()
    _unfinished(before, found)
    if not _may_begin(config, before, found, now):
        return _ended(found, log, post, now, config)
    gpu = has_cuda()
    try:
        _leave_word(config.workspace, began=now, gpu=gpu, newest_scene=before.newest_scene)
    except OSError as error:
        found.failed(error, config.workspace)
        return _ended(found, log, post, now, config)
    story = _worked(config, found, now, progress)
    if (before.gpu or config.upkeep.expect_gpu) and not gpu:
        found.alerts.append(_no_gpu())
    _look_at_decisions(config, found)
    newest = before.newest_scene
    if story is not None:
        scenes, heard = _inputs(config, story)
        newest = max((at for instants in scenes.values() for at in instants), default=None)
        found.alerts += _silent(config, scenes, heard, now)
        found.alerts += call_alerts(config, story)
    publish(config)
    night = _ended(found, log, post, now, config, story)
    _leave_word(config.workspace, began=now, ended=now, gpu=gpu, newest_scene=newest)
    return night


def _may_begin(config: Config, before: Former, found: _Found, now: datetime) -> bool:
    """Is there room to work, and can the clock be right?"""
    settings = config.upkeep
    tolerance = timedelta(seconds=settings.clock_tolerance_s)
    free_gb = shutil.disk_usage(config.workspace).free / GB
    if free_gb < settings.min_free_gb:
        found.alerts.append(
            Alert(
                kind=Kind.DISK,
                key=str(Kind.DISK),
                title="The disk is full",
                body=f"{free_gb:.1f} GB are free, {settings.min_free_gb:.1f} are needed: the night "
                "was not begun. Free some (`darkcall prune --plan`); the next night goes on.",
            )
        )
        found.codes.add(EXIT_TRY_LATER)
        return False
    if before.newest_scene is not None and now < before.newest_scene - tolerance:
        found.alerts.append(_clock(now, "the newest scene was taken", before.newest_scene))
        found.codes.add(EXIT_TRY_LATER)
        return False
    if before.began is not None and now < before.began - tolerance:
        found.alerts.append(_clock(now, "the night before began", before.began))
    return True


def _clock(now: datetime, what: str, at: datetime) -> Alert:
    return Alert(
        kind=Kind.CLOCK,
        key=str(Kind.CLOCK),
        title="The clock is wrong, or was",
        body=f"It says {format_utc(now)}, but {what} on {format_utc(at)}.",
    )


def _no_gpu() -> Alert:
    return Alert(
        kind=Kind.GPU,
        key=f"{Kind.GPU}:gone",
        title="No GPU is found",
        body="The night ran on the CPU, which takes longer. `darkcall doctor` says what is there.",
    )


def _unfinished(before: Former, found: _Found) -> None:
    if before.began is not None and before.ended is None:
        found.alerts.append(
            Alert(
                kind=Kind.UNFINISHED,
                key=f"unfinished:{format_utc(before.began)}",
                title=f"The night of {format_utc(before.began)} did not end",
                body="It was killed, or the machine went down. This night does what it left.",
            )
        )


def _worked(config: Config, found: _Found, now: datetime, progress: Progress) -> Story | None:
    """All stages; None where something kept the story from being told to its end."""
    try:
        with recorded(config, STAGES) as recording:
            run = open_run(config, selection=Selection(), mode=Mode(), progress=progress, now=now)
            story = recording.tell(run, STAGES)
    except Exception as error:  # noqa: BLE001  nobody reads a traceback at night: it is kept
        found.failed(error, config.workspace)
        return None
    for result in story.results():
        for failure in result.failures:
            found.met(result.stage, failure)
    return story


def _look_at_decisions(config: Config, found: _Found) -> None:
    """Can the desk be used in the morning?"""
    if Secrets().database_url is None and not (config.workspace / DATABASE).exists():
        return
    try:
        open_decisions(config).close()
    except DarkcallError as error:
        found.codes.add(error.exit_code)
        found.alerts.append(
            Alert(
                kind=Kind.DATABASE,
                key=str(Kind.DATABASE),
                title="The database of decisions cannot be used",
                body=str(error),
            )
        )


def _inputs(
    config: Config, story: Story
) -> tuple[dict[str, list[datetime]], dict[str, list[datetime]]]:
    """Passes fetched and ship-hours heard, by site; of a site without any, none."""
    sites = [site.site_id for site in load_sites(config.sites, config.site_ids)]
    scenes: dict[str, set[datetime]] = {site_id: set() for site_id in sites}
    coverage = [folder / COVERAGE for folder in story.fetched.folders()]
    for row in read_records(Coverage, coverage):
        scenes.setdefault(row.site_id, set()).add(row.sensed_at)
    heard: dict[str, list[datetime]] = {site_id: [] for site_id in sites}
    reception = [folder / RECEPTION for folder in story.tracked.folders()]
    for hour in read_records(Reception, reception):
        heard.setdefault(hour.site_id, []).extend([hour.hour_at] * hour.n_ships)
    return {site: sorted(instants) for site, instants in scenes.items()}, heard


def _silent(
    config: Config,
    scenes: dict[str, list[datetime]],
    heard: dict[str, list[datetime]],
    now: datetime,
) -> list[Alert]:
    """Of a watch that goes on; a season that is past is silent by nature."""
    if now >= config.period.end:
        return []
    return silences(scenes, heard, start=config.period.start, now=now, settings=config.upkeep)


def _ended(
    found: _Found,
    log: Log,
    post: Post | None,
    now: datetime,
    config: Config,
    story: Story | None = None,
) -> Night:
    alerts = [*as_alerts(found.troubles), *found.alerts]
    if story is not None:
        alerts += ended(alerts, log)
    told = tell(alerts, log, post, now=now, settings=config.upkeep)
    return Night(
        exit_code=_worst(found.codes),
        told=tuple(told),
        story=story,
        troubles=tuple(found.troubles),
    )


def _worst(codes: Iterable[int]) -> int:
    met = set(codes)
    return next((code for code in WORST_FIRST if code in met), EXIT_DONE)


def _former(workspace: Path) -> Former:
    """A missing or damaged word of the night before is none."""
    try:
        document = json.loads((workspace / NIGHT / LAST).read_text())
        instants = {
            name: None if document[name] is None else parse_utc(document[name])
            for name in ("began", "ended", "newest_scene")
        }
        return Former(gpu=bool(document["gpu"]), **instants)
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        return Former()


def _leave_word(
    workspace: Path,
    *,
    began: datetime,
    gpu: bool,
    newest_scene: datetime | None,
    ended: datetime | None = None,
) -> None:
    instants = {"began": began, "ended": ended, "newest_scene": newest_scene}
    said = {name: at and format_utc(at) for name, at in instants.items()} | {"gpu": gpu}
    _write(workspace / NIGHT / LAST, json.dumps(said, indent=1, sort_keys=True))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)
