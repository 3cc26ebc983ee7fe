"""Oracle Communications SBC, formerly Acme Packet: one set of records a call, in attributes of its own."""

from __future__ import annotations

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status
from radiusd.dialects import h323
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.h323 import H323, Times
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import address, header_number, identifier, text
from radiusd.radius.clients import Client

ACME = 9148
INGRESS_CALL_ID = 3
INGRESS_REALM = 41
EGRESS_REALM = 42
DISCONNECT_INITIATOR = 61
DISCONNECT_CAUSE = 62
PRIMARY_ROUTING_NUMBER = 64
ORIGINATING_TRUNK_GROUP = 65
TERMINATING_TRUNK_GROUP = 66
ORIGINATING_TRUNK_CONTEXT = 67
SIP_STATUS = 71
INGRESS_REMOTE_ADDRESS = 75
EGRESS_REMOTE_ADDRESS = 77
EGRESS_ROUTING_NUMBER = 134

_SIDES = {1: Side.CALLER, 2: Side.CALLEE, 3: Side.SYSTEM}
_DISAGREEMENT_MS = 2000

# RTP first, which the SBC measures itself; what the far end tells by RTCP where it does not.
_QUALITY = (
    (Side.CALLER, "loss", (37, 32), 1),
    (Side.CALLER, "jitter_ms", (38, 33), 1),
    (Side.CALLER, "latency_ms", (34,), 1),
    (Side.CALLER, "mos", (152,), 100),
    (Side.CALLEE, "loss", (51, 46), 1),
    (Side.CALLEE, "jitter_ms", (52, 47), 1),
    (Side.CALLEE, "latency_ms", (48,), 1),
    (Side.CALLEE, "mos", (154,), 100),
)


class Acme(Dialect):
    """
    The dialect of Oracle's SBC.

    Calling- and Called-Station-Id are whole headers. h323-disconnect-cause is a number of its own; the Q.850
    cause stands in Acme-Disconnect-Cause. Flow addresses are those of the media.
    """

    name = "acme"
    vendor = ACME

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        vendor, packet = self.vendor_of(reading.settings), reading.packet

        def said(*types: int) -> str:
            return next((found for type in types if (found := text(packet.vendor_first(vendor, type)))), "")

        times = h323.read_times(H323(packet), reading)
        reading.settle_time(h323.time_of_event(reading.kind, times))
        duration_ms = _duration_ms(reading, times)
        status = h323.status_of(reading.kind, times, duration_ms)
        session_id = identifier(packet.first(ACCT_SESSION_ID))
        call_id = reading.text("call_id_from") or identifier(packet.vendor_first(vendor, INGRESS_CALL_ID))
        return reading.event(
            client,
            call_id=call_id or session_id or reading.call_class,
            leg_id=session_id or call_id or reading.call_class,
            leg=Leg.SINGLE,
            calling=_number(reading, "calling_from", CALLING_STATION_ID),
            called=_number(reading, "called_from", CALLED_STATION_ID),
            called_in=header_number(said(PRIMARY_ROUTING_NUMBER)),
            called_out=header_number(said(EGRESS_ROUTING_NUMBER)),
            remote_ip=reading.address("remote_ip_from", said(INGRESS_REMOTE_ADDRESS)),
            dest_ip=address(said(EGRESS_REMOTE_ADDRESS)),
            trunk_in=reading.text("trunk_in_from", said(ORIGINATING_TRUNK_GROUP, INGRESS_REALM)),
            trunk_out=reading.text("trunk_out_from", said(TERMINATING_TRUNK_GROUP, EGRESS_REALM)),
            tenant=reading.text("tenant_from", said(ORIGINATING_TRUNK_CONTEXT, INGRESS_REALM)),
            username=reading.text("username_from", reading.attribute(USER_NAME)),
            setup_at=times.setup_at,
            connect_at=times.connect_at if status is not Status.FAILED else None,
            disconnect_at=times.disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=reading.vendor_cause(vendor, DISCONNECT_CAUSE),
            sip_code=_sip_code(reading.vendor_number(vendor, SIP_STATUS)),
            release_side=_SIDES.get(reading.vendor_number(vendor, DISCONNECT_INITIATOR) or 0),
            status=status,
            quality=reading.measures(vendor, _QUALITY),
        )


def _number(reading: Reading, setting: str, usual: int) -> str:
    return reading.number(setting, usual) or header_number(reading.text(setting, reading.attribute(usual)))


def _duration_ms(reading: Reading, times: Times) -> int | None:
    """Return the sender's own figure, or what its times say when it gives none."""
    duration_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
    by_times_ms = times.connected_ms if reading.kind is Kind.STOP else None
    if duration_ms is None:
        return 0 if reading.kind is Kind.STOP and times.answered is False else by_times_ms
    if duration_ms and by_times_ms is not None and abs(duration_ms - by_times_ms) > _DISAGREEMENT_MS:
        reading.doubt("duration_mismatch")
    return duration_ms


def _sip_code(code: int | None) -> int | None:
    return code if code is not None and 100 <= code <= 699 else None
