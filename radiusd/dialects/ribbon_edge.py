"""Ribbon SBC Edge 1000, 2000 and SWe Edge, formerly NET: a session a leg, times as UNIX seconds."""

from __future__ import annotations

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status
from radiusd.dialects import h323
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.h323 import Times
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import (
    ACCT_MULTI_SESSION_ID,
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    USER_NAME,
)
from radiusd.dialects.values import address, identifier, number, text
from radiusd.radius.clients import Client

NET = 177
INGRESS_GROUP = 64
EGRESS_GROUP = 65
PRIMARY_ROUTING_NUMBER = 66
EGRESS_ROUTING_NUMBER = 67
CALL_ORIGIN = 71
CALLING_NUMBER = 72
CALLED_NUMBER = 73
DISCONNECT_CAUSE = 75
ORIGINAL_CALLED_NUMBER = 92
SETUP_TIME = 110
CONNECT_TIME = 112
DISCONNECT_TIME = 113
INGRESS_REMOTE_ADDRESS = 133
EGRESS_REMOTE_ADDRESS = 135
INGRESS_REALM = 142
EGRESS_REALM = 143

_LEGS = {1: Leg.ANSWER, 2: Leg.ORIGINATE}
_UNSET = frozenset({"", "0", "65535"})
_QUALITY = (
    (Side.CALLER, "loss", (40, 35), 1),
    (Side.CALLER, "jitter_ms", (41, 36), 1),
    (Side.CALLER, "latency_ms", (37,), 1),
    (Side.CALLEE, "loss", (50, 45), 1),
    (Side.CALLEE, "jitter_ms", (51, 46), 1),
    (Side.CALLEE, "latency_ms", (47,), 1),
)


class RibbonEdge(Dialect):
    """
    The dialect of the SBC Edge.

    Acct-Multi-Session-Id joins the legs of a call; Acct-Session-Id is 0, 1, ... within it. A Start comes
    when a leg is set up. The trunks are signalling groups, told by their numbers.
    """

    name = "ribbon-edge"
    vendor = NET

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        vendor, packet = self.vendor_of(reading.settings), reading.packet

        def said(type: int) -> str:
            return text(packet.vendor_first(vendor, type))

        def group(type: int, realm: int) -> str:
            count = reading.vendor_number(vendor, type)
            written = said(type) if count is None else str(count)
            return said(realm) if written in _UNSET else written

        times = h323.times_of(reading, said(SETUP_TIME), said(CONNECT_TIME), said(DISCONNECT_TIME))
        reading.settle_time(h323.time_of_event(reading.kind, times))
        duration_ms = _duration_ms(reading, times)
        status = h323.status_of(reading.kind, times, duration_ms)
        session_id = identifier(packet.first(ACCT_SESSION_ID))
        call_id = reading.text("call_id_from") or identifier(packet.first(ACCT_MULTI_SESSION_ID))
        leg_id = f"{call_id}/{session_id}" if call_id and session_id else call_id or session_id
        trunk_in, trunk_out = group(INGRESS_GROUP, INGRESS_REALM), group(EGRESS_GROUP, EGRESS_REALM)
        return reading.event(
            client,
            call_id=call_id or session_id or reading.call_class,
            leg_id=leg_id or reading.call_class,
            leg=_leg(reading.vendor_number(vendor, CALL_ORIGIN), trunk_in, trunk_out),
            calling=reading.number("calling_from", CALLING_STATION_ID) or number(said(CALLING_NUMBER)),
            called=reading.number("called_from", CALLED_STATION_ID) or number(said(CALLED_NUMBER)),
            called_in=number(said(ORIGINAL_CALLED_NUMBER) or said(PRIMARY_ROUTING_NUMBER)),
            called_out=number(said(EGRESS_ROUTING_NUMBER)),
            remote_ip=reading.address("remote_ip_from", said(INGRESS_REMOTE_ADDRESS)),
            dest_ip=address(said(EGRESS_REMOTE_ADDRESS)),
            trunk_in=reading.text("trunk_in_from", trunk_in),
            trunk_out=reading.text("trunk_out_from", trunk_out),
            tenant=reading.text("tenant_from"),
            username=reading.text("username_from", reading.attribute(USER_NAME)),
            setup_at=times.setup_at,
            connect_at=times.connect_at if status is not Status.FAILED else None,
            disconnect_at=times.disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=reading.vendor_cause(vendor, DISCONNECT_CAUSE),
            status=status,
            quality=reading.measures(vendor, _QUALITY),
        )


def _leg(origin: int | None, trunk_in: str, trunk_out: str) -> Leg | None:
    """Return which leg a record is about: as it says, else by the one signalling group that it names."""
    known = _LEGS.get(origin or 0)
    if known is not None or bool(trunk_in) == bool(trunk_out):
        return known
    return Leg.ANSWER if trunk_in else Leg.ORIGINATE


def _duration_ms(reading: Reading, times: Times) -> int | None:
    """Return Acct-Session-Time, else what the times say; the unit of NET-Call-Duration is not known."""
    duration_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
    if duration_ms is not None or reading.kind is not Kind.STOP:
        return duration_ms
    return 0 if times.answered is False and times.disconnect_at else times.connected_ms
