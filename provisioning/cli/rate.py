"""``tollwire rate quote``: what a call would cost."""

from __future__ import annotations

from datetime import datetime

import click

from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document
from provisioning.cli.session import database, now
from provisioning.cli.text import moment
from provisioning.quotes import Quote, quote
from rating.money import exact_text


@click.group(cls=Group)
def rate() -> None:
    """Ask what calls cost."""


@rate.command("quote", example="tollwire rate quote --plan retail --to 442071838750 --seconds 90")
@click.option("--plan", required=True, metavar="CODE", help="Plan whose deck, increments and rounding count.")
@click.option("--to", "called", required=True, metavar="NUMBER", help="Number that is called.")
@click.option("--from", "calling", default="", metavar="NUMBER", help="Number that calls.")
@click.option(
    "--seconds", type=click.IntRange(min=0), default=60, show_default=True, help="How long it lasts."
)
@click.option("--at", type=instant_of, metavar="DATE", help="When it is answered. [default: now]")
@click.pass_context
def quote_(
    ctx: click.Context, plan: str, called: str, calling: str, seconds: int, at: datetime | None
) -> None:
    """Show what a call costs under a plan, and why, without included minutes."""
    answer_at = at or now()
    with database(ctx) as connection, connection.cursor() as txn:
        found = quote(txn, plan, called, seconds, answer_at, calling)
    fields = _document(found, answer_at)
    if options_of(ctx).format is not Format.TEXT:
        fields["slices"] = found.rating.as_dict()["slices"]
    print_document(ctx, fields)


def _document(found: Quote, answer_at: datetime) -> dict[str, object]:
    rate, rating = found.rate, found.rating
    return {
        "at": moment(answer_at),
        "deck": found.deck,
        "version": found.version,
        "prefix": rate.prefix,
        "destination": rate.description,
        "rate_per_min": rate.price.text,
        "connect_fee": exact_text(rating.connect_fee),
        "increments": f"{rate.increment.initial_s}/{rate.increment.following_s}",
        "billed_s": rating.billed_s,
        "total": rating.total_text,
        "currency": found.currency,
    }
