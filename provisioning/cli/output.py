"""Results: a table on a terminal, tab-separated lines in a pipe, JSON, JSON lines or CSV on demand."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain

import click

from provisioning.cli.options import Format, options_of
from provisioning.cli.text import cell, plain, printable
from radiusd.exports.values import spreadsheet_cell as spreadsheet_cell

Row = Sequence[object]


def print_rows(ctx: click.Context, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """
    Write *rows* under the names *columns*, in the form that was asked for.

    All forms but the terminal's table are written as the rows come, so a cursor of any length will do.
    """
    match options_of(ctx).format:
        case Format.JSON:
            _print_json_list(columns, rows)
        case Format.JSONL:
            for row in rows:
                click.echo(_json(dict(zip(columns, row, strict=True))))
        case Format.CSV:
            _print_csv(columns, rows)
        case Format.TEXT if sys.stdout.isatty():
            _print_table(columns, rows)
        case Format.TEXT:
            for line in chain([columns], rows):
                click.echo("\t".join(printable(cell(value)) for value in line))


def print_document(ctx: click.Context, fields: Mapping[str, object]) -> None:
    """Write one thing: a line a field as text, one object as JSON, one row as CSV."""
    match options_of(ctx).format:
        case Format.JSON:
            click.echo(_json(fields, indent=2))
        case Format.JSONL:
            click.echo(_json(fields))
        case Format.CSV:
            _print_csv(tuple(fields), [tuple(fields.values())])
        case Format.TEXT:
            width = max(map(len, fields), default=0)
            for name, value in fields.items():
                click.echo(f"{name:<{width}}  {printable(cell(value))}".rstrip())


def print_documents(ctx: click.Context, documents: Sequence[Mapping[str, object]]) -> None:
    """Write several things with the same fields as :func:`print_document` does; a list as JSON."""
    match options_of(ctx).format:
        case Format.JSON:
            click.echo(_json(documents, indent=2))
        case Format.CSV:
            _print_csv(tuple(documents[0]) if documents else (), [tuple(each.values()) for each in documents])
        case _:
            for number, document in enumerate(documents):
                if number and options_of(ctx).format is Format.TEXT:
                    click.echo()
                print_document(ctx, document)


def say(ctx: click.Context, sentence: str) -> None:
    """Tell a person what happened, on stderr: what is piped stays data. Silent with --json and the like."""
    if options_of(ctx).format is Format.TEXT:
        click.echo(printable(sentence), err=True)


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, default=plain, indent=indent)  # ASCII only: harmless on any terminal


def _print_json_list(columns: Sequence[str], rows: Iterable[Row]) -> None:
    opening = "["
    for row in rows:
        click.echo(opening + "\n  " + _json(dict(zip(columns, row, strict=True))), nl=False)
        opening = ","
    click.echo("[]" if opening == "[" else "\n]")


def _print_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")  # RFC 4180, 2.1
    writer.writerow(columns)
    for row in rows:
        writer.writerow([spreadsheet_cell(value) for value in row])


def _print_table(columns: Sequence[str], rows: Iterable[Row]) -> None:
    kept = list(rows)
    for line in table_lines(columns, kept):
        click.echo(line)
    if not kept:
        click.echo("(none)", err=True)


def table_lines(columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return an aligned table: numbers to the right, everything else to the left, two spaces between."""
    texts = [[printable(cell(value)) or "-" for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    numeric = [
        bool(rows) and all(isinstance(row[i], int | Decimal) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    lines = []
    for line in ([name.upper() for name in columns], *texts):
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines
