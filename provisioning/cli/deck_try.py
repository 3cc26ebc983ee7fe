"""``tollwire deck try``: what past calls would have cost under a draft."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from psycopg2.extensions import connection as Connection

from provisioning import drafts
from provisioning.cli.errors import Exit
from provisioning.cli.fields import LIMIT
from provisioning.cli.framework import Command
from provisioning.cli.layout_options import layout_of, layout_options
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.session import connect, migrated_dsn, now, sealer
from provisioning.cli.text import cell
from provisioning.deck_templates import read_template
from provisioning.draft_replays import Wish, draft_of, replay_calls
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN
from provisioning.reratings import checked_scope
from radiusd.calls.directory import Directory
from radiusd.errors import BadInput
from radiusd.storage.rerating import Scope
from radiusd.storage.what_if import count_calls


def percent_of(text: str) -> Decimal:
    """Return a percentage that was typed."""
    try:
        return drafts.percent(text)
    except BadInput as error:
        raise click.BadParameter(str(error)) from error


@click.command(
    "try",
    cls=Command,
    example="tollwire deck try january.xlsx --instead-of us --on-calls 2026-10 --fail-if-change 5%\n"
    "tollwire deck try us-termination --on-calls 2026-10 --account ACME\n"
    "tollwire deck try --plan business-premium --on-calls 2026-10 --account ACME",
)
@click.argument("new", required=False)
@click.option(
    "--on-calls",
    "month",
    required=True,
    metavar="2026-10",
    help="Calls of this month, where the account is.",
)
@click.option("--account", metavar="CODE", help="Calls of this account only.")
@click.option(
    "--instead-of",
    metavar="NAME",
    help="Deck, or with --plan plan, whose place the draft takes. [default: deck NEW, or the only one]",
)
@click.option("--plan", metavar="CODE", help="Try this plan; without NEW, with the deck that it has.")
@click.option("--fail-if-change", type=percent_of, metavar="5%", help="Exit 1 when revenue changes by more.")
@click.option("--template", metavar="NAME", help="How a file is written.")
@layout_options
@click.option(
    "--limit", type=LIMIT, default=20, show_default=True, help="How many lines of each table to show."
)
@click.pass_context
def try_(
    ctx: click.Context,
    /,
    new: str | None,
    month: str,
    account: str | None,
    instead_of: str | None,
    plan: str | None,
    fail_if_change: Decimal | None,
    template: str | None,
    limit: int,
    **chosen: Any,
) -> None:
    """
    Rate the calls of a month as if a draft had held, and show the difference; nothing is changed.

    NEW is a rate file, or a deck, whose newest version is taken as it stands when all that it announces
    holds. Calls are replayed twice, by the tariff of today and by the draft, with included minutes drawn
    anew in the order of answers. Revenue, and margin where the cost is known, is shown by customer,
    destination and bucket.
    """
    if (new is None) == (plan is None):
        raise click.UsageError("give a rate file or a deck, or --plan")
    scope = checked_scope(Scope(account=account, month=month))
    with _opened(ctx) as (connection, directory):
        wish = Wish(
            deck=new or "",
            file=_file(connection, new, template, chosen),
            plan=plan or "",
            instead_of=instead_of or "",
        )
        draft = draft_of(connection, directory, wish, now())
        with _progress(connection, lambda: count_calls(connection, scope)) as told:
            found = replay_calls(connection, directory, draft, scope, told)
    _show(ctx, found, limit)
    failed = fail_if_change is not None and found.changes_by(fail_if_change)
    ctx.exit(Exit.DIFFERS if failed else Exit.OK)


@contextmanager
def _opened(ctx: click.Context) -> Iterator[tuple[Connection, Directory]]:
    """Yield a connection that reads only, and the directory of today."""
    from radiusd.storage.catalogue import load_catalogue

    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
        catalogue = load_catalogue(connection, sealer(ctx))
        connection.set_session(readonly=True)
        yield connection, catalogue.directory


def _file(
    connection: Connection, new: str | None, template: str | None, chosen: dict[str, Any]
) -> Callable[[str], RateFile] | None:
    """Return what makes the rate file *new*, which is told the currency; None when there is no such file."""
    if new is None or not Path(new).is_file():
        return None
    with connection.cursor() as txn:
        layout = layout_of(chosen, PLAIN if template is None else read_template(txn, template))
    return lambda currency: RateFile(Path(new), layout, currency)


@contextmanager
def _progress(connection: Connection, count: Callable[[], int]) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=count(), label="calls", file=sys.stderr) as bar:
        yield lambda number: bar.update(number - bar.pos)


def _show(ctx: click.Context, found: drafts.Outcome, limit: int) -> None:
    if options_of(ctx).format in (Format.JSON, Format.JSONL):
        document = {
            "totals": _documents(found.totals),
            "booked": found.booked,
            "customers": _documents(found.customers[:limit]),
            "destinations": _documents(found.destinations[:limit]),
            "buckets": _documents(found.buckets[:limit]),
        }
        print_document(ctx, {name: _plain(value) for name, value in document.items()})
        return
    for title, lines in (("customer", found.customers), ("destination", found.destinations)):
        print_rows(ctx, (title, *drafts.Line._fields[1:]), [*lines[:limit], *found.totals])
        if options_of(ctx).format is Format.TEXT:
            click.echo()
    if found.buckets:
        print_rows(ctx, drafts.BucketLine._fields, found.buckets[:limit])
    for currency, micros in sorted(found.booked.items()):
        click.echo(f"booked for these calls: {cell(micros)} {currency}", err=True)


def _documents(lines: Sequence[Any]) -> list[dict[str, object]]:
    return [{name: _plain(value) for name, value in line._asdict().items()} for line in lines]


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value if value is None or isinstance(value, int | str | list) else cell(value)
