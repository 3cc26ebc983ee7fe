"""What a Disconnect-Request names a call by (RFC 5176, 3): what its switch itself has said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from radiusd.calls.events import UNTOLD_LEG, CallEvent, Kind
from radiusd.radius.assigned import OPERATOR_NAS_IDENTIFIER, Attribute
from radiusd.radius.reply import ReplyAttribute, text, vendor_text

SESSION_ID = "Acct-Session-Id"
CONFERENCE = "h323-conf-id"
ORIGIN = "h323-call-origin"
OPERATOR = "Operator-Name"
OPERATOR_NAS = "Operator-NAS-Identifier"


def event_of(events: Sequence[CallEvent]) -> CallEvent | None:
    """
    Return the report that a switch knows its call by, None when there is none.

    The caller's leg decides, and of it what was told last: its end ends the others.
    """
    told = [event for event in events if event.kind is not Kind.AUTHORIZE]
    return min(told, key=_rank, default=None)


def _rank(event: CallEvent) -> tuple[int, float]:
    return event.leg.rank if event.leg else UNTOLD_LEG, -event.received_at.timestamp()


def address_of(event: CallEvent) -> str:
    """Return where the packet of *event* came from, empty when its source is no address."""
    host = event.source.rpartition(":")[0].strip("[]")
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def names_of(event: CallEvent, names: Sequence[str], vendor: int, *, named: bool) -> list[ReplyAttribute]:
    """
    Return the attributes of *names* for the call of *event*; those that it says nothing of are left out.

    *vendor* and *named* are how the switch writes h323 attributes, as in replies.
    """
    found: list[ReplyAttribute] = []
    for name in names:
        value = NAMED[name](event)
        if not value:
            continue
        if name in _H323:
            found.append(vendor_text(vendor, _H323[name], f"{name}={value}" if named else value))
        elif name == "NAS-IP-Address":
            found.append((Attribute.NAS_IP_ADDRESS, bytes.fromhex(value)))
        elif name == "NAS-IPv6-Address":
            found.append((Attribute.NAS_IPV6_ADDRESS, bytes.fromhex(value)))
        elif name == OPERATOR_NAS:
            extended = bytes((OPERATOR_NAS_IDENTIFIER,)) + bytes.fromhex(value)
            found.append((Attribute.EXTENDED_1, extended))
        elif value.startswith("0x"):
            found.append((_TEXTS[name], bytes.fromhex(value[2:])))  # as values.identifier writes octets
        else:
            found.append(text(_TEXTS[name], value))
    return found


def _session_id(event: CallEvent) -> str:
    found = event.session_id or event.leg_id
    return "" if found.startswith("~") else found  # made up by us: the switch does not know it


def _conference(event: CallEvent) -> str:
    """Return the conference id in the four groups that gateways write it in."""
    written = event.call_id
    if len(written) != 32 or written.strip("0123456789ABCDEF"):
        return ""
    return " ".join(written[at : at + 8] for at in range(0, 32, 8))


def _origin(event: CallEvent) -> str:
    return event.leg.value if event.leg and event.leg.value in ("answer", "originate") else ""


def _nas(event: CallEvent, octets: int) -> str:
    """Return the NAS behind a proxy when it was told of by an address of so many octets."""
    is_address = len(event.nas) == 2 * octets and not event.nas.strip("0123456789abcdef")
    return event.nas if is_address else ""


def _nas_name(event: CallEvent) -> str:
    return "" if _nas(event, 4) or _nas(event, 16) else event.nas


_H323 = {CONFERENCE: 24, ORIGIN: 26}  # as h323.py has them, which cannot be imported from here
_TEXTS = {
    SESSION_ID: Attribute.ACCT_SESSION_ID,
    "User-Name": Attribute.USER_NAME,
    "Calling-Station-Id": Attribute.CALLING_STATION_ID,
    "Called-Station-Id": Attribute.CALLED_STATION_ID,
    "NAS-Identifier": Attribute.NAS_IDENTIFIER,
    OPERATOR: Attribute.OPERATOR_NAME,
}
NAMED: dict[str, Callable[[CallEvent], str]] = {
    SESSION_ID: _session_id,
    "User-Name": lambda event: event.username,
    "Calling-Station-Id": lambda event: event.calling,
    "Called-Station-Id": lambda event: event.called,
    "NAS-IP-Address": lambda event: _nas(event, 4),
    "NAS-IPv6-Address": lambda event: _nas(event, 16),
    "NAS-Identifier": _nas_name,
    OPERATOR: lambda event: event.operator,
    OPERATOR_NAS: lambda event: event.operator_nas,
    CONFERENCE: _conference,
    ORIGIN: _origin,
}
"""What a call may be named by; each says what the switch told, or nothing."""

NAS = ("NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address", OPERATOR, OPERATOR_NAS)
"""Goes with every call that came through a proxy: it passes the request on by these (RFC 8559, 3)."""
