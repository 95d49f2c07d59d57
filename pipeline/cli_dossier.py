"""Commands about what leaves the house: the report, dossiers, and whether one was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    print_json,
    work,
    work_and_tell,
)
from pipeline.clock import format_utc
from pipeline.errors import (
    EXIT_DONE,
    EXIT_SOME_FAILED,
    ChecksFailed,
    DarkcallError,
    UsageError,
)
from pipeline.jobs.seal_dossier import Written, stamp, zipped
from pipeline.jobs.verify_dossier import FAULTS_SHOWN, Checked, verify_dossier

AUTHORITY = "DARKCALL_TSA_URL"
KEEP = "Keep that hash in another place: whoever can change files can change the manifest too."


def report(  # noqa: PLR0913, PLR0917  as many options as a stage has, and a dossier's
    call: Annotated[
        str | None, typer.Argument(help="write this call's dossier: its id, or its beginning")
    ] = None,
    season: Annotated[bool, typer.Option("--season", help="write the season's dossier")] = False,
    out: Annotated[
        Path | None, typer.Option(help="the dossier's folder; default: below the workspace")
    ] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="the dossier as one file too")] = False,
    timestamp: Annotated[
        str | None,
        typer.Option(envvar=AUTHORITY, help="address of an authority that stamps it (RFC 3161)"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    site: SiteOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    force: ForceOption = False,
    retry_failed: RetryOption = False,
    log_json: LogJsonOption = False,
) -> None:
    """Write the static HTML report; or a dossier of one call, or of the season, to hand on.

    Example: darkcall report call-1a2b3c --config configs/demo.yaml
    """
    if call is not None and season:
        raise UsageError("A dossier is of a call or of the season", found="both")
    if call is None and not season:
        if out is not None or as_zip:
            raise UsageError(
                "What is to be written as a dossier?", expected="a call's id, or --season"
            )
        options = Options(
            config=config, site=tuple(site or ()), since=since, until=until, force=force,
            retry_failed=retry_failed, log_json=log_json,
        )  # fmt: skip
        raise typer.Exit(work_and_tell(("review",), options))
    # they draw: matplotlib takes a second that other commands do not wait for
    from pipeline.jobs.season_dossier import write_season_dossier  # noqa: PLC0415
    from pipeline.jobs.write_dossier import write_call_dossier  # noqa: PLC0415

    run, story = work((), Options(config=config, log_json=log_json))
    folder = None if out is None else out.absolute()
    if call is None:
        written = write_season_dossier(run, story, folder)
    else:
        written = write_call_dossier(run, story, call, folder)
    raise typer.Exit(_handed_on(written, timestamp, as_zip=as_zip))


def _handed_on(written: Written, authority: str | None, *, as_zip: bool) -> int:
    """Stamp it and make it one file, as asked for; a stamp that fails loses nothing."""
    state = "" if written.is_new else ", unchanged"
    typer.echo(f"Dossier of {written.subject}: {written.folder} ({written.review}{state})")
    typer.echo(f"{written.n_files} files, {written.n_bytes:,} bytes")
    code = EXIT_DONE
    if authority is not None:
        code = _stamped(written.folder, authority)
    if as_zip:
        typer.echo(f"As one file: {zipped(written.folder)}")
    typer.echo(f"SHA-256 of its manifest: {written.manifest_sha256}")
    typer.echo(KEEP)
    return code


def _stamped(folder: Path, authority: str) -> int:
    try:
        at = stamp(folder, authority)
    except DarkcallError as error:
        return complain(f"The dossier is written, but not stamped. {error}", EXIT_SOME_FAILED)
    if at is None:
        typer.echo("It carries a time stamp already, which is kept")
    else:
        typer.echo(
            f"Stamped, says the authority, at {format_utc(at)}; README.txt tells how to check"
        )
    return EXIT_DONE


def verify(
    dossier: Annotated[Path, typer.Argument(exists=True, help="its folder, or its zip")],
    as_json: JsonOption = False,
) -> None:
    """Was a file of a dossier changed, taken out or put in? Each is named.

    Example: darkcall verify workspace/demo/dossiers/call-1a2b3c
    """
    checked = verify_dossier(dossier)
    if as_json:
        print_json(checked.as_json())
    else:
        _print(checked)
    if checked.faults:
        raise ChecksFailed(
            "The dossier is not as it was sealed", where=dossier,
            found=f"{len(checked.faults)} of its files at fault",
        )  # fmt: skip


def _print(checked: Checked) -> None:
    for fault in checked.faults[:FAULTS_SHOWN]:
        typer.echo(str(fault))
    if len(checked.faults) > FAULTS_SHOWN:
        typer.echo(f"and {len(checked.faults) - FAULTS_SHOWN:,} more")
    if checked.faults or checked.manifest is None:
        return
    told = checked.manifest
    typer.echo(f"Unchanged: the dossier of {told.kind} {told.subject} ({told.review})")
    typer.echo(f"{checked.n_good} files, {checked.n_bytes:,} bytes")
    walked = "all of it" if told.journal.whole else "this case's lines of it"
    typer.echo(f"Journal of {told.journal.entries} entries, {walked}: unbroken")
    if checked.stamped:
        typer.echo("It carries a time stamp of this manifest; README.txt tells how to check whose")
    typer.echo(f"SHA-256 of its manifest: {checked.manifest_sha256}")
    typer.echo("Compare it with the one that was kept elsewhere")
