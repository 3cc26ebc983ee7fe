"""
Rows of texts out of files: CSV in any usual encoding and with any usual separator, and spreadsheets.

Rows are read one after the other and never kept, so a file of any length will do.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from radiusd.errors import BadInput

DELIMITERS = ",;\t|"
CHUNK = 1 << 20
LOOKED_AT = 30  # rows from which the separator is found
SIGNIFICANT_DIGITS = 15  # of a number in a spreadsheet: what it shows, and what its maker typed
MOST_UNPACKED = 2 << 30  # octets of a workbook's parts together
MOST_SHEETS = 10  # that are looked at for rates
FORMULAS_IN = 1 << 17  # octets of a sheet in which formulas without results are looked for
_UNCOUNTED = re.compile(rb'<c r="([A-Z]+[0-9]+)"[^>]*><f[^>]*>[^<]*</f>(?:<v ?/>|<v></v>)?</c>')
SPREADSHEETS = (".xlsx", ".xlsm")

Row = tuple[int, list[str]]
"""A line's number and its cells, without blanks around them."""

Progress = Callable[[int], None]
"""Is told how many octets of the file have been read, now and then."""


class Unreadable(Exception):
    """A line is no row; what follows cannot be read either. The message says why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Table(Protocol):
    """A file of rows; it can be read more than once."""

    def rows(self, progress: Progress | None = None) -> Iterator[Row]:
        """Yield the rows that are not blank; raises Unreadable where the file ends to make sense."""

    def delimiters(self) -> Sequence[str]:
        """Return what may separate its cells; a spreadsheet has no choice."""

    def separated_by(self, delimiter: str) -> Table:
        """Return the same file, its cells separated by *delimiter*."""

    def others(self) -> Sequence[Table]:
        """Return what else the file holds, to be tried when this is no table of rates: other sheets."""

    @property
    def part(self) -> str:
        """What of the file this is, where that was not asked for: the sheet's name; else empty."""


def open_table(path: Path, encoding: str = "", delimiter: str = "", sheet: str = "") -> Table:
    """
    Return the rows of the file at *path*; what is empty is found out.

    Raises:
        BadInput: The file cannot be read, or is not in that encoding.
    """
    if path.suffix.lower() in SPREADSHEETS:
        return Spreadsheet(path, sheet)
    return CsvFile(path, encoding or find_encoding(path), delimiter)


