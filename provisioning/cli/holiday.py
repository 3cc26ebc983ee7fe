"""``tollwire holiday``: the dates on which bands for holidays hold."""

from __future__ import annotations

import click

from provisioning import holidays
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def holiday() -> None:
    """Add, change and list holiday calendars; accounts name theirs."""


@holiday.command("add", example="tollwire holiday add us 2026-11-26 2026-12-25")
@click.argument("name")
@click.argument("days", nargs=-1, required=True)
@click.pass_context
def add(ctx: click.Context, name: str, days: tuple[str, ...]) -> None:
    """Add a calendar of dates."""
    with changing(ctx) as (txn, admin):
        change = holidays.add_calendar(txn, holidays.Calendar(name=name, days=days), admin)
    show_change(ctx, change)


@holiday.command("set", example="tollwire holiday set us 2026-12-25 2027-01-01")
@click.argument("name")
@click.argument("days", nargs=-1)
@click.pass_context
def set_(ctx: click.Context, name: str, days: tuple[str, ...]) -> None:
    """Replace the dates of a calendar; make it when there is none."""
    with changing(ctx) as (txn, admin):
        change = holidays.set_calendar(txn, holidays.Calendar(name=name, days=days), admin)
    show_change(ctx, change)


@holiday.command("list", example="tollwire holiday list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all calendars."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = holidays.list_calendars(txn)
    list_things(ctx, holidays.Calendar, found)
