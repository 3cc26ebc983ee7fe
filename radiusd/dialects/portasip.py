"""PortaSIP and nodes that follow its conventions: Cisco's attributes, and private fields in pairs."""

from __future__ import annotations

from radiusd.calls.events import Kind
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.standard import USER_NAME
from radiusd.dialects.values import address, conference_id
from radiusd.radius.packet import Packet

_PASSWORD_OF_NOBODY = b"cisco"


class PortaSip(Gateway):
    """
    The dialect of PortaSIP.

    ``h323-ivr-out=PortaBilling_Name:value`` tells what Cisco has no attribute for: whether a call, a
    registration or a transfer is asked for.
    """

    name = "portasip"

    def asks_for_address(self, packet: Packet, password: bytes) -> bool:
        """See :meth:`Dialect.asks_for_address`: a trunk is asked for by its address in User-Name."""
        return password == _PASSWORD_OF_NOBODY and bool(address(packet.first(USER_NAME)))

    def call_id(self, record: Record) -> str:
        """Return what all legs of the call have in common."""
        said = record.said
        call_id = record.reading.text("call_id_from") or said.text(h323.CONF_ID)
        return conference_id(call_id or said.text(h323.INCOMING_CONF_ID)) or said.pair(b"call-id")

    def called(self, record: Record) -> str:
        """Return the called number; a registration calls nobody, whatever number stands there."""
        if record.kind is Kind.AUTHORIZE:
            method = record.said.pair(b"portabilling_authmethod")
            if method.upper() == "REGISTER":
                return ""
        return super().called(record)

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the account, which is often named like the calling number; an address is none."""
        reading = record.reading
        username = reading.text("username_from", reading.attribute(USER_NAME))
        return username if reading.is_set("username_from") or not address(username) else ""
