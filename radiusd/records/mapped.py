"""Files of any other switch: CSV or fixed columns, whose meaning the settings tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from radiusd.errors import BadInput
from radiusd.records.lines import Row, Rows, lines, passed_over, read_each, read_encoding, require_cells
from radiusd.records.record import (
    Direction,
    Entry,
    Outcomes,
    PassedOver,
    Record,
    RecordError,
    SetAside,
    excerpt,
)
from radiusd.records.stamps import Moments, bounded, in_utc, read_zone, settle, stamp
from radiusd.records.timing import timing
from radiusd.records.values import address, bounded_ms, duration_ms, station, text, whole

NAME = "mapped"
SETTINGS = {
    "layout": "csv (default) or fixed",
    "delimiter": "what separates columns of CSV: a character, or tab; else the first line tells",
    "columns": "their names, separated by commas; of fixed columns name:first-last, from 1. CSV without this "
    "setting begins with a line of names",
    "skip_lines": "how many lines to pass over at the beginning",
    "only": "COLUMN=VALUE|VALUE: other rows are passed over",
    "calling": "column of the caller",
    "called": "column of the callee",
    "setup": "column of the beginning; date+time are two columns",
    "answer": "column of the answer",
    "release": "column of the end",
    "duration": "column of the time connected",
    "duration_unit": "s (default), ms or min; h:mm:ss and m:ss are what they say with each",
    "time_format": "form of the times as strptime has it, as %d.%m.%Y %H:%M:%S",
    "zone": "time zone of the times",
    "answered": "COLUMN=VALUE|VALUE: answered calls; else those that lasted or have an answer",
    "direction": "COLUMN=VALUE:in,VALUE:out,VALUE:internal",
    "call_id": "column of the call's id",
    "key": "column that is another one in each record; else the line itself is",
    "account": "column of the account code",
    "extension": "column of the extension",
    "trunk": "column of the trunk on which the call came in",
    "trunk_out": "column of the trunk on which it left",
    "source_ip": "column of the caller's address",
    "cause": "column of the Q.850 cause",
    "sequence": "column of a running number, by which lost records show",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
_MAPPED = (
    "calling", "called", "setup", "answer", "release", "duration", "call_id", "key", "account", "extension",
    "trunk", "trunk_out", "source_ip", "cause", "sequence",
)  # fmt: skip
_COUNT = ("calling", "called", "setup", "answer", "release", "duration")
"""Of a row that is cut before one of them nothing is made up; other columns may be left out at its end."""

_UNITS_MS = {"ms": 1, "min": 60_000}
_FIXED = re.compile(r"(\w+):(\d{1,4})-(\d{1,4})", re.ASCII)
_DIRECTIONS: Mapping[str, Direction] = {"in": "in", "out": "out", "internal": "internal"}


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what *file* tells by its *settings*. Raises BadInput for settings."""
    mapping = _Mapping(settings)
    rows = mapping.fixed_rows(file) if mapping.places else iter(mapping.csv_rows(file))
    return read_each(rows, mapping.read)


class _Choice(NamedTuple):
    """A column and those of its values that count."""

    column: str
    values: frozenset[str]


