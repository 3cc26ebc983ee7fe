"""Cisco Unified Communications Manager: files of CDRs, read by the names in their first line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import BinaryIO

from radiusd.records.lines import Row, Rows, passed_over, read_each, require_cells
from radiusd.records.record import Entry, Outcomes, PassedOver, Record, RecordError
from radiusd.records.stamps import Span, since_epoch
from radiusd.records.timing import timing
from radiusd.records.values import address, duration_ms, number, reversed_address, text, whole

NAME = "cucm"
SETTINGS: Mapping[str, str] = {}
_TYPES = ("INTEGER", "VARCHAR", "UNIQUEIDENTIFIER")
_MANAGER, _CALL, _LEAST = "globalCallID_callManagerId", "globalCallID_callId", "dateTimeDisconnect"
USUAL = (
    "cdrRecordType", _MANAGER, _CALL, "origLegCallIdentifier", "dateTimeOrigination", "origNodeId",
    "origSpan", "origIpAddr", "callingPartyNumber", "callingPartyUnicodeLoginUserID", "origCause_location",
    "origCause_value", "origPrecedenceLevel", "origMediaTransportAddress_IP",
    "origMediaTransportAddress_Port", "origMediaCap_payloadCapability", "origMediaCap_maxFramesPerPacket",
    "origMediaCap_g723BitRate", "origVideoCap_Codec", "origVideoCap_Bandwidth", "origVideoCap_Resolution",
    "origVideoTransportAddress_IP", "origVideoTransportAddress_Port", "origRSVPAudioStat",
    "origRSVPVideoStat", "destLegIdentifier", "destNodeId", "destSpan", "destIpAddr",
    "originalCalledPartyNumber", "finalCalledPartyNumber", "finalCalledPartyUnicodeLoginUserID",
    "destCause_location", "destCause_value", "destPrecedenceLevel", "destMediaTransportAddress_IP",
    "destMediaTransportAddress_Port", "destMediaCap_payloadCapability", "destMediaCap_maxFramesPerPacket",
    "destMediaCap_g723BitRate", "destVideoCap_Codec", "destVideoCap_Bandwidth", "destVideoCap_Resolution",
    "destVideoTransportAddress_IP", "destVideoTransportAddress_Port", "destRSVPAudioStat",
    "destRSVPVideoStat", "dateTimeConnect", "dateTimeDisconnect", "lastRedirectDn", "pkid",
    "originalCalledPartyNumberPartition", "callingPartyNumberPartition", "finalCalledPartyNumberPartition",
    "lastRedirectDnPartition", "duration", "origDeviceName", "destDeviceName",
)  # fmt: skip


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a ``cdr_`` file tells."""
    reader = _Reader()
    return read_each(iter(Rows(file, reader.is_whole)), reader.read)


class _Reader:
    def __init__(self) -> None:
        self._use(USUAL)

    def _use(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._least = columns.index(_LEAST) + 1 if _LEAST in columns else len(columns)

    def is_whole(self, cells: list[str]) -> bool:
        """Tell whether *cells* are those of a row."""
        return len(cells) >= len(self._columns)

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        first = row.cells[0].strip()
        if first == USUAL[0]:
            self._use(tuple(cell.strip() for cell in row.cells))
            self._least = len(row.cells)  # behind the end of the call stand its key and its duration
            return passed_over(row, "column names")
        if first.startswith(_TYPES):
            return passed_over(row, "types of the columns")
        if first == "2":
            return passed_over(row, "a record of quality")
        if first != "1":
            raise RecordError("it is neither 1, a call, nor 2, its quality", USUAL[0])
        if _LEAST not in self._columns:
            raise RecordError(f"the first line of the file names no column {_LEAST}; is it a cdr_ file?")
        require_cells(row, self._least)
        return self._entry(row, dict(zip(self._columns, row.cells, strict=False)))

    def _entry(self, row: Row, fields: dict[str, str]) -> Entry:
        get = fields.get
        span = Span(
            _moment(fields, "dateTimeOrigination"),
            _moment(fields, "dateTimeConnect"),
            _moment(fields, "dateTimeDisconnect"),
        )
        times = timing(span, duration_ms(get("duration", ""), "duration"), span.answer is not None)
        return Entry(
            record=Record(
                source=NAME,
                calling=_number(get("callingPartyNumber", "")),
                called=_number(get("finalCalledPartyNumber", "") or get("originalCalledPartyNumber", "")),
                direction=None,
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=times.answer is not None,
                call_id=f"{get(_MANAGER, '')}-{get(_CALL, '')}",
                cause=_cause(fields),
                source_ip=_address(fields, "orig"),
                dest_ip=_address(fields, "dest"),
                device_out=text(get("destDeviceName", "")),
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=get("pkid", ""),
            duration_ms=times.ms,
            fields=fields,
        )


def _number(written: str) -> str | None:
    # The + of a directory number has a backslash before it; # ends what was dialled.
    return number(written.removeprefix("\\").removesuffix("#"))


def _moment(fields: Mapping[str, str], field: str) -> datetime | None:
    seconds = whole(fields.get(field, ""), field)
    if not seconds:
        return None
    return since_epoch(seconds)


def _cause(fields: Mapping[str, str]) -> int | None:
    """Return why it was released, by the side that did: the other one's cause is 0."""
    for field in ("destCause_value", "origCause_value"):
        cause = whole(fields.get(field, ""), field)
        if cause:
            return cause
    return None


def _address(fields: Mapping[str, str], side: str) -> str | None:
    """Return the address of a side: of releases that know IPv6 from its own column."""
    old = reversed_address(fields.get(f"{side}IpAddr", ""), f"{side}IpAddr")
    return old or address(fields.get(f"{side}Ipv4v6Addr", ""))
