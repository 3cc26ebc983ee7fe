"""One call event of a TAP batch (GSMA TD.57): what its groups tell of a call, and what it charges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec import UNSET

from radiusd.radius.packet import as_text
from radiusd.records.ber import (
    DEEPEST,
    BerError,
    Element,
    elements,
    integer,
    is_constructed,
    octets,
)
from radiusd.records.record import Direction, Entry, Record, RecordError

SOURCE = "gsma-tap-3.12"

MO_CALL = 9
MT_CALL = 10
OTHER_EVENTS = {
    11: "supplServiceEvent",
    12: "serviceCentreUsage",
    14: "gprsCall",
    17: "contentTransaction",
    297: "locationService",
    433: "messagingEvent",
    434: "mobileSession",
}

_CALLS: dict[int, tuple[str, Direction, int]] = {  # name, direction, tag of its basic information
    MO_CALL: ("mobileOriginatedCall", "out", 147),
    MT_CALL: ("mobileTerminatedCall", "in", 153),
}
_TOTAL = b"00"  # the charge type of what is to be paid; others tell what is in it

# Letters in BCD numbers (3GPP TS 24.008, table 10.5.118).
_BCD = str.maketrans("abcde", "*#abc")

Groups = dict[int, Element]


class Batch(msgspec.Struct, frozen=True):
    """What a batch says once for all of its calls. *decimals* is None when it tells no accounting."""

    sender: str = ""
    recipient: str = ""
    sequence: str = ""
    currency: str | None = None
    decimals: int | None = None
    offsets: Mapping[int, timedelta] = {}


@lru_cache(maxsize=4096)
def tag_number(tag: int) -> int:
    """Return the number of an application tag, as TAP has nothing else; -1 of any other tag."""
    identifier = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    if identifier[0] >> 6 != 1:
        return -1
    if len(identifier) == 1:
        return identifier[0] & 0x1F
    number = 0
    for octet in identifier[1:]:
        number = number << 7 | octet & 0x7F
    return number


def groups(data: bytes, element: Element) -> Groups:
    """Return the elements in *element* by the numbers of their tags; the first of several."""
    found = elements(data, element[1], element[2])
    return {tag_number(each[0]): each for each in reversed(found)}


def text(data: bytes, element: Element | None) -> str | None:
    """Return an AsciiString without the spaces around it, as TD.57 says."""
    if element is None:
        return None
    value = octets(data, *element)
    if b"\0" in value:
        raise BerError("a NUL octet in a text", element[1])
    return as_text(value).strip(" ")


def number(data: bytes, element: Element | None) -> int | None:
    """Return an INTEGER."""
    return None if element is None else integer(data[element[1] : element[2]], element[1])


def ahead_of_utc(data: bytes, element: Element) -> timedelta:
    """Return a UtcTimeOffset, written ``+0100``."""
    written = text(data, element) or ""
    hours, minutes = written[1:3], written[3:]
    if len(written) != 5 or written[0] not in "+-" or not (hours + minutes).isdecimal() or minutes > "59":
        raise BerError(f"{written[:10]!r} is no offset like +0100", element[1])
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return -ahead if written[0] == "-" else ahead


def digits(data: bytes, element: Element | None) -> str | None:
    """Return a BCDString: the high half of an octet first, and one F behind an odd number of digits."""
    if element is None:
        return None
    written = octets(data, *element).hex().removesuffix("f")
    if "f" in written:
        raise BerError("a filler among the digits of a number", element[1])
    return written.translate(_BCD) or None


def read_call(data: bytes, element: Element, batch: Batch, offset: int, position: int) -> tuple[Entry, int]:
    """
    Return what the call event *element* in *data* tells, and its charge in the batch's smallest unit.

    It is the *position*-th of its batch and began at *offset* of the file.

    Raises:
        RecordError: It is damaged, or lacks its beginning or duration.
    """
    name, direction, basic_tag = _CALLS[tag_number(element[0])]
    event = groups(data, element)
    if basic_tag not in event:
        raise RecordError("has none", "basicCallInformation")
    basic = groups(data, event[basic_tag])
    began = _moment(data, basic.get(44), batch)
    duration_s = number(data, basic.get(223))
    if duration_s is None or duration_s < 0:
        raise RecordError(f"{duration_s}: tell the seconds", "totalCallEventDuration")
    imsi, subscriber = _subscriber(data, basic.get(427))
    other = _destination(data, basic.get(89)) if direction == "out" else _originator(data, basic.get(41))
    charge = sum(charged(data, event[group]) for group in _CHARGED_IN_CALLS if group in event)
    cause = number(data, basic.get(58))
    record = Record(
        source=SOURCE,
        record=name,
        calling=subscriber if direction == "out" else other,
        called=other if direction == "out" else subscriber,
        direction=direction,
        answer=began,
        release=began + timedelta(seconds=duration_s),
        duration_seconds=duration_s,
        answered=True,
        call_id=_reference(data, event.get(138)),
        user=imsi,
        charge=UNSET if batch.decimals is None else decimal(charge, batch.decimals),
        currency=UNSET if batch.decimals is None else batch.currency,
    )
    key = f"{batch.sender} {batch.recipient} {batch.sequence} {position}" if batch.sequence else ""
    told = {
        "imsi": imsi,
        "sender": batch.sender or None,
        "recipient": batch.recipient or None,
        "causeForTerm": None if cause is None else str(cause),
    }
    fields = {name: value for name, value in told.items() if value is not None}
    return Entry(record=record, offset=offset, key=key, raw=data, fields=fields), charge


def charged(data: bytes, element: Element, depth: int = 1) -> int:
    """
    Return what *element* charges: the total of each of its charges, and fees of CAMEL.

    Raises:
        BerError: What is in it is damaged, or too deep.
    """
    if depth > DEEPEST:
        raise BerError(f"groups more than {DEEPEST} deep", element[1])
    total = 0
    for each in elements(data, element[1], element[2]):
        kind = tag_number(each[0])
        if kind == 63:  # ChargeDetail
            detail = groups(data, each)
            if 71 in detail and octets(data, *detail[71]) == _TOTAL:
                total += number(data, detail.get(62)) or 0
        elif kind in (62, 422):  # Charge of a messaging event, CamelInvocationFee
            total += number(data, each) or 0
        elif kind in _CHARGING_GROUPS and is_constructed(each[0]):
            total += charged(data, each, depth + 1)
    return total


_CHARGED_IN_CALLS = (38, 57)  # BasicServiceUsedList, CamelServiceUsed
_CHARGING_GROUPS = frozenset({38, 39, 57, 64, 69, 70, 206, 285, 352, 382, 448, 449, 121})


def decimal(units: int, decimals: int) -> str:
    """Return an amount in units of 10^-*decimals* as a decimal number, exactly."""
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, rest = divmod(units, 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}}" if decimals else f"{sign}{whole}"


def _moment(data: bytes, element: Element | None, batch: Batch) -> datetime:
    """Return a DateTime as UTC; the batch tells the offset that its code stands for."""
    if element is None:
        raise RecordError("has none", "callEventStartTimeStamp")
    inner = groups(data, element)
    written = text(data, inner.get(16)) or ""
    code = number(data, inner.get(232))
    if code is None or code not in batch.offsets:
        raise RecordError(f"{code} is not in networkInfo", "utcTimeOffsetCode", offset=element[1])
    try:
        if len(written) != 14 or not written.isdecimal():
            raise ValueError
        return datetime.fromisoformat(f"{written[:8]}T{written[8:]}Z") - batch.offsets[code]
    except (ValueError, OverflowError):
        raise RecordError(
            f"{written[:20]!r} is no time CCYYMMDDhhmmss", "localTimeStamp", offset=element[1]
        ) from None


def _subscriber(data: bytes, element: Element | None) -> tuple[str | None, str | None]:
    """Return IMSI, or MIN, and number of the chargeable subscriber, a CHOICE within its tag."""
    if element is None:
        return None, None
    choice = groups(data, element)
    if 199 in choice:
        sim = groups(data, choice[199])
        return digits(data, sim.get(129)), digits(data, sim.get(152))
    if 254 in choice:
        mobile = groups(data, choice[254])
        return text(data, mobile.get(146)), text(data, mobile.get(253))
    return None, None


def _destination(data: bytes, element: Element | None) -> str | None:
    if element is None:
        return None
    told = groups(data, element)
    dialled = text(data, told.get(279))
    return digits(data, told.get(407)) or (dialled.lstrip("+") or None if dialled else None)


def _originator(data: bytes, element: Element | None) -> str | None:
    return None if element is None else digits(data, groups(data, element).get(405))


def _reference(data: bytes, element: Element | None) -> str | None:
    """Return the call reference of the location information as hexadecimal digits."""
    network = None if element is None else groups(data, element).get(156)
    found = None if network is None else groups(data, network).get(45)
    return None if found is None else octets(data, *found).hex()
