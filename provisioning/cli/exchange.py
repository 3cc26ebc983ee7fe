"""``tollwire exchange``: what currencies cost in each other."""

from __future__ import annotations

from decimal import Decimal

import click

from provisioning import exchange as rates
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.field_options import amount, moment
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from provisioning.moments import Moment


@click.group(cls=Group)
def exchange() -> None:
    """Set and list exchange rates: margins compare what suppliers charge with what customers pay."""


@exchange.command("set", example="tollwire exchange set EUR USD 1.085 --effective 2026-12-01")
@click.argument("base")
@click.argument("quote")
@click.argument("price", type=amount)
@click.option("--effective", type=moment, metavar="DATE", help="From when on; left out: always.")
@click.pass_context
def set_(ctx: click.Context, base: str, quote: str, price: Decimal, effective: Moment | None) -> None:
    """Say what one unit of BASE costs in QUOTE; the other way round follows."""
    wanted = rates.ExchangeRate(base=base, quote=quote, price=price, effective=effective)
    with changing(ctx) as (txn, admin):
        change = rates.set_exchange_rate(txn, wanted, admin)
    show_change(ctx, change)


@exchange.command("list", example="tollwire exchange list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all exchange rates."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = rates.list_exchange_rates(txn)
    list_things(ctx, rates.ExchangeRate, found)
