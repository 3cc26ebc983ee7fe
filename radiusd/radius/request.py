"""The asking side: sign a request, and tell whether an answer to it can be believed."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from radiusd.radius.assigned import (
    AUTHENTICATOR_OCTETS,
    HEADER_OCTETS,
    MAX_PACKET_OCTETS,
    Attribute,
    Code,
)
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.passwords import hide_password
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.signing import (
    SELF_SIGNED,
    MessageAuthenticator,
    pack_attributes,
    response_authenticator,
    verify_message_authenticator,
    verify_response,
)

_ZEROS = bytes(AUTHENTICATOR_OCTETS)
_ANSWERS = {
    Code.ACCESS_REQUEST: {Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCESS_CHALLENGE},
    Code.ACCOUNTING_REQUEST: {Code.ACCOUNTING_RESPONSE},
    Code.STATUS_SERVER: {Code.ACCESS_ACCEPT, Code.ACCOUNTING_RESPONSE},
    Code.DISCONNECT_REQUEST: {Code.DISCONNECT_ACK, Code.DISCONNECT_NAK},
    Code.COA_REQUEST: {Code.COA_ACK, Code.COA_NAK},
}


class RequestFailed(Exception):
    """
    There is no answer to use; the message says why and what to do about it.
    """


class BadRequest(RequestFailed):
    """
    The request cannot be written as a packet; the message names the attribute.
    """


class BadAnswer(RequestFailed):
    """
    What came is no answer to the request; wait on, for a real one may follow (RFC 2865, 3).
    """


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request before it is signed.

    A User-Password in *attributes* stands there as it is typed; signing hides it.
    *signs_message* puts a Message-Authenticator first: the default for all but accounting.
    """

    code: Code
    attributes: list[ReplyAttribute] = field(default_factory=list, repr=False)
    signs_message: bool | None = None

    def sign(
        self, identifier: int, secret: bytes, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> bytes:
        """
        Return the octets to send.

        Raises:
            BadRequest: An attribute, or all together, are too long.
        """
        self_signed = self.code in SELF_SIGNED
        authenticator = _ZEROS if self_signed else random(AUTHENTICATOR_OCTETS)
        packed = self._pack(secret, authenticator)
        signs_message = self.signs_message
        if signs_message is None:
            signs_message = self.code != Code.ACCOUNTING_REQUEST
        own = pack_attributes([(Attribute.MESSAGE_AUTHENTICATOR, _ZEROS)]) if signs_message else b""
        size = HEADER_OCTETS + len(own) + len(packed)
        if size > MAX_PACKET_OCTETS:
            raise BadRequest(f"the request has {size} octets, and at most {MAX_PACKET_OCTETS} fit; send less")
        head = bytes((self.code, identifier)) + size.to_bytes(2, "big")
        if signs_message:
            signature = hmac.digest(secret, b"".join((head, authenticator, own, packed)), "md5")
            packed = pack_attributes([(Attribute.MESSAGE_AUTHENTICATOR, signature)]) + packed
        raw = b"".join((head, authenticator, packed))
        if not self_signed:
            return raw
        return b"".join((head, response_authenticator(raw, _ZEROS, secret), packed))

    def _pack(self, secret: bytes, authenticator: bytes) -> bytes:
        try:
            return pack_attributes(
                [
                    (type, hide_password(value, secret, authenticator))
                    if type == Attribute.USER_PASSWORD
                    else (type, value)
                    for type, value in self.attributes
                ]
            )
        except ValueError as error:
            raise BadRequest(f"{error}; shorten it") from error


def read_answer(datagram: bytes, request: bytes, secret: bytes) -> Packet:
    """
    Return the answer in *datagram* to the signed *request*.

    Raises:
        BadAnswer: It is malformed, belongs to another request, or is not signed by *secret*.
    """
    try:
        answer = read_packet(datagram)
    except MalformedPacket as malformed:
        raise BadAnswer(f"the answer is malformed ({malformed.reason})") from malformed
    authenticator = request[4:HEADER_OCTETS]
    if answer.identifier != request[1]:
        raise BadAnswer("the answer has the Identifier of another request")
    if not verify_response(answer.raw, authenticator, secret):
        raise BadAnswer("the Response Authenticator is wrong: do both sides have the same shared secret?")
    if verify_message_authenticator(answer, secret, authenticator) is MessageAuthenticator.INVALID:
        raise BadAnswer("the Message-Authenticator of the answer is wrong")
    if answer.code not in _ANSWERS.get(Code(request[0]), ()):
        raise BadAnswer(f"code {answer.code} is no answer to code {request[0]}")
    return answer
