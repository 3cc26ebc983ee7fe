"""``tollwire number``: the inventory of telephone numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from provisioning import inventory, number_states
from provisioning.cli.changing import changing, document, list_things, show_change, show_changes
from provisioning.cli.field_options import amount, field_options, given, listed_as, moment
from provisioning.cli.fields import LIMIT
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database
from provisioning.moments import Moment
from provisioning.number_search import Wanted, search
from provisioning.pages import Page
from provisioning.service_kinds import HELPS

WORTH_A_BAR = 5000  # lines; fewer are done before anybody has looked
UNITS = {"m": 60, "h": 3600, "d": 86400}


@click.group(cls=Group)
def number() -> None:
    """Search, fill and look after the inventory of telephone numbers."""


@number.command(
    "list",
    example="tollwire number list --country US --pattern '1512*TAXI'\ntollwire number list --state aging",
)
@click.option("--country", metavar="XX", help="Only of this country.")
@click.option("--area", metavar="TEXT", help="Only of this area.")
@click.option("--rate-centre", metavar="TEXT", help="Only of this rate centre.")
@click.option(
    "--pattern", metavar="TEXT", help="Digits and letters; * is any digits, ? one. Without *: how they begin."
)
@click.option(
    "--state",
    type=click.Choice([*inventory.STATES, "any"]),
    default="available",
    show_default=True,
    help="Only in this state.",
)
@click.option("--account", metavar="CODE", help="Only of this account; with --state.")
@click.option("--supplier", metavar="NAME", help="Only from this supplier.")
@click.option("--feature", metavar="WORD", help="Only with this feature.")
@click.option("--after", metavar="NUMBER", default="", help="Go on after this number.")
@click.option("--limit", type=LIMIT, default=50, show_default=True, help="Most numbers.")
@click.pass_context
def list_(ctx: click.Context, /, state: str, after: str, limit: int, **wanted: str | None) -> None:
    """Search the inventory, in order of numbers."""
    looked_for = Wanted(state=None if state == "any" else state, **wanted)
    page = Page((after,) if after else (), limit)
    with changing(ctx, alone=False) as (txn, admin):
        found = search(txn, admin, looked_for, admin.now, page)
    list_things(ctx, inventory.StockedNumber, found)
    if len(found) == limit:
        say(ctx, f"There may be more: --after {found[-1].number}")


@number.command("show", example="tollwire number show 15125550100")
@click.argument("number")
@click.pass_context
def show(ctx: click.Context, number: str) -> None:
    """Show a number and how it stands."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = inventory.read_number(txn, number)
    print_document(ctx, document(found))


@number.command(
    "add", example="tollwire number add 15125550100 --country US --currency USD --monthly-price 1.50"
)
@click.argument("number")
@field_options(inventory.Number, inventory.HELPS, new=True)
@click.option(
    "--state",
    type=click.Choice(inventory.NEW_STATES),
    default="available",
    show_default=True,
    help="In which state.",
)
@click.pass_context
def add(ctx: click.Context, /, number: str, state: str, **chosen: Any) -> None:
    """Add a number to the inventory; `import` adds many."""
    with changing(ctx) as (txn, admin):
        change = inventory.add_number(txn, inventory.Number(number=number, **given(chosen)), admin, state)
    show_change(ctx, change)


