"""One IMS charging record (3GPP TS 32.298, 5.1.3 and 5.2.3): what its fields tell of a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar
from urllib.parse import unquote

from msgspec import UNSET

from radiusd.radius.packet import as_text
from radiusd.records.ber import BerError, Element, elements, integer, octets
from radiusd.records.record import Entry, Number, PassedOver, Record, RecordError, Text, excerpt

SOURCE = "3gpp-32298-ims"

RECORDS = {
    0xBF3F: "sCSCFRecord",
    0xBF40: "pCSCFRecord",
    0xBF41: "iCSCFRecord",
    0xBF42: "mRFCRecord",
    0xBF43: "mGCFRecord",
    0xBF44: "bGCFRecord",
    0xBF45: "aSRecord",
    0xBF46: "eCSCFRecord",
    0xBF52: "iBCFRecord",
    0xBF59: "tRFRecord",
    0xBF5A: "tFRecord",
    0xBF5B: "aTCFRecord",
}
"""The alternatives of IMSRecord by their tags. All are sets of the same fields, but for a few."""

RECORD_TYPE = 0x80
SIP_METHOD = 0x82
ROLE = 0x83
NODE_ADDRESS = 0xA4
SESSION_ID = 0x85
CALLING_PARTIES = 0xA6
CALLED_PARTY = 0xA7
REQUESTED_PARTIES = (0xBF29, 0xBF47, 0xBF65)  # [41], [71] of an MRFC, [101] of an AS
SERVICE_REQUEST = 0x89
DELIVERY_START = 0x8A
DELIVERY_END = 0x8B
RECORD_CLOSURE = 0x8D
OPERATORS = 0xAE
LOCAL_SEQUENCE = 0x8F
PART_NUMBER = 0x90
CHARGING_ID = 0x93
REASON_CODE = 0x97
START_FRACTION = 0x9F26
END_FRACTION = 0x9F27
TRUNK_GROUP = 0xBF50
ISUP_CAUSE = 0xBF52

ROLES = {0: "originating", 1: "terminating"}
MGCF = 0xBF43

Fields = dict[int, Element]

_STRINGS = {
    "sIP-Method": 0x82,
    "session-Id": 0x85,
    "privateUserID": 0x88,
    "iMS-Charging-Identifier": 0x93,
    "serviceReasonReturnCode": 0x97,
    "event": 0x9C,
    "serviceContextID": 0x9E,
    "numberPortabilityRouting": 0x9F22,
    "carrierSelectRouting": 0x9F23,
}
_TOLD = {
    "originatingIOI": "orig_ioi",
    "terminatingIOI": "term_ioi",
    "nodeAddress": "node",
    "incoming": "trunk_in",
    "outgoing": "trunk_out",
}

_SEQUENCE = 0x30
_PIECES = 0x20  # what the first octet of a tag has more when its string comes in pieces
_USUAL_URI = re.compile(rb"(?:sips?|tel):\+?([0-9]+)(?:[@;]|\Z)")
_ANY_URI = re.compile(r"(?:[^<]*<)?(?:sips?|tel):(?P<user>[^@;>]*)", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", "-.() ")  # RFC 3966, 3: visual separators
_OFFSETS: dict[bytes, timedelta] = {b"+\0\0": timedelta()}  # as they come: a switch has one or two
_KEPT = 256


def read_ims_record(data: bytes, element: Element, offset: int) -> Entry | PassedOver:
    """
    Return what the record *element* in *data* tells; the record began at *offset* of its file.

    Fields that we do not know, also from later releases, are stepped over.

    Raises:
        RecordError: It is damaged, or of no kind of IMS record; *offset* is that in *data*.
    """
    tag, start, stop = element
    name = RECORDS.get(tag)
    if name is None:
        raise RecordError(f"tag {tag:X} is of no IMS record (TS 32.298, 5.2.3)", offset=0)
    fields: Fields = {each[0]: each for each in elements(data, start, stop)}
    kind = _number(data, fields, RECORD_TYPE, "recordType")
    if kind is not None and kind != tag & 0x7F:
        raise RecordError(f"says {kind}, in a record with the tag [{tag & 0x7F}]", "recordType", offset=start)
    setup, answer, release = _times(data, fields)
    if answer is None:
        method = _text(data, fields, SIP_METHOD, "sIP-Method")
        if method not in (None, "INVITE"):
            return PassedOver(reason=f"a record of {excerpt(method)}, which is no call", offset=offset)
        if setup is None and release is None:
            reason = "tells no time: neither of a request nor of an answer"
            raise RecordError(reason, "serviceRequestTimeStamp")
    duration_s, duration_ms = _duration(data, fields, answer, release)
    called = fields.get(CALLED_PARTY)
    if called is None:
        called = next((fields[each] for each in REQUESTED_PARTIES if each in fields), None)
    role = _number(data, fields, ROLE, "role-of-Node")
    orig_ioi, term_ioi = _contents(_operators, data, fields.get(OPERATORS)) or (None, None)
    trunk_in, trunk_out, isup_cause = _gateway(data, fields) if tag == MGCF else (UNSET, UNSET, UNSET)
    record = Record(
        source=SOURCE,
        record=name,
        session_id=_text(data, fields, SESSION_ID, "session-Id"),
        icid=_text(data, fields, CHARGING_ID, "iMS-Charging-Identifier"),
        node=_contents(_node, data, fields.get(NODE_ADDRESS)),
        role=None if role is None else ROLES.get(role),
        calling=_party(data, fields.get(CALLING_PARTIES)),
        called=_party(data, called),
        setup=setup,
        answer=answer,
        release=release,
        duration_seconds=duration_s,
        duration_ms=duration_s * 1000 if duration_ms is None and duration_s is not None else duration_ms,
        answered=answer is not None,
        sequence=_number(data, fields, LOCAL_SEQUENCE, "localRecordSequenceNumber"),
        sip_status=_text(data, fields, REASON_CODE, "serviceReasonReturnCode"),
        orig_ioi=orig_ioi,
        term_ioi=term_ioi,
        trunk_in=trunk_in,
        trunk_out=trunk_out,
        isup_cause=isup_cause,
    )
    return _entry(record, data, fields, offset, duration_ms)


def _entry(record: Record, data: bytes, fields: Fields, offset: int, duration_ms: int | None) -> Entry:
    node, sequence = record.node, record.sequence
    # A node counts its records; the charging id keeps apart two nodes that were given one name.
    key = "" if node is None or sequence is None else f"{record.record} {node} {sequence} {record.icid or ''}"
    if PART_NUMBER in fields and record.session_id:
        key = f"{record.session_id};{key};{_number(data, fields, PART_NUMBER, 'recordSequenceNumber')}"
    return Entry(
        record=record,
        offset=offset,
        key=key,
        raw=data,
        duration_ms=duration_ms,
        sequence=sequence if isinstance(sequence, int) else None,
        fields=ImsFields(record, data, fields),
        in_parts=True,  # parts of a call, and records of other nodes, have its session's id
        teller=f"{record.record} {node or ''}",
    )


class ImsFields(Mapping[str, str]):
    """
    The fields of a record by the names of TS 32.298, read when a source's settings ask for one.

    Beside the strings of the record itself: *originatingIOI*, *terminatingIOI*, *nodeAddress*, and of an
    MGCF *incoming* and *outgoing*, its trunk groups.
    """

    __slots__ = ("_data", "_fields", "_record")

    def __init__(self, record: Record, data: bytes, fields: Fields) -> None:
        self._record = record
        self._data = data
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        if name in _STRINGS:
            value: object = _text(self._data, self._fields, _STRINGS[name], name)
        elif name in _TOLD:
            value = getattr(self._record, _TOLD[name])
        else:
            raise KeyError(name)
        if not isinstance(value, str):
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in (*_STRINGS, *_TOLD) if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _text(data: bytes, fields: Fields, tag: int, name: str) -> str | None:
    """Return the text of the string *tag*, whole or in pieces; None when it is absent."""
    found = fields.get(tag)
    if found is not None:
        return _as_text(data[found[1] : found[2]], name)
    found = fields.get(tag | (_PIECES if tag < 0x100 else _PIECES << 8))
    return None if found is None else _as_text(octets(data, *found), name)


def _as_text(value: bytes, name: str) -> str:
    if b"\0" in value:
        raise RecordError("holds a NUL octet, which no text has", name)
    return as_text(value)


def _number(data: bytes, fields: Fields, tag: int, name: str) -> int | None:
    found = fields.get(tag)
    if found is None:
        return None
    _, start, stop = found
    if stop - start == 1 and data[start] < 0x80:
        return data[start]
    try:
        return integer(data[start:stop], start)
    except BerError as error:
        raise RecordError(error.reason, name, offset=start) from None


def _moment(data: bytes, fields: Fields, tag: int, name: str) -> datetime | None:
    """
    Return a TimeStamp as UTC: YYMMDDhhmmss as BCD, a sign as ASCII, and hhmm of the offset as BCD.
    """
    found = fields.get(tag)
    if found is None:
        found = fields.get(tag | _PIECES)
        if found is None:
            return None
    value = octets(data, *found)
    digits = value[:6].hex()
    try:
        local = datetime.fromisoformat(f"20{digits[:6]}T{digits[6:]}Z")
        ahead = _OFFSETS.get(value[6:])
        if ahead is None:
            ahead = _OFFSETS[value[6:]] = _offset(value[6:])
        return local - ahead if ahead else local
    except (ValueError, OverflowError):
        raise RecordError(f"{value[:16].hex()} is no time YYMMDDhhmmss+hhmm", name) from None


def _offset(value: bytes) -> timedelta:
    sign, hours, minutes = value[:1], int(value[1:2].hex()), int(value[2:].hex())
    if len(value) != 3 or sign not in (b"+", b"-") or hours > 15 or minutes > 59:
        raise ValueError
    ahead = timedelta(hours=hours, minutes=minutes)
    return ahead if sign == b"+" else -ahead


def _times(data: bytes, fields: Fields) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return when the call was asked for, answered and released."""
    setup = _moment(data, fields, SERVICE_REQUEST, "serviceRequestTimeStamp")
    answer = _moment(data, fields, DELIVERY_START, "serviceDeliveryStartTimeStamp")
    release = _moment(data, fields, DELIVERY_END, "serviceDeliveryEndTimeStamp")
    if release is None and answer is not None:  # a partial record: the call went on
        release = _moment(data, fields, RECORD_CLOSURE, "recordClosureTime")
    return setup, answer, release


