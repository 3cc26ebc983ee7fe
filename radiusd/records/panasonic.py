"""Panasonic KX-TDA, KX-TDE and KX-NS SMDR, pattern A: lines of 80 columns; minutes, and no call id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO, NamedTuple

from radiusd.errors import BadInput
from radiusd.records.lines import Line, aside, lines, passed_over, read_encoding
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
from radiusd.records.stamps import in_utc, read_zone
from radiusd.records.values import number

NAME = "panasonic-smdr-a"
SETTINGS = {
    "zone": "time zone of the PBX",
    "date": "order of the date: mdy (default), dmy or ymd",
    "time": "end (default) or start: which end of the call the PBX prints",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
LONGEST_LINE = 1024
_DATE_ORDERS = {"mdy": (2, 0, 1), "dmy": (2, 1, 0), "ymd": (0, 1, 2)}
# A * in the date tells that the clock was changed, one by itself that the call was transferred; *123 is who
# verified it.
_DATED = re.compile(
    r"\*?(\d\d)[/*](\d\d)[/*](\d\d)[ *]+(\d\d?):(\d\d) ?([AP]M)?\*?(?: +\*)? +(.*)", re.ASCII | re.IGNORECASE
)
_DURATION = re.compile(r"(\d\d):(\d\d)'(\d\d)", re.ASCII)
_RING = re.compile(r"(\d{1,3})'(\d\d)", re.ASCII)
_TRUNK = re.compile(r"\d{2,4}", re.ASCII)
_NAMED = re.compile(r"[^\W\d_]\D+(\d[\dX]*)")
_MARKS = str.maketrans("", "", "P=")  # a pause, an access code of the PBX behind which this one stands
_INTERNAL = re.compile(r"EXT\s?(\d+)", re.IGNORECASE | re.ASCII)


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what SMDR tells. Raises BadInput for settings."""
    reader = _Reader(settings)
    return reader.read_all(lines(file, read_encoding(settings), longest=LONGEST_LINE))


class _Dialled(NamedTuple):
    """Who called whom, by the column of the number."""

    calling: str | None
    called: str | None
    direction: Direction


class _Reader:
    def __init__(self, settings: Mapping[str, str]) -> None:
        self._zone = read_zone(settings)
        order, end = settings.get("date", "mdy"), settings.get("time", "end")
        if order not in _DATE_ORDERS:
            raise BadInput(f"setting date: {order!r} is none of {', '.join(_DATE_ORDERS)}")
        if end not in ("end", "start"):
            raise BadInput(f"setting time: {end!r} is neither end nor start")
        self._order = _DATE_ORDERS[order]
        self._tells_start = end == "start"

    def read_all(self, found: Iterator[Line | SetAside]) -> Outcomes:
        """Yield what each line tells."""
        for line in found:
            if isinstance(line, SetAside):
                yield line
                continue
            try:
                yield self._read(line)
            except RecordError as error:
                yield aside(line, error)

    def _read(self, line: Line) -> Entry | PassedOver:
        written = line.text.strip()
        dated = _DATED.fullmatch(written)
        if dated is None:
            if written[:1].isdigit() or _DURATION.search(written):
                raise RecordError(f"{excerpt(written)} does not begin with date and time", "date")
            return passed_over(line, "a page's head or rule")
        rest = dated[7]
        duration = _DURATION.search(rest)
        if duration is None:
            if _is_state(rest):
                return passed_over(line, "what became of an extension, a room or an alarm")
            raise RecordError(f"{excerpt(written)} has no duration, as 00:24'51 is", "duration")
        hours, minutes, seconds = map(int, duration.groups())
        lasted_s = hours * 3600 + minutes * 60 + seconds
        before, ring_s = _ring(rest[: duration.start()].rstrip())
        extension, trunk, number_column = _columns(before)
        dialled = _dialled(extension, number_column)
        return Entry(
            record=Record(
                source=NAME,
                calling=dialled.calling,
                called=dialled.called,
                extension=extension,
                trunk=trunk,
                direction=dialled.direction,
                release_minute=self._release(dated, lasted_s),
                duration_seconds=lasted_s,
                ring_seconds=ring_s,
                answered=lasted_s > 0,
            ),
            line=line.number,
            offset=line.offset,
            raw=line.octets.rstrip(),  # whether a line is filled up to its 80 columns means nothing
            duration_ms=lasted_s * 1000,
            fields={
                "extension": extension,
                "trunk": trunk or "",
                "number": number_column,
                "account_code_and_condition": rest[duration.end() :].strip(),
            },
        )

    def _release(self, dated: re.Match[str], lasted_s: int) -> datetime:
        """Return the minute in which the call ended."""
        year, month, day = (int(dated[1 + at]) for at in self._order)
        hour, minute, half = int(dated[4]), int(dated[5]), (dated[6] or "").upper()
        if half:
            if not 1 <= hour <= 12:
                raise RecordError(f"{hour} {half} is no hour", "time")
            hour = hour % 12 + (12 if half == "PM" else 0)
        try:
            local = datetime(2000 + year, month, day, hour, minute)  # noqa: DTZ001  # its zone follows
        except ValueError as error:
            raise RecordError(f"no date and time: {error}; check the setting date", "date") from error
        moment = in_utc(local, self._zone)[0]
        if self._tells_start:
            moment = (moment + timedelta(seconds=lasted_s)).replace(second=0)
        return moment


def _ring(text: str) -> tuple[str, int | None]:
    """Return *text* without the time that it rang, which may stand at its end, and that time."""
    before, _, last = text.rpartition(" ")
    ring = _RING.fullmatch(last)
    return (before.rstrip(), int(ring[1]) * 60 + int(ring[2])) if ring else (text, None)


def _columns(text: str) -> tuple[str, str | None, str]:
    """Return extension, trunk and number; a call between extensions has no trunk. Raises RecordError."""
    extension, _, rest = text.strip().partition(" ")
    if not extension:
        raise RecordError("it is empty", "extension")
    first, _, behind = rest.strip().partition(" ")
    if _TRUNK.fullmatch(first):
        return extension, first, behind.strip()
    return extension, None, rest.strip()


def _is_state(rest: str) -> bool:
    """Tell whether a line without a duration is no call: ``LOG IN``, ``Check out``, ``In the office``."""
    _, trunk, written = _columns(rest)
    return trunk is None and written[:1].isalpha() and _INTERNAL.match(written) is None


def _dialled(extension: str, written: str) -> _Dialled:
    internal = _INTERNAL.fullmatch(written)
    if internal is not None:
        return _Dialled(number(extension), internal[1], "internal")
    _, incoming, caller = written.partition("<I>")
    if incoming:
        return _Dialled(_bare(caller), number(extension), "in")
    if written.startswith("<D>"):
        return _Dialled(None, number(extension), "in")
    # Behind a - stand digits that whoever it was transferred to has sent.
    return _Dialled(number(extension), _bare(written.partition("-")[0].translate(_MARKS)), "out")


def _bare(party: str) -> str | None:
    """Return the number of *party*; it may have its name before it, without a blank."""
    named = _NAMED.fullmatch(party.strip())
    return named[1] if named else number(party)
