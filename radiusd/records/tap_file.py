"""A TAP 3 file (GSMA TD.57): a batch of call events with its control and audit groups, or a notification."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from radiusd.records.ber import BerError, Element, elements
from radiusd.records.giving_up import until_hopeless
from radiusd.records.octet_window import OctetWindow
from radiusd.records.record import KEPT_OCTETS, Outcome, Outcomes, PassedOver, RecordError, SetAside
from radiusd.records.tap_call import (
    MO_CALL,
    MT_CALL,
    OTHER_EVENTS,
    SOURCE,
    Batch,
    Groups,
    ahead_of_utc,
    charged,
    groups,
    number,
    read_call,
    tag_number,
    text,
)

NAME = SOURCE
SETTINGS: Mapping[str, str] = {}

"""Of what is set aside, so many octets are kept to look at."""

_TRANSFER_BATCH = 1
_NOTIFICATION = 2
_CALL_EVENTS = 3
_BATCH_CONTROL = 4
_ACCOUNTING = 5
_NETWORK = 6
_AUDIT = 15
_CONTENT = 17
_GROUPS = {4: "batchControlInfo", 5: "accountingInfo", 6: "networkInfo", 15: "auditControlInfo"}

# A call event begins with its basic information: [APPLICATION 147] or [APPLICATION 153].
# The audit group begins with its earliest time or its total.
_LENGTH = rb"(?:[\x00-\x80]|\x81.|\x82..|\x83...)"
_EVENT = re.compile(
    rb"[\x69\x6a]" + _LENGTH + rb"\x7f\x81[\x13\x19]|\x6f" + _LENGTH + rb"(?:\x7f\x65|\x5f\x83\x1f)",
    re.DOTALL,
)
_LEFT_OVER = re.compile(rb"(?:\0\0)+(?=[\x69\x6a]" + _LENGTH + rb"\x7f\x81[\x13\x19])", re.DOTALL)
_FOLLOWS = re.compile(rb"(?:\0\0)*(?:[\x69-\x6c\x6e\x6f\x71]|\x7f[\x82\x83]|\0?\Z)")
_ENDS = re.compile(rb"(?:\0\0)+(?:\x6f|\x7f[\x84-\xff]|\0?\Z)")
_AUDIT_OCTET = 0x60 | 15
_FILLER = b"\x00\xff"
_RUN = re.compile(rb"[\x00\xff]+")
_MOST_DECIMALS = 18


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what the call events of *file* tell, in their order."""
    return until_hopeless(_read(OctetWindow(file)))


def _read(window: OctetWindow) -> Outcomes:
    """Yield what each batch tells; nearly always there is one, and filler behind it at the most."""
    has_ended = True
    while has_ended and window.has(1):
        batch = _TapFile(window)
        yield from batch.outcomes()
        has_ended = batch.has_ended
        while window.has(1) and window.data[window.at] in _FILLER:
            window.at = _RUN.match(window.data, window.at).end()  # type: ignore[union-attr]  # it matches one


