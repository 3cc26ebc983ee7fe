"""BroadWorks accounting files: CSV of its own kind, in which a backslash stands before a comma."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

from radiusd.records.lines import Row, passed_over, plain_rows, read_each, read_encoding, require_cells
from radiusd.records.record import Direction, Entry, Outcomes, PassedOver, Record, RecordError, excerpt
from radiusd.records.stamps import Span, ms_between, seconds_between, stamp, to_second
from radiusd.records.values import LONGEST_CALL_S, number, station, text, whole

NAME = "broadworks-csv"
SETTINGS = {"encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252"}
COLUMNS = (
    "recordId", "serviceProvider", "type", "userNumber", "groupNumber", "direction", "callingNumber",
    "callingPresentationIndicator", "calledNumber", "startTime", "userTimeZone", "answerIndicator",
    "answerTime", "releaseTime", "terminationCause", "networkType", "carrierIdentificationCode",
    "dialedDigits", "callCategory", "networkCallType", "networkTranslatedNumber", "networkTranslatedGroup",
    "releasingParty", "route", "networkCallID", "codec", "accessDeviceAddress", "accessCallID", "spare29",
    "failoverCorrelationId", "spare31", "group", "department", "accountCode", "authorizationCode",
    "originalCalledNumber", "originalCalledPresentationIndicator", "originalCalledReason",
    "redirectingNumber", "redirectingPresentationIndicator", "redirectingReason", "chargeIndicator",
    "typeOfNetwork",
)  # fmt: skip
_LEAST = COLUMNS.index("releaseTime") + 1
_UTC = ZoneInfo("UTC")
_BACKSLASH, _COMMA = "\ue000", "\ue001"  # of Unicode's private use, which does not print
_DIRECTIONS: Mapping[str, Direction] = {"Originating": "out", "Terminating": "in"}
_FILE_MARKS = ("Start", "End")
_OTHER_TYPES = ("Failover", "Interim", "Long Duration", "Long duration")


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what an accounting file tells. Raises BadInput for settings."""
    return read_each(plain_rows(file, split, read_encoding(settings)), _read)


def split(line: str) -> list[str]:
    """Return the values of a line."""
    if "\\" not in line:
        return line.split(",")
    # Marks that are no part of any text stand for what is escaped while the line is cut.
    marked = line.replace("\\\\", _BACKSLASH).replace("\\,", _COMMA)
    return [
        each.replace(_BACKSLASH, "\\").replace(_COMMA, ",") if not each.isprintable() else each
        for each in marked.split(",")
    ]


def _read(row: Row) -> Entry | PassedOver:
    cells = row.cells
    if cells[0].startswith("version="):
        return passed_over(row, "the head of the file")
    kind = cells[2].strip() if len(cells) > 2 else ""
    if kind in _FILE_MARKS:
        return passed_over(row, "the beginning or end of the file")
    if kind in _OTHER_TYPES:
        return passed_over(row, f"a record of type {kind}, not Normal")
    require_cells(row, _LEAST)
    if kind != "Normal":
        if kind.isalpha() and cells[5] in _DIRECTIONS:  # else a bare comma has moved the columns
            return passed_over(row, f"a record of type {kind[:20]}, not Normal")
        raise RecordError(f"{excerpt(kind)} is not Normal, Start, End, Failover or Interim", "type")
    fields = dict(zip(COLUMNS, cells, strict=False))
    if fields.get("chargeIndicator", "").strip().lower() == "n":
        return passed_over(row, "not to be charged")
    return _entry(row, fields)


def _entry(row: Row, fields: Mapping[str, str]) -> Entry:
    get = fields.get
    answered = get("answerIndicator", "").startswith("Yes")
    span = Span(_moment(fields, "startTime"), _moment(fields, "answerTime"), _moment(fields, "releaseTime"))
    if answered and (span.answer is None or span.release is None):
        raise RecordError("an answered call without times of answer and release", "answerTime")
    answer = span.answer if answered else None
    seconds = seconds_between(answer, span.release) or 0
    if seconds > LONGEST_CALL_S:
        raise RecordError(f"no call lasts {seconds} seconds", "releaseTime")
    return Entry(
        record=Record(
            source=NAME,
            calling=station(get("callingNumber", "")),
            called=station(get("calledNumber", "") or get("networkTranslatedNumber", "")),
            direction=_DIRECTIONS.get(get("direction", "")),
            setup=to_second(span.setup),
            answer=to_second(answer),
            release=to_second(span.release),
            duration_seconds=seconds,
            answered=answered,
            call_id=text(get("recordId", "")),
            user=number(get("userNumber", "")),
            cause=_cause(get("terminationCause", "")),
            group=text(get("group", "")),
            service_provider=text(get("serviceProvider", "")),
            network_call_id=text(get("networkCallID", "")),
            department=text(get("department", "")),
        ),
        line=row.line,
        offset=row.offset,
        raw=row.octets,
        key=get("recordId", ""),
        duration_ms=ms_between(answer, span.release) or 0,
        radius_id=get("networkCallID", "").strip(),
        fields=fields,
    )


def _moment(fields: Mapping[str, str], field: str) -> datetime | None:
    """Return a time, which is UTC whatever the user's zone beside it says."""
    moments = stamp(fields.get(field, ""), _UTC, field)
    return moments[0].astimezone(UTC) if moments else None


def _cause(written: str) -> int | None:
    """Return a Q.850 cause; BroadWorks writes words in its place for endings of its own."""
    return whole(written, "terminationCause") if written.strip().isdecimal() else None
