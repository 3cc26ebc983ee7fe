"""Asterisk's ``Master.csv`` (cdr_csv) and files of templates (cdr_custom)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

from radiusd.dialects.asterisk import dialled_number
from radiusd.dialects.values import header_number
from radiusd.records.lines import Row, Rows, passed_over, read_each, read_encoding, require_cells
from radiusd.records.record import Entry, Outcomes, PassedOver, Record, RecordError
from radiusd.records.stamps import read_zone, settle, since_epoch, stamp
from radiusd.records.timing import timing, was_answered
from radiusd.records.values import duration_ms, number, own_key, setting_columns, text, whole

NAME = "asterisk-csv"
USUAL = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
NEWER = ("peeraccount", "linkedid", "sequence")
BY_SETTING: Mapping[int, tuple[tuple[str, ...], ...]] = {
    0: ((),),
    1: (("uniqueid",), ("userfield",)),
    2: (("uniqueid", "userfield"),),
    3: (NEWER,),
    4: (("uniqueid", *NEWER), ("userfield", *NEWER)),
}
"""What may follow, by the count of it: loguniqueid, loguserfield and newcdrcolumns are set or not."""

BY_BUILD = ("uniqueid", "userfield", *NEWER)
OWN_KEY = ("uniqueid", "start", "end", "dst", "dstchannel", "billsec", "disposition")
"""One call may give several rows under its unique id."""

SETTINGS = {
    "zone": "time zone of the server's clock; UTC when the file has `usegmtime`",
    "template": "columns of cdr_custom: names separated by commas, or the line of cdr_custom.conf",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
_ANSWERED = ("ANSWERED", "8")  # the number is AST_CDR_ANSWERED, which CDR(disposition,u) gives
_MARK_OF_NAMES = b"dst"
_UNIQUE_ID = re.compile(r"(?:.*-)?(\d{9,10})\.\d+")
_CHANNEL_NUMBER = re.compile(r"-[0-9a-fA-F]+(?:;\d)?\Z")
_CDR = re.compile(r"CDR\((\w+)")
_VARIABLE = re.compile(r"\$\{(\w+)")
_NAME = re.compile(r"\w+")


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a file of Asterisk's tells. Raises BadInput for settings."""
    reader = _Reader(template_columns(settings), read_zone(settings))
    return read_each(iter(Rows(file, reader.is_whole, encoding=read_encoding(settings))), reader.read)


def template_columns(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the column names of the setting *template*, be it names or a line of cdr_custom.conf."""
    written = settings.get("template", "")
    if "${" not in written:
        return tuple(name.lower() for name in setting_columns(settings, "template", ()))
    return tuple(_template_name(part) for part in _top_level_parts(written))


def _top_level_parts(template: str) -> Iterator[str]:
    """Yield what stands between the commas outside of braces and brackets."""
    depth, begin = 0, 0
    for at, character in enumerate(template):
        depth += (character in "{(") - (character in "})")
        if character == "," and depth == 0:
            yield template[begin:at]
            begin = at + 1
    yield template[begin:]


def _template_name(part: str) -> str:
    found = _CDR.search(part) or _VARIABLE.search(part) or _NAME.search(part)
    return found[found.lastindex or 0].lower() if found else ""


class _Reader:
    def __init__(self, columns: Sequence[str], zone: ZoneInfo) -> None:
        self._columns = tuple(columns)
        self._zone = zone

    def is_whole(self, cells: list[str]) -> bool:
        """Tell whether *cells* are those of a row: as many as it has columns, with times in their place."""
        columns = self._columns_of(cells)
        if len(cells) != len(columns):
            return False
        fields = dict(zip(columns, cells, strict=True))
        try:
            stamp(fields.get("start", ""), self._zone, "start")
            stamp(fields.get("end", ""), self._zone, "end")
        except RecordError:
            return False
        return True

    def _columns_of(self, cells: Sequence[str]) -> tuple[str, ...]:
        if self._columns:
            return self._columns
        more = len(cells) - len(USUAL)
        first, *others = BY_SETTING.get(more, (BY_BUILD,))
        if others and _UNIQUE_ID.fullmatch(cells[len(USUAL)]) is None:
            (first,) = others
        return (*USUAL, *first)

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        if _MARK_OF_NAMES in row.octets.lower():
            names = tuple(cell.strip().lower() for cell in row.cells)
            if "src" in names and "dst" in names:
                self._columns = names
                return passed_over(row, "column names")
        columns = self._columns_of(row.cells)
        require_cells(row, min(len(USUAL), len(columns)))
        fields = dict(zip(columns, row.cells, strict=False))
        for name in ("channel", "dstchannel"):
            fields[f"{name}_peer"] = peer_of(fields.get(name, ""))
        return self._entry(row, fields)

    def _entry(self, row: Row, fields: dict[str, str]) -> Entry:
        get = fields.get
        unique_id = text(get("uniqueid", ""))
        disposition = text(get("disposition", ""))
        lasted_ms = duration_ms(get("billsec", ""), "billsec")
        setup = stamp(get("start", "") or get("calldate", ""), self._zone, "start")
        release = stamp(get("end", ""), self._zone, "end")
        whole_ms = duration_ms(get("duration", ""), "duration")
        if setup and not release and whole_ms is not None:  # tables of cdr_adaptive_odbc tell the start only
            release = tuple(moment + timedelta(milliseconds=whole_ms) for moment in setup)
        span = settle(
            setup,
            stamp(get("answer", ""), self._zone, "answer"),
            release,
            lasted_ms,
            _begun_by(unique_id),
        )
        answered = (
            disposition.upper() in _ANSWERED
            if disposition
            else was_answered(span.answer, "answer" in fields, lasted_ms)
        )
        times = timing(span, lasted_ms, answered)
        return Entry(
            record=Record(
                source=NAME,
                calling=number(get("src", "")) or number(header_number(get("clid", ""))),
                called=_called(fields),
                direction=None,
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=answered,
                call_id=unique_id,
                account=text(get("accountcode", "")),
                disposition=disposition,
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=own_key(fields, OWN_KEY) if unique_id else "",
            duration_ms=times.ms,
            sequence=whole(get("sequence", ""), "sequence"),
            fields=fields,
        )


def _called(fields: Mapping[str, str]) -> str | None:
    """Return the extension that was called; where that is only a label as ``s``, the number dialled."""
    called = number(fields.get("dst", ""))
    if called and any(map(str.isdigit, called)):
        return called
    return number(dialled_number(fields.get("lastapp", ""), fields.get("lastdata", ""))) or called


def peer_of(channel: str) -> str:
    """Return whose channel it is: ``trunk1`` of ``PJSIP/trunk1-00000063``."""
    _, _, name = channel.partition("/")
    return _CHANNEL_NUMBER.sub("", name)


def _begun_by(unique_id: str | None) -> datetime | None:
    """Return when the channel was made, which a unique id begins with, in UNIX time."""
    match = _UNIQUE_ID.fullmatch(unique_id) if unique_id else None
    return since_epoch(int(match[1])) if match else None
