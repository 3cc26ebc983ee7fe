"""Prove that a packet comes from who knows the secret, both ways (RFC 2865, 2866, 3579)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from enum import Enum

from radiusd.radius.assigned import (
    AUTHENTICATOR_OCTETS,
    HEADER_OCTETS,
    MAX_PACKET_OCTETS,
    MAX_VALUE_OCTETS,
    Code,
)
from radiusd.radius.discards import Discarded, Reason
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply, ReplyAttribute, is_permitted

_ZEROS = bytes(AUTHENTICATOR_OCTETS)
_HEAD = struct.Struct("!BBH")  # code, identifier, length; the authenticator follows
_MESSAGE_AUTHENTICATOR = 80
_PROXY_STATE = 33
_MESSAGE_AUTHENTICATOR_OCTETS = 18
_MESSAGE_AUTHENTICATOR_HEAD = bytes((_MESSAGE_AUTHENTICATOR, _MESSAGE_AUTHENTICATOR_OCTETS))

# These sign themselves: their Request Authenticator is the hash over the packet
# with zeros in its place, so a Message-Authenticator inside is made over zeros too.
SELF_SIGNED = frozenset({Code.ACCOUNTING_REQUEST, Code.DISCONNECT_REQUEST, Code.COA_REQUEST})
# Every answer to an Access-Request opens with a Message-Authenticator (CVE-2024-3596).
_ANSWERS_ACCESS = frozenset({Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCESS_CHALLENGE})


class MessageAuthenticator(Enum):
    """
    What a packet's Message-Authenticator says.
    """

    ABSENT = "absent"
    VALID = "valid"
    INVALID = "invalid"


_ABSENT = MessageAuthenticator.ABSENT


class ReplyTooLarge(Discarded):
    """
    Proxy-State alone fills the packet, so there is no lawful answer; the port stays silent.
    """

    def __init__(self) -> None:
        super().__init__(Reason.REPLY_TOO_LARGE)


def verify_request_authenticator(raw: bytes, secret: bytes) -> bool:
    """Return whether the Accounting-, CoA- or Disconnect-Request *raw* is signed by *secret*."""
    return verify_response(raw, _ZEROS, secret)


def verify_response(raw: bytes, request_authenticator: bytes, secret: bytes) -> bool:
    """Return whether the answer *raw* to that request is signed by *secret* (RFC 2865, 3)."""
    expected = response_authenticator(raw, request_authenticator, secret)
    return hmac.compare_digest(expected, raw[4:HEADER_OCTETS])


def response_authenticator(raw: bytes, request_authenticator: bytes, secret: bytes) -> bytes:
    """Return the hash that signs *raw*, whatever stands in its own authenticator field."""
    return _md5(raw[:4], request_authenticator, raw[HEADER_OCTETS:], secret)


def message_authenticator_of(packet: Packet) -> bytes | None:
    """Return the first Message-Authenticator of *packet* as it came, of whatever length."""
    return packet.first(_MESSAGE_AUTHENTICATOR)


def verify_message_authenticator(
    packet: Packet, secret: bytes, request_authenticator: bytes | None = None
) -> MessageAuthenticator:
    """
    Return what the Message-Authenticator of *packet* proves (RFC 3579, 3.2).

    One of another length than 16 octets, or more than one, is INVALID. For an
    answer, *request_authenticator* is that of the request it belongs to.
    """
    found = packet.all(_MESSAGE_AUTHENTICATOR)
    if not found:
        return _ABSENT
    if len(found) > 1 or len(found[0]) != AUTHENTICATOR_OCTETS:
        return MessageAuthenticator.INVALID
    if request_authenticator is None:
        request_authenticator = _ZEROS if packet.code in SELF_SIGNED else packet.authenticator
    at = _offset_of_message_authenticator(packet)
    raw = packet.raw
    signed = b"".join((raw[:4], request_authenticator, raw[HEADER_OCTETS:at], _ZEROS, raw[at + 16 :]))
    if hmac.compare_digest(hmac.digest(secret, signed, "md5"), found[0]):
        return MessageAuthenticator.VALID
    return MessageAuthenticator.INVALID


def build_reply(request: Packet, reply: Reply, secret: bytes) -> bytes:
    """
    Return the octets that answer *request*.

    Message-Authenticator comes first in every answer to an Access-Request and in
    the Access-Accept to a Status-Server; then *reply*'s attributes; then every
    Proxy-State of the request, unmodified and in order. Attributes that the
    tables of the RFCs forbid in this code, empty ones, and those for which
    Proxy-State leaves no room are left out.

    Raises:
        ReplyTooLarge: There is no room for the Proxy-State itself.
        ValueError: An attribute is longer than 253 octets.
    """
    signs_message = reply.code in _ANSWERS_ACCESS
    proxy_states = pack_attributes([pair for pair in request.attributes if pair[0] == _PROXY_STATE])
    room = MAX_PACKET_OCTETS - HEADER_OCTETS - len(proxy_states)
    if signs_message:
        room -= _MESSAGE_AUTHENTICATOR_OCTETS
    if room < 0:
        raise ReplyTooLarge
    attributes = pack_attributes(_that_fit(reply, room)) + proxy_states
    if signs_message:
        attributes = _MESSAGE_AUTHENTICATOR_HEAD + _ZEROS + attributes
    head = _HEAD.pack(reply.code, request.identifier, HEADER_OCTETS + len(attributes))
    if signs_message:
        signature = hmac.digest(secret, b"".join((head, request.authenticator, attributes)), "md5")
        attributes = _MESSAGE_AUTHENTICATOR_HEAD + signature + attributes[_MESSAGE_AUTHENTICATOR_OCTETS:]
    return b"".join((head, _md5(head, request.authenticator, attributes, secret), attributes))


def pack_attributes(attributes: list[ReplyAttribute]) -> bytes:
    """
    Return *attributes* one behind the other, as they stand in a packet.

    Raises:
        ValueError: A value is longer than 253 octets.
    """
    parts: list[bytes] = []
    for type, value in attributes:
        if len(value) > MAX_VALUE_OCTETS:
            raise ValueError(f"attribute {type} has {len(value)} octets, and at most {MAX_VALUE_OCTETS} fit")
        parts.append(bytes((type, len(value) + 2)))
        parts.append(value)
    return b"".join(parts)


def _that_fit(reply: Reply, room: int) -> list[ReplyAttribute]:
    """Return the attributes of *reply* that may be sent and together take at most *room* octets."""
    kept: list[ReplyAttribute] = []
    for attribute in reply.attributes:
        type, value = attribute
        size = len(value) + 2
        # RFC 2865, 5: an attribute without a value must not be sent.
        if size > 2 and size <= room and is_permitted(reply.code, type):
            kept.append(attribute)
            room -= size
    return kept


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()


def _offset_of_message_authenticator(packet: Packet) -> int:
    """Return where the value of the Message-Authenticator begins in *packet.raw*."""
    at = HEADER_OCTETS
    for type, value in packet.attributes:
        if type == _MESSAGE_AUTHENTICATOR:
            break
        at += len(value) + 2
    return at + 2
