"""``tollwire books``: prove that the books add up."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal

import click

from provisioning.cli.errors import Exit
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database
from provisioning.trial_balance import LedgerAccount, trial_balance
from radiusd.storage.books_check import Difference, Proof, check_books


@click.group(cls=Group)
def books() -> None:
    """Prove that the books add up."""


@books.command("check", example="tollwire books check\ntollwire books check --json")
@click.pass_context
def check(ctx: click.Context) -> None:
    """
    Prove that balances, buckets, holds, channels and charges are what their rows add up to.

    It reads one snapshot, so calls may go on. Exits 1 when something differs, and shows both numbers.
    """
    with database(ctx) as connection:
        proofs = check_books(connection)
    print_proofs(ctx, proofs)
    ctx.exit(Exit.DIFFERS if any(proof.differing for proof in proofs) else Exit.OK)


@books.command("ledger", example="tollwire books ledger --since 2026-11-01 --until 2026-12-01")
@click.option("--since", type=instant_of, metavar="DATE", help="From when on. [default: always]")
@click.option("--until", type=instant_of, metavar="DATE", help="Until when, not included. [default: now]")
@click.pass_context
def ledger(ctx: click.Context, since: datetime | None, until: datetime | None) -> None:
    """
    Show the trial balance: customers, revenue, cash, out-payments, cost and suppliers, by currency.

    Every posting is entered on both sides. Exits 1 when debits and credits of a currency differ.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = trial_balance(txn, since, until)
    names = tuple(field.name for field in fields(LedgerAccount))
    print_rows(ctx, names, [tuple(asdict(account).values()) for account in found])
    sums: dict[str, Decimal] = {}
    for account in found:
        sums[account.currency] = sums.get(account.currency, Decimal(0)) + account.debit - account.credit
    ctx.exit(Exit.DIFFERS if any(sums.values()) else Exit.OK)


def print_proofs(ctx: click.Context, proofs: list[Proof]) -> None:
    """Write what was compared, and then what differs."""
    differences = [difference for proof in proofs for difference in proof.shown]
    if options_of(ctx).format is Format.JSON:
        print_document(
            ctx,
            {
                "ok": not differences,
                "checks": [
                    {"check": proof.check, "compared": proof.compared, "differing": proof.differing}
                    for proof in proofs
                ],
                "differences": [difference._asdict() for difference in differences],
            },
        )
        return
    if options_of(ctx).format is Format.TEXT:
        print_rows(ctx, ("check", "compared", "differing"), [proof[:3] for proof in proofs])
    if differences or options_of(ctx).format is not Format.TEXT:
        print_rows(ctx, Difference._fields, differences)
    for proof in proofs:
        if proof.differing > len(proof.shown):
            say(ctx, f"{proof.check}: {len(proof.shown)} of {proof.differing} differing rows are shown.")
