"""``tollwire override``: prices of single prefixes for one plan or account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from provisioning import overrides
from provisioning.cli.changing import changing, list_things, show_change, show_changes
from provisioning.cli.field_options import Command, field_options, given, moment
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from provisioning.moments import Moment


def whose(command: Command) -> Command:
    """Add the options that say whose prices are meant."""
    options: list[Callable[[Command], Command]] = [
        click.option("--plan", metavar="CODE", help="Of this plan."),
        click.option("--account", metavar="CODE", help="Of this account; comes before its plan's."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=Group)
def override() -> None:
    """Set, list and remove prices of single prefixes that come before those of the deck."""


@override.command(
    "set", example="tollwire override set 4477 --account ACME --rate 0.011 --effective 2026-12-01"
)
@click.argument("prefix")
@whose
@field_options(overrides.Override, overrides.HELPS, new=True)
@click.pass_context
def set_(ctx: click.Context, /, prefix: str, **chosen: Any) -> None:
    """Set the price of a prefix. Of all prices that match a number, the longest prefix still wins."""
    with changing(ctx) as (txn, admin):
        wanted = overrides.Override(prefix=prefix, **given(chosen))
        change = overrides.set_override(txn, wanted, admin)
    show_change(ctx, change)


@override.command("list", example="tollwire override list --account ACME")
@whose
@click.pass_context
def list_(ctx: click.Context, plan: str | None, account: str | None) -> None:
    """Show prices of single prefixes."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = overrides.list_overrides(txn, plan, account)
    list_things(ctx, overrides.Override, found)


@override.command(
    "end",
    example="tollwire override end 4477 --account ACME --at 2026-12-31",
    asks="End the price of {prefix}?",
)
@click.argument("prefix")
@whose
@click.option("--at", type=moment, metavar="DATE", help="When; a day begins in UTC. [default: now]")
@click.pass_context
def end(ctx: click.Context, prefix: str, plan: str | None, account: str | None, at: Moment | None) -> None:
    """End the price of a prefix; what it rated stays explained."""
    with changing(ctx) as (txn, admin):
        changes = overrides.end_overrides(txn, plan, account, prefix, admin, at)
    show_changes(ctx, changes)


@override.command(
    "rm", example="tollwire override rm 4477 --account ACME", asks="Take away all prices of {prefix}?"
)
@click.argument("prefix")
@whose
@click.pass_context
def rm(ctx: click.Context, prefix: str, plan: str | None, account: str | None) -> None:
    """Take away the prices of a prefix, of all dates."""
    with changing(ctx) as (txn, admin):
        changes = overrides.remove_overrides(txn, plan, account, prefix, admin)
    show_changes(ctx, changes)
