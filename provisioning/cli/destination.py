"""``tollwire destination``: sets of prefixes that buckets pay for."""

from __future__ import annotations

import click

from provisioning import destinations
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def destination() -> None:
    """Add, change and list destination sets: prefixes that a bucket pays for."""


@destination.command("add", example="tollwire destination add united-states 1")
@click.argument("name")
@click.argument("prefixes", nargs=-1, required=True)
@click.pass_context
def add(ctx: click.Context, name: str, prefixes: tuple[str, ...]) -> None:
    """Add a set of prefixes."""
    wanted = destinations.DestinationSet(name=name, prefixes=prefixes)
    with changing(ctx) as (txn, admin):
        change = destinations.add_destination_set(txn, wanted, admin)
    show_change(ctx, change)


@destination.command("set", example="tollwire destination set north-america 1 52")
@click.argument("name")
@click.argument("prefixes", nargs=-1, required=True)
@click.pass_context
def set_(ctx: click.Context, name: str, prefixes: tuple[str, ...]) -> None:
    """Replace the prefixes of a set; make it when there is none."""
    wanted = destinations.DestinationSet(name=name, prefixes=prefixes)
    with changing(ctx) as (txn, admin):
        change = destinations.set_destination_set(txn, wanted, admin)
    show_change(ctx, change)


@destination.command("list", example="tollwire destination list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all sets."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = destinations.list_destination_sets(txn)
    list_things(ctx, destinations.DestinationSet, found)
