"""Commands about people: accounts, and the journal of what they decided."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_common import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json
from pipeline.clock import format_utc
from pipeline.config import load_config
from pipeline.decided import Role
from pipeline.decisions import accounts
from pipeline.decisions.backup import BackedUp, back_up, restore
from pipeline.decisions.journal import export, verify, verify_export
from pipeline.decisions.settings import Settings
from pipeline.decisions.store import Store
from pipeline.errors import UsageError
from pipeline.jobs.open_decisions import ATTACHMENTS, open_decisions

users_app = typer.Typer(help="Accounts of the review desk.", no_args_is_help=False)
decisions_app = typer.Typer(help="The journal of decisions.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="the account's name")]


@contextmanager
def _opened(config: Path) -> Iterator[Store]:
    store = open_decisions(load_config(config))
    try:
        yield store
    finally:
        store.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _password() -> str:
    """Asked for on a terminal, twice; else one line of standard input; never an argument."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise UsageError("No password", expected="one line on standard input, or a terminal")
    return line


@users_app.callback(invoke_without_command=True)
def list_users(
    context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Who has an account.

    Example: darkcall users --json
    """
    if context.invoked_subcommand is not None:
        return
    with _opened(config) as store:
        found = accounts.users(store)
    if as_json:
        print_json({one.name: "disabled" if one.disabled else str(one.role) for one in found})
        return
    for one in found:
        state = ", disabled" if one.disabled else ""
        typer.echo(f"{one.name}  {one.role}{state}, since {format_utc(one.created_at)}")
    if not found:
        typer.echo("No accounts yet. Add one with: darkcall users add NAME --role lead")


@users_app.command()
def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="viewer, analyst or lead")] = Role.ANALYST,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Add an account; the password is asked for, or read from standard input.

    Example: darkcall users add ann --role lead
    """
    with _opened(config) as store:
        accounts.add_user(store, name, _password(), role, at=_now(), settings=Settings())
    typer.echo(f"{name} may log in as {role}")


@users_app.command()
def password(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Set another password; whoever is logged in with the old one is logged out.

    Example: darkcall users password ann
    """
    with _opened(config) as store:
        accounts.set_password(store, name, _password(), Settings())
    typer.echo(f"{name} has a new password")


@users_app.command("role")
def set_role(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="viewer, analyst or lead")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give an account another role.

    Example: darkcall users role ann lead
    """
    with _opened(config) as store:
        accounts.set_role(store, name, role)
    typer.echo(f"{name} is {role} now")


@users_app.command()
def disable(
    name: NameArgument,
    again: Annotated[bool, typer.Option("--undo", help="let the account log in again")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let an account log in no more; what it decided stays.

    Example: darkcall users disable ann
    """
    with _opened(config) as store:
        accounts.disable(store, name, disabled=not again)
    typer.echo(f"{name} may {'log in again' if again else 'log in no more'}")


@users_app.command()
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="what it is for")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a secret with which a program acts for an account; it is shown this once.

    Example: darkcall users token ann --label nightly-export
    """
    with _opened(config) as store:
        secret = accounts.add_token(store, name, label, at=_now(), settings=Settings())
    typer.echo(secret)


@decisions_app.command("verify")
def verify_journal(
    exported: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="an exported file; none: the database"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Walk the journal's chain: was a line changed, taken out or put in?

    Example: darkcall decisions verify --json
    """
    if exported is None:
        with _opened(config) as store:
            head = verify(store)
    else:
        head = verify_export(exported)
    if as_json:
        print_json({"entries": head.n_entries, "head_sha256": head.sha256})
        return
    typer.echo(f"The chain holds: {head.n_entries} entries, the last {head.sha256}")


@decisions_app.command("export")
def export_journal(
    out: Annotated[Path, typer.Option(help="file to write, one JSON object a line")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the journal to a file that stands for itself.

    Example: darkcall decisions export --out decisions.jsonl
    """
    with _opened(config) as store:
        head = export(store, out)
    typer.echo(f"{head.n_entries} entries in {out}, the last {head.sha256}")


@decisions_app.command("backup")
def back_up_decisions(
    out: Annotated[Path, typer.Option(help="zip to write")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Write journal, accounts and attachments into one file that proves itself.

    Example: darkcall decisions backup --out decisions.zip
    """
    with _opened(config) as store:
        done = back_up(store, load_config(config).workspace / ATTACHMENTS, out)
    typer.echo(_held(done, out))


@decisions_app.command("restore")
def restore_decisions(
    backup: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="what backup wrote")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Bring a back-up into an empty database; nothing is ever overwritten.

    Example: darkcall decisions restore decisions.zip
    """
    with _opened(config) as store:
        done = restore(store, load_config(config).workspace / ATTACHMENTS, backup)
    typer.echo(f"Restored: {_held(done, backup)}")


def _held(done: BackedUp, path: Path) -> str:
    return (
        f"{done.n_entries} entries, {done.n_users} accounts, "
        f"{done.n_attachments} attachments: {path}"
    )
