"""What a handler answers: a code, and attributes that already have their final octets."""

from __future__ import annotations

from dataclasses import dataclass, field

from radiusd.radius.assigned import MAX_VALUE_OCTETS, MAX_VENDOR_VALUE_OCTETS, Attribute, Code

ReplyAttribute = tuple[int, bytes]  # attribute type, value


@dataclass(frozen=True, slots=True)
class Reply:
    """
    An answer before it is signed.

    *attributes* stand in the order of their importance: when a request full of
    Proxy-State leaves too little room, the last ones are left out first.
    Proxy-State and Message-Authenticator are none of the handler's business;
    ``signing.build_reply`` adds them.
    """

    code: int
    attributes: list[ReplyAttribute] = field(default_factory=list)


def text(type: int, value: str) -> ReplyAttribute:
    """Return attribute *type* with *value* as UTF-8, cut to 253 octets between two characters."""
    return type, _utf8(value, MAX_VALUE_OCTETS)


def integer(type: int, value: int) -> ReplyAttribute:
    """
    Return attribute *type* with *value* as 4 octets.

    Raises:
        ValueError: *value* is negative or needs more than 32 bits.
    """
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError(f"attribute {type}: {value} does not fit an unsigned 32-bit number")
    return type, value.to_bytes(4, "big")


def vendor_text(vendor: int, type: int, value: str) -> ReplyAttribute:
    """Return a Vendor-Specific attribute of *vendor*, its text cut to 247 octets between two characters."""
    inner = _utf8(value, MAX_VENDOR_VALUE_OCTETS)
    return Attribute.VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + bytes((type, len(inner) + 2)) + inner


def _utf8(value: str, limit: int) -> bytes:
    """Return *value* as at most *limit* octets of valid UTF-8."""
    # A lone surrogate has no UTF-8; a question mark is better than no reply.
    encoded = value.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded
    return encoded[:limit].decode(errors="ignore").encode()


# RFC 2865, 5.44: what a packet of a code may carry. Vendor-Specific stands there as
# "0" for a Reject, yet gateways read h323-return-code from one, so it stays allowed.
_ONLY = {
    Code.ACCESS_REJECT: frozenset(
        {
            Attribute.REPLY_MESSAGE,
            Attribute.VENDOR_SPECIFIC,
            Attribute.EAP_MESSAGE,
            Attribute.ERROR_CAUSE,
        }
    ),
    Code.ACCOUNTING_RESPONSE: frozenset({Attribute.VENDOR_SPECIFIC, Attribute.ERROR_CAUSE}),  # RFC 2866, 5.13
}
_NEVER = frozenset(
    {
        Attribute.PROXY_STATE,  # copied from the request, never made up
        Attribute.MESSAGE_AUTHENTICATOR,  # computed when the reply is signed
        # All others belong to requests.
        Attribute.USER_PASSWORD,
        Attribute.CHAP_PASSWORD,
        Attribute.NAS_IP_ADDRESS,
        Attribute.NAS_PORT,
        Attribute.CALLED_STATION_ID,
        Attribute.CALLING_STATION_ID,
        Attribute.NAS_IDENTIFIER,
        Attribute.ACCT_STATUS_TYPE,
        Attribute.ACCT_DELAY_TIME,
        Attribute.ACCT_SESSION_ID,
        Attribute.ACCT_SESSION_TIME,
        Attribute.ACCT_TERMINATE_CAUSE,
        Attribute.CHAP_CHALLENGE,
        Attribute.NAS_PORT_TYPE,
        Attribute.NAS_IPV6_ADDRESS,
        Attribute.DIGEST_RESPONSE,
        Attribute.STERMAN_DIGEST_RESPONSE,
    }
)


def is_permitted(code: int, type: int) -> bool:
    """Return whether the tables of RFC 2865 and 2866 let a handler put *type* into a reply of *code*."""
    only = _ONLY.get(code)  # type: ignore[call-overload]  # a Code equals and hashes as its number
    if only is not None:
        return type in only
    return type not in _NEVER