class _Mapping:
    """The settings, ready for use."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._zone: ZoneInfo = read_zone(settings)
        self._encoding = read_encoding(settings)
        self._unit = settings.get("duration_unit", "s")
        self._time_format = settings.get("time_format", "")
        self._skip_lines = _count(settings)
        self._only = _choice(settings, "only")
        self._answered = _choice(settings, "answered")
        self._direction = _directions(settings)
        self._delimiter = {"tab": "\t"}.get(settings.get("delimiter", ""), settings.get("delimiter", ""))
        self.places = _places(settings) if settings.get("layout") == "fixed" else {}
        self._columns = _names(settings) if not self.places else tuple(self.places)
        self._mapped = {name: tuple(settings[name].split("+")) for name in _MAPPED if settings.get(name)}
        self._tells_answer = not {"answer", "duration"}.isdisjoint(self._mapped)
        self._wrong, self._least = "", 0
        self._check()

    def _check(self) -> None:
        if self._settings.get("layout", "csv") not in ("csv", "fixed"):
            raise BadInput(f"setting layout: {self._settings['layout']!r} is neither csv nor fixed")
        if self._unit != "s" and self._unit not in _UNITS_MS:
            raise BadInput(f"setting duration_unit: {self._unit!r} is none of s, ms, min")
        if len(self._delimiter) > 1:
            raise BadInput("setting delimiter: give one character, or tab")
        if self._time_format and "%" not in self._time_format:
            raise BadInput("setting time_format: write it as strptime has it, as %d.%m.%Y %H:%M:%S")
        for needed, why in (("called", "nothing can be rated without"), ("calling", "nobody pays without")):
            if needed not in self._mapped:
                raise BadInput(f"setting {needed}: name the column; {why} it")
        if not {"setup", "answer", "release"} & set(self._mapped):
            raise BadInput("setting setup: name the column of setup, answer or release")
        if self._columns:
            self._use(self._columns)
            if self._wrong:
                raise BadInput(self._wrong)

    def _use(self, columns: tuple[str, ...]) -> None:
        """Take *columns* for those of the rows to come."""
        self._columns = columns
        named = {column for parts in self._mapped.values() for column in parts}
        named |= {choice.column for choice in (self._only, self._answered) if choice}
        named |= {self._direction[0]} if self._direction else set()
        missing = sorted(named - set(columns))
        self._wrong = ""
        if missing:
            self._wrong = f"there is no column {missing[0]!r}; the columns are {', '.join(columns)}"
        counting = {column for name in _COUNT for column in self._mapped.get(name, ())}
        counting |= {choice.column for choice in (self._only, self._answered) if choice}
        self._least = 1 + max((columns.index(name) for name in counting if name in columns), default=0)

    def csv_rows(self, file: BinaryIO) -> Rows:
        # Column names may be as short as one likes.
        return Rows(
            file,
            self._is_whole,
            encoding=self._encoding,
            delimiter=self._delimiter,
            shortest=0,
            skip_lines=self._skip_lines,
        )

    def _is_whole(self, cells: list[str]) -> bool:
        return len(cells) == len(self._columns)

    def fixed_rows(self, file: BinaryIO) -> Iterator[Row | SetAside]:
        """Yield the columns of each line."""
        for line in lines(file, self._encoding):
            if isinstance(line, SetAside):
                yield line
            else:
                cells = [line.text[begin:end].strip() for begin, end in self.places.values()]
                yield Row(line.number, line.offset, line.octets, cells)

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        if row.line <= self._skip_lines:
            return passed_over(row, "one of the first lines")
        if not self._columns or row.cells[0].strip() == self._columns[0]:
            self._use(tuple(cell.strip() for cell in row.cells))
            return passed_over(row, "column names")
        if self._wrong:
            raise RecordError(self._wrong)
        require_cells(row, self._least)
        fields = dict(zip(self._columns, map(str.strip, row.cells), strict=False))
        if self._only and fields.get(self._only.column, "") not in self._only.values:
            return passed_over(row, f"its {self._only.column} is another one")
        return self._entry(row, fields)

    def _entry(self, row: Row, fields: dict[str, str]) -> Entry:
        value = self._value
        lasted_ms = self._duration(value(fields, "duration"))
        setup, answer, release = (self._moments(fields, name) for name in ("setup", "answer", "release"))
        if not self._tells_answer and release and setup != release:
            answer = setup  # what it tells is when a call began and ended
        answered = self._is_answered(fields, answer, lasted_ms)
        if answered and not answer and not (release and self._tells_answer):
            answer = setup  # a file that tells one time tells when the call began
        span = settle(setup, answer, release, lasted_ms)
        times = timing(span, lasted_ms, answered)
        return Entry(
            record=Record(
                source=NAME,
                calling=station(value(fields, "calling")),
                called=station(value(fields, "called")),
                extension=self._told(fields, "extension"),
                trunk_in=self._told(fields, "trunk"),
                trunk_out=self._told(fields, "trunk_out"),
                direction=self._direction_of(fields),
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=answered,
                call_id=text(value(fields, "call_id")),
                account=self._told(fields, "account"),
                cause=whole(value(fields, "cause"), "cause") if "cause" in self._mapped else UNSET,
                source_ip=address(value(fields, "source_ip")) if "source_ip" in self._mapped else UNSET,
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=value(fields, "key"),
            duration_ms=times.ms,
            sequence=whole(value(fields, "sequence"), "sequence"),
            fields=fields,
        )

    def _value(self, fields: Mapping[str, str], name: str) -> str:
        columns = self._mapped.get(name, ())
        if len(columns) == 1:
            return fields.get(columns[0], "")
        return " ".join(fields.get(column, "") for column in columns).strip()

    def _told(self, fields: Mapping[str, str], name: str) -> str | UnsetType | None:
        return text(self._value(fields, name)) if name in self._mapped else UNSET

    def _duration(self, written: str) -> int | None:
        unit_ms = _UNITS_MS.get(self._unit)
        if unit_ms is None or not written or ":" in written:  # h:mm:ss says its units itself
            return duration_ms(written, "duration")
        count_ms = duration_ms(written, "duration")
        assert count_ms is not None, "it is not empty"
        return bounded_ms(count_ms * unit_ms // 1000, "duration")

    def _moments(self, fields: Mapping[str, str], name: str) -> Moments:
        written = self._value(fields, name)
        if not self._time_format or not written:
            return stamp(written, self._zone, name)
        try:
            found = datetime.strptime(written, self._time_format)  # noqa: DTZ007  # its zone follows
        except ValueError as error:
            raise RecordError(f"{excerpt(written)} is not of the form {self._time_format}", name) from error
        if found.tzinfo is not None:
            return bounded((found.astimezone(UTC),))
        return bounded(in_utc(found, self._zone))

    def _is_answered(self, fields: Mapping[str, str], answer: Moments, lasted_ms: int | None) -> bool:
        if self._answered:
            return fields.get(self._answered.column, "") in self._answered.values
        return bool(lasted_ms) or (bool(answer) and lasted_ms is None)

    def _direction_of(self, fields: Mapping[str, str]) -> Direction | None:
        if self._direction is None:
            return None
        column, meanings = self._direction
        return meanings.get(fields.get(column, ""))


def _names(settings: Mapping[str, str]) -> tuple[str, ...]:
    written = settings.get("columns", "")
    return tuple(name.strip() for name in written.split(",")) if written else ()


def _places(settings: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return where each fixed column begins and ends. Raises BadInput."""
    places = {}
    for part in settings.get("columns", "").split(","):
        match = _FIXED.fullmatch(part.strip())
        if match is None or not 1 <= int(match[2]) <= int(match[3]):
            raise BadInput(f"setting columns: {part.strip()!r} is not name:first-last, as called:27-51 is")
        places[match[1]] = int(match[2]) - 1, int(match[3])
    return places


def _choice(settings: Mapping[str, str], name: str) -> _Choice | None:
    written = settings.get(name, "")
    if not written:
        return None
    column, equals, values = written.partition("=")
    if not equals:
        raise BadInput(f"setting {name}: {written!r} is not COLUMN=VALUE|VALUE")
    return _Choice(column.strip(), frozenset(value.strip() for value in values.split("|")))


def _directions(settings: Mapping[str, str]) -> tuple[str, Mapping[str, Direction]] | None:
    written = settings.get("direction", "")
    if not written:
        return None
    column, _, pairs = written.partition("=")
    meanings: dict[str, Direction] = {}
    for pair in pairs.split(","):
        value, _, meaning = pair.rpartition(":")
        if meaning not in _DIRECTIONS:
            raise BadInput(f"setting direction: {written!r} is not COLUMN=VALUE:in,VALUE:out,VALUE:internal")
        meanings[value.strip()] = _DIRECTIONS[meaning]
    return column.strip(), meanings


def _count(settings: Mapping[str, str]) -> int:
    written = settings.get("skip_lines", "0")
    if not written.isascii() or not written.isdigit() or len(written) > 6:
        raise BadInput(f"setting skip_lines: {written!r} is not a number of lines")
    return int(written)
