"""AudioCodes Mediant gateways and SBCs: Cisco's voice attributes under their own vendor number."""

from __future__ import annotations

import msgspec

from radiusd.calls.events import CallEvent, Side
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.reading import Reading
from radiusd.dialects.sources import pairs
from radiusd.dialects.values import conference_id, text
from radiusd.radius.clients import Client

AUDIOCODES = 5003
SIP_CALL_ID = 34
CALL_TERMINATOR = 35  # Cisco's h323-incoming-conf-id; the other leg's id comes in a pair here

_OTHER_LEG = b"h323-incoming-conf-id"
_SIDES = {"no": Side.CALLER, "yes": Side.CALLEE}


class AudioCodes(Gateway):
    """
    The dialect of AudioCodes.

    It may send two Starts for one leg, at the set-up and at the answer. Causes are decimal, and the unit of
    Acct-Session-Time is a setting of the device.
    """

    name = "audiocodes"
    vendor = AUDIOCODES
    usual_cause_base = 10

    def vendor_of_replies(self, client: Client) -> int:
        """See :meth:`Dialect.vendor_of_replies`: the device reads its own vendor's attributes only."""
        return self.vendor_of(self.settings_of(client))

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`; a pair may name the other leg's conference."""
        event = super().read_call(reading, client)
        told = pairs(reading.packet.vendor_all(self.vendor_of(reading.settings), h323.AVPAIR))
        other_id = conference_id(text(told.get(_OTHER_LEG)))
        if not other_id or other_id == event.call_id:
            return event
        return msgspec.structs.replace(event, also=(other_id,))

    def call_id(self, record: Record) -> str:
        """Return what all legs of the call have in common."""
        said = record.said
        return (
            conference_id(record.reading.text("call_id_from") or said.text(h323.CONF_ID))
            or conference_id(said.pair(_OTHER_LEG))
            or said.own(SIP_CALL_ID, "sip-call-id")
        )

    def ids(self, record: Record) -> tuple[str, ...]:
        """See :meth:`Gateway.ids`."""
        return *super().ids(record), record.said.own(SIP_CALL_ID, "sip-call-id")

    def release_side(self, record: Record) -> Side | None:
        """Return who hung up: call-terminator says whether it was the outgoing leg."""
        return _SIDES.get(record.said.own(CALL_TERMINATOR, "call-terminator").lower())
