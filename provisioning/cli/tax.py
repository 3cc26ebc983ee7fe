"""``tollwire tax``: what statements add, for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import taxes
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def tax() -> None:
    """Add, change and list taxes, which statements add."""


@tax.command("add", example="tollwire tax add vat --percent 19 --accounts ACME")
@click.argument("name")
@field_options(taxes.Tax, taxes.HELPS, new=True, choices=taxes.WORDS)
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Add a tax."""
    with changing(ctx) as (txn, admin):
        change = taxes.add_tax(txn, taxes.Tax(name=name, **given(chosen)), admin)
    show_change(ctx, change)


@tax.command("set", example="tollwire tax set vat --percent 21")
@click.argument("name")
@field_options(taxes.Tax, taxes.HELPS, new=False, choices=taxes.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Change a tax; lists that are given take the place of those it had."""
    with changing(ctx) as (txn, admin):
        _, current = taxes.read_tax(txn, name)
        change = taxes.set_tax(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@tax.command("list", example="tollwire tax list --account ACME")
@click.option("--account", metavar="CODE", help="Only those that this account owes.")
@click.pass_context
def list_(ctx: click.Context, account: str | None) -> None:
    """Show taxes."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = taxes.list_taxes(txn, account)
    list_things(ctx, taxes.Tax, found)
