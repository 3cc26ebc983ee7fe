"""``tollwire rate``: what a call would cost, and whether cases of calls cost what they must."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from provisioning.cli.errors import Exit
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.session import database, now
from provisioning.cli.text import moment, printable
from provisioning.quotes import Quote, quote
from radiusd.errors import BadInput
from rating.cases import CaseError, Checked, check, load
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


@rate.command("verify", example="tollwire rate verify cases.json")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.pass_context
def verify(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """
    Rate the cases in files, and tell where what comes out is not what they expect.

    A case is a tariff, calls, and what they must cost, as docs/reference/rating-cases.md describes.
    It goes through the engine that rates real calls; no database is needed. Exits 1 when a case fails.
    """
    try:
        loaded = [(file, load(file)) for file in files]
    except CaseError as error:
        raise BadInput(str(error)) from error
    results = [(file, checked) for file, cases in loaded for checked in check(cases)]
    if options_of(ctx).format is Format.TEXT:
        _tell(results)
    else:
        rows = [(str(file), *_told(checked)) for file, checked in results]
        print_rows(ctx, ("file", "case", "title", "passed", "differences", "ignored"), rows)
    failed = any(checked.found for _, checked in results)
    ctx.exit(Exit.DIFFERS if failed or not results else Exit.OK)


def _told(checked: Checked) -> tuple[object, ...]:
    return checked.case, checked.title, not checked.found, checked.found, checked.ignored


def _tell(results: list[tuple[Path, Checked]]) -> None:
    """Print the differences of each case that failed, and how many there are."""
    failed = [(file, checked) for file, checked in results if checked.found]
    for file, checked in failed:
        click.echo(printable(f"{file}: {checked.case} {checked.title}".rstrip()))
        for difference in checked.found:
            click.echo(printable(f"  {difference}"))
    for file, checked in results:
        for name in checked.ignored:
            note = f"{file}: {checked.case}: note: {name} is no field of a case, and does not count"
            click.echo(printable(note), err=True)
    click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
