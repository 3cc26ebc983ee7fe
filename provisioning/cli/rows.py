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
from dataclasses import dataclass, field

import click
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from provisioning.admin import record
from provisioning.cli.changing import ROWS, Rows, changing, show_rows
from provisioning.toml_fields import suggestion
from radiusd.errors import BadInput, TollwireError

MAX_OCTETS = 64_000_000
MOST_PROBLEMS = 50
DELIMITERS = ",;\t"
PROTECTED = re.compile(r"'(?=[=+\-@\t\r])")  # what our own CSV puts before what a spreadsheet would calculate
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


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
    made = contexts(ctx, given)
    with changing(ctx) as (txn, admin):
        rows = ctx.meta[ROWS] = Rows(txn, admin)
        try:
            prepare = getattr(ctx.command, "prepare", None)
            if prepare is not None:
                prepare(rows, [inner.params for _, inner in made])
            run(rows, made)
            record(txn, admin, rows.unrecorded)
        finally:
            del ctx.meta[ROWS]
    show_rows(ctx, rows.done)


def contexts(ctx: click.Context, given: Sequence[str]) -> list[tuple[int, click.Context]]:
    """
    Return the command of *ctx* with the options *given*, once for each row of standard input, by its line.

    Raises:
        BadInput: What is wrong with the rows.
    """
    problems = Problems()
    rows = _read(sys.stdin.buffer.read(MAX_OCTETS + 1))
    line, titles = next(rows, (1, []))
    columns = _columns(ctx.command, titles, line)
    made = []
    for line, cells in rows:
        if len(cells) != len(columns):
            problems.add(line, f"{len(cells)} fields, where the first row names {len(columns)}")
            continue
        try:
            words = _words(columns, cells, ctx.command.params)
            inner = ctx.command.make_context(ctx.info_name, [*given, *words], parent=ctx.parent)
            made.append((line, inner))
        except click.UsageError as error:
            problems.add(line, _told(error))
    problems.refuse()
    return made


def run(rows: Rows, made: Sequence[tuple[int, click.Context]]) -> None:
    """Do what each row says. Raises BadInput with all that is wrong; the caller then rolls back."""
    problems = Problems()
    for rows.line, inner in made:
        try:
            with inner:
                click.Command.invoke(inner.command, inner)
        except click.UsageError as error:
            problems.add(rows.line, _told(error))
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


def _columns(command: click.Command, titles: Sequence[str], line: int) -> list[click.Parameter]:
    """Return the parameters that the first row names."""
    known: dict[str, click.Parameter] = {}
    for param in command.params:
        if param.expose_value:
            known[param.name or ""] = param
            if isinstance(param, click.Argument) and param.metavar:
                known[param.metavar.strip("[].").lower()] = param
    problems = Problems()
    columns: list[click.Parameter] = []
    for title in titles:
        found = known.get(title.lower().removeprefix("--").replace("-", "_"))
        if found is None:
            problems.add(line, f"{title[:40]!r}: there is no such column{suggestion(title, known)}")
        elif found in columns:
            problems.add(line, f"{title}: it is there twice")
        else:
            columns.append(found)
    if not titles:
        problems.add(line, f"it is empty; the first row names columns: {', '.join(sorted(known))}")
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    for param in arguments:
        if titles and param not in columns:
            problems.add(line, f"{param.name}: the first row names no such column, and each row needs it")
    problems.refuse()
    return columns


def _words(
    columns: Sequence[click.Parameter], cells: Sequence[str], order: Sequence[click.Parameter]
) -> list[str]:
    """Return a row as words of a command line. An empty cell is an option that was not given."""
    options: list[str] = []
    arguments: list[tuple[click.Parameter, list[str]]] = []
    for param, text in zip(columns, cells, strict=True):
        several = _several(text)
        if isinstance(param, click.Argument):
            if not text:
                raise click.MissingParameter(param=param)
            arguments.append((param, several if param.nargs == -1 else [text]))
        elif isinstance(param, click.Option) and text:
            if param.is_flag:
                options += _flag(param, text)
            else:
                options += [f"{param.opts[0]}={each}" for each in (several if param.multiple else [text])]
    arguments.sort(key=lambda argument: order.index(argument[0]))
    return [*options, "--", *(word for _, words in arguments for word in words)]


def _several(text: str) -> list[str]:
    """Return the values in a cell: between semicolons if it has any, since values may have commas."""
    return [each for part in text.split(";" if ";" in text else ",") if (each := part.strip())]


def _flag(option: click.Option, text: str) -> list[str]:
    if text.lower() in YES:
        return [option.opts[0]]
    if text.lower() in NO:
        return list(option.secondary_opts[:1])
    raise click.BadParameter(f"{text[:40]!r} is neither yes nor no", param=option)


def _told(error: click.UsageError) -> str:
    name = error.param.name if isinstance(error, click.BadParameter) and error.param else None
    if isinstance(error, click.MissingParameter):
        return f"{name}: it is missing"
    return f"{name}: {error.message}" if name else error.message
