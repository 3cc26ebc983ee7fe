"""
Import numbers into the inventory from CSV: all of a file or nothing, with every bad field told by its line.

The first line names the columns, in any order; comma, semicolon and tab may separate them.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, FieldChange, audit
from provisioning.amounts import parse_amount
from provisioning.inventory import Number, columns_of, normalised, require_provider
from provisioning.number_follow import follow
from provisioning.rate_files import Problems
from radiusd.errors import BadInput

TEXTS = ("country", "area", "rate_centre", "supplier", "currency", "cost_currency")
AMOUNTS = ("setup_price", "monthly_price", "setup_cost", "monthly_cost")
COLUMNS = ("number", *TEXTS, *AMOUNTS, "features", "state")
STATES = ("available", "porting_in", "blocked")
DELIMITERS = ",;\t|"
TOLD_EVERY = 1000
MAX_OCTETS = 256_000_000

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: how many numbers are new, changed, and as they were."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class NumberFile:
    """
    A CSV file of numbers; *text* in place of what the file *name* holds.

    *currency* is that of rows that name none.
    """

    name: str
    text: str
    currency: str | None = None

    @classmethod
    def read(cls, path: Path, currency: str | None = None) -> NumberFile:
        """Return the file at *path*. Raises BadInput when it cannot be read."""
        try:
            with path.open("rb") as file:
                return cls.decode(str(path), file.read(MAX_OCTETS + 1), currency)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error

    @classmethod
    def decode(cls, name: str, octets: bytes, currency: str | None = None) -> NumberFile:
        """Return a file called *name* that holds *octets*. Raises BadInput when they are no text."""
        if len(octets) > MAX_OCTETS:
            raise BadInput(f"{name}: it has more than {MAX_OCTETS} octets; import it in parts")
        try:
            return cls(name, octets.decode("utf-8-sig"), currency)
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            raise BadInput(f"{name}:{line}: not UTF-8; save the file as UTF-8") from error

    @property
    def line_count(self) -> int:
        """How many lines it has, for a bar of progress."""
        return self.text.count("\n") + 1

    @property
    def sha256(self) -> str:
        """The hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def import_numbers(
    txn: Cursor, file: NumberFile, admin: Admin, progress: Progress = lambda line: None
) -> tuple[Imported, Change]:
    """
    Put the numbers of *file* into the inventory; those that are there get its fields and keep their state.

    A column that the file lacks leaves the fields of numbers that are there as they are.
    To see what would be done, roll *txn* back. *progress* is told the line from time to time.

    Raises:
        BadInput: Everything that is wrong, a line each; roll *txn* back.
    """
    admin.require("numbers:write")
    require_provider(admin)
    problems = Problems(file.name)
    columns, rows = _rows_in(io.StringIO(file.text, newline=""), file, problems)
    txn.execute(
        "CREATE TEMPORARY TABLE arriving (LIKE number INCLUDING DEFAULTS) ON COMMIT DROP;"
        "ALTER TABLE arriving ALTER changed_at DROP NOT NULL, ALTER changed_by DROP NOT NULL"
    )
    lines = _CopyLines(rows, progress)
    txn.copy_expert(f"COPY arriving ({', '.join(_COPIED)}) FROM STDIN", lines)  # type: ignore[arg-type]
    if lines.failure is not None:
        raise lines.failure
    problems.refuse()
    if not lines.row_count:
        raise BadInput(f"{file.name}: there are no numbers in it")
    done = _merge(txn, lines.row_count, columns, admin)
    counts = tuple(
        FieldChange(name, "", str(getattr(done, name))) for name in ("added", "changed", "unchanged")
    )
    action = Action.CHANGED if done.added or done.changed else Action.UNCHANGED
    change = Change(action, "number", file.name, (*counts, FieldChange("sha256", "", file.sha256)))
    if change:
        audit(txn, admin, [change])
    return done, change


_COPIED = (
    "number",
    "country",
    "area",
    "rate_centre",
    "supplier",
    "currency",
    "setup_price_micros",
    "monthly_price_micros",
    "cost_currency",
    "setup_cost_micros",
    "monthly_cost_micros",
    "features",
    "state",
)
_COLUMN_OF = {name: f"{name}_micros" if name in AMOUNTS else name for name in COLUMNS}


def _merge(txn: Cursor, row_count: int, columns: list[str], admin: Admin) -> Imported:
    """Bring what has arrived into the inventory."""
    given = [_COLUMN_OF[name] for name in _fields_given(columns)]
    changed = 0
    if given:
        fresh = ", ".join(f"a.{name}" for name in given)
        current = ", ".join(f"n.{name}" for name in given)
        txn.execute(
            f"UPDATE number n SET ({', '.join(given)}) = ROW({fresh}) FROM arriving a"
            f" WHERE a.number = n.number AND ROW({current}) IS DISTINCT FROM ROW({fresh})"
        )
        changed = txn.rowcount
    names = ", ".join(_COPIED)
    txn.execute(
        f"INSERT INTO number ({names}, changed_at, changed_by) SELECT {names}, %s, %s FROM arriving"
        " ON CONFLICT (number) DO NOTHING",
        (admin.now, admin.name),
    )
    added = txn.rowcount
    txn.execute(
        "SELECT DISTINCT s.name FROM arriving a JOIN service s ON s.name = a.number"
        " WHERE s.kind IN ('did', 'virtual') AND (s.ended_at IS NULL OR s.ended_at > %s)",
        (admin.now,),
    )
    follow(txn, [number for (number,) in txn.fetchall()], admin)  # numbers that accounts have had before
    return Imported(added, changed, row_count - added - changed)


