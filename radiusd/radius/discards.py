"""Why a packet is dropped without an answer, in words that log, counter and test share."""

from __future__ import annotations

from enum import Enum, StrEnum


class CountedAs(Enum):
    """
    The counter of RFC 4669 and RFC 4671 that a dropped packet adds to.
    """

    INVALID_ADDRESS = "invalid requests"
    MALFORMED = "malformed requests"
    BAD_AUTHENTICATOR = "bad authenticators"
    UNKNOWN_TYPE = "unknown types"
    DROPPED = "packets dropped"


class Reason(StrEnum):
    """
    Why a packet gets no answer.
    """

    UNKNOWN_CLIENT = "unknown_client"
    UNKNOWN_CERTIFICATE = "unknown_certificate"
    HANDSHAKE_FAILED = "handshake_failed"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_SLOW = "too_slow"
    MALFORMED_SIP = "malformed_sip"
    TOO_MANY_TRANSACTIONS = "too_many_transactions"

    TOO_SHORT = "too_short"
    LENGTH_BELOW_20 = "length_below_20"
    LENGTH_ABOVE_4096 = "length_above_4096"
    SHORTER_THAN_LENGTH = "shorter_than_length"
    ATTRIBUTE_LENGTH = "attribute_length"
    ATTRIBUTE_OVERRUN = "attribute_overrun"

    UNKNOWN_CODE = "unknown_code"
    WRONG_PORT = "wrong_port"

    BAD_REQUEST_AUTHENTICATOR = "bad_request_authenticator"
    BAD_MESSAGE_AUTHENTICATOR = "bad_message_authenticator"

    MESSAGE_AUTHENTICATOR_REQUIRED = "message_authenticator_required"
    PROXY_STATE_WITHOUT_MESSAGE_AUTHENTICATOR = "proxy_state_without_message_authenticator"
    EAP_WITHOUT_MESSAGE_AUTHENTICATOR = "eap_without_message_authenticator"
    STATUS_WITHOUT_MESSAGE_AUTHENTICATOR = "status_without_message_authenticator"
    UNHEALTHY = "unhealthy"
    NOT_ANSWERED = "not_answered"
    HANDLER_FAILED = "handler_failed"
    REPLY_TOO_LARGE = "reply_too_large"

    @property
    def counted_as(self) -> CountedAs:
        """The standard counter that this reason belongs to."""
        return _COUNTED_AS.get(self, CountedAs.DROPPED)


_COUNTED_AS = {
    Reason.UNKNOWN_CLIENT: CountedAs.INVALID_ADDRESS,
    Reason.UNKNOWN_CERTIFICATE: CountedAs.INVALID_ADDRESS,
    Reason.HANDSHAKE_FAILED: CountedAs.INVALID_ADDRESS,
    Reason.MALFORMED_SIP: CountedAs.MALFORMED,
    Reason.TOO_SHORT: CountedAs.MALFORMED,
    Reason.LENGTH_BELOW_20: CountedAs.MALFORMED,
    Reason.LENGTH_ABOVE_4096: CountedAs.MALFORMED,
    Reason.SHORTER_THAN_LENGTH: CountedAs.MALFORMED,
    Reason.ATTRIBUTE_LENGTH: CountedAs.MALFORMED,
    Reason.ATTRIBUTE_OVERRUN: CountedAs.MALFORMED,
    Reason.UNKNOWN_CODE: CountedAs.UNKNOWN_TYPE,
    Reason.WRONG_PORT: CountedAs.UNKNOWN_TYPE,
    Reason.BAD_REQUEST_AUTHENTICATOR: CountedAs.BAD_AUTHENTICATOR,
    Reason.BAD_MESSAGE_AUTHENTICATOR: CountedAs.BAD_AUTHENTICATOR,
}


class Discarded(Exception):
    """
    The packet must not be answered; the port counts it, logs it and goes on.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class MalformedPacket(Discarded):
    """
    The octets are no RADIUS packet.

    On a stream the connection is closed, because its framing is lost (RFC 6613, 2.6.4).
    """
