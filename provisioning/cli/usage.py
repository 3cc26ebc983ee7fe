"""``tollwire usage``: postings for who writes invoices, each told once."""

from __future__ import annotations

from dataclasses import fields

import click

from provisioning.cli.changing import changing
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.pages import Page, read_cursor, write_cursor
from provisioning.usage import Usage, read_usage

MOST = 10_000


@click.group(cls=Group)
def usage() -> None:
    """Read postings in an order that never changes, each once: for invoicing systems."""


@usage.command(
    "list", example="tollwire usage list --limit 1000 --json\ntollwire usage list --since WzEwMDBd --jsonl"
)
@click.option("--since", default="", metavar="CURSOR", help="What `next` of the last answer said.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=1000, show_default=True, help="Most postings."
)
@click.pass_context
def list_(ctx: click.Context, since: str, limit: int) -> None:
    """
    Show what was posted, charges and payments, from a cursor on.

    Keep `next`, which `--json` has beside `items`, with what you have stored, and go on from there: a posting
    that was committed late comes late, and is not missed. No items: nothing is new yet.
    """
    with changing(ctx, alone=False) as (txn, admin):
        page = Page(read_cursor(since, (int,)), limit)
        found, after = read_usage(txn, admin, admin.now, page)
    names = [field.name for field in fields(Usage)]
    rows = [tuple(getattr(each, name) for name in names) for each in found]
    if options_of(ctx).format is Format.JSON:
        items = [dict(zip(names, row, strict=True)) for row in rows]
        print_document(ctx, {"items": items, "next": write_cursor((after,))})
        return
    print_rows(ctx, names, rows)
    say(ctx, f"Go on with --since {write_cursor((after,))}")
