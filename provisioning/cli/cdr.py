"""``tollwire cdr``: the calls that have ended, one record a payer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import click

from provisioning.cli.fields import LIMIT, instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_documents, print_rows
from provisioning.cli.session import database
from provisioning.cli.text import money, service_name
from radiusd.errors import NotFound
from radiusd.storage.reports import CdrFilter, CdrLine, CdrRecord, cdr_lines, cdr_records, stream_cdrs

STATUSES = ("answered", "failed", "lapsed", "refused", "unmatched", "unrated")
SHOWN = 50
COLUMNS = (
    "start",
    "account",
    "role",
    "status",
    "reason",
    "service",
    "from",
    "to",
    "destination",
    "seconds",
    "billed_s",
    "included_s",
    "total",
    "currency",
    "call_id",
)


@click.group(cls=Group)
def cdr() -> None:
    """Look at the calls that have ended, and export them."""


def _filters(limit: int | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds the options that choose records; *limit* None is all of them."""
    options = [
        click.option("--account", metavar="CODE", help="Only calls that this account pays."),
        click.option("--since", type=instant_of, metavar="WHEN", help="Only calls that began then or later."),
        click.option("--until", type=instant_of, metavar="WHEN", help="Only calls that began before."),
        click.option("--status", type=click.Choice(STATUSES), help="Only calls that ended so."),
        click.option("--number", metavar="NUMBER", help="Calling or called number; 4930* is a prefix."),
        click.option("--limit", type=LIMIT, default=limit, show_default=True, help="At most so many."),
    ]

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@cdr.command(
    "list",
    example="tollwire cdr list --account ACME --since 2026-03-01 --status answered\n"
    "tollwire cdr list --number '4930*' --json",
)
@_filters(SHOWN)
@click.pass_context
def list_(ctx: click.Context, /, **chosen: Any) -> None:
    """Show ended calls, newest first."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = cdr_lines(txn, CdrFilter(**chosen))
    print_rows(ctx, COLUMNS, [_row(line) for line in found])


@cdr.command("show", example="tollwire cdr show 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55")
@click.argument("call_id", metavar="CALL", type=click.UUID)
@click.pass_context
def show(ctx: click.Context, call_id: UUID) -> None:
    """
    Show everything that is recorded of one call, once for each payer.

    CALL is our call id, the last column of `cdr list`. `tollwire explain CALL` tells it as a story.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = cdr_records(txn, CdrFilter(call_id=str(call_id)))
    if not found:
        raise NotFound(f"CALL: no ended call has the id {call_id}: look for it with 'tollwire calls list'")
    print_documents(ctx, [_document(record) for record in found])


@cdr.command(
    "export",
    example="tollwire cdr export --since 2026-03-01 --until 2026-04-01 > march.csv\n"
    "tollwire cdr export --account ACME --jsonl",
)
@_filters(None)
@click.pass_context
def export(ctx: click.Context, /, **chosen: Any) -> None:
    """
    Write ended calls with all their fields, oldest first: CSV, or --json or --jsonl.

    In CSV, text that a spreadsheet would take for a formula begins with an apostrophe; phone numbers are
    written as they are.
    """
    options = options_of(ctx)
    if options.format is Format.TEXT:
        options.format = Format.CSV
    with database(ctx) as connection:
        records = stream_cdrs(connection, CdrFilter(**chosen))
        print_rows(ctx, EXPORTED, (tuple(_document(record).values()) for record in records))


def _row(line: CdrLine) -> tuple[object, ...]:
    return (
        line.started_at,
        line.account,
        line.role,
        line.status,
        line.reason,
        service_name(line.service_kind, line.service),
        line.calling,
        line.called,
        line.destination,
        seconds(line.duration_ms),
        line.billed_s,
        line.included_s,
        money(line.total_micros),
        line.currency,
        line.call_id,
    )


def seconds(duration_ms: int) -> object:
    """Return a duration in seconds, exactly: 61, or 60.28 as a decimal."""
    whole, rest = divmod(duration_ms, 1000)
    return money(duration_ms * 1000).normalize() if rest else whole


_RENAMED = {"calling": "from", "called": "to", "total_micros": "total"}
EXPORTED = tuple(_RENAMED.get(name, name) for name in CdrRecord._fields)


def _document(record: CdrRecord) -> dict[str, object]:
    fields = {_RENAMED.get(name, name): value for name, value in record._asdict().items()}
    fields["total"] = money(record.total_micros)
    fields["rating"] = json.loads(record.rating or "null")
    fields["match"] = json.loads(record.match or "null")
    return fields
