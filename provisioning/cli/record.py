"""``tollwire record``: calls told after the fact, in the files of switches and PBXs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import click
import msgspec

from provisioning.admin import Admin
from provisioning.cli.changing import actor
from provisioning.cli.errors import Exit
from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows
from provisioning.cli.session import database, migrated_dsn, now, sealer
from provisioning.cli.text import printable
from provisioning.record_desk import import_desk
from radiusd.errors import BadInput
from radiusd.garbage import spare_what_stays
from radiusd.handlers.record_import import Importer, Progress, found_file
from radiusd.records.packed import STDIN, open_records
from radiusd.records.record import Entry, Outcome, Record, SetAside
from radiusd.records.registry import FORMATS, check_settings
from radiusd.storage.record_files import AsideRow, FileRow, find_files, list_asides

SPOOLED_OCTETS = 8 << 20
MOST_TOLD = 1000  # more are of one kind, and nobody reads them


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


@click.group(cls=Group)
def record() -> None:
    """Read, import and take back the call records of switches and PBXs."""


@record.command(
    "decode",
    example="tollwire record decode --format asterisk-csv --setting zone=Europe/Berlin Master.csv\n"
    "zcat cdr.csv.gz | tollwire record decode --format cucm -",
)
@click.argument("file", metavar="FILE")
@click.option(
    "--format", "name", required=True, type=click.Choice(sorted(FORMATS)), help="What wrote the file."
)
@click.option(
    "--setting",
    "settings",
    multiple=True,
    type=_pair,
    metavar="NAME=VALUE",
    help="What the file does not say, as zone=Europe/Berlin. May be repeated.",
)
@click.option("--strict", is_flag=True, help="Print nothing and exit 1 when anything has to be set aside.")
@click.pass_context
def decode(
    ctx: click.Context, file: str, name: str, settings: tuple[tuple[str, str], ...], strict: bool
) -> None:
    """
    Print the call records in a file, one JSON object a line, and book nothing.

    FILE may be packed with gzip or Zstandard; - is standard input. What cannot be read goes to
    stderr with its place and reason. No database is needed.
    """
    chosen = checked_settings(name, settings)
    with open_records(file) as (unpacked, _):
        outcomes = FORMATS[name].read(unpacked, chosen)
        if not strict:
            counted = _print(outcomes, file, sys.stdout.buffer)
        else:
            with tempfile.SpooledTemporaryFile(SPOOLED_OCTETS) as spooled:
                counted = _print(outcomes, file, spooled)
                if not counted[SetAside]:
                    spooled.seek(0)
                    shutil.copyfileobj(spooled, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    refused = strict and counted[SetAside]
    click.echo(_summary(counted) + (": the file is refused" if refused else ""), err=True)
    ctx.exit(Exit.DIFFERS if refused else Exit.OK)


def checked_settings(name: str, settings: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return *settings* of the format *name*. Raises BadInput."""
    chosen = dict(settings)
    wrong = check_settings(name, chosen)
    if wrong:
        raise BadInput("; ".join(wrong))
    return chosen


def _print(outcomes: Iterable[Outcome], file: str, out: IO[bytes]) -> Counter[type[Outcome]]:
    """Write the records to *out* and what was set aside to stderr, and count each kind."""
    counted: Counter[type[Outcome]] = Counter()
    encode = _ascii if out.isatty() else msgspec.json.Encoder().encode
    shown = "stdin" if file == STDIN else file
    for outcome in outcomes:
        counted[type(outcome)] += 1
        if isinstance(outcome, Entry):
            out.write(encode(outcome.record) + b"\n")
        elif isinstance(outcome, SetAside):
            if counted[SetAside] <= MOST_TOLD:
                click.echo(printable(f"{outcome.place(shown)}: {outcome}"), err=True)
    if counted[SetAside] > MOST_TOLD:
        click.echo(f"... and {counted[SetAside] - MOST_TOLD} more", err=True)
    return counted


def _ascii(record: Record) -> bytes:
    """Return *record* as JSON that no terminal obeys."""
    return json.dumps(msgspec.to_builtins(record, str_keys=True)).encode("ascii")


