"""`darkcall …`: one command a stage, `run` for all of them. Errors become exit codes here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml

from pipeline import cli_desk, cli_detector, cli_dossier, cli_keep, cli_watch
from pipeline.cli_common import (
    DEFAULT_CONFIG,
    ConfigOption,
    ForceOption,
    JsonOption,
    LogJsonOption,
    Options,
    RetryOption,
    SinceOption,
    SiteOption,
    UntilOption,
    complain,
    opened_run,
    print_json,
    print_score,
    work,
    work_and_tell,
)
from pipeline.cli_review import decisions_app, users_app
from pipeline.config import Secrets, load_config
from pipeline.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    DarkcallError,
    exit_code_of,
)
from pipeline.jobs.explain_call import explain_call
from pipeline.jobs.hashing import sha256_json
from pipeline.jobs.plan_fetch import plan_fetch
from pipeline.jobs.story import STAGES
from pipeline.voyages.hand_ledger import read_hand_ledger

# Some releases of typer stand on click, later ones carry their own copy: ask typer for the root.
CommandLineError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which tankers called here, when, with their trackers on or off, and how sure are we?",
)
evaluate_app = typer.Typer(
    no_args_is_help=True, help="How right were we, where the truth is known?"
)
app.add_typer(evaluate_app, name="evaluate")


def _stage_command(name: str, about: str, active: Sequence[str]) -> None:
    """Each stage is one command with the same options."""

    def command(
        config: ConfigOption = DEFAULT_CONFIG,
        site: SiteOption = None,
        since: SinceOption = None,
        until: UntilOption = None,
        force: ForceOption = False,
        retry_failed: RetryOption = False,
        log_json: LogJsonOption = False,
    ) -> None:
        options = Options(
            config=config,
            site=tuple(site or ()),
            since=since,
            until=until,
            force=force,
            retry_failed=retry_failed,
            log_json=log_json,
        )
        raise typer.Exit(work_and_tell(active, options))

    command.__doc__ = f"{about}\n\nExample: darkcall {name} --config configs/demo.yaml"
    app.command(name)(command)


for _name, _about in (
    ("detect", "Stage 2: hulls in the scenes, screened across passes."),
    ("ais", "Stage 3: AIS files to tracks, gaps and reception."),
    ("match", "Stage 4: detections against the ships on the air."),
    ("calls", "Stage 5: port calls, seen and dark, with candidates."),
    ("voyages", "Stage 6: voyages and the oil ledger."),
    ("review", "Stage 7: the queue of cases, the report and the STAC catalogue."),
):
    _stage_command(_name, _about, (_name,))
_stage_command("run", "All stages up to a filled review queue, and a summary.", STAGES)
app.command("report")(cli_dossier.report)
app.command("verify")(cli_dossier.verify)
app.command("prune")(cli_keep.prune)
app.command("backup")(cli_keep.backup)
app.command("restore")(cli_keep.restore)


@app.command("fetch")
def fetch_scenes(
    config: ConfigOption = DEFAULT_CONFIG,
    site: SiteOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    force: ForceOption = False,
    retry_failed: RetryOption = False,
    log_json: LogJsonOption = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="search and count only: scenes, gigabytes, quota")
    ] = False,
) -> None:
    """Stage 1: scenes into the workspace, and what each pass saw of each berth.

    Example: darkcall fetch --config configs/demo.yaml
    """
    options = Options(
        config=config,
        site=tuple(site or ()),
        since=since,
        until=until,
        force=force,
        retry_failed=retry_failed,
        log_json=log_json,
    )
    if plan:
        planned = plan_fetch(opened_run(options))
        print_score(planned, as_json=log_json)
        raise typer.Exit(EXIT_SOME_FAILED if planned.failures else EXIT_DONE)
    raise typer.Exit(work_and_tell(("fetch",), options))


@app.command("config")
def show_config(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Print what holds, and its hash.

    Example: darkcall config --config configs/vostochny.yaml
    """
    held = load_config(config)
    document = held.model_dump(mode="json")
    digest = sha256_json(held.results_depend_on())
    secrets = {name: value is not None for name, value in Secrets().model_dump().items()}
    if as_json:
        print_json({"config": document, "sha256": digest, "secrets_set": secrets})
        return
    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
    for name, is_set in secrets.items():
        typer.echo(f"# secret DARKCALL_{name.upper()}: {'set' if is_set else 'not set'}")
    typer.echo(f"# sha256 of what the results depend on: {digest}")


@app.command("explain")
def explain(
    call: Annotated[str, typer.Argument(help="the call's id, or its beginning")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say the whole reasoning behind one call, with its numbers.

    Example: darkcall explain call-1a2b3c --config configs/demo.yaml
    """
    run, story = work((), Options(config=config))
    for number, section in enumerate(explain_call(run, story, call)):
        typer.echo(f"\n{section}" if number else str(section))


@app.command("ledger")
def hand_ledger(
    deliveries: Annotated[Path, typer.Argument(help="CSV of deliveries of your own")],
    caps: Annotated[
        Path | None, typer.Option(help="CSV of year, barrels, source; default 500,000 a year")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Count published deliveries under their own assumptions, to the barrel; nonsense is refused.

    Columns: ship, dwt_t, load, tonnes, barrels, product or bbl_per_t, loaded_on, delivered_on,
    deliveries, source. Those that are not needed may be left out.

    Example: darkcall ledger deliveries.csv --json
    """
    print_score(read_hand_ledger(deliveries, caps), as_json=as_json)


app.command("night")(cli_watch.night)
app.command("alerts")(cli_watch.alerts)
app.command("status")(cli_watch.show_status)
app.command("doctor")(cli_watch.show_checkup)
app.command("metrics")(cli_watch.metrics)
app.command("desk")(cli_desk.desk)
app.add_typer(users_app, name="users")
app.add_typer(decisions_app, name="decisions")
evaluate_app.command("season")(cli_detector.season)
evaluate_app.command("calls")(cli_detector.calls)
evaluate_app.command("replay")(cli_detector.replay)
evaluate_app.command("detection")(cli_detector.detection)
app.command("predict")(cli_detector.predict_ships)
app.command("label")(cli_detector.label)
app.command("train")(cli_detector.train)
evaluate_app.command("labels")(cli_detector.labels)
evaluate_app.command("berths")(cli_detector.berths)
evaluate_app.command("radar")(cli_detector.radar)
evaluate_app.command("tanker")(cli_detector.tanker)
evaluate_app.command("ais")(cli_detector.ais)
evaluate_app.command("match")(cli_detector.match)


def main() -> None:
    """The command `darkcall`."""
    try:
        code = app(standalone_mode=False)
    except DarkcallError as error:
        code = complain(str(error), error.exit_code)
    except OSError as error:
        code = complain(str(error), exit_code_of(error))
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except CommandLineError as error:
        code = complain(error.format_message(), EXIT_USAGE)  # type: ignore[attr-defined]
    except KeyboardInterrupt:
        code = complain("Interrupted; run again to go on where it stopped", EXIT_INTERRUPTED)
    sys.exit(code if isinstance(code, int) else EXIT_DONE)
