"""Any sender that keeps to RFC 2866: one record a call, a Start at the answer, nothing vendor-specific."""

from __future__ import annotations

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import identifier, realm_of
from radiusd.radius.clients import Client


class Rfc2866(Dialect):
    """
    The generic dialect.

    NAS-IP-Address and its like are the switch itself, never the caller: where
    the caller's address and trunk stand is for the client's settings to say.
    """

    name = "rfc2866"

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        reading.settle_time()
        session_id = identifier(reading.packet.first(ACCT_SESSION_ID))
        username = reading.text("username_from", reading.attribute(USER_NAME))
        duration_ms = reading.duration_ms()
        return reading.event(
            client,
            call_id=reading.text("call_id_from") or session_id or reading.call_class,
            leg_id=session_id or reading.call_class,
            leg=Leg.SINGLE,
            calling=reading.number("calling_from", CALLING_STATION_ID),
            called=reading.number("called_from", CALLED_STATION_ID),
            remote_ip=reading.address("remote_ip_from"),
            trunk_in=reading.text("trunk_in_from"),
            trunk_out=reading.text("trunk_out_from"),
            tenant=reading.text("tenant_from", realm_of(username)),
            username=username,
            # A Stop's connect time is left to whoever knows the Start: made of end and
            # duration it would hide that the two disagree.
            connect_at=reading.event_at if reading.kind is Kind.START else None,
            disconnect_at=reading.event_at if reading.kind in (Kind.STOP, Kind.FAILED) else None,
            duration_ms=duration_ms,
            status=status_of(reading.kind, duration_ms),
        )


def status_of(kind: Kind, duration_ms: int | None) -> Status | None:
    """Return how far a call had come, where a Start means that it was answered."""
    if kind is Kind.AUTHORIZE:
        return None
    if kind is Kind.FAILED or (kind is Kind.STOP and duration_ms == 0):
        return Status.FAILED
    return Status.ANSWERED
