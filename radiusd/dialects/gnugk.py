"""GNU Gatekeeper: one record a call, in Cisco's attributes with meanings of its own."""

from __future__ import annotations

from radiusd.calls.events import Leg, Side
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import H323
from radiusd.dialects.standard import FRAMED_IP_ADDRESS, USER_NAME
from radiusd.dialects.values import number
from radiusd.radius.packet import Packet

REWRITTEN_NUMBER = 117  # the calling number as sent to Cisco, the called number as routed here

_NO_ADDRESS = bytes(4)
_RELEASE_SIDES = {"0": Side.SYSTEM, "1": Side.CALLER, "2": Side.CALLEE}


class GnuGk(Gateway):
    """
    The dialect of GnuGk's RadAcct and RadAuth.

    The caller is Framed-IP-Address, the callee h323-remote-address: in Cisco's records it is the other
    way round. How its stamps look, and by which clock, is configured there.
    """

    name = "gnugk"

    def asks_for_address(self, packet: Packet, password: bytes) -> bool:
        """See :meth:`Dialect.asks_for_address`: RadAliasAuth repeats the name for want of one."""
        return bool(password) and password == packet.first(USER_NAME)

    def leg(self, said: H323) -> Leg | None:
        """Return SINGLE: it is a proxy between caller and callee, whatever an admission calls itself."""
        return Leg.SINGLE

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user: an endpoint's alias, or ``voip.`` and the address of one that has none."""
        return record.reading.text("username_from", record.reading.attribute(USER_NAME))

    def translations(self, record: Record) -> tuple[str, str, str, str]:
        """Return the called number as it was routed; no other is told."""
        return "", "", "", number(record.said.own(REWRITTEN_NUMBER, "rewritten-e164-num"))

    def caller_address(self, record: Record) -> bytes | str | None:
        """Return the endpoint that calls."""
        value = record.reading.packet.first(FRAMED_IP_ADDRESS)
        return None if value == _NO_ADDRESS else value

    def callee_address(self, record: Record) -> bytes | str | None:
        """Return the endpoint that is called."""
        return record.said.text(h323.REMOTE_ADDRESS)

    def release_side(self, record: Record) -> Side | None:
        """Return who hung up, as the gatekeeper numbers the sides."""
        return _RELEASE_SIDES.get(record.said.text(h323.RELEASE_SOURCE))
