"""``tollwire pool``: included minutes of one account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import pools
from provisioning.cli.bucket import time_option
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from radiusd.errors import NotFound

ACCOUNT = click.argument("account")
NAME = click.argument("name")


@click.group(cls=Group)
def pool() -> None:
    """Add, change and remove included minutes that services of one account share."""


@pool.command(
    "add", example="tollwire pool add ACME pack-500 --minutes 500 --valid-from 2026-12-01 --cycle calendar"
)
@ACCOUNT
@NAME
@time_option(required=True)
@field_options(pools.Pool, pools.HELPS, new=True, choices=pools.WORDS)
@click.pass_context
def add(ctx: click.Context, /, account: str, name: str, **chosen: Any) -> None:
    """Give an account included minutes."""
    with changing(ctx) as (txn, admin):
        change = pools.add_pool(txn, pools.Pool(account=account, name=name, **given(chosen)), admin)
    show_change(ctx, change)


@pool.command("set", example="tollwire pool set ACME pack-500 --valid-to 2027-06-01")
@ACCOUNT
@NAME
@time_option(required=False)
@field_options(pools.Pool, pools.HELPS, new=False, choices=pools.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, account: str, name: str, **chosen: Any) -> None:
    """Change a pool. Periods that have begun keep the minutes that they were given."""
    with changing(ctx) as (txn, admin):
        current = {found.name: found for found in pools.list_pools(txn, account)}.get(name)
        if current is None:
            raise NotFound(f"pool {account}/{name} does not exist; add it first")
        change = pools.set_pool(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@pool.command("list", example="tollwire pool list --account ACME")
@click.option("--account", metavar="CODE", help="Only this account's.")
@click.pass_context
def list_(ctx: click.Context, account: str | None) -> None:
    """Show pools; their time is in seconds."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = pools.list_pools(txn, account)
    list_things(ctx, pools.Pool, found)


@pool.command("rm", example="tollwire pool rm ACME pack-500", asks="Take pool {name} from account {account}?")
@ACCOUNT
@NAME
@click.pass_context
def rm(ctx: click.Context, account: str, name: str) -> None:
    """Take a pool from its account; what was drawn from it stays in the books."""
    with changing(ctx) as (txn, admin):
        change = pools.remove_pool(txn, account, name, admin)
    show_change(ctx, change)
