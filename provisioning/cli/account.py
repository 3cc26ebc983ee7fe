"""``tollwire account``: who pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from provisioning import accounts
from provisioning.cli.changing import Rows, changing, document, list_things, rows_of, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database


@click.group(cls=Group)
def account() -> None:
    """Add, change and list accounts: who pays."""


def _prepare(rows: Rows, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Read at once those of the accounts of many rows that there are."""
    from provisioning.account_desk import AccountDesk

    rows.accounts = AccountDesk(rows.txn, rows.admin, [params["code"] for params in wanted])
    rows.at_end.append(rows.accounts.write)


@account.command(
    "add",
    example="tollwire account add ACME --currency USD --credit-limit 50 --timezone America/Chicago",
    prepare=_prepare,
)
@click.argument("code")
@field_options(accounts.Account, accounts.NEW_HELPS, new=True, choices=accounts.WORDS)
@click.pass_context
def add(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Add an account, with a balance of zero."""
    wanted = accounts.Account(code=code, **given(chosen))
    rows = rows_of(ctx)
    with changing(ctx) as (txn, admin):
        if rows is not None and rows.accounts is not None:
            change = rows.accounts.add(wanted)
        else:
            change = accounts.add_account(txn, wanted, admin)
    show_change(ctx, change)


@account.command(
    "set", example="tollwire account set ACME --max-channels none --status suspended", prepare=_prepare
)
@click.argument("code")
@field_options(accounts.Account, accounts.HELPS, new=False, choices=accounts.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Change an account."""
    rows = rows_of(ctx)
    with changing(ctx) as (txn, admin):
        if rows is not None and rows.accounts is not None:
            change = rows.accounts.set(replace(rows.accounts.current(code), **given(chosen)))
        else:
            _, current = accounts.read_account(txn, code)
            change = accounts.set_account(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@account.command("list", example="tollwire account list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all accounts."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = accounts.list_accounts(txn)
    list_things(ctx, accounts.Account, found)


@account.command("show", example="tollwire account show ACME")
@click.argument("code")
@click.pass_context
def show(ctx: click.Context, code: str) -> None:
    """Show one account; `tollwire balance show` has its money."""
    with database(ctx) as connection, connection.cursor() as txn:
        _, found = accounts.read_account(txn, code)
    print_document(ctx, document(found))
