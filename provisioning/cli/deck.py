"""``tollwire deck``: rate decks and their versions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from provisioning import decks
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from provisioning.rate_files import RateFile
from radiusd.errors import NotFound


@click.group(cls=Group)
def deck() -> None:
    """Import rate decks, and look at their versions."""


@deck.command(
    "import",
    example="tollwire deck import us-termination rates.csv --currency USD\n"
    "tollwire deck import us-termination january.csv --active-from 2027-01-01",
)
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--currency", metavar="CODE", help="The deck's currency; needed for its first import.")
@click.option(
    "--active-from", type=instant_of, metavar="DATE", help="Calls set up from then on use it. [default: now]"
)
@click.pass_context
def import_(
    ctx: click.Context, name: str, file: Path, currency: str | None, active_from: datetime | None
) -> None:
    """
    Make the rates in a CSV file a deck's newest version: all of them, or none and why.

    The first line names the columns, in any order: prefix, rate (per minute), initial, increment, and
    perhaps description, connect_fee, effective, expires, blocked. Commas, semicolons or tabs separate.
    The file replaces the deck: prefixes that it lacks have no rate. The same file again changes nothing.
    """
    with changing(ctx) as (txn, admin):
        known = {found.name: found.currency for found in decks.list_decks(txn)}
        if currency is None and name not in known:
            raise NotFound(f"deck {name} does not exist; give --currency to make it")
        wanted = decks.Deck(name=name, currency=currency or known[name])
        change = decks.import_deck(txn, wanted, RateFile(file), admin, active_from)
    show_change(ctx, change)


@deck.command("list", example="tollwire deck list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all decks."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = decks.list_decks(txn)
    list_things(ctx, decks.Deck, found)


@deck.command("show", example="tollwire deck show us-termination")
@click.argument("name")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show the versions of a deck, newest first."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = decks.list_versions(txn, name)
    list_things(ctx, decks.DeckVersion, found)
