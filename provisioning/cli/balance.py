"""``tollwire balance``: payments, adjustments, and what accounts have."""

from __future__ import annotations

from decimal import Decimal

import click

from provisioning import balances
from provisioning.accounts import read_account
from provisioning.cli.changing import changing, document, list_things, show_change
from provisioning.cli.field_options import amount
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database


@click.group(cls=Group)
def balance() -> None:
    """Post payments and adjustments, and show balances."""


@balance.command(
    "add",
    example="tollwire balance add ACME 100.00 --reference INV-2026-17 --note 'bank transfer'\n"
    "tollwire balance add ACME --kind adjustment -- -5.00",
)
@click.argument("account")
@click.argument("money", metavar="AMOUNT", type=amount)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in balances.PostingKind]),
    default=balances.PostingKind.PAYMENT.value,
    show_default=True,
    help="An adjustment may be negative.",
)
@click.option("--reference", default="", metavar="TEXT", help="Post it once, however often this is run.")
@click.option("--note", default="", metavar="TEXT", help="For the ledger.")
@click.pass_context
def add(ctx: click.Context, account: str, money: Decimal, kind: str, reference: str, note: str) -> None:
    """Add money to an account, in its currency."""
    posting = balances.Posting(
        account=account, amount=money, kind=balances.PostingKind(kind), reference=reference, note=note
    )
    with changing(ctx) as (txn, admin):
        change = balances.post(txn, posting, admin)
    show_change(ctx, change)


@balance.command("list", example="tollwire balance list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show what all accounts have; held is reserved by calls that are up."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = balances.list_balances(txn)
    list_things(ctx, balances.Balance, found)


@balance.command("show", example="tollwire balance show ACME")
@click.argument("account")
@click.pass_context
def show(ctx: click.Context, account: str) -> None:
    """Show what one account has."""
    with database(ctx) as connection, connection.cursor() as txn:
        read_account(txn, account)
        (found,) = balances.list_balances(txn, account)
    print_document(ctx, document(found))
