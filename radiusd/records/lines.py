"""The lines and CSV rows of a file of any size: each with its place, none longer than we bear."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple, cast

from radiusd.errors import BadInput
from radiusd.records.record import Entry, Outcome, Outcomes, PassedOver, RecordError, SetAside, excerpt
from radiusd.records.utf16 import BOMS, FromUtf16

LONGEST_LINE = 1 << 16
MOST_LINES_OF_A_ROW = 20
SHORTEST_ROW = 12
DELIMITERS = ",\t;|"
_TOO_SHORT = f"no record has less than {SHORTEST_ROW} characters"
ENCODINGS = ("auto", "utf-8", "iso-8859-1", "windows-1252")
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line without its end; *octets* is all of it, for a digest."""

    number: int
    offset: int
    octets: bytes
    text: str


class Row(NamedTuple):
    """The cells of a row, where it stands and its octets."""

    line: int
    offset: int
    octets: bytes
    cells: list[str]


def read_encoding(settings: Mapping[str, str]) -> str:
    """Return the setting *encoding*. Raises BadInput."""
    encoding = settings.get("encoding", "auto").lower()
    if encoding not in ENCODINGS:
        raise BadInput(f"setting encoding: {encoding!r} is none of {', '.join(ENCODINGS)}")
    return encoding


def lines(file: BinaryIO, encoding: str = "auto", longest: int = LONGEST_LINE) -> Iterator[Line | SetAside]:
    """
    Yield the lines of *file* that are not blank.

    With *encoding* "auto" a line that is not UTF-8 is Latin-1, which every octet is. A file that begins with
    the byte order mark of UTF-16 is that, and its octets are counted as those of UTF-8. Lines end with LF,
    CRLF or, of a file that has no LF to begin with, CR.
    """
    first_try = "utf-8" if encoding == "auto" else encoding
    number, offset = 0, file.tell() if file.seekable() else 0
    while octets := file.readline(longest + 1):
        number += 1
        if number == 1 and octets.startswith(BOMS):
            file = cast(BinaryIO, FromUtf16(file, octets))
            first_try = "utf-8"
            octets = file.readline(longest + 1)
        if number == 1 and b"\r" in octets and not octets.endswith(b"\n"):
            file = cast(BinaryIO, _CarriageReturns(file, octets))
            octets = file.readline(longest + 1)
        begin, offset = offset, offset + len(octets)
        if len(octets) > longest and not octets.endswith(b"\n"):
            offset += _skip_rest(file, longest)
            yield _aside(f"a line of more than {longest} octets is no record", number, begin, octets)
            continue
        if number == 1:
            if octets.startswith(_BOM):
                octets = octets[len(_BOM) :]
        octets = octets.strip(b"\r\n\0\x1a")  # DOS ends files with Ctrl-Z, and serial lines pad with NUL
        if not octets or octets.isspace():
            continue
        if b"\0" in octets:
            yield _aside("an octet 0 within the line; it is cut off or overwritten", number, begin, octets)
            continue
        try:
            text = octets.decode(first_try)
        except UnicodeDecodeError as error:
            if encoding != "auto":
                yield _aside(f"not {encoding} ({error.reason})", number, begin, octets)
                continue
            text = octets.decode("latin-1")
        yield Line(number, begin, octets, text)


class _CarriageReturns:
    """A file whose lines end with CR alone: printers of PBXs can be set so. *begun* was read of it."""

    def __init__(self, file: BinaryIO, begun: bytes) -> None:
        self._file = file
        self._octets, self._at = begun, 0

    def readline(self, limit: int) -> bytes:
        """Return the next line, or so much of it."""
        while (end := self._octets.find(b"\r", self._at) + 1) == 0:
            if len(self._octets) - self._at >= limit or not (more := self._file.read(LONGEST_LINE)):
                end = len(self._octets)
                break
            self._octets, self._at = self._octets[self._at :] + more, 0
        begin, self._at = self._at, min(end, self._at + limit)
        return self._octets[begin : self._at]


def _skip_rest(file: BinaryIO, longest: int) -> int:
    skipped = 0
    while octets := file.readline(longest):
        skipped += len(octets)
        if octets.endswith((b"\n", b"\r")):
            break
    return skipped


def _aside(reason: str, number: int, offset: int, octets: bytes) -> SetAside:
    return SetAside(reason=reason, line=number, offset=offset, raw=octets[:LONGEST_LINE])


def split_row(text: str, delimiter: str = ",") -> list[str]:
    """Return the cells of a row in which quotes are doubled, as RFC 4180 says. Raises csv.Error."""
    if '"' not in text:
        return text.split(delimiter)
    return next(csv.reader((text,), delimiter=delimiter, strict=True), [])


def split_loosely(text: str, delimiter: str = ",") -> list[str]:
    """
    Return the cells of a row whose writer put quotes around values and left those inside them alone.

    A quote ends its cell when a delimiter or the end follows, and behind the delimiter no blank.
    """
    cells: list[str] = []
    at, opening, closing = 0, delimiter + '"', '"' + delimiter
    while at <= len(text):
        if text[at : at + 1] == '"':
            end = _closing_quote(text, at + 1, closing)
            cells.append(text[at + 1 : end])
            at = end + 2
        elif (quoted := text.find(opening, at)) >= 0:
            cells += text[at:quoted].split(delimiter)
            at = quoted + 1
        else:
            return cells + text[at:].split(delimiter)
    return cells


