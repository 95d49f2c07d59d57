"""Commands of those who run it: the night's run, alerts, status, doctor, metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli_common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    print_score,
    progress_for,
)
from pipeline.config import load_config
from pipeline.jobs.publish_metrics import answer, metrics_text


def show_status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what ran last and how, what is behind, what waits, and how long the disk lasts.

    Ends with 3 where the last run did not end well or items failed; a run at work is no error.

    Example: darkcall status --json
    """
    from pipeline.jobs.status import status  # noqa: PLC0415 - other commands do not wait for it

    found = status(load_config(config), datetime.now(UTC), progress_for(log_json=False))
    print_score(found, as_json=as_json)
    raise typer.Exit(found.exit_code)


def show_checkup(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Check machine, engines, archives and what is kept; say what to do. Changes nothing.

    Ends with 4 where a check failed; warnings end with 0.

    Example: darkcall doctor --config configs/vostochny.yaml
    """
    from pipeline.jobs.doctor import doctor  # noqa: PLC0415 - other commands do not wait for it

    found = doctor(load_config(config))
    print_score(found, as_json=as_json)
    raise typer.Exit(found.exit_code)


def metrics(
    serve: Annotated[
        str | None,
        typer.Option(metavar="[HOST]:PORT", help="answer there; loopback unless a host is named"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print figures for Prometheus, or answer them at an address until interrupted.

    Example: darkcall metrics --serve 127.0.0.1:9108
    """
    if serve is None:
        typer.echo(metrics_text(load_config(config), datetime.now(UTC)), nl=False)
        return
    answer(load_config(config), serve, ready=lambda where: typer.echo(f"Answering at {where}"))
