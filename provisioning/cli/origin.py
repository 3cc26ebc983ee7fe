"""``tollwire origin``: callers for whom rates may differ."""

from __future__ import annotations

import click

from provisioning import origins
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.session import database

PREFIXES = click.argument("prefixes", nargs=-1)
INVALID = click.option("--invalid", is_flag=True, help="Also callers without a number that can be one.")


@click.group(cls=Group)
def origin() -> None:
    """Add, change and list origin groups: callers, by prefix, for whom rates may differ."""


@origin.command("add", example="tollwire origin add eea 33 34 39 49")
@click.argument("name")
@PREFIXES
@INVALID
@click.pass_context
def add(ctx: click.Context, name: str, prefixes: tuple[str, ...], invalid: bool) -> None:
    """Add a group of callers."""
    wanted = origins.OriginGroup(name=name, prefixes=prefixes, invalid=invalid)
    with changing(ctx) as (txn, admin):
        change = origins.add_origin(txn, wanted, admin)
    show_change(ctx, change)


@origin.command("set", example="tollwire origin set unknown --invalid")
@click.argument("name")
@PREFIXES
@INVALID
@click.pass_context
def set_(ctx: click.Context, name: str, prefixes: tuple[str, ...], invalid: bool) -> None:
    """Replace a group of callers; make it when there is none."""
    wanted = origins.OriginGroup(name=name, prefixes=prefixes, invalid=invalid)
    with changing(ctx) as (txn, admin):
        change = origins.set_origin(txn, wanted, admin)
    show_change(ctx, change)


@origin.command("list", example="tollwire origin list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all groups."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = origins.list_origins(txn)
    list_things(ctx, origins.OriginGroup, found)
