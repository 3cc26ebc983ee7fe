"""``tollwire cdr``: the calls that have ended, one record a payer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
import msgspec

from provisioning.cli.fields import LIMIT, instant_of
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_documents, print_rows
from provisioning.cli.session import database, now, settings_of
from provisioning.cli.text import money, service_name
from radiusd.errors import NotFound
from radiusd.exports.columns import FIELDS, VALUES, parse_columns, reader_of
from radiusd.exports.drops import Drop, drops, make_due, write_records
from radiusd.exports.files import verify, write_manifest, write_whole
from radiusd.exports.template import STATUSES, Export, Form
from radiusd.exports.values import seconds
from radiusd.exports.writers import SUFFIXES, Written
from radiusd.records.tap_batch import TapBatch
from radiusd.storage.reports import (
    CdrFilter,
    CdrLine,
    CdrRecord,
    cdr_lines,
    cdr_records,
    require_account,
    stream_cdrs,
)

SHOWN = 50
FILTERS = ("account", "since", "until", "status", "number", "limit")
BINARY = ("parquet", "tap")
SHARED_FORMS: dict[Format, Form] = {Format.CSV: "csv", Format.JSONL: "jsonl"}
FILE = click.Path(dir_okay=False, path_type=Path)
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
    wanted = CdrFilter(**chosen)
    with database(ctx) as connection, connection.cursor() as txn:
        require_account(txn, wanted)
        found = cdr_lines(txn, wanted)
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
    "tollwire cdr export --account ACME --jsonl\n"
    "tollwire cdr export --template acme-daily --since 2026-03-01 --output march.csv --manifest\n"
    "tollwire cdr export --column started_at=Start --column to --column total=Price --status answered\n"
    "tollwire cdr export --format tap --sender USATW --recipient GBRVF --sequence 42 --output 00042.tap",
)
@_filters(None)
@click.option("--template", metavar="NAME", help="A saved export: [[exports]] of the configuration file.")
@click.option("--format", "form", type=click.Choice(tuple(SUFFIXES)), help="csv, jsonl, parquet or tap.")
@click.option("--column", "columns", metavar="FIELD[=TITLE]", multiple=True, help="Only these fields.")
@click.option("--output", type=FILE, help="Write this file, not stdout.")
@click.option("--manifest", is_flag=True, help="Write FILE.manifest.json beside it: records and SHA-256.")
@click.option("--sender", metavar="PLMN", help="Of a TAP file: who sends it.")
@click.option("--recipient", metavar="PLMN", help="Of a TAP file: who gets it.")
@click.option("--sequence", type=click.IntRange(1, 99_999), help="Of a TAP file: its number between the two.")
@click.pass_context
def export(
    ctx: click.Context,
    /,
    template: str | None,
    form: Form | None,
    columns: tuple[str, ...],
    output: Path | None,
    manifest: bool,
    **chosen: Any,
) -> None:
    """
    Write ended calls, oldest first: all of them or those of a template, as CSV, JSON lines, Parquet or TAP.

    In CSV, text that a spreadsheet would take for a formula begins with an apostrophe; phone numbers are
    written as they are. --json writes one document. What is chosen here goes before what a template says.
    """
    shared = options_of(ctx).format
    saved = _template(ctx, template, form or SHARED_FORMS.get(shared), columns, chosen)
    wanted = _wanted(saved, chosen)
    if shared is Format.JSON and not form and output is None:
        _print_json(ctx, saved, wanted)
        return
    if output is None and (manifest or (saved.format in BINARY and sys.stdout.isatty())):
        raise click.UsageError("name a file with --output")
    written = _write(ctx, saved, wanted, output, manifest)
    left_out = f"; {written.left_out} left out, which TAP cannot say" if written.left_out else ""
    if output is not None or left_out:
        click.echo(f"{written.records} records{left_out}", err=True)


def _write(
    ctx: click.Context, saved: Export, wanted: CdrFilter, output: Path | None, manifest: bool
) -> Written:
    batch = TapBatch(
        sender=saved.tap.sender,
        recipient=saved.tap.recipient,
        sequence=saved.tap.first_sequence,
        created_at=now(),
        is_test=saved.tap.is_test,
    )
    with database(ctx) as connection:
        with connection.cursor() as txn:
            require_account(txn, wanted)

        def write(out: BinaryIO) -> Written:
            return write_records(saved, batch, stream_cdrs(connection, wanted), out)

        if output is None:
            return write(sys.stdout.buffer)
        written, made = write_whole(output, write)
        if manifest:
            write_manifest(output, made)
        return written


def _print_json(ctx: click.Context, saved: Export, wanted: CdrFilter) -> None:
    columns = parse_columns(saved.columns)
    with database(ctx) as connection:
        with connection.cursor() as txn:
            require_account(txn, wanted)
        rows = map(reader_of(columns), stream_cdrs(connection, wanted))
        print_rows(ctx, [column.title for column in columns], rows)


def _template(
    ctx: click.Context, name: str | None, form: Form | None, columns: tuple[str, ...], chosen: dict[str, Any]
) -> Export:
    """Return the saved export *name*, or one of nothing, with what was chosen on the command line."""
    if name is None:
        saved = Export(name="export")
    else:
        exports = {each.name: each for each in settings_of(ctx).exports}
        if name not in exports:
            known = ", ".join(exports) or "none: write [[exports]] in the configuration file"
            raise NotFound(f"--template: there is no export {name!r}; there are {known}")
        saved = exports[name]
    told = {
        "sender": chosen["sender"] or saved.tap.sender,
        "recipient": chosen["recipient"] or saved.tap.recipient,
        "first_sequence": chosen["sequence"] or saved.tap.first_sequence,
    }
    tap = msgspec.structs.replace(saved.tap, **told)
    return msgspec.structs.replace(
        saved, format=form or saved.format, columns=columns or saved.columns, tap=tap
    )


def _wanted(saved: Export, chosen: dict[str, Any]) -> CdrFilter:
    """Return the filter of a saved export, with what was chosen before it."""
    own: dict[str, Any] = {"account": saved.account, "status": saved.status, "number": saved.number}
    return CdrFilter(**{name: chosen[name] or own.get(name) or None for name in FILTERS})


@cdr.command("drop", example="tollwire cdr drop")
@click.pass_context
def drop(ctx: click.Context) -> None:
    """
    Write all scheduled exports that are due, as the running server does by itself.

    Each period is written once, whoever does it; a second run writes nothing.
    """
    made: list[Drop] = []
    try:
        with database(ctx) as connection:
            make_due(connection, settings_of(ctx).exports, now(), made.append)
    finally:
        print_rows(ctx, Drop._fields, made)


@cdr.command("drops", example="tollwire cdr drops\ntollwire cdr drops --name acme-daily --limit 10 --json")
@click.option("--name", metavar="NAME", help="Only those of this export.")
@click.option("--limit", type=LIMIT, default=SHOWN, show_default=True, help="At most so many.")
@click.pass_context
def drops_(ctx: click.Context, name: str | None, limit: int) -> None:
    """Show which periods of scheduled exports were written, newest first."""
    with database(ctx) as connection:
        found = drops(connection, name, limit)
    print_rows(ctx, Drop._fields, found)


@cdr.command("verify", example="tollwire cdr verify march.csv.manifest.json")
@click.argument("manifests", metavar="MANIFEST", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_context
def verify_(ctx: click.Context, manifests: tuple[Path, ...]) -> None:
    """Compare files with their manifests: size and SHA-256. Exits 1 at the first that differs."""
    found = [verify(manifest) for manifest in manifests]
    print_rows(ctx, ("file", "records", "octets", "sha256"), [
        (each.file, each.records, each.octets, each.sha256) for each in found
    ])  # fmt: skip


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


def _document(record: CdrRecord) -> dict[str, object]:
    return {field: VALUES[field](record) for field in FIELDS}
