"""Read packets written as text: datagrams in hexadecimal digits, or attributes as radclient writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pyrad.dictionary import Dictionary

from provisioning.captures.sent import Sent
from radiusd.errors import BadInput
from radiusd.radius.assigned import Code
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
_SMALLEST_DIGITS = 40  # a header of 20 octets


def read_text(text: str, names: Dictionary, secret: bytes) -> Iterator[Sent]:
    """
    Yield the packets in *text*, signed with *secret* where they are written as attributes.

    A line of hexadecimal digits is a datagram. Lines of ``Attribute = value`` up to an empty line are one
    packet: an Accounting-Request when Acct-Status-Type is among them, else an Access-Request. Other lines
    (dates, headings) are passed over.

    Raises:
        BadInput: There is none.
    """
    pairs: list[tuple[str, str]] = []
    began, found = 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        digits = _HEX.fullmatch(line.strip())
        pair = None if digits else _NAME.match(line)
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
            attributes += encode_attributes(names, [(_known(names, name), value)])
        except BadRequest as error:
            doubts.append(f"{error}; left out")
    code = Code.ACCOUNTING_REQUEST if is_accounting else Code.ACCESS_REQUEST
    try:
        datagram = Request(code, attributes).sign(0, secret)
    except BadRequest as error:
        raise BadInput(f"{where}: {error}") from error
    return Sent(where, datagram, at, doubts=tuple(doubts), is_signed=False)


def _known(names: Dictionary, written: str) -> str:
    """Return the name as the dictionary has it: case does not count."""
    if written in names.attributes:
        return written
    lower = written.lower()
    return next((name for name in names.attributes if name.lower() == lower), written)
