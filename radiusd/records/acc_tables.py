"""
The accounting tables of Kamailio and OpenSIPS, dumped as CSV with their column names.

A row is a SIP transaction: the INVITE that was answered and the BYE that ended it are one call. Where
the table tells whole calls (OpenSIPS with ``cdr``, Kamailio's ``acc_cdrs``), a row is one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from radiusd.records.lines import Row, Rows, aside, passed_over, read_encoding
from radiusd.records.record import Entry, Outcome, Outcomes, Record, RecordError, SetAside, excerpt
from radiusd.records.stamps import Moments, read_zone, settle, stamp, to_second
from radiusd.records.timing import Timing, timing
from radiusd.records.values import address, duration_ms, station, text, whole

KAMAILIO, OPENSIPS = "kamailio-acc", "opensips-acc"
MOST_OPEN = 100_000
"""Calls whose BYE has not come yet; beyond it the oldest is told as open."""
SETTINGS = {
    "zone": "time zone of the table's times",
    "calling": "column of the caller; default: src_user, else from_uri and the like",
    "called": "column of the callee; default: dst_user, else ruri, to_uri and the like",
    "source_ip": "column of the caller's address; default: src_ip",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
_CALLING = ("src_user", "caller", "from_user", "fuser", "from_uri", "calling")
_CALLED = ("dst_user", "callee", "ruri_user", "to_user", "dst_ouser", "ruri", "to_uri", "called")
_SOURCE_IP = ("src_ip", "source_ip", "srcip", "ip")
_NULLS = frozenset(("\\N", "NULL", "null"))
_CHALLENGES = (401, 407)


def read_kamailio(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a dump of acc, missed_calls or acc_cdrs tells. Raises BadInput for settings."""
    return _read(file, KAMAILIO, settings)


