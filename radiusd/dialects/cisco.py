"""Cisco IOS voice gateways and CUBE: a record for each leg of a call, most of it in vendor attributes."""

from __future__ import annotations

from radiusd.calls.events import Kind, Leg
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import H323
from radiusd.dialects.reading import Reading

# What an IOS without vendor attributes packs into Acct-Session-Id behind the session id, between slashes.
_PACKED = (
    h323.SETUP_TIME,
    h323.GATEWAY_ID,
    h323.CONF_ID,
    h323.CALL_ORIGIN,
    h323.CALL_TYPE,
    h323.CONNECT_TIME,
    h323.DISCONNECT_TIME,
    h323.DISCONNECT_CAUSE,
    h323.REMOTE_ADDRESS,
)


class Cisco(Gateway):
    """
    The dialect of Cisco's voice gateways.

    A Start comes when a leg is set up, long before the answer. Both legs carry
    the id of the call; each has a session id of its own.
    """

    name = "cisco"

    def session_id(self, reading: Reading, said: H323) -> str:
        """Return the id of the leg; what else is packed into Acct-Session-Id is added to *said*."""
        session_id = super().session_id(reading, said)
        if session_id.count("/") < len(_PACKED):
            return session_id
        session_id, *packed = session_id.split("/")
        for type, value in zip(_PACKED, packed, strict=False):
            said.add(type, value)
        return session_id

    def trunk_in(self, record: Record) -> str:
        """Return the trunk group the call came from; on a leg to the telephone network, the port."""
        label = super().trunk_in(record)
        if label:
            return label
        said = record.said
        if record.leg is Leg.ANSWER and _is_telephony(said):
            return said.text(h323.NAS_PORT)
        if record.kind is Kind.AUTHORIZE and record.leg is None and not said.text(h323.REMOTE_ADDRESS):
            return said.text(h323.NAS_PORT)
        return ""

    def trunk_out(self, record: Record) -> str:
        """Return the trunk group the call leaves over; on a leg to the telephone network, the port."""
        label = super().trunk_out(record)
        if label or record.leg is not Leg.ORIGINATE or not _is_telephony(record.said):
            return label
        return record.said.text(h323.NAS_PORT)


def _is_telephony(said: H323) -> bool:
    return said.text(h323.CALL_TYPE).lower() == "telephony"
