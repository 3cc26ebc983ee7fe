"""``tollwire deck try``: what past calls would have cost under a draft."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

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
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN
from provisioning.reratings import checked_scope
from radiusd.calls.directory import Directory
from radiusd.calls.what_if import Draft
from radiusd.errors import BadInput, NotFound
from radiusd.storage.rerating import Scope


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
        draft = _draft(connection, directory, _Said(new, instead_of, plan, template, chosen), now())
        found = _replayed(connection, directory, draft, scope)
    _show(ctx, found, limit)
    failed = fail_if_change is not None and found.changes_by(fail_if_change)
    ctx.exit(Exit.DIFFERS if failed else Exit.OK)


class _Said(NamedTuple):
    new: str | None
    instead_of: str | None
    plan: str | None
    template: str | None
    layout: dict[str, Any]


@contextmanager
def _opened(ctx: click.Context) -> Iterator[tuple[Connection, Directory]]:
    """Yield a connection that reads only, and the directory of today."""
    from radiusd.storage.catalogue import load_catalogue

    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
        catalogue = load_catalogue(connection, sealer(ctx))
        connection.set_session(readonly=True)
        yield connection, catalogue.directory


def _draft(connection: Connection, directory: Directory, said: _Said, at: datetime) -> Draft:
    if said.plan is not None:
        plan = next((plan for plan in directory.plans.values() if plan.code == said.plan), None)
        if plan is None:
            raise NotFound(f"plan {said.plan} does not exist; add it first")
        return Draft(said.instead_of or "", plan=plan)
    assert said.new is not None
    in_use = {deck.name: deck for deck in drafts.decks_in_use(directory)}
    instead_of = said.instead_of
    if instead_of is None:
        instead_of = (
            said.new if said.new in in_use else next(iter(in_use), None) if len(in_use) == 1 else None
        )
    if instead_of is None:
        raise click.UsageError(f"say --instead-of which deck: {', '.join(sorted(in_use))}")
    if instead_of not in in_use:
        raise NotFound(f"--instead-of: no plan uses a deck {instead_of}")
    currency = in_use[instead_of].currency
    if not Path(said.new).is_file():
        deck = drafts.deck_by_name(directory, said.new, at)
        if deck.currency != currency:
            raise BadInput(f"deck {said.new} is in {deck.currency}, and {instead_of} in {currency}")
        return Draft(instead_of, deck)
    with connection.cursor() as txn:
        layout = layout_of(
            said.layout, PLAIN if said.template is None else read_template(txn, said.template)
        )
        source = RateFile(Path(said.new), layout, currency)
        return Draft(instead_of, drafts.deck_of_file(txn, said.new, currency, source, at))


def _replayed(connection: Connection, directory: Directory, draft: Draft, scope: Scope) -> drafts.Outcome:
    from radiusd.calls.what_if import Replay
    from radiusd.storage.what_if import count_calls, past_calls

    assert scope.month is not None
    since = datetime.fromisoformat(f"{scope.month}-01T00:00:00+00:00")
    replay = Replay(directory, draft, since)
    with _progress(connection, lambda: count_calls(connection, scope)) as told:
        sums = replay.run(past_calls(connection, scope), told)
    connection.rollback()
    return drafts.outcome(sums, drafts.bucket_names(connection))


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
