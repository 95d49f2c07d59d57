"""Commands about what is kept: prune, back up, restore."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
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
from pipeline.jobs.backup import Wanted, back_up
from pipeline.jobs.prune import PER_GB, plan_prune
from pipeline.jobs.prune import prune as let_go
from pipeline.jobs.restore import restore as bring_back


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
    free_gb = done.free_bytes / PER_GB
    too_few = until_free_gb is not None and free_gb < until_free_gb
    if too_few:
        complain(
            f"{until_free_gb:,.1f} GB were asked for and {free_gb:,.1f} GB are free: nothing else "
            "may go. See --plan for why scenes stay, or enlarge the disk",
            EXIT_SOME_FAILED,
        )
    raise typer.Exit(EXIT_SOME_FAILED if done.failures or too_few else EXIT_DONE)


def backup(
    out: Annotated[Path, typer.Option(help="a folder that grows, or FILE.zip or FILE.tar")],
    quick: Annotated[
        bool, typer.Option("--quick", help="read again only what is new; weekly, leave it out")
    ] = False,
    evidence_only: Annotated[
        bool, typer.Option("--evidence-only", help="leave out pixels that nothing refers to")
    ] = False,
    no_inputs: Annotated[
        bool, typer.Option("--no-inputs", help="leave out AIS files and scenes that it reads")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="back-ups of a folder that stay; default: all")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Copy what has changed of all that the results rest on, and read it again to prove it.

    Example: darkcall backup --out backups/demo --config configs/demo.yaml
    """
    done = back_up(
        load_config(config), config, out.absolute(), now=datetime.now(UTC),
        wanted=Wanted(
            quick=quick, evidence_only=evidence_only, inputs=not no_inputs, keep=keep
        ),
    )  # fmt: skip
    if as_json:
        print_json(done.as_json())
    else:
        news = f"{done.copied_files:,} of them new, {done.copied_bytes / 1e6:,.1f} MB copied"
        typer.echo(f"{done.files:,} files, {done.n_bytes / 1e6:,.1f} MB in {done.out}; {news}")
        typer.echo(f"SHA-256 of the list of {done.at}: {done.sha256}")
        typer.echo("Keep that hash in another place, and restore into another folder now and then")
    for fault in done.faults:
        complain(fault, EXIT_SOME_FAILED)
    raise typer.Exit(EXIT_SOME_FAILED if done.faults else EXIT_DONE)


def restore(
    source: Annotated[Path, typer.Argument(exists=True, help="what backup wrote")],
    force: Annotated[
        bool, typer.Option("--force", help="move a workspace that is not empty aside")
    ] = False,
    at: Annotated[
        str | None, typer.Option(help="which back-up of a folder, as 20240307T02; default: newest")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Prove a back-up, then bring it into an empty workspace, by one rename at the end.

    Example: darkcall restore backups/demo --config configs/demo.yaml
    """
    done = bring_back(source.absolute(), config.absolute(), force=force, at=at)
    if as_json:
        print_json(done.as_json())
        return
    typer.echo(
        f"{done.files:,} files, {done.n_bytes / 1e6:,.1f} MB of {done.at} in {done.workspace}"
    )
    if done.former is not None:
        typer.echo(f"What stood there lies in {done.former}")
    for note in done.notes:
        typer.echo(note)
    typer.echo(f"SHA-256 of the list: {done.sha256}; is it the one that was kept elsewhere?")
