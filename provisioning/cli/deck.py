"""``tollwire deck``: rate decks and their versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from psycopg2.extensions import cursor as Cursor

from provisioning import decks
from provisioning.cli.changing import changing, list_things, show_change, warn
from provisioning.cli.deck_try import try_
from provisioning.cli.errors import Exit
from provisioning.cli.fields import LIMIT, instant_of
from provisioning.cli.framework import Group
from provisioning.cli.layout_options import layout_of, layout_options
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.session import database, now
from provisioning.cli.text import cell
from provisioning.deck_changes import CHANGES, DeckChanges, RateChange, compare_usual
from provisioning.deck_templates import read_template
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN, Layout
from provisioning.tables import Progress
from radiusd.errors import NotFound

WATCHED = 1 << 20  # octets of a file that takes long enough to watch
LIMIT_OPTION = click.option(
    "--limit",
    type=LIMIT,
    default=20,
    show_default=True,
    help="How many changes to show, the greatest first.",
)
DAYS_OPTION = click.option(
    "--days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Traffic that tells the effect in money.",
)


@click.group(cls=Group)
def deck() -> None:
    """Import rate decks, and look at their versions."""


deck.add_command(try_)


@deck.command(
    "import",
    example="tollwire deck import us-termination rates.csv --currency USD\n"
    "tollwire deck import us-termination january.xlsx --at 2027-01-01 --dry-run\n"
    "tollwire deck import us-termination changes.csv --amend --template carrier-x",
)
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--currency", metavar="CODE", help="The deck's currency; needed for its first import.")
@click.option(
    "--at",
    "--active-from",
    "active_from",
    type=instant_of,
    metavar="DATE",
    help="Calls set up from then on use it. [default: now]",
)
@click.option("--amend", is_flag=True, help="The file holds changes only; what it lacks stays as it is.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would change and change nothing; exits 1 if anything would."
)
@click.option(
    "--template", metavar="NAME", help="How the file is written; options beside it count before it."
)
@layout_options
@DAYS_OPTION
@LIMIT_OPTION
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    name: str,
    file: Path,
    currency: str | None,
    active_from: datetime | None,
    amend: bool,
    dry_run: bool,
    template: str | None,
    days: int,
    limit: int,
    **chosen: Any,
) -> None:
    """
    Make the rates in a file a deck's newest version: all of them, or none and why.

    CSV in any encoding and with any separator, or a workbook (.xlsx). Columns are known by their titles,
    as docs/reference/rate-files.md tells. The file replaces the deck: prefixes that it lacks have no rate
    any more, and a price with a date of its own takes the place of the old one on that date.
    The same file again changes nothing.
    """
    with changing(ctx) as (txn, admin):
        wanted = decks.Deck(name=name, currency=currency or _currency(txn, name))
        layout = _layout(txn, template, chosen)
        kind = decks.Kind.AMEND if amend else decks.Kind.REPLACE
        txn.execute("SAVEPOINT before_import")
        with _progress(file) as progress:
            source = RateFile(file, layout, wanted.currency, progress)
            change = decks.import_deck(txn, wanted, source, admin, active_from, kind)
        if dry_run and change:
            found = _compare(txn, name, None, None, days, limit)
            txn.execute("ROLLBACK TO before_import")
    if not dry_run or not change:
        show_change(ctx, change)
        return
    warn([change])
    _show_changes(ctx, found)
    ctx.exit(Exit.DIFFERS)


def _currency(txn: Cursor, name: str) -> str:
    for found in decks.list_decks(txn):
        if found.name == name:
            return found.currency
    raise NotFound(f"deck {name} does not exist; give --currency to make it")


def _layout(txn: Cursor, template: str | None, chosen: dict[str, Any]) -> Layout:
    return layout_of(chosen, PLAIN if template is None else read_template(txn, template))


@contextmanager
def _progress(file: Path) -> Iterator[Progress | None]:
    """Yield what shows how far a file has been read; None where nobody watches, or it is over at once."""
    size = file.stat().st_size
    if not sys.stderr.isatty() or size < WATCHED:
        yield None
        return
    with click.progressbar(length=size, label=file.name, file=sys.stderr) as bar:
        yield lambda octets: bar.update(max(0, min(octets, size) - bar.pos))


@deck.command("diff", example="tollwire deck diff us-termination --from 3 --to 4")
@click.argument("name")
@click.option(
    "--from", "before", type=click.IntRange(min=1), help="Version before. [default: the one before]"
)
@click.option("--to", "after", type=click.IntRange(min=1), help="Version after. [default: the newest]")
@DAYS_OPTION
@LIMIT_OPTION
@click.pass_context
def diff(ctx: click.Context, name: str, before: int | None, after: int | None, days: int, limit: int) -> None:
    """
    Show what changes from one version of a deck to another: the last price of each prefix.

    The effect is what the minutes of the last days, charged by prefix under this deck, would have cost more.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = _compare(txn, name, before, after, days, limit)
    _show_changes(ctx, found)


def _compare(
    txn: Cursor, name: str, before: int | None, after: int | None, days: int, limit: int
) -> DeckChanges:
    return compare_usual(txn, name, before, after, now() - timedelta(days=days), limit)


def _show_changes(ctx: click.Context, found: DeckChanges) -> None:
    if options_of(ctx).format is Format.CSV:
        print_rows(ctx, RateChange._fields, found.largest)
        return
    if options_of(ctx).format is not Format.TEXT:
        changes = [
            {name: _plain(value) for name, value in change._asdict().items()} for change in found.largest
        ]
        versions = {
            "deck": found.deck,
            "currency": found.currency,
            "before": found.before,
            "after": found.after,
        }
        print_document(ctx, {**versions, **found.counts, "effect": found.effect, "changes": changes})
        return
    counted = ", ".join(f"{found.counts[change]} {change}" for change in CHANGES)
    click.echo(f"deck {found.deck}: version {found.before or '(none)'} -> {found.after}: {counted}")
    click.echo(f"effect on the traffic of late: {cell(found.effect)} {found.currency}")
    if found.largest:
        print_rows(ctx, RateChange._fields, found.largest)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str) else cell(value)


@deck.command(
    "rollback",
    example="tollwire deck rollback us-termination\n"
    "tollwire deck rollback us-termination --to 3 --at 2027-01-01",
    asks="Bring back older rates of deck {name}?",
)
@click.argument("name")
@click.option("--to", type=click.IntRange(min=1), help="Version to go back to. [default: the one before]")
@click.option(
    "--at", type=instant_of, metavar="DATE", help="Calls set up from then on. [default: as soon as it can]"
)
@click.pass_context
def rollback(ctx: click.Context, name: str, to: int | None, at: datetime | None) -> None:
    """
    Bring back an older version's rates, as another version.

    A version that is only planned never comes to pass. Calls that are over keep their price: see `rerate`.
    """
    with changing(ctx) as (txn, admin):
        change = decks.roll_back(txn, name, admin, to, at)
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
