"""``tollwire quote``: what a call would cost, and why, before anybody makes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from provisioning.cli.explain import tell_rating
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, table_lines
from provisioning.cli.session import database, now
from provisioning.cli.text import cell, printable
from provisioning.service_quotes import quote_service
from radiusd.calls.tariffs import Ported

_BUCKETS = ("bucket", "included_s", "before_s", "drawn_s", "after_s")
_LIMITS = ("limit", "of", "state")


@click.command(
    "quote",
    cls=Command,
    example="tollwire quote --service 15125550100 --to 442071838750 --seconds 90\n"
    "tollwire quote --service trunk:acme-1 --to 442071838750 --at 2026-12-24T18:00:00Z --json",
)
@click.option(
    "--service",
    required=True,
    metavar="NAME",
    help="Number, extension (201@TENANT), trunk or network; or KIND:NAME.",
)
@click.option("--to", "called", required=True, metavar="NUMBER", help="Number that is called.")
@click.option("--from", "calling", default="", metavar="NUMBER", help="Number that calls.")
@click.option("--lrn", default="", metavar="NUMBER", help="What the called number was ported to.")
@click.option("--from-lrn", default="", metavar="NUMBER", help="What the calling number was ported to.")
@click.option(
    "--seconds", type=click.IntRange(min=0), default=60, show_default=True, help="How long it lasts."
)
@click.option("--at", type=instant_of, metavar="DATE", help="When it is answered. [default: now]")
@click.pass_context
def quote(
    ctx: click.Context,
    service: str,
    called: str,
    calling: str,
    lrn: str,
    from_lrn: str,
    seconds: int,
    at: datetime | None,
) -> None:
    """
    Tell what a call of a service would cost: rate, price line by line, bucket before and after, limits.

    It is rated as a real call, by what is left of its included minutes now; nothing is written.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        ported = Ported(lrn, from_lrn)
        found = quote_service(txn, service, called, seconds, at or now(), calling, ported)
        connection.rollback()
    if options_of(ctx).format is not Format.TEXT:
        print_document(ctx, found)
        return
    click.echo("\n".join(tell(found)))


def tell(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a quote for people."""
    yield printable(f"A call by {found['service']}, answered {cell(found['at'])}")
    if found["refusal"]:
        yield printable(f"  would be refused: {found['refusal']} {found['detail']}".rstrip())
    place = f"prefix {found['prefix']}: {found['destination']}"
    yield printable(f"  plan {found['plan']}, {found['deck']}, {place}")
    yield f"  billed {found['billed_s']} s, {found['included_s']} s of them included"
    yield from tell_rating(found["rating"])
    yield f"  total {cell(found['total'])} {found['currency']}"
    for title, rows, columns in (
        ("Included minutes", found["buckets"], _BUCKETS),
        ("Limits now", found["limits"], _LIMITS),
    ):
        if rows:
            yield ""
            yield title
            for line in table_lines(columns, [tuple(row[name] for name in columns) for row in rows]):
                yield f"  {line}"