class _TapFile:
    """One batch or notification. *has_ended* tells whether its end is known, and so what stands behind it."""

    def __init__(self, window: OctetWindow) -> None:
        self._window = window
        self._batch = Batch()
        self._events = 0
        self._charge = 0
        self._is_whole = True  # every event's charge could be read
        self._audit: tuple[int | None, int | None] | None = None
        self.has_ended = False

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what the events tell, and in the end where they contradict the audit control information."""
        window = self._window
        began = window.offset
        try:
            tag, end = window.enter()
            kind = tag_number(tag)
            if kind not in (_TRANSFER_BATCH, _NOTIFICATION):
                raise BerError(f"tag {tag:X}: neither TransferBatch nor Notification", began)
            while not self._is_at(end):
                yield from self._group(kind)
        except RecordError as error:
            yield SetAside(reason=error.reason, field=error.field, offset=error.offset)
            return
        self.has_ended = True
        if kind == _NOTIFICATION:
            yield PassedOver(reason=f"a notification, file {self._batch.sequence}: no calls")
        else:
            yield from self._differences()

    def _is_at(self, end: int | None) -> bool:
        """Tell whether an element ends here; step over its end mark. Raises BerError where the file ends."""
        window = self._window
        if end is not None and window.offset >= end:
            return True
        if not window.has(2):
            raise BerError("the file ends within the batch: it is cut", window.offset)
        if end is None and window.data[window.at : window.at + 2] == b"\0\0":
            window.at += 2
            return True
        return False

    def _is_end_of_events(self, end: int | None) -> bool:
        """Do what :meth:`_is_at` does; end marks that damage has left over are none."""
        window = self._window
        if end is None and window.has(16):
            left_over = _LEFT_OVER.match(window.data, window.at)
            if left_over:
                window.at = left_over.end()
            elif window.data.startswith(b"\0\0", window.at) and not _ENDS.match(window.data, window.at):
                return False  # no end mark, but damage
        return self._is_at(end) or window.data[window.at] == _AUDIT_OCTET

    def _group(self, kind: int) -> Iterator[Outcome]:
        """Read what stands here in the batch, or in the notification."""
        window = self._window
        window.has(4)
        if kind == _TRANSFER_BATCH and window.data[window.at] == 0x60 | _CALL_EVENTS:
            _, end = window.enter()
            while not self._is_end_of_events(end):
                yield self._event(end)
            return
        offset = window.offset
        element, end_at = window.element()
        try:
            self._read_group(kind, window.data, element)
        except BerError as error:
            yield SetAside(reason=error.reason, field=_GROUPS.get(tag_number(element[0]), ""), offset=offset)
        window.at = end_at

    def _read_group(self, kind: int, data: bytes, element: Element) -> None:
        group = tag_number(element[0])
        if kind == _NOTIFICATION:
            if group == 109:
                self._batch = Batch(sequence=text(data, element) or "")
        elif group == _BATCH_CONTROL:
            self._batch = _with_control(self._batch, data, groups(data, element))
        elif group == _ACCOUNTING:
            self._batch = _with_accounting(self._batch, data, groups(data, element))
        elif group == _NETWORK:
            self._batch = _with_offsets(self._batch, data, groups(data, element))
        elif group == _AUDIT:
            audit = groups(data, element)
            self._audit = (number(data, audit.get(43)), number(data, audit.get(415)))

    def _event(self, end: int | None) -> Outcome:
        """Return what the event here tells, and move on to the next."""
        window = self._window
        offset = window.offset
        self._events += 1
        try:
            (tag, start, stop), end_at = window.element()
            if end is not None and offset + end_at - window.at > end:
                raise BerError("it goes on beyond its batch", offset)
            if _holds_another(window.data, (tag, start, stop)):
                raise BerError("another call event begins within it: its end is lost", offset)
        except BerError as error:
            return self._damaged(BerError(error.reason, max(0, error.offset - offset)), offset)
        at = window.at
        data = window.data[at:end_at]
        element = (tag, start - at, stop - at)
        try:
            outcome: Outcome = self._read_event(data, element, offset)
        except RecordError as error:
            self._is_whole = False
            window.has(end_at - at + 16)
            end_at += window.at - at
            if not _FOLLOWS.match(window.data, end_at):
                return self._damaged(error, offset)
            outcome = _set_aside(error, offset, data)
        window.at = end_at
        return outcome

    def _read_event(self, data: bytes, element: Element, offset: int) -> Outcome:
        kind = tag_number(element[0])
        if kind in (MO_CALL, MT_CALL):
            entry, charge = read_call(data, element, self._batch, offset, self._events)
            self._charge += charge
            return entry
        self._charge += charged(data, element)
        if kind == _CONTENT:
            self._is_whole = False  # it may be a refund, which is added up apart
        if kind not in OTHER_EVENTS:
            raise RecordError(f"tag {element[0]:X} is of no call event (TD.57)")
        return PassedOver(reason=f"a {OTHER_EVENTS[kind]}: no voice call", offset=offset)

    def _damaged(self, error: RecordError, offset: int) -> SetAside:
        window = self._window
        self._is_whole = False
        raw = window.data[window.at : window.at + KEPT_OCTETS]
        window.search(_EVENT, _is_event)
        return _set_aside(error, offset, raw[: window.offset - offset])

    def _differences(self) -> Iterator[Outcome]:
        """Yield where audit control information and events differ; a set aside event has told so already."""
        if self._audit is None:
            reason = "there is none: nothing tells whether all calls are there"
            yield SetAside(reason=reason, field="auditControlInfo")
            return
        events, charge = self._audit
        if events is not None and events != self._events:
            reason = f"the batch says {events} call events, there are {self._events}"
            yield SetAside(reason=reason, field="callEventDetailsCount")
        if charge is not None and self._is_whole and charge != self._charge:
            reason = f"the batch says {charge} in all, its call events add up to {self._charge}"
            yield SetAside(reason=reason, field="totalCharge")


def _is_event(data: bytes, element: Element) -> bool:
    elements(data, element[1], element[2])
    return not _holds_another(data, element)


def _holds_another(data: bytes, element: Element) -> bool:
    """Tell whether an event reaches into another one: that happens where an end mark is damaged."""
    return data[element[1] - 1] == 0x80 and _EVENT.search(data, element[1], element[2]) is not None


def _set_aside(error: RecordError, offset: int, raw: bytes) -> SetAside:
    place = f" (its octet {error.offset})" if error.offset else ""
    return SetAside(reason=error.reason + place, field=error.field, offset=offset, raw=raw[:KEPT_OCTETS])


def _with_control(batch: Batch, data: bytes, control: Groups) -> Batch:
    return msgspec.structs.replace(
        batch,
        sender=text(data, control.get(196)) or "",
        recipient=text(data, control.get(182)) or "",
        sequence=text(data, control.get(109)) or "",
    )


def _with_accounting(batch: Batch, data: bytes, accounting: Groups) -> Batch:
    decimals = number(data, accounting.get(244))
    if decimals is not None and not 0 <= decimals <= _MOST_DECIMALS:
        raise BerError(f"tapDecimalPlaces: {decimals}", accounting[244][1])
    currency = text(data, accounting.get(210)) or text(data, accounting.get(135))
    return msgspec.structs.replace(batch, currency=currency, decimals=decimals)


def _with_offsets(batch: Batch, data: bytes, network: Groups) -> Batch:
    if 234 not in network:
        return batch
    offsets = {}
    for each in elements(data, network[234][1], network[234][2]):
        info = groups(data, each)
        code = number(data, info.get(232))
        if code is not None and 231 in info:
            offsets[code] = ahead_of_utc(data, info[231])
    return msgspec.structs.replace(batch, offsets=offsets)
