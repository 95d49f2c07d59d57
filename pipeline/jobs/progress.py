"""What a run says while it works: a bar on a terminal, one structured line an item otherwise."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TextIO

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.text import Text


class Report(Protocol):
    """Told of each item of one stage."""

    def done(self, item_id: str, counts: Mapping[str, int]) -> None:
        """An item was published."""
        ...

    def failed(self, item_id: str, message: str) -> None:
        """An item could not be done."""
        ...


class Progress(Protocol):
    """Opens a report for each stage."""

    def stage(self, name: str, total: int) -> contextlib.AbstractContextManager[Report]:
        """A report on `total` items of the stage `name`."""
        ...


class BarProgress:
    """For people: a bar a stage, failures above it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def stage(self, name: str, total: int) -> Iterator[Report]:
        """A bar that grows with each item; no bar where there is nothing to do."""
        if not total:
            self._console.print(Text(f"  {name:<9} nothing to do", style="dim"))
            yield _Silent()
            return
        columns = (
            TextColumn("  {task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=self._console) as bars:
            yield _Bar(bars, name, total)


class _Bar:
    def __init__(self, bars: RichProgress, name: str, total: int) -> None:
        self._bars = bars
        self._task = bars.add_task(name, total=total)

    def done(self, item_id: str, counts: Mapping[str, int]) -> None:  # noqa: ARG002
        self._bars.advance(self._task)

    def failed(self, item_id: str, message: str) -> None:
        self._bars.console.print(Text(f"  failed: {item_id}: {message}", style="red"))
        self._bars.advance(self._task)


class _Silent:
    def done(self, item_id: str, counts: Mapping[str, int]) -> None:
        pass

    def failed(self, item_id: str, message: str) -> None:
        pass


class LineProgress:
    """For cron and log files: one structured line an item, and one a stage.

    Lines go to `stream` (standard error where none is given), as JSON or for people. The logger
    is its own: one set for the whole process would outlive the stream it was made for.
    """

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        shown = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
        self._log: Any = structlog.wrap_logger(
            structlog.PrintLogger(stream or sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                shown,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )

    @contextlib.contextmanager
    def stage(self, name: str, total: int) -> Iterator[Report]:
        """Lines with the stage's name, and the seconds it took at its end."""
        started = time.monotonic()
        yield _Lines(self._log.bind(stage=name))
        self._log.info(
            "stage ended", stage=name, items=total, seconds=round(time.monotonic() - started, 2)
        )


class _Lines:
    def __init__(self, log: Any) -> None:
        self._log = log

    def done(self, item_id: str, counts: Mapping[str, int]) -> None:
        self._log.info("item done", item=item_id, **counts)

    def failed(self, item_id: str, message: str) -> None:
        self._log.error("item failed", item=item_id, message=message)
