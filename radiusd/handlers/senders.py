"""Who speaks: a client for itself, or a switch behind a client that is a proxy."""

from __future__ import annotations

import msgspec

from radiusd.calls.events import CallEvent
from radiusd.radius.assigned import OPERATOR_NAS_IDENTIFIER, Attribute
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet


def told_by(event: CallEvent, client: Client, packet: Packet) -> CallEvent:
    """
    Return *event* with the switch that tells of it, if *client* may speak for others.

    Session ids are each switch's own, and each boots for itself. Of any other client what it says about
    NAS-IP-Address and NAS-Identifier is not believed: it speaks for its own calls only. What the switch's
    operator adds is kept, for the way back to it leads by that (RFC 8559, 3).
    """
    if not client.is_proxy:
        return event
    name = packet.text(Attribute.NAS_IDENTIFIER)
    address = packet.first(Attribute.NAS_IP_ADDRESS) or packet.first(Attribute.NAS_IPV6_ADDRESS)
    return msgspec.structs.replace(
        event,
        nas=name or (address.hex() if address else ""),
        operator=packet.text(Attribute.OPERATOR_NAME),
        operator_nas=_operator_nas(packet).hex(),
    )


def _operator_nas(packet: Packet) -> bytes:
    """Return Operator-NAS-Identifier, attribute 241.8 (RFC 8559, 5); empty when there is none."""
    values = packet.all(Attribute.EXTENDED_1)
    return next((value[1:] for value in values if value[:1] == bytes((OPERATOR_NAS_IDENTIFIER,))), b"")