def _duration(
    data: bytes, fields: Fields, answer: datetime | None, release: datetime | None
) -> tuple[int | None, int | None]:
    """Return the seconds between the stamps, if both are told; milliseconds where both have a fraction."""
    if answer is None:
        return 0, 0
    if release is None:
        return None, None
    between = release - answer
    seconds = between.days * 86400 + between.seconds
    if seconds < 0:
        raise RecordError("lies before serviceDeliveryStartTimeStamp", "serviceDeliveryEndTimeStamp")
    began_ms = _fraction(data, fields, START_FRACTION, "serviceDeliveryStartTimeStampFraction")
    ended_ms = _fraction(data, fields, END_FRACTION, "serviceDeliveryEndTimeStampFraction")
    if began_ms is None or ended_ms is None:
        return seconds, None
    return seconds, max(0, seconds * 1000 + ended_ms - began_ms)


def _fraction(data: bytes, fields: Fields, tag: int, name: str) -> int | None:
    found = _number(data, fields, tag, name)
    if found is not None and not 0 <= found <= 999:
        raise RecordError(f"{found} is not from 0 to 999", name)
    return found


Told = TypeVar("Told")


def _contents(read: Callable[[bytes], Told], data: bytes, element: Element | None) -> Told | None:
    """Return what *read* makes of the contents of *element*; None when there is none."""
    if element is None:
        return None
    contents = data[element[1] : element[2]]
    try:
        # These few of a switch come in every record, and are read once; long ones are not kept.
        return read(contents) if len(contents) < _KEPT else read.__wrapped__(contents)  # type: ignore[attr-defined]
    except RecordError as error:
        raise RecordError(error.reason, error.field, offset=element[1] + error.offset) from None


