"""
Read rates from CSV files: every bad field is told with its line, none stops the reading.

The first line names the columns, in any order; comma, semicolon and tab may separate them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from provisioning.moments import instant, parse_moment
from provisioning.numbers import prefix as read_prefix
from provisioning.rate_rules import RULE_COLUMNS, read_rules
from radiusd.errors import BadInput
from rating.money import parse_decimal

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # the beginning of rates that name none
MOST_PROBLEMS = 50  # more are of one kind, and nobody reads them
LONGEST_INCREMENT_S = 86400
DEAREST = 10**6  # per minute; a price beyond it is a lost decimal point
LONGEST_DESCRIPTION = 200
DELIMITERS = ",;\t|"
REQUIRED = ("prefix", "rate", "initial", "increment")
OPTIONAL = ("description", "connect_fee", "effective", "expires", "blocked", "origin", *RULE_COLUMNS)
NO_PRICE = -1
YES, NO = ("yes", "y", "true", "1", "blocked"), ("", "no", "n", "false", "0")


class Rate(NamedTuple):
    """A rate as the table keeps it; the columns' order is that of :data:`provisioning.decks.COPY`."""

    prefix: str
    description: str
    price_nano: int
    connect_fee_micros: int
    initial_s: int
    increment_s: int
    effective_at: datetime
    expires_at: datetime | None
    blocked: bool
    origin: str = ""
    rules: str | None = None  # JSON; see provisioning.rate_rules


@dataclass(slots=True)
class Problems:
    """What is wrong with the rows of *source*, up to a bound."""

    source: str
    found: list[str] = field(default_factory=list)

    def add(self, place: int, message: str) -> None:
        """Note that the row at *place*, its line, is wrong."""
        self.found.append(f"{self.source}:{place}: {message}")

    def __bool__(self) -> bool:
        return bool(self.found)

    @property
    def full(self) -> bool:
        """Whether more would help nobody."""
        return len(self.found) >= MOST_PROBLEMS

    def refuse(self) -> None:
        """Raise BadInput with everything that was noted, if anything was."""
        if self.found:
            more = "\n... and perhaps more" if self.full else ""
            raise BadInput("\n".join(self.found) + more + "\nNothing was imported.")


class RateSource(Protocol):
    """Where rates come from; it can be read more than once."""

    @property
    def name(self) -> str:
        """What messages and the deck's version call it."""

    def sha256(self) -> str:
        """Return the hash of the content: the same rates are not imported twice."""

    def rates(self, problems: Problems) -> Iterator[tuple[int, Rate]]:
        """Yield each good rate with its line, and note the bad ones in *problems*."""


@dataclass(frozen=True, slots=True)
class RateFile:
    """A CSV file of rates."""

    path: Path

    @property
    def name(self) -> str:
        """The file's path as it was given."""
        return str(self.path)

    def sha256(self) -> str:
        """Return the hash of the file. Raises BadInput when it cannot be read."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be read: {error.strerror}") from error

    def rates(self, problems: Problems) -> Iterator[tuple[int, Rate]]:
        """Yield each good rate with its line. Raises BadInput when the file or its first line is unusable."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            try:
                yield from _rates_in(file, problems)
            except UnicodeDecodeError as error:
                raise BadInput(f"{self.path}: not UTF-8 ({error.reason}); save the file as UTF-8") from error


def _rates_in(file: TextIO, problems: Problems) -> Iterator[tuple[int, Rate]]:
    first = file.readline()
    delimiter = max(DELIMITERS, key=first.count)
    columns = _columns_in(next(csv.reader([first], delimiter=delimiter), []), problems.source)
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    while not problems.full:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(rows.line_num + 1, f"not CSV: {error}")
            return  # where the next row begins is anybody's guess
        line = rows.line_num + 1
        if not any(cells):
            continue
        if len(cells) != len(columns):
            problems.add(line, f"{len(cells)} fields, where the first line names {len(columns)} columns")
            continue
        rate = read_rate(dict(zip(columns, map(str.strip, cells), strict=True)), line, problems)
        if rate is not None:
            yield line, rate