@number.command("set", example="tollwire number set 15125550100 --monthly-price 2.00")
@click.argument("number")
@field_options(inventory.Number, inventory.HELPS, new=False)
@listed_as(inventory.StockedNumber)
@click.pass_context
def set_(ctx: click.Context, /, number: str, **chosen: Any) -> None:
    """Change what is known of a number; its state has verbs of its own."""
    with changing(ctx) as (txn, admin):
        found = inventory.read_number(txn, number)
        current = inventory.Number(
            **{field.name: getattr(found, field.name) for field in fields(inventory.Number)}
        )
        change = inventory.set_number(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@number.command(
    "import",
    example="tollwire number import numbers.csv --dry-run\ntollwire number import numbers.csv --currency USD",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--currency", metavar="CODE", help="Of rows that name none.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def import_(ctx: click.Context, file: Path, currency: str | None, dry_run: bool) -> None:
    """
    Import numbers from CSV: all of the file or nothing.

    The first line names columns: number, and any of country, area, rate_centre, supplier, currency,
    setup_price, monthly_price, cost_currency, setup_cost, monthly_cost, features, state. Numbers that are
    there get the fields that the file names, and keep their state.
    """
    from provisioning.number_import import NumberFile, import_numbers

    source = NumberFile.read(file, currency)
    with changing(ctx) as (txn, admin):
        with click.progressbar(
            length=source.line_count,
            label="Importing",
            file=sys.stderr,
            hidden=source.line_count < WORTH_A_BAR or not sys.stderr.isatty(),
        ) as bar:
            done, _ = import_numbers(txn, source, admin, lambda line: bar.update(line - bar.pos))
            bar.update(source.line_count - bar.pos)
        if dry_run:
            txn.connection.rollback()
    if options_of(ctx).format is Format.TEXT:
        verb = "would be " if dry_run else ""
        click.echo(f"{done.added} {verb}added, {done.changed} {verb}changed, {done.unchanged} unchanged")
    else:
        print_document(
            ctx,
            {
                "added": done.added,
                "changed": done.changed,
                "unchanged": done.unchanged,
                "dry_run": dry_run,
            },
        )


@number.command("reserve", example="tollwire number reserve 15125550100 --account ACME --for 3d")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.option("--account", required=True, metavar="CODE", help="Who may have it.")
@click.option(
    "--for", "ttl", default="15m", show_default=True, metavar="TIME", help="For how long: 15m, 2h, 3d."
)
@click.pass_context
def reserve(ctx: click.Context, numbers: Sequence[str], account: str, ttl: str) -> None:
    """Keep numbers for an account; the reservation ends by itself."""
    from provisioning.accounts import read_account

    lasting = _lasting(ttl)
    with changing(ctx) as (txn, admin):
        read_account(txn, account)
        changes = [number_states.reserve(txn, each, account, lasting, admin) for each in sorted(set(numbers))]
    show_changes(ctx, changes)


@number.command("free", example="tollwire number free 15125550100")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.pass_context
def free(ctx: click.Context, numbers: Sequence[str]) -> None:
    """End the reservations of numbers."""
    with changing(ctx) as (txn, admin):
        changes = [number_states.free(txn, each, admin) for each in sorted(set(numbers))]
    show_changes(ctx, changes)


@number.command(
    "assign", example="tollwire number assign 15125550100 15125550101 --account ACME --plan retail"
)
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.option("--account", required=True, metavar="CODE", help="Who pays.")
@click.option("--plan", required=True, metavar="CODE", help="How calls are priced.")
@click.option("--activated", type=moment, metavar="DATE", help="From when. [default: now]")
@click.option("--location", default="", metavar="TEXT", help="Cost centre, shown on calls.")
@click.option("--monthly-fee", type=amount, metavar="AMOUNT", help=HELPS["monthly_fee"])
@click.option("--setup-fee", type=amount, metavar="AMOUNT", help=HELPS["setup_fee"])
@click.pass_context
def assign(
    ctx: click.Context,
    /,
    numbers: Sequence[str],
    account: str,
    plan: str,
    activated: Moment | None,
    location: str,
    **fees: Decimal | None,
) -> None:
    """Give numbers of the inventory to an account as DIDs: all or none."""
    from provisioning.number_moves import assign_numbers

    with changing(ctx) as (txn, admin):
        changes = assign_numbers(txn, numbers, account, plan, admin, activated, location, **given(fees))
    show_changes(ctx, changes)


@number.command(
    "release",
    example="tollwire number release 15125550100 --at 2026-12-31",
    asks="End the services of {numbers}?",
)
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.option("--at", type=moment, metavar="DATE", help="When; a day is the account's. [default: now]")
@click.pass_context
def release(ctx: click.Context, numbers: Sequence[str], at: Moment | None) -> None:
    """End the services of numbers; from then on they age until they are sold again."""
    from provisioning.number_moves import release_numbers

    with changing(ctx) as (txn, admin):
        changes = release_numbers(txn, numbers, admin, at)
    show_changes(ctx, changes)


@number.command(
    "move",
    example="tollwire number move 15125550100 15125550101 --to BETA\n"
    "tollwire number move --from ACME --to BETA --at 2026-12-01",
)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1)
@click.option("--from", "origin", metavar="CODE", help="All numbers of this account, in place of a list.")
@click.option("--to", "account", required=True, metavar="CODE", help="Who has them from then on.")
@click.option("--plan", metavar="CODE", help="On this plan; without it, on the plan that each has.")
@click.option("--at", type=moment, metavar="DATE", help="When; a day is the new account's. [default: now]")
@click.pass_context
def move(
    ctx: click.Context,
    numbers: Sequence[str],
    origin: str | None,
    account: str,
    plan: str | None,
    at: Moment | None,
) -> None:
    """Move numbers to another account, with their passwords and prices: all or none."""
    from provisioning.number_moves import move_numbers, numbers_of

    if bool(numbers) == (origin is not None):
        raise click.UsageError("name numbers, or give --from")
    with changing(ctx) as (txn, admin):
        chosen = numbers if origin is None else numbers_of(txn, origin, admin)
        changes = move_numbers(txn, chosen, account, admin, at, plan)
    show_changes(ctx, changes)


@number.command("state", example="tollwire number state blocked 15125550100 15125550101")
@click.argument("state", type=click.Choice(number_states.CHOSEN))
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.pass_context
def state(ctx: click.Context, state: str, numbers: Sequence[str]) -> None:
    """Block numbers, free them, port them in and out, or retire them: all or none."""
    with changing(ctx) as (txn, admin):
        changes = number_states.choose_state(txn, numbers, state, admin)
    show_changes(ctx, changes)


@number.command("history", example="tollwire number history 15125550100")
@click.argument("number")
@click.pass_context
def history(ctx: click.Context, number: str) -> None:
    """Show what has become of a number, oldest first."""
    with changing(ctx, alone=False) as (txn, admin):
        found = inventory.read_history(txn, number, admin)
    list_things(ctx, inventory.Step, found)


@number.command("quarantine", example="tollwire number quarantine --country US --days 90 --quiet-days 30")
@click.option("--country", metavar="XX", help="Of which country; without it, of all others.")
@click.option("--days", type=int, metavar="NUMBER", help="How long a number ages.")
@click.option("--quiet-days", type=int, metavar="NUMBER", help="How long it must have been silent.")
@click.pass_context
def quarantine(ctx: click.Context, country: str | None, days: int | None, quiet_days: int | None) -> None:
    """Show quarantines, or with options set one: how long released numbers age before they are sold again."""
    from provisioning.quarantines import Quarantine, list_quarantines, set_quarantine

    if days is None and quiet_days is None and country is None:
        with database(ctx) as connection, connection.cursor() as txn:
            list_things(ctx, Quarantine, list_quarantines(txn))
        return
    with changing(ctx) as (txn, admin):
        known = {each.country: each for each in list_quarantines(txn)}
        current = known.get(country or "", known[""])
        wanted = Quarantine(
            country=country or "",
            days=current.days if days is None else days,
            quiet_days=current.quiet_days if quiet_days is None else quiet_days,
        )
        change = set_quarantine(txn, wanted, admin)
    show_change(ctx, change)


@number.command("sweep", example="tollwire number sweep")
@click.pass_context
def sweep(ctx: click.Context) -> None:
    """
    Do at once what `tollwire console` does every minute.

    Reservations that have lapsed end, numbers whose services have ended age, and numbers whose quarantine is
    over are available again, unless calls still come in for them.
    """
    from provisioning.number_sweep import sweep_numbers

    with changing(ctx) as (txn, admin):
        done = sweep_numbers(txn, admin)
    print_rows(ctx, tuple(done), [tuple(done.values())])


def _lasting(text: str) -> timedelta:
    """Return the time in *text*: 15m, 2h, 3d."""
    count, unit = text[:-1], text[-1:]
    if unit not in UNITS or not count.isascii() or not count.isdecimal() or len(count) > 6:
        raise click.BadParameter(f"{text[:20]!r} is no time; write 15m, 2h or 3d", param_hint="--for")
    return timedelta(seconds=int(count) * UNITS[unit])
