"""Commands about what is kept: prune, back up, restore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli_common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    complain,
    print_json,
    print_score,
)
from pipeline.config import load_config
from pipeline.errors import EXIT_DONE, EXIT_SOME_FAILED, UsageError
from pipeline.jobs.prune import plan_prune
from pipeline.jobs.prune import prune as let_go


def prune(
    plan: Annotated[bool, typer.Option("--plan", help="say what would go, touch nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    caches_only: Annotated[bool, typer.Option("--caches-only", help="leave scenes alone")] = False,
    until_free_gb: Annotated[
        float | None,
        typer.Option(min=0.0, help="caches, then the oldest scenes, until so many GB are free"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Let go of caches, and of pixels that nothing refers to; evidence is never removed.

    Example: darkcall prune --plan --config configs/demo.yaml
    """
    if caches_only and until_free_gb is not None:
        raise UsageError("--caches-only and --until-free-gb exclude one another")
    held, now = load_config(config), datetime.now(UTC)
    planned = plan_prune(held, now=now, caches_only=caches_only, until_free_gb=until_free_gb)
    if plan or not as_json:
        print_score(planned, as_json=as_json)
    if plan:
        return
    if not yes and not typer.confirm(f"Let go of {planned.n_bytes / 1e6:,.1f} MB?"):
        raise typer.Exit(EXIT_DONE)
    done = let_go(held, now=now, caches_only=caches_only, until_free_gb=until_free_gb)
    if as_json:
        print_json(done.as_json())
    else:
        typer.echo(f"Freed {done.n_bytes / 1e6:,.1f} MB; {done.scenes} scenes lost their pixels")
    for item_id, why in done.failures:
        complain(f"{item_id} stays as it was: {why}", EXIT_SOME_FAILED)
    raise typer.Exit(EXIT_SOME_FAILED if done.failures else EXIT_DONE)
