"""FreeSWITCH with mod_radius_cdr, and NetBorder, which has the same attributes: a record a channel."""

from __future__ import annotations

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects import h323
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.h323 import Times
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import (
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    FRAMED_IP_ADDRESS,
    USER_NAME,
)
from radiusd.dialects.values import address, identifier, number, text
from radiusd.radius.clients import Client

FREESWITCH = 27880
SOURCE = 4
DESTINATION = 5
ANI = 8
HANGUP_CAUSE = 13
BILLED_MICROSECONDS = 15
CONTEXT = 18
START_DATE = 20
ANSWER_DATE = 21
END_DATE = 23
DIRECTION = 24
OTHER_LEG_ID = 25

_LEGS = {"inbound": Leg.ANSWER, "outbound": Leg.ORIGINATE}
_WRAPPED_MS = 1000


class FreeSwitch(Dialect):
    """
    The dialect of mod_radius_cdr.

    A Start comes when a channel is routed, and again after a transfer; only the one of a second leg names
    the first, and only a Stop says which leg it is. Times and durations are those of the Stop.
    """

    name = "freeswitch"
    vendor = FREESWITCH

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        vendor, packet = self.vendor_of(reading.settings), reading.packet

        def said(type: int) -> str:
            return text(packet.vendor_first(vendor, type))

        times = h323.times_of(reading, said(START_DATE), said(ANSWER_DATE), said(END_DATE))
        reading.settle_time(h323.time_of_event(reading.kind, times))
        duration_ms = _duration_ms(reading, vendor, times)
        status = h323.status_of(reading.kind, times, duration_ms)
        session_id = identifier(packet.first(ACCT_SESSION_ID))
        first_leg = identifier(packet.vendor_first(vendor, OTHER_LEG_ID))
        leg = _LEGS.get(said(DIRECTION).lower(), Leg.ORIGINATE if first_leg else None)
        told = reading.text("call_id_from")
        call_id = told or first_leg or session_id or reading.call_class
        far_end = address(packet.first(FRAMED_IP_ADDRESS))  # 0.0.0.0 for one that is not IPv4
        return reading.event(
            client,
            call_id=call_id,
            leg_id=session_id or reading.call_class,
            leg=leg,
            calling=reading.number("calling_from", CALLING_STATION_ID) or number(said(SOURCE) or said(ANI)),
            called=reading.number("called_from", CALLED_STATION_ID) or number(said(DESTINATION)),
            remote_ip=reading.address("remote_ip_from", far_end if leg is not Leg.ORIGINATE else ""),
            dest_ip=far_end if leg is Leg.ORIGINATE else "",
            trunk_in=reading.text("trunk_in_from"),
            trunk_out=reading.text("trunk_out_from"),
            tenant=reading.text("tenant_from", said(CONTEXT)),
            username=reading.text("username_from", reading.attribute(USER_NAME)),
            setup_at=times.setup_at,
            connect_at=times.connect_at if status is not Status.FAILED else None,
            disconnect_at=times.disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=reading.vendor_cause(vendor, HANGUP_CAUSE),
            status=status,
            # The second leg's Stop does not name the first any more.
            also=(session_id,) if first_leg and session_id and not told else (),
        )


def _duration_ms(reading: Reading, vendor: int, times: Times) -> int | None:
    """Return Freeswitch-Billusec, which keeps the fraction, unless it has wrapped after 71 minutes."""
    whole_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
    if reading.kind is not Kind.STOP:
        return whole_ms
    value = reading.packet.vendor_first(vendor, BILLED_MICROSECONDS)
    if value is not None and len(value) == 4:
        exact_ms = int.from_bytes(value, "big") // 1000
        if whole_ms is None or whole_ms - exact_ms <= _WRAPPED_MS:
            return exact_ms
    if whole_ms is not None:
        return whole_ms
    return 0 if times.answered is False and times.disconnect_at else times.connected_ms
