"""Decide whether a packet may be believed at all, before anybody reads what it says."""

from __future__ import annotations

from enum import Enum

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.clients import Client
from radiusd.radius.discards import Discarded, Reason
from radiusd.radius.packet import Packet, frame, read_packet
from radiusd.radius.signing import (
    SELF_SIGNED,
    MessageAuthenticator,
    verify_message_authenticator,
    verify_request_authenticator,
)


class PortKind(Enum):
    """
    What a port is for.
    """

    AUTH = "auth"
    ACCT = "acct"
    BOTH = "both"  # RFC 6614, 2.5: streams may carry everything over one port


# Bound once: to look a member up costs more than to compare it (Python 3.11).
_ACCT = PortKind.ACCT
_BOTH = PortKind.BOTH
_ACCESS_REQUEST = int(Code.ACCESS_REQUEST)
_ACCOUNTING_REQUEST = int(Code.ACCOUNTING_REQUEST)
_STATUS_SERVER = int(Code.STATUS_SERVER)
_INVALID = MessageAuthenticator.INVALID
_VALID = MessageAuthenticator.VALID


def admit(kind: PortKind, client: Client, datagram: bytes) -> Packet:
    """
    Return the packet in *datagram* once it is proved to come from *client*.

    What is cheap comes first, so that a forged packet costs little: its length,
    its code, its signature. For an Access-Request the outline of the attributes
    must be walked to find the Message-Authenticator; their values are not read.

    Raises:
        Discarded: It must not be answered; the reason says why.
    """
    raw = frame(datagram)
    code = raw[0]
    if kind is _BOTH:
        return _admit_any(client, raw)
    if code == (_ACCOUNTING_REQUEST if kind is _ACCT else _ACCESS_REQUEST):
        return _admit_accounting(client, raw) if kind is _ACCT else _admit_access(client, raw)
    if code == _STATUS_SERVER:
        return _admit_status(client, raw)
    raise Discarded(
        Reason.WRONG_PORT if code in (_ACCESS_REQUEST, _ACCOUNTING_REQUEST) else Reason.UNKNOWN_CODE
    )


def _admit_any(client: Client, raw: bytes) -> Packet:
    """Return a request of any kind; what is not wanted, a CoA-Request, must be signed to be told so."""
    code = raw[0]
    if code == _ACCESS_REQUEST:
        return _admit_access(client, raw)
    if code == _STATUS_SERVER:
        return _admit_status(client, raw)
    if code in SELF_SIGNED:
        return _admit_accounting(client, raw)
    raise Discarded(Reason.UNKNOWN_CODE)


def _admit_accounting(client: Client, raw: bytes) -> Packet:
    if not verify_request_authenticator(raw, client.secret):
        raise Discarded(Reason.BAD_REQUEST_AUTHENTICATOR)
    packet = read_packet(raw)
    _check_message_authenticator(client, packet)
    return packet


def _admit_access(client: Client, raw: bytes) -> Packet:
    packet = read_packet(raw)
    if _check_message_authenticator(client, packet):
        return packet
    # No proof of origin but the address: see what may come without one.
    if client.require_message_authenticator:
        raise Discarded(Reason.MESSAGE_AUTHENTICATOR_REQUIRED)
    if packet.first(Attribute.EAP_MESSAGE) is not None:  # RFC 3579, 3.1
        raise Discarded(Reason.EAP_WITHOUT_MESSAGE_AUTHENTICATOR)
    if client.limit_proxy_state and packet.first(Attribute.PROXY_STATE) is not None:
        raise Discarded(Reason.PROXY_STATE_WITHOUT_MESSAGE_AUTHENTICATOR)
    return packet


def _admit_status(client: Client, raw: bytes) -> Packet:
    packet = read_packet(raw)
    if not _check_message_authenticator(client, packet):  # RFC 5997, 3
        raise Discarded(Reason.STATUS_WITHOUT_MESSAGE_AUTHENTICATOR)
    return packet


def _check_message_authenticator(client: Client, packet: Packet) -> bool:
    """Return whether *packet* has a Message-Authenticator; a wrong one discards it (RFC 3579, 3.2)."""
    found = verify_message_authenticator(packet, client.secret)
    if found is _INVALID:
        raise Discarded(Reason.BAD_MESSAGE_AUTHENTICATOR)
    return found is _VALID