def _fields_given(columns: list[str]) -> list[str]:
    """Return the fields that the file decides; amounts decide their currency, too."""
    given = [name for name in columns if name not in ("number", "state")]
    for ending, currency in (("price", "currency"), ("cost", "cost_currency")):
        if any(name.endswith(f"_{ending}") for name in given) and currency not in given:
            given.append(currency)
    return given


Row = tuple[int, Number, str]


def _rows_in(text: TextIO, file: NumberFile, problems: Problems) -> tuple[list[str], Iterator[Row]]:
    first = text.readline()
    delimiter = max(DELIMITERS, key=first.count)
    columns = _columns_in(next(csv.reader([first], delimiter=delimiter), []), file)
    return columns, _read(text, delimiter, columns, file, problems)


def _read(
    text: TextIO, delimiter: str, columns: list[str], file: NumberFile, problems: Problems
) -> Iterator[Row]:
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    first: dict[str, int] = {}
    while not problems.full:
        line = rows.line_num + 2
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(line, f"not CSV: {error}")
            return  # where the next row begins is anybody's guess
        if not any(cells):
            continue
        if len(cells) != len(columns):
            problems.add(line, f"{len(cells)} fields, where the first line names {len(columns)} columns")
            continue
        found = _read_row(dict(zip(columns, map(str.strip, cells), strict=True)), line, file, problems)
        if found is None:
            continue
        earlier = first.setdefault(found[1].number, line)
        if earlier != line:
            problems.add(line, f"number: {found[1].number} is on line {earlier} too; keep one of them")
            continue
        yield found


def _columns_in(header: list[str], file: NumberFile) -> list[str]:
    columns = [name.strip().lower().replace(" ", "_") for name in header]
    known = f"it must name number and may name {', '.join(COLUMNS[1:])}"
    if "number" not in columns:
        raise BadInput(f"{file.name}:1: the first line names no column number; {known}")
    for name in columns:
        if name not in COLUMNS:
            raise BadInput(f"{file.name}:1: column {name[:40]!r} is unknown; {known}")
        if columns.count(name) > 1:
            raise BadInput(f"{file.name}:1: column {name} is there twice")
    if "currency" not in columns and file.currency is None:
        raise BadInput(f"{file.name}:1: the first line names no column currency; add it, or give --currency")
    return columns


def _read_row(cells: dict[str, str], line: int, file: NumberFile, problems: Problems) -> Row | None:
    before = len(problems.found)
    amounts: dict[str, Decimal] = {}
    for name in AMOUNTS:
        text = cells.get(name, "")
        if text:
            try:
                amounts[name] = parse_amount(name, text)
            except BadInput as error:
                problems.add(line, str(error))
    state = cells.get("state") or "available"
    if state not in STATES:
        problems.add(line, f"state: {state[:20]!r} is none of {', '.join(STATES)}")
    if len(problems.found) > before:
        return None
    try:
        number = normalised(
            Number(
                number=cells["number"],
                country=cells.get("country", ""),
                area=cells.get("area", ""),
                rate_centre=cells.get("rate_centre", ""),
                supplier=cells.get("supplier", ""),
                currency=cells.get("currency") or file.currency or "",
                cost_currency=cells.get("cost_currency") or None,
                features=tuple(cells.get("features", "").replace("/", " ").split()),
                **amounts,
            )
        )
    except BadInput as error:
        problems.add(line, str(error))
        return None
    return line, number, state


class _CopyLines(io.TextIOBase):
    """Numbers as the lines that COPY reads, made as it asks for them."""

    def __init__(self, rows: Iterator[Row], progress: Progress) -> None:
        self._rows = rows
        self._progress = progress
        self.row_count = 0
        self.failure: BadInput | None = None  # an exception in read would reach us as one of psycopg2's

    def read(self, size: int | None = -1) -> str:
        """Return lines of about *size* characters; an empty string after the last."""
        lines: list[str] = []
        length = 0
        try:
            for line, number, state in self._rows:
                lines.append(_copy_line(number, state))
                length += len(lines[-1])
                self.row_count += 1
                if self.row_count % TOLD_EVERY == 0:
                    self._progress(line)
                if size is not None and 0 < size <= length:
                    break
        except BadInput as error:
            self.failure = error
        return "".join(lines)


def _copy_line(number: Number, state: str) -> str:
    """Return *number* in COPY's text format. Control characters were refused when it was read."""
    columns = {**columns_of(number), "features": "{" + ",".join(number.features) + "}", "state": state}
    return "\t".join(str(columns[name]).replace("\\", "\\\\") for name in _COPIED) + "\n"
