"""`darkcall desk`: the review desk in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_common import DEFAULT_CONFIG, ConfigOption, Options, work
from pipeline.config import load_config
from pipeline.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def desk(
    config: ConfigOption = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="address of this machine to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")] = 8080,
    public_url: Annotated[
        str | None, typer.Option(help="https://… of the proxy with TLS in front of it")
    ] = None,
    known: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False,
            help="CSV with case_id and verdict: known cases that measure reviewers",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Look at cases in a browser and decide; first add accounts with `darkcall users add`.

    Example: darkcall desk --config configs/demo.yaml
    """
    # FastAPI and what stands behind it take a second that no other command should wait for.
    from pipeline.desk.desk import CurrentDesk  # noqa: PLC0415
    from pipeline.desk.serve import origins_of, serve  # noqa: PLC0415
    from pipeline.jobs.open_decisions import open_decisions  # noqa: PLC0415
    from pipeline.jobs.serve_desk import desk_for, results_stamp  # noqa: PLC0415

    if host not in LOOPBACK and public_url is None:
        raise UsageError(
            "Passwords would travel in the clear", found=f"--host {host}",
            expected="a loopback address, or a proxy with TLS in front",
            do="Leave --host out, or name the proxy with --public-url (docs/desk.md)",
        )  # fmt: skip
    options = Options(config=config)
    store = open_decisions(load_config(config))
    origins = origins_of(port, public_url)
    try:
        current = CurrentDesk(
            make=lambda: desk_for(*work((), options), store, origins=origins, known=known),
            stamp=lambda: results_stamp(load_config(config)),
        )
        serve(current, host=host, port=port, ready=lambda where: typer.echo(f"Open {where}"))
    finally:
        store.close()
