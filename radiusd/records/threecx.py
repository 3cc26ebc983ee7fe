"""3CX: call records in the order of columns that its CDR output is set to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO
from zoneinfo import ZoneInfo

from radiusd.records.lines import Row, Rows, passed_over, read_each, read_encoding, require_cells
from radiusd.records.record import Direction, Entry, Outcomes, PassedOver, Record
from radiusd.records.stamps import read_zone, settle, stamp
from radiusd.records.timing import timing, was_answered
from radiusd.records.values import duration_ms, number, own_key, setting_columns

NAME = "3cx-cdr"
USUAL = (
    "historyid", "callid", "duration", "time-start", "time-answered", "time-end", "reason-terminated",
    "from-no", "to-no", "from-dn", "to-dn", "dial-no", "reason-changed", "final-number", "final-dn",
    "bill-code", "bill-rate", "bill-cost", "bill-name", "chain", "from-type", "to-type", "final-type",
    "from-dispname", "to-dispname", "final-dispname", "missed-queue-calls",
)  # fmt: skip
SETTINGS = {
    "zone": "time zone of the records, unless 3CX is set to write UTC",
    "columns": "names of the columns as 3CX is set to write them, separated by commas",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
OWN_KEY = ("historyid", "callid", "time-start")
_COUNT = ("duration", "time-end", "from-no", "to-no")
_CALL = "Call "
_EXTENSION = "ext."
_OUTSIDE = re.compile(r"line|provider|trunk|gateway|bridge|external", re.IGNORECASE)


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a file or stream of 3CX tells. Raises BadInput for settings."""
    columns = tuple(name.lower() for name in setting_columns(settings, "columns", USUAL))
    reader = _Reader(columns, read_zone(settings))
    return read_each(iter(Rows(file, reader.is_whole, encoding=read_encoding(settings))), reader.read)


class _Reader:
    def __init__(self, columns: tuple[str, ...], zone: ZoneInfo) -> None:
        self._zone = zone
        self._use(columns)

    def _use(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        # Up to the column that ends a record which tells all that counts: newer ones come behind it.
        self._least = 1 + max((columns.index(name) for name in _COUNT if name in columns), default=0)
        self._call_at = columns.index("historyid") if "historyid" in columns else None

    def is_whole(self, cells: list[str]) -> bool:
        """Tell whether *cells* are those of a row."""
        return len(cells) >= self._least

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        cells = row.cells
        if cells[0].strip().lower() == self._columns[0]:
            self._use(tuple(cell.strip().lower() for cell in cells))
            return passed_over(row, "column names")
        at = self._call_at
        if at is not None and not (at < len(cells) and cells[at].lstrip().startswith(_CALL)):
            return passed_over(row, "no details of a call")
        require_cells(row, self._least)
        return self._entry(row, dict(zip(self._columns, map(str.strip, cells), strict=False)))

    def _entry(self, row: Row, fields: dict[str, str]) -> Entry:
        get = fields.get
        lasted_ms = duration_ms(get("duration", ""), "duration")
        span = settle(
            stamp(get("time-start", ""), self._zone, "time-start"),
            stamp(get("time-answered", ""), self._zone, "time-answered"),
            stamp(get("time-end", ""), self._zone, "time-end"),
            lasted_ms,
        )
        answered = was_answered(span.answer, "time-answered" in fields, lasted_ms)
        times = timing(span, lasted_ms, answered)
        caller = _is_extension(fields, "from")
        callee = _is_extension(fields, "to")
        final = "final" if _is_extension(fields, "final") else "to"
        return Entry(
            record=Record(
                source=NAME,
                calling=_number(fields, "from"),
                called=_number(fields, "to") or number(get("dial-no", "")) or _number(fields, "final"),
                direction=_direction(_is_inside(fields, "from", caller), _is_inside(fields, "to", callee)),
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=answered,
                call_id=get("historyid", "").removeprefix(_CALL).strip() or get("callid") or None,
                extension=_number(fields, "from") if caller else _number(fields, final) if callee else None,
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=own_key(fields, OWN_KEY) if get("historyid") and get("callid") else "",
            duration_ms=times.ms,
            fields=fields,
        )


def _name(party: str) -> str:
    return "final-number" if party == "final" else f"{party}-no"


def _number(fields: Mapping[str, str], party: str) -> str | None:
    written = fields.get(_name(party), "")
    if written[: len(_EXTENSION)].lower() == _EXTENSION:
        written = written[len(_EXTENSION) :]
    return number(written)


def _is_extension(fields: Mapping[str, str], party: str) -> bool:
    """Tell whether *party* is an extension: its type says so, it is marked, or it is its own DN."""
    kind = fields.get(f"{party}-type", "").lower()
    if kind:
        return kind == "extension"
    written = fields.get(_name(party), "")
    is_marked = written[: len(_EXTENSION)].lower() == _EXTENSION
    return is_marked or (written != "" and written == fields.get(f"{party}-dn"))


def _is_inside(fields: Mapping[str, str], party: str, is_extension: bool) -> bool:
    """Tell whether *party* is on our side of the trunks: an extension, or a queue, a ring group, an IVR."""
    kind = fields.get(f"{party}-type", "")
    return _OUTSIDE.search(kind) is None if kind else is_extension


def _direction(caller: bool, callee: bool) -> Direction | None:
    if caller:
        return "internal" if callee else "out"
    return "in" if callee else None
