"""``tollwire supplier``: who carries our calls, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import suppliers
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def supplier() -> None:
    """Add, change and list suppliers: calls to their trunks carry cost and margin."""


@supplier.command(
    "add", example="tollwire supplier add carrier-a --deck carrier-a-az --trunks sbc1/TG9 --guard refuse"
)
@click.argument("code")
@field_options(suppliers.Supplier, suppliers.HELPS, new=True, choices=suppliers.WORDS)
@click.pass_context
def add(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Add a supplier."""
    with changing(ctx) as (txn, admin):
        change = suppliers.add_supplier(txn, suppliers.Supplier(code=code, **given(chosen)), admin)
    show_change(ctx, change)


@supplier.command("set", example="tollwire supplier set carrier-a --guard flag")
@click.argument("code")
@field_options(suppliers.Supplier, suppliers.HELPS, new=False, choices=suppliers.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Change a supplier; trunks that are given take the place of those it had."""
    with changing(ctx) as (txn, admin):
        _, current = suppliers.read_supplier(txn, code)
        change = suppliers.set_supplier(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@supplier.command("list", example="tollwire supplier list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all suppliers."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = suppliers.list_suppliers(txn)
    list_things(ctx, suppliers.Supplier, found)