def _columns_in(header: list[str], source: str) -> list[str]:
    """Return the columns' names. Raises BadInput when one is missing, unknown or there twice."""
    columns = [name.strip().lower().replace(" ", "_") for name in header]
    known = f"it must name {', '.join(REQUIRED)} and may name {', '.join(OPTIONAL)}"
    for name in REQUIRED:
        if name not in columns:
            raise BadInput(f"{source}:1: the first line names no column {name}; {known}")
    for name in columns:
        if name not in REQUIRED + OPTIONAL:
            raise BadInput(f"{source}:1: column {name[:40]!r} is unknown; {known}")
        if columns.count(name) > 1:
            raise BadInput(f"{source}:1: column {name} is there twice")
    return columns


def read_rate(cells: Mapping[str, str], line: int, problems: Problems) -> Rate | None:
    """Return the rate in *cells*, by column; None when *problems* got to know what is wrong with it."""
    values: list[Any] = []
    for column, reader in READERS:
        try:
            values.append(reader(column, cells.get(column, "")))
        except BadInput as error:
            problems.add(line, str(error))
        except ValueError as error:
            problems.add(line, f"{column}: {error}")
    rules = None
    try:
        rules = read_rules(cells)
    except ValueError as error:
        problems.add(line, str(error))
        return None
    if len(values) < len(READERS):
        return None
    rate = Rate._make([*values, rules])
    if rate.expires_at is not None and rate.expires_at <= rate.effective_at:
        problems.add(line, "expires: it is not after effective")
        return None
    if rate.price_nano == NO_PRICE:
        if not rate.blocked:
            problems.add(line, "rate: it is empty; write 0 for calls that cost nothing")
            return None
        return rate._replace(price_nano=0)
    return rate


def _text(_column: str, text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION or not text.isprintable():
        raise ValueError(f"use up to {LONGEST_DESCRIPTION} characters that print")
    return text


def _price(_column: str, text: str) -> int:
    """Return a price per minute in 10^-9 of the currency; an empty one as NO_PRICE."""
    return _scaled(text, 9) if text else NO_PRICE


def _fee(_column: str, text: str) -> int:
    return _scaled(text, 6) if text else 0


def _scaled(text: str, decimals: int) -> int:
    units, places = parse_decimal(text)
    scaled, rest = divmod(units * int(10**decimals), int(10**places))
    if rest:
        raise ValueError(f"{text} has more than {decimals} decimals")
    if not 0 <= scaled <= DEAREST * 10**decimals:
        raise ValueError(f"{text} is not from 0 to {DEAREST}")
    return scaled


def _seconds(_column: str, text: str) -> int:
    if (
        not text.isascii()
        or not text.isdecimal()
        or len(text) > 5
        or not 1 <= int(text) <= LONGEST_INCREMENT_S
    ):
        raise ValueError(f"{text[:40]!r} is not a number of seconds from 1 to {LONGEST_INCREMENT_S}")
    return int(text)


def _instant(column: str, text: str) -> datetime:
    return instant(column, parse_moment(column, text), UTC)


def _begin(column: str, text: str) -> datetime:
    return _instant(column, text) if text else ALWAYS


def _end(column: str, text: str) -> datetime | None:
    return _instant(column, text) if text else None


def _flag(_column: str, text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValueError(f"{text[:40]!r} is neither yes nor no")
    return text.lower() in YES


remembering = lru_cache(maxsize=4096)
"""A deck has few prices, increments and dates, and each a thousand times."""

READERS: tuple[tuple[str, Callable[[str, str], object]], ...] = (
    ("prefix", read_prefix),
    ("description", _text),
    ("rate", remembering(_price)),
    ("connect_fee", remembering(_fee)),
    ("initial", remembering(_seconds)),
    ("increment", remembering(_seconds)),
    ("effective", remembering(_begin)),
    ("expires", remembering(_end)),
    ("blocked", remembering(_flag)),
    ("origin", _text),
)
"""How each column is read but the rules, in the order of :class:`Rate`."""
