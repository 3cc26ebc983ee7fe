"""Avaya IP Office SMDR: lines of commas that the PBX sends over TCP, or a file of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from radiusd.records.lines import Row, Rows, aside, passed_over, read_encoding, require_cells
from radiusd.records.record import Direction, Entry, Outcomes, Record, RecordError, SetAside
from radiusd.records.stamps import Span, read_zone, stamp
from radiusd.records.timing import timing
from radiusd.records.values import duration_ms, number, own_key, text

NAME = "avaya-ipoffice-smdr"
SETTINGS = {
    "zone": "time zone of the PBX",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
COLUMNS = (
    "call_start", "connected_time", "ring_time", "caller", "direction", "called_number", "dialled_number",
    "account", "is_internal", "call_id", "continuation", "party1_device", "party1_name", "party2_device",
    "party2_name", "hold_time", "park_time", "auth_valid", "auth_code", "user_charged", "call_charge",
    "currency", "amount_at_last_user_change", "call_units", "units_at_last_user_change", "cost_per_unit",
    "mark_up",
)  # fmt: skip
OWN_KEY = ("call_start", "call_id", "caller", "called_number", "connected_time", "ring_time")
_LEAST = COLUMNS.index("continuation") + 1
MOST_CONTINUED = 10_000
"""Calls of which more records are to come; beyond it the oldest is taken as it is."""


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what SMDR tells. Raises BadInput for settings."""
    return _read(Rows(file, _is_whole, encoding=read_encoding(settings)), read_zone(settings))


def _is_whole(cells: list[str]) -> bool:
    return len(cells) >= _LEAST


def _read(rows: Rows, zone: ZoneInfo) -> Outcomes:
    continued: OrderedDict[str, Entry] = OrderedDict()
    for row in rows:
        if isinstance(row, SetAside):
            yield row
            continue
        fields = dict(zip(COLUMNS, map(str.strip, row.cells), strict=False))
        if fields["call_start"].lower().startswith(("call start", "callstart")):
            yield passed_over(row, "column names")
            continue
        try:
            require_cells(row, _LEAST)
            entry = _entry(row, fields, zone)
        except RecordError as error:
            yield aside(row, error)
            continue
        call_id = fields["call_id"]
        before = continued.pop(call_id, None)
        if before is not None and entry.key in (part.key for part in before.parts or (before,)):
            continued[call_id] = before
            yield passed_over(row, "told again")
            continue
        if before is not None:
            entry = _added(before, entry)
        if fields["continuation"] != "1":
            yield entry
            continue
        continued[call_id] = entry
        if len(continued) > MOST_CONTINUED:
            yield continued.popitem(last=False)[1]
    yield from continued.values()


def _entry(row: Row, fields: dict[str, str], zone: ZoneInfo) -> Entry:
    """Return what one line tells. The times are its beginning, how long it rang and how long it lasted."""
    begun = stamp(fields["call_start"], zone, "call_start")
    if not begun:
        raise RecordError("it is empty", "call_start")
    lasted_ms = duration_ms(fields["connected_time"], "connected_time") or 0
    rang_ms = duration_ms(fields["ring_time"], "ring_time") or 0
    answered_at = begun[0] + timedelta(milliseconds=rang_ms)
    # Connected are neither what it was held nor parked, but it went on.
    waited = (fields.get("hold_time", ""), fields.get("park_time", ""))
    waited_s = sum(int(each) for each in waited if each.isascii() and each.isdigit() and len(each) < 7)
    released_at = answered_at + timedelta(milliseconds=lasted_ms, seconds=waited_s)
    times = timing(Span(begun[0], answered_at, released_at), lasted_ms, lasted_ms > 0)
    direction = _direction(fields)
    return Entry(
        record=Record(
            source=NAME,
            calling=_number(fields["caller"]),
            called=_number(fields["called_number"] or fields["dialled_number"]),
            direction=direction,
            setup=times.setup,
            answer=times.answer,
            release=times.release,
            duration_seconds=times.seconds,
            answered=lasted_ms > 0,
            call_id=text(fields["call_id"]),
            extension=_extension(fields, direction),
        ),
        line=row.line,
        offset=row.offset,
        raw=row.octets,
        key=own_key(fields, OWN_KEY),
        duration_ms=times.ms,
        fields=fields,
        # Of whether an earlier record is of the same call this one says nothing.
        in_parts=fields["call_id"].strip("0") != "",
        part=f"{times.setup:%Y-%m-%d %H:%M:%S}" if fields["call_id"].strip("0") else "",
    )


def _direction(fields: Mapping[str, str]) -> Direction:
    if fields["is_internal"] == "1":
        return "internal"
    written = fields["direction"]
    if written not in ("I", "O"):
        raise RecordError(f"{written[:20]!r} is neither I nor O", "direction")
    return "in" if written == "I" else "out"


def _extension(fields: Mapping[str, str], direction: Direction) -> str | None:
    """Return the extension that took part: of a call to it from outside, as of one that it made."""
    for party in ("party1_device", "party2_device"):
        device = fields.get(party, "")
        if device[:1] == "E" and device[1:].isdigit():
            return device[1:]
    return _number(fields["caller"]) if direction == "out" else None


def _number(written: str) -> str | None:
    return number(written.partition("@")[0])  # over a SIP line the host may stand behind it


def _added(first: Entry, second: Entry) -> Entry:
    """Return the two records of one call as one: it goes on with the second where the first ended."""
    before, after = first.record, second.record
    seconds = (before.duration_seconds or 0) + (after.duration_seconds or 0)
    answer = before.answer if before.answered else after.answer
    whole_call = replace(
        before,
        answer=answer,
        release=after.release if after.answered else before.release,
        duration_seconds=seconds,
        answered=before.answered or after.answered,
    )
    lasted_ms = (first.duration_ms or 0) + (second.duration_ms or 0)
    return replace(
        first,
        record=whole_call,
        raw=first.raw + b"\n" + second.raw,
        duration_ms=lasted_ms,
        parts=(*(first.parts or (first,)), second),
    )
