"""``tollwire dispute``: what a supplier says it carried for us, beside what we say."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import click

from provisioning.cli.field_options import amount
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows, say
from provisioning.cli.session import database
from provisioning.disputes import KINDS, Dispute, Finding, Limits


@click.group(cls=Group)
def dispute() -> None:
    """Compare suppliers' call records with ours."""


@dispute.command(
    "find",
    example="tollwire dispute find march.csv --supplier carrier-a --source carrier-a-files --price cost"
    " --since 2026-03-01 --until 2026-04-01",
)
@click.argument("file", metavar="FILE")
@click.option("--supplier", required=True, metavar="CODE", help="Whose records they are.")
@click.option("--source", required=True, metavar="NAME", help="How its files are read.")
@click.option("--price", default="", metavar="COLUMN", help="Column of what it charges for a call.")
@click.option("--since", required=True, type=instant_of, metavar="DATE", help="Calls answered from then on.")
@click.option("--until", required=True, type=instant_of, metavar="DATE", help="Calls answered before then.")
@click.option(
    "--clock",
    "clock_s",
    type=click.IntRange(0, 3600),
    default=60,
    show_default=True,
    help="Seconds by which clocks may differ.",
)
@click.option(
    "--seconds",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Seconds by which a call's duration may differ.",
)
@click.option("--amount", "least", type=amount, default="0", metavar="AMOUNT", help="Money that may differ.")
@click.pass_context
def find(
    ctx: click.Context,
    file: str,
    supplier: str,
    source: str,
    price: str,
    since: datetime,
    until: datetime,
    clock_s: int,
    seconds: int,
    least: Decimal,
) -> None:
    """
    Show the calls that only one side has, and those of which time or money differ.

    A call is known by the number called, the moment of its answer and, of several, by its caller and length.
    Money is in the supplier's currency; a difference above 0 is what it charges beyond what we expect.
    """
    with database(ctx) as connection:
        found = Dispute(connection, supplier, source, price)
        print_rows(ctx, Finding._fields, found.findings(file, since, until, Limits(clock_s, seconds, least)))
        totals = found.totals
    kinds = ", ".join(f"{totals.kinds[kind]} {kind}" for kind in KINDS)
    aside = f"; {totals.set_aside} could not be read" if totals.set_aside else ""
    say(ctx, f"{kinds}; difference {totals.difference:f}{aside}")
