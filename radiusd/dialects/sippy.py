"""Sippy B2BUA and Softswitch: Cisco's attributes, a record for the caller's leg and for each route tried."""

from __future__ import annotations

from radiusd.calls.events import Kind, Leg
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import H323
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.standard import ACCT_SESSION_TIME, USER_NAME
from radiusd.dialects.values import address
from radiusd.radius.packet import Packet

_NORMAL_CLEARING = 16
_PASSWORD_OF_NOBODY = b"cisco"


class Sippy(Gateway):
    """
    The dialect of Sippy.

    All legs share the Call-ID as their session id, so a leg is told by its direction, and one towards a
    callee by where it went. Acct-Delay-Time is the UNIX time of the first provisional answer.
    """

    name = "sippy"
    delay_is_delay = False

    def asks_for_address(self, packet: Packet, password: bytes) -> bool:
        """See :meth:`Dialect.asks_for_address`: without a digest, User-Name is the caller's address."""
        return password == _PASSWORD_OF_NOBODY and bool(address(packet.first(USER_NAME)))

    def open_record(self, reading: Reading) -> Record:
        """Return the record in *reading*; an Interim's disconnect time is nonsense and it has not ended."""
        if reading.kind is not Kind.INTERIM:
            return super().open_record(reading)
        said = H323(reading.packet, self.vendor_of(reading.settings))
        times = h323.times_of(reading, said.text(h323.SETUP_TIME), said.text(h323.CONNECT_TIME), "")
        return Record(reading, said, self.session_id(reading, said), self.leg(said), times)

    def call_id(self, record: Record) -> str:
        """Return the SIP Call-ID, which all legs have; where it is left out, the conference id."""
        told = record.reading.text("call_id_from") or record.said.pair(b"call-id")
        return told or super().call_id(record)

    def leg_id(self, record: Record, call_id: str) -> str:
        """Return Call-ID and direction, and for a route tried also where it went."""
        if record.leg is None:
            return call_id
        leg_id = f"{call_id}/{record.leg.value}"
        far_end = record.said.text(h323.REMOTE_ADDRESS) if record.leg is Leg.ORIGINATE else ""
        return f"{leg_id}/{far_end}" if far_end else leg_id

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user, who is often named like the number; an address there means "nobody logged in"."""
        reading = record.reading
        username = reading.text("username_from", reading.attribute(USER_NAME))
        return username if reading.is_set("username_from") or not address(username) else ""

    def duration_ms(self, record: Record) -> int | None:
        """Return how long it lasted; in Interims version 2.5 sends the clock instead."""
        if record.kind is Kind.INTERIM:
            seconds = record.reading.packet.integer(ACCT_SESSION_TIME)
            if seconds is not None and seconds * 1000 > LONGEST_CALL_MS:
                return None
        return super().duration_ms(record)

    def cause(self, record: Record) -> int | None:
        """Return the cause; 0 is the normal end of an answered call, and an Interim has none."""
        if record.kind is Kind.INTERIM:
            return None
        cause = super().cause(record)
        if cause == 0:
            return _NORMAL_CLEARING if record.reading.packet.integer(ACCT_SESSION_TIME) else None
        return cause
