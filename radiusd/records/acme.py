"""Oracle (Acme Packet) session border controllers: local CSV files of accounting records, without names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import BinaryIO
from zoneinfo import ZoneInfo

from radiusd.dialects.timestamps import UNKNOWN_ZONE, read_stamp
from radiusd.records.lines import Row, Rows, passed_over, read_each, read_encoding, require_cells
from radiusd.records.record import Entry, Outcomes, PassedOver, Record, RecordError, excerpt
from radiusd.records.stamps import EARLIEST, Span, ms_between, read_zone
from radiusd.records.timing import timing
from radiusd.records.values import address, duration_ms, own_key, station, text, whole

NAME = "acme-csv"
SETTINGS = {
    "zone": "time zone of the SBC, where its times name none, or one whose name means several",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
# Columns of a Stop, from 0.
COLUMNS = {
    "Acct-Status-Type": 0, "NAS-IP-Address": 1, "NAS-Port": 2, "Acct-Session-Id": 3,
    "Acme-Session-Ingress-CallId": 4, "Acme-Session-Egress-CallId": 5, "Acme-Session-Protocol-Type": 6,
    "Calling-Station-Id": 9, "Called-Station-Id": 10, "Acct-Terminate-Cause": 11, "Acct-Session-Time": 12,
    "h323-setup-time": 13, "h323-connect-time": 14, "h323-disconnect-time": 15, "h323-disconnect-cause": 16,
    "Acme-Session-Egress-Realm": 21, "Acme-Session-Ingress-Realm": 22, "Acme-FlowIn-Src-Addr_FS1_F": 26,
    "Acme-FlowIn-Dst-Addr_FS1_F": 28,
}  # fmt: skip
OWN_KEY = ("Acct-Session-Id", "Acme-Session-Ingress-CallId", "h323-setup-time", "h323-disconnect-time")
_LEAST = COLUMNS["h323-disconnect-cause"] + 1
_GREATEST = max(COLUMNS.values())
_ALL_OF_THEM = itemgetter(*COLUMNS.values())
_NO_STOP = {"1": "a start record", "3": "an interim record", "Start": "a start record"}
_STATUS = ("2", "Stop")
_NEVER = 1970  # the beginning of UNIX time: a clock or a moment that was never set


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a file of an SBC tells. Raises BadInput for settings."""
    reader = _Reader(read_zone(settings) if "zone" in settings else None)
    return read_each(iter(Rows(file, _is_whole, encoding=read_encoding(settings))), reader.read)


def _is_whole(cells: list[str]) -> bool:
    return len(cells) >= _LEAST


class _Reader:
    def __init__(self, zone: ZoneInfo | None) -> None:
        self._zone = zone

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        cells = row.cells
        status = cells[0].strip()
        if status in _NO_STOP:
            return passed_over(row, _NO_STOP[status])
        if status.lower().startswith("acct-status"):
            return passed_over(row, "column names")
        if status not in _STATUS:
            raise RecordError(f"{excerpt(status)} is neither 1, 2 nor 3", "Acct-Status-Type")
        require_cells(row, _LEAST)
        return self._entry(row, _fields(cells))

    def _entry(self, row: Row, fields: Mapping[str, str]) -> Entry:
        get = fields.get
        span = Span(
            self._moment(fields, "h323-setup-time"),
            self._moment(fields, "h323-connect-time"),
            self._moment(fields, "h323-disconnect-time"),
        )
        answered = span.answer is not None
        lasted_ms = duration_ms(get("Acct-Session-Time", ""), "Acct-Session-Time")
        times = timing(span, lasted_ms, answered)
        exact_ms = ms_between(span.answer, span.release)
        close = exact_ms is not None and abs(exact_ms - times.ms) < 1000
        return Entry(
            record=Record(
                source=NAME,
                calling=station(get("Calling-Station-Id", "")),
                called=station(get("Called-Station-Id", "")),
                direction=None,
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=answered,
                call_id=text(get("Acct-Session-Id", "")),
                sip_call_id=text(get("Acme-Session-Ingress-CallId", "")),
                cause=_cause(get("h323-disconnect-cause", "")),
                source_ip=address(get("Acme-FlowIn-Src-Addr_FS1_F", "")),
                realm_in=text(get("Acme-Session-Ingress-Realm", "")),
                realm_out=text(get("Acme-Session-Egress-Realm", "")),
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=own_key(fields, OWN_KEY) if get("Acct-Session-Id") else "",
            radius_id=get("Acme-Session-Ingress-CallId", "").strip(),
            duration_ms=exact_ms if close else times.ms,
            fields=fields,
        )

    def _moment(self, fields: Mapping[str, str], field: str) -> datetime | None:
        """Return a moment such as ``15:54:56.868 PST DEC 18 2017``; a call that was not answered has none."""
        written = fields.get(field, "").strip()
        if not written or written == "0":
            return None
        found = read_stamp(written, self._zone)
        if found.problem == UNKNOWN_ZONE:
            raise RecordError(f"{excerpt(written)} is in an unknown zone; give the setting zone", field)
        if found.at is not None and found.at.year == _NEVER:
            return None
        if found.at is None or found.at < EARLIEST:
            raise RecordError(f"{excerpt(written)} is no time, as 15:54:56.868 UTC DEC 18 2017 is", field)
        return found.at if found.at.tzinfo is UTC else found.at.astimezone(UTC)


def _fields(cells: Sequence[str]) -> dict[str, str]:
    if len(cells) > _GREATEST:
        return dict(zip(COLUMNS, _ALL_OF_THEM(cells), strict=True))
    return {name: cells[at] for name, at in COLUMNS.items() if at < len(cells)}


def _cause(written: str) -> int | None:
    return whole(written, "h323-disconnect-cause") if written.strip().isdecimal() else None
