"""``tollwire period``: what is invoiced, and not rated again unless somebody insists."""

from __future__ import annotations

from datetime import datetime

import click

from provisioning import periods
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def period() -> None:
    """Close periods that are invoiced."""


@period.command(
    "close",
    example="tollwire period close --until 2026-11-01\n"
    "tollwire period close --until 2026-12-01 --account ACME",
)
@click.option("--until", required=True, type=instant_of, metavar="DATE", help="Calls set up before then.")
@click.option("--account", metavar="CODE", help="Of this account. [default: of every account]")
@click.pass_context
def close(ctx: click.Context, until: datetime, account: str | None) -> None:
    """Close what is before a moment; an earlier moment opens again what was closed."""
    with changing(ctx) as (txn, admin):
        change = periods.close_period(txn, until, account, admin)
    show_change(ctx, change)


@period.command("list", example="tollwire period list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show until when accounts are closed; no account: all of them."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = periods.list_closed(txn)
    list_things(ctx, periods.ClosedPeriod, found)
