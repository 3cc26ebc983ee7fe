"""``tollwire record``: calls told after the fact, in the files of switches and PBXs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import IO

import click
import msgspec

from provisioning.cli.errors import Exit
from provisioning.cli.framework import Group
from provisioning.cli.text import printable
from radiusd.errors import BadInput
from radiusd.records.packed import STDIN, open_records
from radiusd.records.record import Entry, Outcome, Record, SetAside
from radiusd.records.registry import FORMATS, check_settings

SPOOLED_OCTETS = 8 << 20


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
            click.echo(printable(f"{outcome.place(shown)}: {outcome}"), err=True)
    return counted


def _ascii(record: Record) -> bytes:
    """Return *record* as JSON that no terminal obeys."""
    return json.dumps(msgspec.to_builtins(record, str_keys=True)).encode("ascii")


def _summary(counted: Counter[type[Outcome]]) -> str:
    passed_over = counted.total() - counted[Entry] - counted[SetAside]
    return f"{counted[Entry]} records, {counted[SetAside]} set aside, {passed_over} passed over"
