"""``tollwire rerate``: rate ended calls again, after a look at what that changes; and take it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from provisioning import reratings
from provisioning.admin import Admin
from provisioning.cli.changing import actor, list_things
from provisioning.cli.errors import Exit
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database, migrated_dsn, now, sealer
from provisioning.cli.text import cell
from radiusd.storage.rerating import Scope

if TYPE_CHECKING:
    from provisioning.rerate_desk import Outcome, RerateDesk

Command = TypeVar("Command", bound=Callable[..., None])
SCOPE = (
    click.option("--account", metavar="CODE", help="Calls of this account."),
    click.option("--month", metavar="2026-10", help="Calls set up in this month, where the account is."),
    click.option("--since", type=instant_of, metavar="DATE", help="Calls set up from then on."),
    click.option("--until", type=instant_of, metavar="DATE", help="Calls set up before then."),
    click.option("--prefix", metavar="DIGITS", help="Calls rated by a prefix that begins so."),
    click.option("--deck", metavar="NAME", help="Calls rated by this deck."),
    click.option(
        "--version", type=click.IntRange(min=1), metavar="N", help="Calls rated by this version of it."
    ),
)
REDRAW = click.option(
    "--redraw",
    is_flag=True,
    help="Draw included minutes anew for all of the calls, as when buckets have changed.",
)


def scope_options(command: Command) -> Command:
    """Add the options that say which calls are meant."""
    for option in reversed(SCOPE):
        command = option(command)
    return command


@click.group(cls=Group)
def rerate() -> None:
    """Rate ended calls again by what their tariffs say now, and take it back."""


@rerate.command(
    "preview",
    example="tollwire rerate preview --month 2026-10\n"
    "tollwire rerate preview --account ACME --since 2026-11-01 --prefix 44",
)
@scope_options
@REDRAW
@click.pass_context
def preview(ctx: click.Context, /, redraw: bool, **scope: Any) -> None:
    """
    Show what rating calls again would change, and change nothing; exits 1 if anything would.

    Who pays, by which service and plan, stays as it was. A call whose tariff has not changed is left alone.
    """
    with _desk(ctx) as desk:
        found = desk.preview(Scope(**scope), redraw=redraw)
    _show(ctx, found)
    ctx.exit(Exit.DIFFERS if found.differences else Exit.OK)


@rerate.command(
    "apply",
    example="tollwire rerate apply --deck us-termination --version 7",
    asks="Reverse what was booked of these calls, and book it anew?",
)
@scope_options
@REDRAW
@click.option("--closed", is_flag=True, help="Also calls in periods that are closed.")
@click.pass_context
def apply(ctx: click.Context, /, redraw: bool, closed: bool, **scope: Any) -> None:
    """
    Rate calls again: what was booked is reversed and booked anew, with included minutes and balances.

    Running it again changes nothing. `rerate undo` takes it back.
    """
    with _desk(ctx) as desk:
        found = desk.apply(Scope(**scope), redraw=redraw, closed=closed)
    _show(ctx, found)


@rerate.command(
    "undo",
    example="tollwire rerate undo 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55",
    asks="Book again what rerating {rerating} has replaced?",
)
@click.argument("rerating", metavar="RERATING", type=click.UUID)
@click.pass_context
def undo(ctx: click.Context, rerating: UUID) -> None:
    """Book again what a rerating has replaced; RERATING as `rerate list` shows it."""
    with _desk(ctx) as desk:
        done = desk.undo(rerating)
    _show(ctx, done)


@rerate.command("list", example="tollwire rerate list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show every rerating, newest first."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = reratings.list_reratings(txn)
    list_things(ctx, reratings.Rerating, found)


@contextmanager
def _desk(ctx: click.Context) -> Iterator[RerateDesk]:
    from provisioning.rerate_desk import RerateDesk

    with migrated_dsn(ctx) as dsn:
        yield RerateDesk(dsn, Admin(actor(), now(), sealer(ctx)))


def _show(ctx: click.Context, found: Outcome) -> None:
    """Print what changes."""
    if options_of(ctx).format in (Format.JSON, Format.JSONL):
        told = [{name: _plain(value) for name, value in each._asdict().items()} for each in found.differences]
        left = [each._asdict() for each in found.kept]
        calls = {"calls": found.calls, "changed": found.changed}
        print_document(ctx, {"rerating": found.rerating, **calls, "differences": told, "kept": left})
        return
    if found.differences:
        print_rows(ctx, reratings.Difference._fields, found.differences)
    for each in found.kept:
        say(ctx, f"{each.calls} calls stay as they are: {each.reason}")
    done = f"; rerating {found.rerating}" if found.rerating else ""
    say(ctx, f"{found.changed} of {found.calls} calls change{done}")


def _plain(value: object) -> object:
    return value if isinstance(value, int | str) else cell(value)
