"""What a dialect answers to an Access-Request, beyond what every RADIUS client understands."""

from __future__ import annotations

from radiusd.dialects.h323 import CISCO, CREDIT_TIME, NAMES, RETURN_CODE
from radiusd.errors import Refusal
from radiusd.radius.assigned import Attribute
from radiusd.radius.reply import ReplyAttribute, integer, text, vendor_text

LONGEST_S = 0xFFFFFFFF


def accept(
    session_timeout_s: int | None, call_class: bytes, *, named: bool, vendor: int = CISCO
) -> list[ReplyAttribute]:
    """
    Return the attributes of an Access-Accept, the most important first.

    The time stands there twice: gateways obey h323-credit-time, what copies them
    may know only Session-Timeout.

    Args:
        session_timeout_s: How long the call may last; None: as long as it likes.
        call_class: The Class that the switch is to send back; empty: none.
        named: Write ``h323-credit-time=60`` into h323-credit-time, as Cisco does, instead of ``60``.
        vendor: Whose number they have; most who copied Cisco's attributes kept it.

    Raises:
        ValueError: *session_timeout_s* is not positive: to many switches 0 means "no limit".
    """
    attributes: list[ReplyAttribute] = []
    if session_timeout_s is not None:
        if session_timeout_s <= 0:
            raise ValueError(f"a call cannot be accepted for {session_timeout_s} seconds; refuse it instead")
        session_timeout_s = min(session_timeout_s, LONGEST_S)
        attributes.append(integer(Attribute.SESSION_TIMEOUT, session_timeout_s))
    if call_class:
        attributes.append((Attribute.CLASS, call_class))
    if session_timeout_s is not None:
        attributes.append(_h323(CREDIT_TIME, session_timeout_s, named, vendor))
    attributes.append(_h323(RETURN_CODE, 0, named, vendor))
    return attributes


_OTHER_CODES = {
    "portaone": {Refusal.NO_BALANCE: 12, Refusal.BAD_REQUEST: 11, Refusal.AUTH_FAILED: 2},
}
"""Where a family of gateways numbers a reason otherwise than Cisco's own do."""


def reject(refusal: Refusal, codes: str, *, named: bool, vendor: int = CISCO) -> list[ReplyAttribute]:
    """
    Return the attributes of an Access-Reject: the reason, and nothing that RFC 2865, 5.44 forbids.

    *codes* is the table of h323-return-codes that the client knows.
    """
    code = _OTHER_CODES.get(codes, {}).get(refusal, refusal.return_code)
    return [
        text(Attribute.REPLY_MESSAGE, refusal.reply_message),
        _h323(RETURN_CODE, code, named, vendor),
    ]


def _h323(type: int, value: int, named: bool, vendor: int) -> ReplyAttribute:
    written = f"{NAMES[type]}={value}" if named else str(value)
    return vendor_text(vendor, type, written)
