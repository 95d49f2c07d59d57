"""What every command shares: options, how a run is opened, how figures are printed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.text import Text

from pipeline.config import Config, load_config
from pipeline.errors import EXIT_DONE
from pipeline.jobs.contract import Mode
from pipeline.jobs.progress import BarProgress, LineProgress, Progress
from pipeline.jobs.publish_metrics import publish
from pipeline.jobs.run import Run, Selection, open_run
from pipeline.jobs.run_record import Recording, recorded
from pipeline.jobs.story import Story, tell_and_close
from pipeline.jobs.summary import print_failures, print_summary

DEFAULT_CONFIG = Path("configs/demo.yaml")
LOG_WIDTH = 150


class Score(Protocol):
    """Figures for a machine and for people."""

    def as_json(self) -> dict[str, Any]:
        """One flat object; unknown is None."""
        ...

    def rows(self) -> list[tuple[str, str]]:
        """(what, how much) in words."""
        ...


ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="configuration file")]
SiteOption = Annotated[
    list[str] | None, typer.Option("--site", help="only this site; may be repeated")
]
SinceOption = Annotated[str | None, typer.Option(help="only scenes from this UTC time on")]
UntilOption = Annotated[str | None, typer.Option(help="only scenes before this UTC time")]
ForceOption = Annotated[bool, typer.Option("--force", help="work on items even if they are done")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="only items that failed before")]
LogJsonOption = Annotated[bool, typer.Option("--log-json", help="one JSON line an item")]
ModelOption = Annotated[str, typer.Option("--model", help="a folder of models/, or a path")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object as the last line")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every stage command takes."""

    config: Path = DEFAULT_CONFIG
    site: Sequence[str] = ()
    since: str | None = None
    until: str | None = None
    force: bool = False
    retry_failed: bool = False
    log_json: bool = False


def opened_run(options: Options, config: Config | None = None) -> Run:
    """A run of a configuration; its executor is to be closed."""
    return open_run(
        config or load_config(options.config),
        selection=Selection.of(options.site, options.since, options.until),
        mode=Mode(force=options.force, retry_failed=options.retry_failed),
        progress=progress_for(log_json=options.log_json),
    )


def work(active: Sequence[str], options: Options) -> tuple[Run, Story]:
    """Work on the active stages of a configuration; where there are any, it goes on record."""
    config = load_config(options.config)
    with _on_record(config, active) as recording:
        return _told(config, active, options, recording)


@contextlib.contextmanager
def _on_record(config: Config, active: Sequence[str]) -> Iterator[Recording]:
    """A record of the run, and its figures for Prometheus, however it ends."""
    recording = Recording()
    try:
        with recorded(config, active) as recording:
            yield recording
    finally:
        problems = recording.problems + (publish(config) if active else [])
        for problem in problems:
            complain(problem, EXIT_DONE)


def _told(
    config: Config, active: Sequence[str], options: Options, recording: Recording
) -> tuple[Run, Story]:
    run = opened_run(options, config)
    return run, recording.tell(run, active)


def console() -> Console:
    """As wide as the terminal; wide enough for the tables where there is none."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=LOG_WIDTH)


def work_and_tell(active: Sequence[str], options: Options) -> int:
    """Work on the active stages and say what came of it; returns the exit code."""
    config = load_config(options.config)
    with _on_record(config, active) as recording:
        run, story = _told(config, active, options, recording)
        if "review" in active:
            print_summary(console(), run, story)
        print_failures(Console(stderr=True), story)
    return story.exit_code


def work_on(config: Config, active: Sequence[str]) -> Story:
    """Work on the active stages of a configuration that is no file."""
    run = open_run(
        config, selection=Selection(), mode=Mode(), progress=progress_for(log_json=False)
    )
    return tell_and_close(run, active)


def progress_for(*, log_json: bool) -> Progress:
    """Bars for people; lines on standard error for logs, so that standard output stays clean."""
    console = Console(stderr=True)
    if console.is_terminal and not log_json:
        return BarProgress(console)
    return LineProgress(as_json=log_json)


def print_score(score: Score, *, as_json: bool) -> None:
    """Figures as one JSON object, or a line each."""
    if as_json:
        print_json(score.as_json())
        return
    width = max(len(label) for label, _ in score.rows())
    for label, value in score.rows():
        typer.echo(f"{label:<{width}}  {value}")


def print_json(value: Any) -> None:
    """One object on one line, the last of standard output."""
    typer.echo(json.dumps(value, sort_keys=True, allow_nan=False))


def complain(message: str, code: int) -> int:
    """Say on standard error what went wrong, and give back the exit code."""
    Console(stderr=True).print(Text(f"darkcall: {message}", style="red"), soft_wrap=True)
    return code
