"""What a dialect answers to an Access-Request, beyond what every RADIUS client understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from radiusd.dialects import reply_forms
from radiusd.dialects.h323 import AVPAIR, CISCO, CREDIT_TIME, NAMES, RETURN_CODE
from radiusd.errors import Refusal
from radiusd.radius.assigned import Attribute
from radiusd.radius.reply import ReplyAttribute, integer, text, vendor_text

LONGEST_S = 0xFFFFFFFF
SIP_AVP = 225  # of Kamailio and OpenSIPS; SER had it first


@dataclass(frozen=True, slots=True)
class Profile:
    """
    How one client reads replies.

    Attributes:
        times: The forms in which it understands the time that a call may last, of
            :data:`~radiusd.dialects.reply_forms.TIMES`.
        named: Write ``h323-credit-time=60`` into h323-credit-time, as Cisco does, instead of ``60``.
        vendor: Whose number h323 attributes have; most who copied Cisco's kept it.
        table: The table of h323-return-codes that it knows.
        codes: Those that it has otherwise.
        sip_codes: SIP codes that it has for refusals, in place of those of the table.
        routing_to: The host that the form ``Routing`` sends calls to.
    """

    times: tuple[str, ...] = (reply_forms.SESSION_TIMEOUT, reply_forms.CREDIT_TIME)
    named: bool = True
    vendor: int = CISCO
    table: str = "cisco"
    codes: Mapping[Refusal, int] = field(default_factory=dict)
    routing_to: str = ""
    sip_codes: Mapping[Refusal, int] = field(default_factory=dict)


def accept(session_timeout_s: int | None, call_class: bytes, profile: Profile) -> list[ReplyAttribute]:
    """
    Return the attributes of an Access-Accept, the most important first.

    By default the time stands there twice: gateways obey h323-credit-time, what copies
    them may know only Session-Timeout.

    Args:
        session_timeout_s: How long the call may last; None: as long as it likes.
        call_class: The Class that the switch is to send back; empty: none.

    Raises:
        ValueError: *session_timeout_s* is not positive: to many switches 0 means "no limit".
    """
    times: dict[str, ReplyAttribute] = {}
    if session_timeout_s is not None:
        if session_timeout_s <= 0:
            raise ValueError(f"a call cannot be accepted for {session_timeout_s} seconds; refuse it instead")
        limit_s = min(session_timeout_s, LONGEST_S)
        times = {form: _TIMES[form](limit_s, profile) for form in profile.times}
    mark = (int(Attribute.CLASS), call_class) if call_class else None
    plain = [times.pop(reply_forms.SESSION_TIMEOUT, None), mark, times.pop(reply_forms.CREDIT_TIME, None)]
    plain.append(_h323(RETURN_CODE, 0, profile))
    return [attribute for attribute in plain if attribute is not None] + list(times.values())


def change(session_timeout_s: int, profile: Profile) -> list[ReplyAttribute]:
    """
    Return the attributes of a CoA-Request that give a call another time: in the forms of an Access-Accept.

    But for ``Routing``, which sends an INVITE somewhere: a call that is up has none.

    Raises:
        ValueError: *session_timeout_s* is not positive.
    """
    if session_timeout_s <= 0:
        raise ValueError(f"a call cannot be given {session_timeout_s} seconds; end it instead")
    forms = [form for form in profile.times if form != reply_forms.ROUTING] or [reply_forms.SESSION_TIMEOUT]
    return [_TIMES[form](min(session_timeout_s, LONGEST_S), profile) for form in forms]


OTHER_CODES: Mapping[str, Mapping[Refusal, int]] = {
    "portaone": {Refusal.NO_BALANCE: 12, Refusal.BAD_REQUEST: 11, Refusal.AUTH_FAILED: 2},
    "welltech": {Refusal.NO_BALANCE: 11, Refusal.NO_RATE: 7, Refusal.AUTH_FAILED: 2},
}
"""Where a family of gateways numbers a reason otherwise than Cisco's own do."""


def return_code(refusal: Refusal, profile: Profile) -> int:
    """Return the h323-return-code that tells *refusal* to a client."""
    own = profile.codes.get(refusal)
    return own or OTHER_CODES.get(profile.table, {}).get(refusal, refusal.return_code)


def sip_code(refusal: Refusal, profile: Profile) -> int:
    """Return the SIP code that tells *refusal* to a client."""
    return profile.sip_codes.get(refusal, refusal.sip_code)


def reject(refusal: Refusal, profile: Profile) -> list[ReplyAttribute]:
    """Return the attributes of an Access-Reject: the reason, and nothing that RFC 2865, 5.44 forbids."""
    return [
        text(Attribute.REPLY_MESSAGE, refusal.reply_with(sip_code(refusal, profile))),
        _h323(RETURN_CODE, return_code(refusal, profile), profile),
    ]


def _h323(type: int, value: int, profile: Profile) -> ReplyAttribute:
    written = f"{NAMES[type]}={value}" if profile.named else str(value)
    return vendor_text(profile.vendor, type, written)


def _routing(seconds: int, profile: Profile) -> ReplyAttribute:
    return vendor_text(CISCO, AVPAIR, f"h323-ivr-in=Routing:{profile.routing_to};credit-time={seconds}")


_TIMES: Mapping[str, Callable[[int, Profile], ReplyAttribute]] = {
    reply_forms.SESSION_TIMEOUT: lambda seconds, _: integer(Attribute.SESSION_TIMEOUT, seconds),
    reply_forms.CREDIT_TIME: lambda seconds, profile: _h323(CREDIT_TIME, seconds, profile),
    # "#" makes a number of it, which the dialog module's timeout wants.
    reply_forms.SIP_AVP: lambda seconds, _: text(SIP_AVP, f"Session-Timeout#{seconds}"),
    reply_forms.ROUTING: _routing,
    reply_forms.DURATION: lambda seconds, _: vendor_text(CISCO, AVPAIR, f"h323-ivr-in=DURATION:{seconds}"),
}
"""How each form of a call's time is written."""