@lru_cache(maxsize=1024)
def _node(contents: bytes) -> str | None:
    """Return a NodeAddress: a domain name, or an IPAddress in one more tag, as a tagged CHOICE has."""
    for tag, start, stop in elements(contents, 0, len(contents)):
        if tag in (0x81, 0xA1):
            return _as_text(octets(contents, tag, start, stop), "nodeAddress")
        if tag == 0xA0:
            for inner in elements(contents, start, stop):
                return _address(contents, inner)
    return None


def _address(data: bytes, element: Element) -> str:
    """Return an IPAddress as text: IPv4 or IPv6, in binary or as text, or IPv6 with its prefix's length."""
    kind = element[0] & 0x1F
    if kind == 4:
        inner = elements(data, element[1], element[2])
        element = inner[0] if inner else element
        kind = 1
    value = octets(data, *element)
    try:
        if kind == 0:
            return str(IPv4Address(value))
        if kind == 1:
            return str(IPv6Address(value))
    except ValueError:
        raise RecordError(f"an IP address of {len(value)} octets", "nodeAddress", offset=element[1]) from None
    return _as_text(value, "nodeAddress")


@lru_cache(maxsize=1024)
def _operators(contents: bytes) -> tuple[str | None, str | None]:
    """Return originating and terminating IOI; of a list, as an S-CSCF has it, those of its first entry."""
    inner = elements(contents, 0, len(contents))
    if inner and inner[0][0] == _SEQUENCE:
        inner = elements(contents, inner[0][1], inner[0][2])
    told = _texts(contents, inner, "interOperatorIdentifiers")
    return told.get(0), told.get(1)


