"""``tollwire statement``: a month of an account, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields

import click

from provisioning.account_statements import Line, Statement, statement
from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, table_lines
from provisioning.cli.session import database
from provisioning.cli.text import cell, printable
from provisioning.roles import Actor


@click.command(
    "statement",
    cls=Command,
    example="tollwire statement ACME --period 2026-11\ntollwire statement ACME --period 2026-11 --csv",
)
@click.argument("account")
@click.option("--period", required=True, metavar="MONTH", help="A month where the account is, like 2026-11.")
@click.pass_context
def statement_(ctx: click.Context, account: str, period: str) -> None:
    """
    Show what an account was charged, earned and paid in a month, and the taxes on it.

    The opening balance and the lines add up to the closing balance, exactly. With --csv, the lines alone.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = statement(txn, Actor("command line"), account, period)
    match options_of(ctx).format:
        case Format.TEXT:
            click.echo("\n".join(tell(found)))
        case Format.CSV:
            names = tuple(field.name for field in fields(Line))
            print_rows(ctx, names, [tuple(asdict(line).values()) for line in found.lines])
        case _:
            print_document(ctx, asdict(found))


def tell(found: Statement) -> Iterator[str]:
    """Yield the lines of a statement for people."""
    yield printable(f"Account {found.account} {found.name}".rstrip())
    yield f"from {cell(found.begin)} to {cell(found.end)}, in {found.currency}"
    yield ""
    yield f"opening balance {cell(found.opening)}"
    names = tuple(field.name for field in fields(Line))
    for line in table_lines(names, [tuple(asdict(each).values()) for each in found.lines]):
        yield f"  {line}"
    yield f"closing balance {cell(found.closing)}"
    yield ""
    yield f"charged {cell(found.charged)}, earned {cell(found.earned)}, paid {cell(found.paid)}"
    for tax in found.taxes:
        yield printable(f"tax {tax.tax} on {cell(tax.of)}: {cell(tax.amount)}")
    yield f"due {cell(found.due)}"
