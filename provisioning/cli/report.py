"""``tollwire report``: traffic added up."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta

import click

from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows
from provisioning.cli.session import database, now
from provisioning.roles import Actor
from provisioning.traffic import GROUPS, Traffic, traffic

USUAL = timedelta(days=31)


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
@click.option("--since", type=instant_of, metavar="DATE", help="From when on. [default: 31 days ago]")
@click.option("--until", type=instant_of, metavar="DATE", help="Until when, not included. [default: now]")
@click.option("--zone", default="UTC", show_default=True, metavar="ZONE", help="Where days and hours begin.")
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
    end = until or now()
    with database(ctx) as connection, connection.cursor() as txn:
        found = traffic(txn, Actor("command line"), by, since or end - USUAL, end, account, zone)
    names = tuple(field.name for field in fields(Traffic))
    print_rows(ctx, (by, *names[1:]), [tuple(asdict(line).values()) for line in found])
