"""
Read rates from files: every bad field is told with its line and column, none stops the reading.

What is read has our columns' names; :mod:`provisioning.rate_layouts` makes them of anybody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from provisioning.moments import instant, parse_moment
from provisioning.numbers import prefix as read_prefix
from provisioning.rate_layouts import PLAIN, Layout
from provisioning.rate_readings import find_reading
from provisioning.rate_rows import Reading, RowError
from provisioning.rate_rules import RULE_COLUMNS, read_rules
from provisioning.rate_texts import Offer
from provisioning.tables import Progress, Unreadable, open_table, sha256_of
from radiusd.errors import BadInput
from rating.money import parse_decimal

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # the beginning of rates that name none
MOST_PROBLEMS = 50  # more are of one kind, and nobody reads them
LONGEST_INCREMENT_S = 86400
DEAREST = 10**6  # per minute; a price beyond it is a lost decimal point
LONGEST_DESCRIPTION = 200
NO_PRICE = -1
RULE_NAMES = frozenset(map(str, RULE_COLUMNS))
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
    closed: bool = False  # no rate, but the end of those that the deck had


@dataclass(slots=True)
class Problems:
    """
    What is wrong with the rows of *source*, up to a bound; *notes* are what was taken for granted.

    *columns*: the number of the column in which a field stands.
    """

    source: str
    found: list[str] = field(default_factory=list)
    columns: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, line: int, message: str, column: int | None = None) -> None:
        """Note that the row at *line* is wrong, in a *column* that the message's field may tell."""
        column = column or self.columns.get(message.partition(":")[0])
        place = f"{line}" if column is None else f"{line}:{column}"
        self.found.append(f"{self.source}:{place}: {message}")

    def note_reading(self, reading: Reading) -> None:
        """Note what a file leaves open."""
        self.notes = []
        if reading.table.part:
            self.notes.append(f"sheet {reading.table.part!r} is read; --sheet names another")
        if reading.ignored:
            self.notes.append(f"columns that do not count: {', '.join(reading.ignored)}")
        if not reading.has_increments:
            self.notes.append("the file has no increments: 1/1 is assumed; --increments says otherwise")

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
    """
    A file of rates, CSV or a spreadsheet, as whoever made it writes them.

    *layout* says what the file does not tell by itself. Prices that name another *currency* are refused.
    *progress* is told how many octets have been read.
    """

    path: Path
    layout: Layout = PLAIN
    currency: str = ""
    progress: Progress | None = None

    @property
    def name(self) -> str:
        """The file's path as it was given."""
        return str(self.path)

    def sha256(self) -> str:
        """Return the hash of the file, and of how it is read. Raises BadInput when it cannot be read."""
        key = self.layout.key()
        content = sha256_of(self.path)
        return hashlib.sha256(f"{content} {key}".encode()).hexdigest() if key else content

    def rates(self, problems: Problems) -> Iterator[tuple[int, Rate]]:
        """Yield each good rate with its line. Raises BadInput when the file or its titles are unusable."""
        layout = self.layout
        table = open_table(self.path, layout.encoding, layout.delimiter, layout.sheet)
        reading = find_reading(table, layout, self.name, self.currency)
        problems.columns = reading.places()
        problems.note_reading(reading)
        rows = reading.table.rows(self.progress)
        while not problems.full:
            try:
                line, cells = next(rows)
            except StopIteration:
                return
            except Unreadable as error:
                problems.add(error.line, str(error))
                return  # where the next row begins is anybody's guess
            if line > reading.header_line:
                yield from _rates_of(reading, line, cells, problems)


def _rates_of(
    reading: Reading, line: int, cells: list[str], problems: Problems
) -> Iterator[tuple[int, Rate]]:
    if any(cells[reading.width :]):
        problems.add(line, f"{len(cells)} fields, where the titles name {reading.width} columns")
        return
    try:
        for named in reading.rates(cells):
            state = Offer(named["offer"])
            if state is not Offer.OPEN:
                named["rate"], named["blocked"] = "", "yes"
            rate = read_rate(named, line, problems)
            if rate is None:
                return
            yield line, rate._replace(blocked=False, closed=True) if state is Offer.CLOSED else rate
    except RowError as error:
        for each in error.errors:
            problems.add(line, str(each), each.place)


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
        if not RULE_NAMES.isdisjoint(cells):
            rules = read_rules(cells)
    except ValueError as error:
        problems.add(line, str(error))
        return None
    if len(values) < len(READERS):
        return None
    rate = Rate._make([*values, rules, False])
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
