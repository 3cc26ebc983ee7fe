"""``tollwire books``: prove that the books add up."""

from __future__ import annotations

import click

from provisioning.cli.errors import Exit
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database
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
