"""Commands of those who run it: the night's run, alerts, status, doctor, metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli_common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    LogJsonOption,
    print_json,
    print_score,
    progress_for,
)
from pipeline.clock import format_utc, parse_utc
from pipeline.config import Secrets, load_config
from pipeline.errors import EXIT_DONE, EXIT_TRY_LATER, UsageError
from pipeline.jobs.publish_metrics import answer, metrics_text

SHOWN = 30
NowOption = Annotated[
    str | None, typer.Option("--now", help="as if it were this UTC time, for rehearsals")
]


def _instant(now: str | None) -> datetime:
    return datetime.now(UTC) if now is None else parse_utc(now)


def night(
    config: ConfigOption = DEFAULT_CONFIG,
    now: NowOption = None,
    as_json: JsonOption = False,
    log_json: LogJsonOption = False,
) -> None:
    """All stages as cron starts them: whatever happens ends in a known state, told once.

    Alerts go to the addresses in DARKCALL_ALERT_URLS, as Apprise writes them. Exit codes: 0 done,
    1 defect, 2 configuration or credentials, 3 items failed, 4 checks failed, 75 try again later.

    Example: darkcall night --config configs/vostochny.yaml
    """
    from pipeline.jobs.night import keep_night  # noqa: PLC0415  it draws, which takes a second

    ended = keep_night(
        load_config(config), now=_instant(now), progress=progress_for(log_json=log_json)
    )
    if as_json:
        print_json(ended.as_json())
    else:
        for trouble in ended.troubles:
            typer.echo(f"{trouble.stage} {trouble.item_id}: {trouble.message}", err=True)
        for one in ended.told:
            how = "told" if one.reached and not one.missed else "not delivered"
            typer.echo(f"alert ({one.alert.kind}, {how}): {one.alert.title}")
    raise typer.Exit(ended.exit_code)


def alerts(
    config: ConfigOption = DEFAULT_CONFIG,
    test: Annotated[
        bool, typer.Option("--test", help="send one to every address, and say if it arrived")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """What has been told and what still stands; --test tries the addresses.

    Example: darkcall alerts --test --config configs/demo.yaml
    """
    from pipeline.jobs.night import ALERTS  # noqa: PLC0415
    from pipeline.upkeep.alerts import Alert, Kind, Log, Post  # noqa: PLC0415

    held = load_config(config)
    if test:
        urls = Secrets().alert_urls
        if urls is None:
            raise UsageError("No address to try", do="Set DARKCALL_ALERT_URLS")
        post = Post(urls.get_secret_value())
        tried = Alert(
            kind=Kind.TEST,
            key="test",
            title="Darkcall: a test",
            body=f"Alerts of {held.title} arrive here.",
        )
        reached, missed = post.deliver(tried, post.marks)
        if as_json:
            print_json({"reached": len(reached), "missed": len(missed)})
        else:
            typer.echo(f"{len(reached)} of {len(reached) + len(missed)} addresses reached")
        raise typer.Exit(EXIT_TRY_LATER if missed else EXIT_DONE)
    log = Log.read(held.workspace / ALERTS)
    standing = log.standing()
    if as_json:
        print_json(
            {
                "standing": sorted(standing),
                "told": [
                    {"at": format_utc(one.at), "kind": str(one.alert.kind),
                     "title": one.alert.title, "delivered": bool(one.reached) and not one.missed}
                    for one in log.told
                ],
            }
        )  # fmt: skip
        return
    for one in log.told[-SHOWN:]:
        typer.echo(f"{format_utc(one.at)}  {one.alert.kind}: {one.alert.title}")
    typer.echo(f"{len(standing)} still stand: {', '.join(sorted(standing)) or 'none'}")


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