def _gateway(data: bytes, fields: Fields) -> tuple[Text, Text, Number]:
    """Return incoming trunk group, outgoing trunk group and ISUP cause of an MGCF's record."""
    trunk_in, trunk_out = _contents(_trunks, data, fields.get(TRUNK_GROUP)) or (UNSET, None)
    return trunk_in, trunk_out, _contents(_cause, data, fields.get(ISUP_CAUSE))


@lru_cache(maxsize=1024)
def _trunks(contents: bytes) -> tuple[Text, Text]:
    """Return incoming trunk group, unset when it is not told, and outgoing one."""
    told = _texts(contents, elements(contents, 0, len(contents)), "trunkGroupID")
    return told.get(0, UNSET), told.get(1)


@lru_cache(maxsize=1024)
def _cause(contents: bytes) -> int | None:
    """Return the value of an ISUPCause."""
    for tag, start, stop in elements(contents, 0, len(contents)):
        if tag == 0x81:
            return integer(contents[start:stop], start)
    return None


def _texts(data: bytes, found: list[Element], name: str) -> dict[int, str]:
    """Return the strings *found* by the numbers of their tags."""
    return {tag & 0x1F: _as_text(octets(data, tag, start, stop), name) for tag, start, stop in found}


def _party(data: bytes, element: Element | None) -> str | None:
    """Return the first of the parties that has a number, else what the first one is called."""
    if element is None:
        return None
    _, start, stop = element
    end = start + 2 + data[start + 1] if start + 2 < stop else 0
    if data[start] in (0x80, 0x81) and data[start + 1] < 0x80 and end <= stop:  # nearly always
        usual = _USUAL_URI.match(data, start + 2, end)
        if usual:
            return usual[1].decode()
    first = None
    for each in elements(data, start, stop):
        name = _party_name(_as_text(octets(data, *each), "InvolvedParty"))
        if name.isdecimal() and name.isascii():
            return name
        first = first or name or None
    return first


def _party_name(text: str) -> str:
    """Return the digits or the user of a URI, without ``+``; an E.164 number has no scheme."""
    uri = _ANY_URI.match(text)
    user = unquote(uri["user"]) if uri else text
    bare = user.translate(_SEPARATORS).removeprefix("+")
    return bare if bare.isdecimal() and bare.isascii() else user