def _closing_quote(text: str, at: int, closing: str) -> int:
    quote = text.find(closing, at)
    while quote >= 0 and text[quote + 2 : quote + 3] == " ":
        quote = text.find(closing, quote + 1)
    if quote >= 0:
        return quote
    return len(text) - 1 if text.endswith('"') and len(text) > at else len(text)


def split_either_way(text: str, delimiter: str = ",") -> list[str]:
    """Return the cells of a row by the standard, or loosely where it does not keep to it."""
    try:
        return split_row(text, delimiter)
    except csv.Error:
        return split_loosely(text, delimiter)


def plain_rows(
    file: BinaryIO, split: Callable[[str], list[str]], encoding: str = "auto"
) -> Iterator[Row | SetAside]:
    """Yield the rows of a file in which every line is one."""
    for line in lines(file, encoding):
        if isinstance(line, SetAside):
            yield line
        elif len(line.text) < SHORTEST_ROW:
            yield _aside(_TOO_SHORT, line.number, line.offset, line.octets)
        else:
            yield Row(line.number, line.offset, line.octets, split(line.text))


class Rows:
    """
    The CSV rows of a file. A row may go over several lines, within quotes.

    *whole* tells whether cells are those of a row: by it a stray quote, which must not swallow the rows
    behind it, is told from a value with a line end in it. With *delimiter* "" the first line tells which
    it is. A line of less than *shortest* characters is no row; the first *skip_lines* are rows of one cell.
    """

    def __init__(
        self,
        file: BinaryIO,
        whole: Callable[[list[str]], bool],
        *,
        encoding: str = "auto",
        delimiter: str = ",",
        shortest: int = SHORTEST_ROW,
        skip_lines: int = 0,
    ) -> None:
        self._lines = lines(file, encoding)
        self._ahead: deque[Line | SetAside] = deque()
        self._whole = whole
        self._delimiter = delimiter
        self._shortest = shortest
        self._skip_lines = skip_lines

    def __iter__(self) -> Iterator[Row | SetAside]:
        while (line := self._next()) is not None:
            if isinstance(line, SetAside):
                yield line
                continue
            if line.number <= self._skip_lines:
                yield Row(line.number, line.offset, line.octets, [line.text])
                continue
            if len(line.text) < self._shortest:
                yield _aside(_TOO_SHORT, line.number, line.offset, line.octets)
                continue
            if not self._delimiter:
                self._delimiter = max(DELIMITERS, key=line.text.count)
            if line.text.count('"') % 2 == 0:
                yield self._row(line)
            else:
                yield self._long_row(line)

    def _next(self) -> Line | SetAside | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def _row(self, line: Line) -> Row:
        return Row(line.number, line.offset, line.octets, split_either_way(line.text, self._delimiter))

    def _long_row(self, first: Line) -> Row:
        """Return the row that begins in *first* with an odd number of quotes."""
        text, octets = first.text, first.octets
        for taken in range(MOST_LINES_OF_A_ROW):
            if len(self._ahead) <= taken:
                following = next(self._lines, None)
                if following is None:
                    break
                self._ahead.append(following)
            following = self._ahead[taken]
            if isinstance(following, SetAside) or len(octets) > LONGEST_LINE:
                break
            text = f"{text}\n{following.text}"
            octets = b"\n".join((octets, following.octets))
            if following.text.count('"') % 2 == 0:
                continue
            cells = self._whole_row(text)
            if cells is None:
                break
            for _ in range(taken + 1):
                self._ahead.popleft()
            return Row(first.number, first.offset, octets, cells)
        alone = split_loosely(first.text, self._delimiter)
        return Row(first.number, first.offset, first.octets, alone)

    def _whole_row(self, text: str) -> list[str] | None:
        """Return the cells of *text* when it is one whole row by the standard."""
        try:
            cells = split_row(text, self._delimiter)
        except csv.Error:
            return None
        return cells if self._whole(cells) else None


Reads = Callable[[Row], Entry | PassedOver | None]


def read_each(rows: Iterator[Row | SetAside], read: Reads) -> Outcomes:
    """Yield what *read* makes of each row; a row that it cannot read is set aside."""
    for row in rows:
        yield row if isinstance(row, SetAside) else read_one(row, read)


def read_one(row: Row, read: Reads) -> Outcome:
    """Return what *read* makes of *row*; set aside when it cannot be read."""
    try:
        outcome = read(row)
    except RecordError as error:
        return aside(row, error)
    return outcome if outcome is not None else passed_over(row, "no record")


def aside(row: Row | Line, error: RecordError) -> SetAside:
    """Return *row* as set aside for *error*."""
    return SetAside(reason=error.reason, field=error.field, line=row[0], offset=row[1], raw=row[2])


def passed_over(row: Row | Line, reason: str) -> PassedOver:
    """Return *row* as rightly no record."""
    return PassedOver(reason=reason, line=row[0], offset=row[1])


def require_cells(row: Row, least: int) -> None:
    """Raise RecordError when *row* has less than *least* cells."""
    if len(row.cells) < least:
        first = excerpt(row.cells[0][:40]) if row.cells else "nothing"
        raise RecordError(f"{len(row.cells)} fields, of which the first is {first}; it needs {least}")
