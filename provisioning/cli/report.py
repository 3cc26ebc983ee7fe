"""``tollwire report``: traffic added up."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta

import click

from provisioning.cli.fields import LIMIT, instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database, now
from provisioning.cli.text import cell
from provisioning.outpayments import Earned, outpayments
from provisioning.peaks import Peak, peaks
from provisioning.roles import Actor
from provisioning.traffic import GROUPS, Traffic, traffic

A_WEEK = timedelta(days=7)


@click.group(cls=Group)
def report() -> None:
    """Add up calls, minutes and money."""


@report.command(
    "traffic",
    example="tollwire report traffic --by location --account ACME --since 2026-11-01 --until 2026-12-01\n"
    "tollwire report traffic --by supplier --csv",
)
@click.option("--by", type=click.Choice(tuple(GROUPS)), required=True, help="What to add up by.")
@click.option("--account", metavar="CODE", help="Only what this account pays.")
@click.option(
    "--since",
    type=instant_of,
    metavar="DATE",
    help="From when on. [default: the month that ends with --until, or has it]",
)
@click.option("--until", type=instant_of, metavar="DATE", help="Until when, not included. [default: now]")
@click.option(
    "--zone", default="UTC", show_default=True, metavar="ZONE", help="Where days, hours and months begin."
)
@click.pass_context
def traffic_(
    ctx: click.Context,
    by: str,
    account: str | None,
    since: datetime | None,
    until: datetime | None,
    zone: str,
) -> None:
    """Show calls, minutes, charges, what customers earned, and margins, for each key."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = traffic(txn, Actor("command line"), by, since, until or now(), account, zone)
    names = tuple(field.name for field in fields(Traffic))
    print_rows(ctx, (by, *names[1:]), [tuple(asdict(line).values()) for line in found])


@report.command(
    "outpayments",
    example="tollwire report outpayments ACME --period 2026-11\n"
    "tollwire report outpayments ACME --period 2026-11 --csv",
)
@click.argument("account")
@click.option("--period", required=True, metavar="MONTH", help="A month where the account is, like 2026-11.")
@click.pass_context
def outpayments_(ctx: click.Context, account: str, period: str) -> None:
    """
    Show what an account earned by calls in a month, for each service and location.

    What was taken back or given for calls of earlier months is a line of its own, a correction.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = outpayments(txn, Actor("command line"), account, period)
    if options_of(ctx).format in (Format.JSON, Format.JSONL):
        print_document(ctx, asdict(found))
        return
    names = tuple(field.name for field in fields(Earned))
    print_rows(ctx, names, [tuple(asdict(line).values()) for line in found.lines])
    say(ctx, f"Earned by {found.calls} calls: {cell(found.total)} {found.currency}.")


@report.command(
    "peaks",
    example="tollwire report peaks --since 2026-11-01 --until 2026-12-01",
)
@click.option("--since", type=instant_of, metavar="DATE", help="From when on. [default: 7 days ago]")
@click.option("--until", type=instant_of, metavar="DATE", help="Until when, not included. [default: now]")
@click.option("--limit", type=LIMIT, default=50, show_default=True, help="How many trunks to show.")
@click.pass_context
def peaks_(ctx: click.Context, since: datetime | None, until: datetime | None, limit: int) -> None:
    """Show how many calls each trunk carried at once at most, by calls that have ended."""
    end = until or now()
    with database(ctx) as connection, connection.cursor() as txn:
        found = peaks(txn, Actor("command line"), since or end - A_WEEK, end, limit)
    print_rows(ctx, Peak._fields, found)