def sha256_of(path: Path) -> str:
    """Return the hash of the file. Raises BadInput when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def find_encoding(path: Path) -> str:
    """Return the encoding of the text at *path*: by its byte order mark, else UTF-8, else Windows-1252."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if b"\0" in start:  # a first character of ASCII without the mark
                return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
            file.seek(0)
            return "utf-8-sig" if _is_utf8(iter(lambda: file.read(CHUNK), b"")) else "cp1252"
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def _is_utf8(chunks: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A text file of rows. *delimiter* empty: not known yet."""

    path: Path
    encoding: str
    delimiter: str = ""

    def delimiters(self) -> Sequence[str]:
        """Return the separators that stand in the first rows, or the one that is known."""
        if self.delimiter:
            return self.delimiter
        with self._open() as (file, _):
            head = "".join(islice(file, LOOKED_AT))
        return [each for each in DELIMITERS if each in head] or [","]

    def separated_by(self, delimiter: str) -> CsvFile:
        """Return the same file with this separator."""
        return CsvFile(self.path, self.encoding, delimiter)

    def others(self) -> Sequence[Table]:
        """Return nothing."""
        return ()

    @property
    def part(self) -> str:
        """Nothing: it is the whole."""
        return ""

    def rows(self, progress: Progress | None = None) -> Iterator[Row]:
        """Yield the rows that are not blank."""
        with self._open() as (file, raw):
            reader = csv.reader(file, delimiter=self.delimiter or ",", strict=True)
            before = 0
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    break
                except csv.Error as error:
                    raise Unreadable(before + 1, f"not CSV: {error}") from error
                line, before = before + 1, reader.line_num
                if any(cells):
                    yield line, [cell.strip() for cell in cells]
                if progress is not None and not before % 4096:
                    progress(raw.tell())

    def _open(self) -> Any:
        return _Text(self.path, self.encoding)


class _Text:
    """A file as text, and its octets, of which the position is asked. Errors name the file."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding = path, encoding

    def __enter__(self) -> tuple[io.TextIOWrapper, io.BufferedReader]:
        try:
            self._raw = self._path.open("rb")
            self._text = io.TextIOWrapper(self._raw, encoding=self._encoding, newline="")
        except OSError as error:
            raise BadInput(f"{self._path}: cannot be read: {error.strerror}") from error
        except LookupError as error:
            self._raw.close()
            raise BadInput(f"{self._path}: encoding: {error}") from error
        return self._text, self._raw

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._text.close()
        if isinstance(error, UnicodeError):
            raise BadInput(
                f"{self._path}: not {self._encoding} ({error}); save it as UTF-8, or give --encoding"
            ) from error


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """A sheet of an Excel workbook; *sheet* empty: its first."""

    path: Path
    sheet: str = ""
    part: str = ""

    def delimiters(self) -> Sequence[str]:
        """Return one that stands for none."""
        return ("",)

    def separated_by(self, delimiter: str) -> Spreadsheet:
        """Return itself."""
        return self

    def others(self) -> Sequence[Spreadsheet]:
        """Return the sheets behind the first, if none was asked for."""
        if self.sheet:
            return ()
        with closing(self._book()) as book:
            names = [sheet.title for sheet in book.worksheets]
        return [Spreadsheet(self.path, name, name) for name in names[1:MOST_SHEETS]]

    def _book(self) -> Any:
        from openpyxl import load_workbook  # slow to import, and few decks need it
        from openpyxl.utils.exceptions import InvalidFileException

        try:
            _refuse_bombs(self.path)
            return load_workbook(self.path, read_only=True, data_only=True, keep_links=False)
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be read: {error.strerror}") from error
        except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError) as error:
            raise BadInput(f"{self.path}: not an Excel workbook: {error}") from error

    def rows(self, progress: Progress | None = None) -> Iterator[Row]:
        """Yield the rows that are not blank, numbers and dates as texts."""
        with closing(self._book()) as book:
            size = self.path.stat().st_size
            names = [sheet.title for sheet in book.worksheets]
            if self.sheet and self.sheet not in names:
                raise BadInput(
                    f"{self.path}: no sheet is called {self.sheet!r}; there are {', '.join(names)}"
                )
            sheet = book[self.sheet] if self.sheet else book.worksheets[0]
            _refuse_formulas(self.path, sheet._worksheet_path)
            total = sheet.max_row or 0
            try:
                for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
                    cells = [_cell_text(value) for value in values]
                    if any(cells):
                        yield line, cells
                    if progress is not None and total and not line % 4096:
                        progress(size * line // total)
            except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
                raise BadInput(f"{self.path}: not an Excel workbook: {error}") from error


def _refuse_bombs(path: Path) -> None:
    """Raise BadInput when a workbook would unpack into more than any deck is."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MOST_UNPACKED:
        raise BadInput(f"{path}: it unpacks into {unpacked >> 20} MB; no workbook of rates has over 2048")


def _refuse_formulas(path: Path, part: str) -> None:
    """Raise BadInput when the sheet in *part* has formulas without results, as programs write them."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part) as sheet:
            match = _UNCOUNTED.search(sheet.read(FORMULAS_IN))
    except KeyError:
        return  # openpyxl tells
    if match is not None:
        raise BadInput(
            f"{path}: cell {match[1].decode()} is a formula whose result the file does not hold; "
            "open it with a spreadsheet program, save it, and import that"
        )


def _cell_text(value: object) -> str:
    """Return a cell's value as it would be typed. What a number has beyond 15 digits is its binary form's."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            text = f"{value:.{SIGNIFICANT_DIGITS}g}"
            return format(Decimal(text), "f") if "e" in text else text
        case datetime():
            return value.isoformat() if value.time() != time() else value.date().isoformat()
        case _:
            return str(value).strip()
