"""Read packets written as text: datagrams in hexadecimal digits, or attributes as radclient writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pyrad.dictionary import Dictionary

from provisioning.captures.sent import Sent
from radiusd.dialects.timestamps import read_stamp
from radiusd.errors import BadInput
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.client import encode_attributes
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import BadRequest, Request

_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}[\s:]*)+)")
_NAME = re.compile(r"\s*([\w.-]+)(?::\d+)?\s*(?::=|\+=|==|=)")
# What servers add to the attributes that came: nothing of it was in the packet.
_NOT_SENT = frozenset(
    {
        "timestamp",
        "packet-type",
        "request-authenticator",
        "client-ip-address",
        "acct-unique-session-id",
        "stripped-user-name",
        "realm",
        "message-authenticator",
    }
)
_NOT_SENT_PREFIXES = ("packet-", "tmp-", "freeradius-", "event-timestamp-")
_DEBUG = re.compile(r"\(\d+\)\s")  # what FreeRADIUS -X writes before each line about one packet
_ANSWER = re.compile(r"Sen(?:t|d|ding)\b")
_NUMBERED = re.compile(r"(?:Attr-)?(?:(?:26\.|Vendor-)(\d{1,8})(?:\.|-Attr-))?(\d{1,3})", re.IGNORECASE)
_DATE = re.compile(r"([A-Za-z]{3})[a-z]*\.? +(\d{1,2}) (\d{4}) (\d\d:\d\d:\d\d(?:\.\d+)?) ?(.*)")
_VENDOR_SPECIFIC = int(Attribute.VENDOR_SPECIFIC)
_SMALLEST_DIGITS = 40  # a header of 20 octets


def read_text(text: str, names: Dictionary, secret: bytes) -> Iterator[Sent]:
    """
    Yield the packets in *text*, signed with *secret* where they are written as attributes.

    A line of hexadecimal digits is a datagram. Lines of ``Attribute = value`` up to an empty line are one
    packet: an Accounting-Request when Acct-Status-Type is among them, else an Access-Request. Other lines
    (dates, headings) are passed over, and so are the answers in what FreeRADIUS says of its work.

    Raises:
        BadInput: There is none.
    """
    pairs: list[tuple[str, str]] = []
    began, found, is_answer = 0, False, False
    for number, written in enumerate([*text.splitlines(), ""], 1):
        line = _DEBUG.sub("", written, count=1) if _DEBUG.match(written) else written
        digits = _HEX.fullmatch(line.strip())
        pair = None if digits else _NAME.match(line)
        if pair is None:
            is_answer = _ANSWER.match(line.strip()) is not None
        elif is_answer:
            continue
        if pairs and pair is None:
            found = True
            yield _packet(pairs, f"line {began}", names, secret)
            pairs = []
        if digits and len(datagram := bytes.fromhex(re.sub(r"[\s:]", "", digits[1]))) * 2 >= _SMALLEST_DIGITS:
            found = True
            yield Sent(f"line {number}", datagram)
        elif pair is not None:
            began = began if pairs else number
            pairs.append((pair[1], _value(line[pair.end() :].strip().removesuffix(","))))
    if not found:
        raise BadInput(
            "no packet in it: write a datagram a line in hexadecimal digits, or attributes as NAME = VALUE"
        )


def _value(written: str) -> str:
    """Return a value without the quotes around it, and their escapes undone."""
    for quote in "\"'":
        if len(written) > 1 and written.startswith(quote) and written.endswith(quote):
            return re.sub(r"\\(.)", r"\1", written[1:-1])
    return written


def _packet(pairs: list[tuple[str, str]], where: str, names: Dictionary, secret: bytes) -> Sent:
    attributes: list[ReplyAttribute] = []
    doubts: list[str] = []
    at: datetime | None = None
    is_accounting = False
    for name, value in pairs:
        lower = name.lower()
        is_accounting = is_accounting or lower == "acct-status-type"
        if lower == "timestamp" and value.isdecimal() and len(value) < 11:
            at = datetime.fromtimestamp(int(value), UTC)
        if lower in _NOT_SENT or lower.startswith(_NOT_SENT_PREFIXES):
            continue
        try:
            attributes.append(_encode(names, name, value))
        except BadRequest as error:
            doubts.append(f"{error}; left out")
    code = Code.ACCOUNTING_REQUEST if is_accounting else Code.ACCESS_REQUEST
    try:
        datagram = Request(code, attributes).sign(0, secret)
    except BadRequest as error:
        raise BadInput(f"{where}: {error}") from error
    return Sent(where, datagram, at or _stamped(attributes), doubts=tuple(doubts), is_signed=False)


def _stamped(attributes: list[ReplyAttribute]) -> datetime | None:
    """Return the Event-Timestamp: when nothing says when it came, it was soon after that."""
    stamp = dict(attributes).get(Attribute.EVENT_TIMESTAMP, b"")
    seconds = int.from_bytes(stamp, "big") if len(stamp) == 4 else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _encode(names: Dictionary, name: str, value: str) -> ReplyAttribute:
    """
    Return an attribute that is written by its name, or by its number as ``Attr-26.9.30`` and ``Attr-108``.

    Raises:
        BadRequest: Its name is not in the dictionary, or its value does not fit.
    """
    known = _known(names, name)
    numbered = None if known in names.attributes else _NUMBERED.fullmatch(known)
    if numbered is None:
        [attribute] = encode_attributes(names, [(known, _date(names, known, value))])
        return attribute
    vendor, type = int(numbered[1] or 0), int(numbered[2])
    octets = _octets(value)
    if not 0 < type < 256 or len(octets) > (247 if vendor else 253):
        raise BadRequest(f"attribute {name}: neither its number nor its length may be that large")
    if not vendor:
        return type, octets
    return _VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + bytes((type, len(octets) + 2)) + octets


def _octets(value: str) -> bytes:
    try:
        return bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()
    except ValueError:
        return value.encode()


def _date(names: Dictionary, known: str, value: str) -> str:
    """Return *value*; a date as FreeRADIUS prints it, ``Nov 22 2026 14:05:53 UTC``, as UNIX seconds."""
    definition = names.attributes.get(known)
    if definition is None or definition.type != "date" or value.isdecimal():
        return value
    if match := _DATE.fullmatch(value):
        month, day, year, clock, zone = match.groups()
        value = f"{clock} {zone} {month} {day} {year}"
    at = read_stamp(value).at
    return value if at is None else str(int(at.timestamp()))


def _known(names: Dictionary, written: str) -> str:
    """Return the name as the dictionary has it: case does not count."""
    if written in names.attributes:
        return written
    lower = written.lower()
    return next((name for name in names.attributes if name.lower() == lower), written)
