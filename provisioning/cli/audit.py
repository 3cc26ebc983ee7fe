"""``tollwire audit``: who changed what, when and from where."""

from __future__ import annotations

from datetime import datetime

import click

from provisioning import audit as records
from provisioning.cli.changing import actor, list_things
from provisioning.cli.fields import LIMIT, instant_of
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from provisioning.pages import Page
from provisioning.roles import Actor


@click.group(cls=Group)
def audit() -> None:
    """Look up who changed what, when and from where."""


@audit.command(
    "list",
    example="tollwire audit list --noun account --key ACME\ntollwire audit list --since 2026-11-01 --json",
)
@click.option("--actor", "who", metavar="NAME", help="Only changes that this one made.")
@click.option("--noun", metavar="NOUN", help="Only of one kind of thing: account, did, plan ...")
@click.option("--key", metavar="KEY", help="Only of the thing with this code, number or name.")
@click.option("--since", type=instant_of, metavar="DATE", help="From when.")
@click.option("--until", type=instant_of, metavar="DATE", help="Until when, that moment excluded.")
@click.option("--limit", type=LIMIT, default=100, show_default=True, help="Most entries.")
@click.pass_context
def list_(
    ctx: click.Context,
    who: str | None,
    noun: str | None,
    key: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> None:
    """Show changes, newest first, with each field before and after; secrets are masked."""
    wanted = records.AuditFilter(actor=who, noun=noun, key=key, since=since, until=until)
    with database(ctx) as connection, connection.cursor() as txn:
        found = records.list_audit(txn, Actor(actor()), wanted, Page(limit=limit))
    list_things(ctx, records.Entry, found)