def read_opensips(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a dump of OpenSIPS's acc or missed_calls tells. Raises BadInput for settings."""
    return _read(file, OPENSIPS, settings)


def _read(file: BinaryIO, name: str, settings: Mapping[str, str]) -> Outcomes:
    reader = _Reader(name, settings)
    return reader.read_all(iter(Rows(file, reader.is_whole, encoding=read_encoding(settings), delimiter="")))


_Dialogue = tuple[str, frozenset[str]]


class _Half(NamedTuple):
    """An INVITE that was answered, or a BYE, and when."""

    row: Row
    fields: Mapping[str, str]
    at: Moments


class _Reader:
    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self._name = name
        self._zone: ZoneInfo = read_zone(settings)
        self._calling = (settings["calling"],) if "calling" in settings else _CALLING
        self._called = (settings["called"],) if "called" in settings else _CALLED
        self._source_ip = (settings["source_ip"],) if "source_ip" in settings else _SOURCE_IP
        self._columns: tuple[str, ...] = ()
        self._open: OrderedDict[_Dialogue, _Half] = OrderedDict()
        self._ended: OrderedDict[_Dialogue, _Half] = OrderedDict()  # whose BYE came before an INVITE
        self._over: OrderedDict[_Dialogue, None] = OrderedDict()

    def is_whole(self, cells: list[str]) -> bool:
        """Tell whether *cells* are those of a row."""
        return len(cells) == len(self._columns)

    def read_all(self, rows: Iterator[Row | SetAside]) -> Outcomes:
        """Yield the calls: whole ones when their second half comes, halves at the end."""
        for row in rows:
            if isinstance(row, SetAside):
                yield row
                continue
            try:
                yield from self._read(row)
            except RecordError as error:
                yield aside(row, error)
        while self._ended:
            yield self._ended_call()
        while self._open:
            yield self._still_open(self._open.popitem(last=False)[1])

    def _read(self, row: Row) -> Iterator[Outcome]:
        if not self._columns or "callid" in row.cells or "start_time" in row.cells:
            names = tuple(cell.strip().lower() for cell in row.cells)
            if "callid" in names or ("start_time" in names and "end_time" in names):
                self._columns = names
                yield passed_over(row, "column names")
                return
        if not self._columns:
            raise RecordError("the first line has to name the columns: callid, method, time and so on")
        if len(row.cells) < len(self._columns):
            raise RecordError(f"{len(row.cells)} fields, where the first line names {len(self._columns)}")
        fields = dict(zip(self._columns, row.cells, strict=False))
        if not _NULLS.isdisjoint(row.cells):
            fields = {name: "" if cell in _NULLS else cell for name, cell in fields.items()}
        if "start_time" in fields and "end_time" in fields:
            yield self._whole_call(row, fields)
        elif fields.get("method", "INVITE") == "INVITE":
            yield from self._invite(row, fields)
        elif fields["method"] == "BYE":
            yield from self._bye(row, fields)
        else:
            yield passed_over(row, f"a {fields['method'][:20]}")

    def _invite(self, row: Row, fields: Mapping[str, str]) -> Iterator[Outcome]:
        code = whole(fields.get("sip_code", ""), "sip_code")
        at = self._time(fields, "time")
        if code is None or not 100 <= code <= 699:
            raise RecordError(f"{excerpt(fields.get('sip_code', ''))} is no reply to an INVITE", "sip_code")
        key = _dialogue(fields)
        if code in _CHALLENGES:
            yield passed_over(row, "a challenge; the INVITE comes again")
        elif code < 200:
            yield passed_over(row, "a provisional reply")
        elif key in self._over or (key in self._open and not self._is_earlier(key, code, at)):
            yield passed_over(row, "a re-INVITE")
        elif code >= 300:
            yield self._failed(row, fields, at)
        elif fields.get("created") and fields.get("duration"):
            self._is_over(key)
            yield self._told_whole(row, fields, at)
        else:
            if key in self._open:
                yield passed_over(self._open[key].row, "a re-INVITE")
            self._open[key] = _Half(row, fields, at)
            if len(self._open) > MOST_OPEN:
                yield self._still_open(self._open.popitem(last=False)[1])

    def _bye(self, row: Row, fields: Mapping[str, str]) -> Iterator[Outcome]:
        key = _dialogue(fields)
        ended = _Half(row, fields, self._time(fields, "time"))
        if key in self._over or key in self._ended:
            yield passed_over(row, "a BYE again")
        elif key in self._open:
            yield self._call(key, self._open.pop(key), ended)
        else:
            self._ended[key] = ended
            if len(self._ended) > MOST_OPEN:
                yield self._ended_call()

    def _is_earlier(self, key: _Dialogue, code: int, at: Moments) -> bool:
        """Tell whether an INVITE was answered before the one that is known: rows may stand in any order."""
        return code < 300 and at[0] < self._open[key].at[0]

    def _is_over(self, key: _Dialogue) -> None:
        """Note that a call was told: what else comes under its tags is no call."""
        self._over[key] = None
        if len(self._over) > MOST_OPEN:
            self._over.popitem(last=False)

    def _call(self, key: _Dialogue, begun: _Half, ended: _Half) -> Entry:
        self._is_over(key)
        span = settle((), begun.at, ended.at, None)
        both = begun.row._replace(octets=begun.row.octets + b"\n" + ended.row.octets)
        return self._entry(both, begun.fields, timing(span, None, True), answered=True, told="call")

    def _ended_call(self) -> Entry:
        """Return the call of the oldest BYE that came first."""
        key, ended = self._ended.popitem(last=False)
        begun = self._open.pop(key, None)
        if begun is not None:
            return self._call(key, begun, ended)
        # Its INVITE stands in an earlier file, and the books know of it.
        times = Timing(None, None, to_second(ended.at[0]), 0, 0)
        return self._entry(ended.row, ended.fields, times, answered=True, told="bye")

    def _still_open(self, begun: _Half) -> Entry:
        times = Timing(None, to_second(begun.at[0]), None, 0, 0)
        return self._entry(begun.row, begun.fields, times, answered=True, told="open")

    def _failed(self, row: Row, fields: Mapping[str, str], at: Moments) -> Entry:
        created = self._created(fields)
        times = timing(settle(created, (), at, None), 0, False)
        told = f"failed {fields.get('sip_code')} {fields.get('time')}"
        return self._entry(row, fields, times, answered=False, told=told)

    def _told_whole(self, row: Row, fields: Mapping[str, str], at: Moments) -> Entry:
        """Return a call that OpenSIPS tells in one row: created, set up in so many seconds, and how long."""
        lasted_ms = duration_ms(fields["duration"], "duration")
        span = settle(self._created(fields), at, (), lasted_ms)
        rang_ms = duration_ms(fields.get("setuptime", ""), "setuptime")
        if span.setup is not None and rang_ms is not None:
            answered_at = span.setup + timedelta(milliseconds=rang_ms)
            if span.answer is None or abs(span.answer - answered_at) > timedelta(seconds=2):
                span = span._replace(answer=answered_at)  # the time is that of writing, then
        times = timing(span, lasted_ms, True)
        finer_ms = whole(fields.get("ms_duration", ""), "ms_duration")
        if finer_ms is not None and abs(finer_ms - times.ms) <= 1000:
            times = times._replace(ms=finer_ms)
        return self._entry(row, fields, times, answered=True, told="call")

    def _whole_call(self, row: Row, fields: Mapping[str, str]) -> Entry:
        """Return a call that Kamailio tells in one row of acc_cdrs."""
        lasted_ms = duration_ms(fields.get("duration", ""), "duration")
        begun, ended = self._time(fields, "start_time"), self._time(fields, "end_time")
        times = timing(settle((), begun, ended, lasted_ms), lasted_ms, True)
        return self._entry(row, fields, times, answered=True, told="call")

    def _time(self, fields: Mapping[str, str], field: str) -> Moments:
        moments = stamp(fields.get(field, ""), self._zone, field)
        if not moments:
            raise RecordError("it is empty", field)
        return moments

    def _created(self, fields: Mapping[str, str]) -> Moments:
        created = fields.get("created", "")
        return () if created.startswith("0000-00-00") else stamp(created, self._zone, "created")

    def _entry(
        self, row: Row, fields: Mapping[str, str], times: Timing, *, answered: bool, told: str
    ) -> Entry:
        """
        Return the entry of a call.

        *told* is how much of it: ``call``, ``open`` of its beginning, ``bye`` of its end; else how it failed.
        """
        is_whole = told not in ("open", "bye")
        return Entry(
            record=Record(
                source=self._name,
                calling=station(_first(fields, self._calling)),
                called=station(_first(fields, self._called)),
                direction=None,
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds if is_whole else None,
                answered=answered,
                call_id=text(fields.get("callid", "")),
                sip_code=whole(fields.get("sip_code", ""), "sip_code") if told != "bye" else None,
                source_ip=address(_first(fields, self._source_ip)),
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=_key(fields, told),
            duration_ms=times.ms if is_whole else None,
            fields=fields,
            in_parts=answered,
        )


def _dialogue(fields: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    """Return what INVITE and BYE of one call have in common: who sends a BYE has the tags the other way."""
    return fields.get("callid", ""), frozenset((fields.get("from_tag", ""), fields.get("to_tag", "")))


def _key(fields: Mapping[str, str], told: str) -> str:
    """Return the key of a call; empty where the table has no Call-ID, as ``acc_cdrs`` has none by default."""
    call_id, tags = _dialogue(fields)
    return f"{call_id};{';'.join(sorted(tags))};{told}" if call_id else ""


def _first(fields: Mapping[str, str], columns: tuple[str, ...]) -> str:
    return next((fields[column] for column in columns if fields.get(column)), "")