def _summary(counted: Counter[type[Outcome]]) -> str:
    passed_over = counted.total() - counted[Entry] - counted[SetAside]
    return f"{counted[Entry]} records, {counted[SetAside]} set aside, {passed_over} passed over"


@record.command(
    "import",
    example="tollwire record import --source pbx1 Master.csv\n"
    "zcat cdr.csv.gz | tollwire record import --source pbx1 -",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--source", required=True, metavar="NAME", help="What wrote the files; see `tollwire source`.")
@click.option("--strict", is_flag=True, help="Import nothing of a file in which anything cannot be read.")
@click.option("--again", is_flag=True, help="Read a file that was imported before once more.")
@click.pass_context
def import_(ctx: click.Context, files: tuple[str, ...], source: str, strict: bool, again: bool) -> None:
    """
    Take the calls in files into the books, each exactly once.

    A file or record that comes again changes nothing. An import that was interrupted goes on when it is
    started again.
    """
    rows: list[FileRow] = []
    try:
        with importer(ctx, source) as found:
            for file in files:
                begun_at = now()
                with progress_bar(file) as progress:
                    row = found.import_file(file, progress, strict=strict, again=again)
                rows.append(row)
                for hint in _hints(row, begun_at):
                    click.echo(printable(f"{file}: {hint}"), err=True)
    finally:  # what came before a file that cannot be read is in the books
        if rows:
            print_rows(ctx, FileRow._fields, rows)


def _hints(row: FileRow, begun_at: datetime) -> Iterator[str]:
    """Yield what is to be said beside the counts of a file whose import began at *begun_at*."""
    if row.ended_at is not None and row.ended_at < begun_at:
        yield f"nothing new; it was imported {row.ended_at:%Y-%m-%d %H:%M:%S}Z as {row.name}"
    if row.set_aside:
        yield f"{row.set_aside} set aside; tollwire record asides {row.id} shows them"


@record.command(
    "rollback",
    example="tollwire record rollback --source pbx1 Master.csv",
    asks="Take the calls of {file} out of the books?",
)
@click.argument("file", metavar="FILE|ID")
@click.option("--source", required=True, metavar="NAME", help="The source under which it was imported.")
@click.pass_context
def rollback(ctx: click.Context, file: str, source: str) -> None:
    """
    Take a file's calls out of the books again, by postings the other way round.

    It can be imported again afterwards, for instance after its source was mended.
    """
    with importer(ctx, source) as found, progress_bar("") as progress:
        row = found.roll_back(file, progress)
    print_rows(ctx, FileRow._fields, [row])


@record.command("files", example="tollwire record files --source pbx1")
@click.option("--source", default="", metavar="NAME", help="Of one source.")
@click.pass_context
def files(ctx: click.Context, source: str) -> None:
    """Show the files that were imported, and what came of their records."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = find_files(txn, source)
    print_rows(ctx, FileRow._fields, found)


@record.command("asides", example="tollwire record asides --source pbx1 Master.csv")
@click.argument("file", metavar="FILE|ID")
@click.option("--source", default="", metavar="NAME", help="The source under which it was imported.")
@click.pass_context
def asides(ctx: click.Context, file: str, source: str) -> None:
    """Show what could not be read in a file that was imported: where it stands, and why."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = list_asides(txn, found_file(txn, file, source).id)
    print_rows(ctx, AsideRow._fields, found)


@contextmanager
def importer(ctx: click.Context, source: str) -> Iterator[Importer]:
    """Yield what imports the files of *source*."""
    with (
        migrated_dsn(ctx) as dsn,
        import_desk(dsn, source, Admin(actor(), now(), sealer(ctx)), now) as found,
    ):
        spare_what_stays()
        yield found


@contextmanager
def progress_bar(file: str) -> Iterator[Progress]:
    """Yield what shows how far an import has come, with rate and time left; nothing but on a terminal."""
    if not sys.stderr.isatty():
        yield lambda octets, records: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    size = Path(file).stat().st_size if Path(file).is_file() else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]} records, {task.fields[rate]}/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(Path(file).name), total=size, records=0, rate=0)

        def show(octets: int, records: int) -> None:
            elapsed_s = bar.tasks[task].elapsed or 1
            bar.update(task, completed=octets, records=records, rate=int(records / elapsed_s))

        yield show
