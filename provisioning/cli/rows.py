"""
Rows for an ``add`` or ``set``: ``tollwire did add - --account ACME < dids.csv``.

The first row names options and arguments; each further row is the command once more, with the options of the
command line before its own. All of them are done in one transaction, or none.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import click
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from provisioning.admin import Later, record_later
from provisioning.cli.changing import ROWS, Rows, changing, say_warnings, show_rows
from provisioning.cli.field_options import SHOWN
from provisioning.cli.row_reader import Params, RowReader, told
from provisioning.toml_fields import suggestion
from radiusd.errors import BadInput, TollwireError

MAX_OCTETS = 64_000_000
MOST_PROBLEMS = 50
DELIMITERS = ",;\t"
PROTECTED = re.compile(r"'(?=[=+\-@\t\r])")  # what our own CSV puts before what a spreadsheet would calculate


@dataclass(slots=True)
class Problems:
    """What is wrong, a line each."""

    found: list[str] = field(default_factory=list)

    def add(self, line: int, message: str) -> None:
        """Note what is wrong with a row."""
        self.found.append(f"stdin:{line}: {message}")
        if len(self.found) >= MOST_PROBLEMS:
            self.found.append("... and perhaps more")
            self.refuse()

    def refuse(self) -> None:
        """Raise BadInput with all of it, if there is any."""
        if self.found:
            raise BadInput("\n".join(self.found) + "\nNothing was changed.")


def do_rows(ctx: click.Context, given: Sequence[str]) -> None:
    """
    Do the command of *ctx* with the options *given* for each row of standard input, and say what was done.

    Raises:
        BadInput: What is wrong, a line each; nothing was changed.
    """
    reader, made = read_rows(ctx, given)
    with changing(ctx) as (txn, admin):
        admin = replace(admin, later=Later())
        rows = ctx.meta[ROWS] = Rows(txn, admin)
        try:
            prepare = getattr(ctx.command, "prepare", None)
            if prepare is not None:
                prepare(rows, [params for _, params in made])
            run(rows, reader.context, made)
            for finish in rows.at_end:
                finish()
            record_later(txn, admin)
        finally:
            del ctx.meta[ROWS]
    show_rows(ctx, rows.done)


def read_rows(ctx: click.Context, given: Sequence[str]) -> tuple[RowReader, list[tuple[int, Params]]]:
    """
    Return the parameters of the command of *ctx*, with the options *given*, for each row of standard input.

    Raises:
        BadInput: What is wrong with the rows.
        click.UsageError: What is wrong with the options.
    """
    problems = Problems()
    rows = _read(sys.stdin.buffer.read(MAX_OCTETS + 1))
    line, titles = next(rows, (1, []))
    columns = _columns(ctx.command, titles, line)
    reader = RowReader(ctx, given, [column.param for column in columns if column is not None])
    made = []
    for line, cells in rows:
        if len(cells) != len(columns):
            problems.add(line, f"{len(cells)} fields, where the first row names {len(columns)}")
            continue
        kept = [column.text(cell) for column, cell in zip(columns, cells, strict=True) if column is not None]
        try:
            made.append((line, reader.params(kept)))
        except click.UsageError as error:
            problems.add(line, told(error))
    problems.refuse()
    return reader, made


def run(rows: Rows, ctx: click.Context, made: Sequence[tuple[int, Params]]) -> None:
    """Do what each row says. Raises BadInput with all that is wrong; the caller then rolls back."""
    problems = Problems()
    with ctx:  # once around all of them: what it opened is closed at the end
        for rows.line, ctx.params in made:
            try:
                click.Command.invoke(ctx.command, ctx)
            except click.UsageError as error:
                problems.add(rows.line, told(error))
            except TollwireError as error:
                problems.add(rows.line, str(error))
                if rows.txn.connection.info.transaction_status == TRANSACTION_STATUS_INERROR:
                    break
    problems.refuse()


def _read(octets: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their lines."""
    if len(octets) > MAX_OCTETS:
        raise BadInput(f"stdin: it has more than {MAX_OCTETS} octets; give it in parts")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise BadInput(f"stdin:{line}: not UTF-8; save it as UTF-8") from error
    titles = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=titles.count), strict=True
    )
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(f"stdin:{before + 1}: not CSV: {error}\nNothing was changed.") from error
        line, before = before + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            yield line, [PROTECTED.sub("", cell.strip(), count=1) for cell in cells]


class Column(NamedTuple):
    """A parameter, and the title under which its cells stand."""

    param: click.Parameter
    title: str

    def text(self, cell: str) -> str:
        """Return *cell* as the parameter is typed."""
        written = getattr(self.param, "column_text", None)
        return written(self.title, cell) if written is not None else cell


def _columns(command: click.Command, titles: Sequence[str], line: int) -> list[Column | None]:
    """Return the parameters that the first row names; None for what lists show and nothing can set."""
    known = {name: param for param in command.params if param.expose_value for name in _names(param)}
    problems = Problems()
    columns: list[Column | None] = []
    shown = getattr(command.callback, SHOWN, ()) if command.name == "set" else ()
    for title in titles:
        word = title.lower().removeprefix("--").replace("-", "_")
        found = known.get(word)
        if found is None and word in shown:
            say_warnings([f"stdin:{line}: {title}: set does not change it; the column does not count"])
            columns.append(None)
        elif found is None:
            problems.add(line, f"{title[:40]!r}: there is no such column{suggestion(title, known)}")
        elif any(column is not None and column.param is found for column in columns):
            problems.add(line, f"{title}: it is there twice")
        else:
            columns.append(Column(found, word))
    if not titles:
        problems.add(line, f"it is empty; the first row names columns: {', '.join(sorted(known))}")
    there = [column.param for column in columns if column is not None]
    for param in command.params:
        if titles and isinstance(param, click.Argument) and param not in there:
            problems.add(line, f"{param.name}: the first row names no such column, and each row needs it")
    problems.refuse()
    return columns


def _names(param: click.Parameter) -> set[str]:
    """Return what the column of a parameter may be called: as the field, the option, or help has it."""
    found = {param.name or ""}
    if isinstance(param, click.Argument):
        return found | ({param.metavar.strip("[].").lower()} if param.metavar else set())
    return found | {text[2:].replace("-", "_") for text in param.opts if text.startswith("--")}
