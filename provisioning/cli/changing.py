"""Change the catalogue from the command line, and say what was changed."""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, Secret, begin
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.row_reader import row_cell
from provisioning.cli.session import database, now, sealer
from provisioning.cli.text import printable

if TYPE_CHECKING:
    from provisioning.account_desk import AccountDesk
    from provisioning.cli.service_batches import Batch

Command = TypeVar("Command", bound=Callable[..., None])
GENERATED_OCTETS = 24  # 32 characters that every switch's configuration takes
SIGNS = {
    Action.ADDED: "+",
    Action.CHANGED: "~",
    Action.ENDED: "-",
    Action.REMOVED: "-",
    Action.UNCHANGED: "=",
}
TELLING = ("networks", "certificates", "prefixes", "currency", "rates", "deck", "account", "plan", "primary")
COLUMNS = ("action", "noun", "key", "fields", "warnings")


@dataclass(slots=True)
class Rows:
    """The transaction that all rows of standard input share, and what each of them did, by its line."""

    txn: Cursor
    admin: Admin
    line: int = 0
    done: list[tuple[int, Change, dict[str, str]]] = field(default_factory=list)
    batch: Batch | None = None  # of services
    accounts: AccountDesk | None = None
    at_end: list[Callable[[], None]] = field(default_factory=list)  # what is left to be written


ROWS = "tollwire.rows"  # in a context's meta while there are some


def rows_of(ctx: click.Context) -> Rows | None:
    """Return the rows of which one is being done."""
    return ctx.meta.get(ROWS)


@contextmanager
def changing(ctx: click.Context, alone: bool = True) -> Iterator[tuple[Cursor, Admin]]:
    """
    Yield a transaction that alone changes the catalogue, and who does; it is committed at the end.

    Without *alone* it may only change what is not of the catalogue. What is done for one of many rows is
    done in the transaction of all.
    """
    rows = rows_of(ctx)
    if rows is not None:
        yield rows.txn, rows.admin
        return
    with database(ctx) as connection, connection.cursor() as txn:
        if alone:
            begin(txn)
        yield txn, Admin(actor(), now(), sealer(ctx))


def actor(environ: Mapping[str, str] = os.environ) -> str:
    """Return who sits at the keyboard, for the audit: the person behind sudo, if there is one."""
    return f"{environ.get('SUDO_USER') or getpass.getuser()} (command line)"


def show_change(ctx: click.Context, change: Change, **more: str) -> None:
    """Say what a command did; *more* is shown this once: a secret that was made."""
    rows = rows_of(ctx)
    if rows is not None:
        rows.done.append((rows.line, change, more))
        return
    warn([change])
    if options_of(ctx).format is Format.TEXT:
        click.echo(change_line(change))
        for name, value in more.items():
            click.echo(f"{name}: {printable(value)}")
    else:
        print_document(ctx, {**_row(change), **more})


def show_changes(ctx: click.Context, changes: Sequence[Change]) -> None:
    """Say what was done to many things, a line each."""
    warn(changes)
    if options_of(ctx).format is not Format.TEXT:
        print_rows(ctx, COLUMNS, [tuple(_row(change).values()) for change in changes if change])
        return
    for change in changes:
        if change:
            click.echo(change_line(change))


def show_rows(ctx: click.Context, done: Sequence[tuple[int, Change, dict[str, str]]]) -> None:
    """Say what was done for each row, by its line."""
    for line, change, _ in done:
        say_warnings(f"line {line}: {warning}" for warning in change.warnings)
    if options_of(ctx).format is not Format.TEXT:
        secrets = any(more for _, _, more in done)
        columns = ("line", *COLUMNS, *(("secret",) if secrets else ()))
        told = [
            (line, *_row(change).values(), *((more.get("secret", ""),) if secrets else ()))
            for line, change, more in done
        ]
        print_rows(ctx, columns, told)
        return
    for line, change, more in done:
        click.echo(f"{line}: {change_line(change)}")
        for name, value in more.items():
            click.echo(f"{line}: {name}: {printable(value)}")


def warn(changes: Iterable[Change]) -> None:
    """Say the warnings on stderr."""
    for change in changes:
        say_warnings(change.warnings)


def say_warnings(warnings: Iterable[str]) -> None:
    """Say *warnings* on stderr, a line each."""
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def change_line(change: Change) -> str:
    """Return a change as a line: ``~ account ACME: credit_limit 50 -> 100``."""
    if change.action is Action.ADDED:
        parts = [f"{f.name} {f.after}" for f in change.fields if f.name in TELLING and f.after != change.key]
    else:
        parts = [f"{f.name} {f.before or '(not set)'} -> {f.after or '(not set)'}" for f in change.fields]
    verb = (
        f" {change.action.value}" if change.action in (Action.ENDED, Action.REMOVED, Action.UNCHANGED) else ""
    )
    line = f"{SIGNS[change.action]} {change.noun} {change.key}{verb}"
    return printable(f"{line}: {', '.join(parts)}" if parts else line)


def _row(change: Change) -> dict[str, object]:
    return {
        "action": change.action.value,
        "noun": change.noun,
        "key": change.key,
        "fields": {field.name: [field.before, field.after] for field in change.fields},
        "warnings": list(change.warnings),
    }


def shown_fields(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of *kind* that may be shown, the name first; secrets are not."""
    shown = [field.name for field in fields(kind) if not field.name.endswith(("secret", "password"))]
    return tuple(sorted(shown, key=lambda name: name != getattr(kind, "name_field", shown[0])))


def document(thing: Any) -> dict[str, object]:
    """Return the fields of *thing* that may be shown."""
    values = asdict(thing)
    return {name: values[name] for name in shown_fields(type(thing))}


def list_things(ctx: click.Context, kind: type[Any], things: Iterable[Any]) -> None:
    """Show many things of one kind; in CSV, so that ``set -`` reads what it was."""
    rows = [tuple(document(thing).values()) for thing in things]
    if options_of(ctx).format is Format.CSV:
        names = shown_fields(kind)
        rows = [tuple(map(row_cell, names, row)) for row in rows]
    print_rows(ctx, shown_fields(kind), rows)


def secret_options(name: str, what: str) -> Callable[[Command], Command]:
    """Return what adds ``--NAME-file`` and ``--generate``: secrets never stand on a command line."""

    def add(command: Command) -> Command:
        command = click.option("--generate", is_flag=True, help=f"Make {what} and show it this once.")(
            command
        )
        return click.option(
            f"--{name}-file",
            "secret_file",
            type=click.File("rb"),
            help=f"File with {what}; a newline at its end does not count. '-' is stdin.",
        )(command)

    return add


def chosen_secret(
    secret_file: IO[bytes] | None, generate: bool, ask: str = ""
) -> tuple[Secret | None, dict[str, str]]:
    """
    Return the secret that the options give, and what of it is to be shown; with *ask*, prompt a person.

    Raises:
        click.UsageError: Both options, or none where nobody can be asked.
    """
    if secret_file is not None and generate:
        raise click.UsageError("give a file or --generate, not both")
    if generate:
        made = secrets.token_urlsafe(GENERATED_OCTETS)
        return Secret(made.encode()), {"secret": made}
    if secret_file is not None:
        return Secret(secret_file.read().removesuffix(b"\n").removesuffix(b"\r")), {}
    if not ask:
        return None, {}
    if not sys.stdin.isatty():
        raise click.UsageError(f"give the {ask.lower()} in a file, or --generate one")
    return Secret(click.prompt(ask, hide_input=True, confirmation_prompt=True).encode()), {}
