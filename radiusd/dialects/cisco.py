"""Cisco IOS voice gateways and CUBE: a record for each leg of a call, most of it in vendor attributes."""

from __future__ import annotations

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects import h323
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.h323 import H323, Times
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import address, conference_id, identifier, number, release_cause
from radiusd.radius.clients import Client

_LEGS = {"answer": Leg.ANSWER, "originate": Leg.ORIGINATE}
_DISAGREEMENT_MS = 2000  # rounding explains a second each way
_NO_CONFERENCE = "0" * 32

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


class Cisco(Dialect):
    """
    The dialect of Cisco's voice gateways.

    A Start comes when a leg is set up, long before the answer. Both legs carry
    the id of the call; each has a session id of its own.
    """

    name = "cisco"

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        said = H323(reading.packet)
        session_id = _session_id(reading, said)
        leg = _LEGS.get(said.text(h323.CALL_ORIGIN).lower())
        times = h323.read_times(said, reading)
        reading.settle_time(h323.time_of_event(reading.kind, times))
        duration_ms = _duration_ms(reading, times)
        status = h323.status_of(reading.kind, times, duration_ms)
        call_id = _call_id(reading, said) or session_id or reading.call_class
        calling = reading.number("calling_from", CALLING_STATION_ID)
        called = reading.number("called_from", CALLED_STATION_ID)
        return reading.event(
            client,
            call_id=call_id,
            leg_id=session_id or call_id,
            leg=leg,
            calling=calling,
            called=called,
            calling_in=said.number(h323.RECEIVED_CALLING),
            calling_out=said.number(h323.SENT_CALLING),
            called_in=said.number(h323.RECEIVED_CALLED),
            called_out=said.number(h323.SENT_CALLED),
            remote_ip=reading.address("remote_ip_from", _caller_address(reading, said, leg)),
            dest_ip=address(said.text(h323.REMOTE_ADDRESS)) if leg is Leg.ORIGINATE else "",
            trunk_in=reading.text("trunk_in_from", _trunk_in(reading, said, leg)),
            trunk_out=reading.text("trunk_out_from", _trunk_out(said, leg)),
            tenant=reading.text("tenant_from"),
            username=_username(reading, calling, called),
            setup_at=times.setup_at,
            connect_at=times.connect_at if status is not Status.FAILED else None,
            disconnect_at=times.disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=_cause(reading, said),
            release_side=said.release_side,
            status=status,
        )


def _session_id(reading: Reading, said: H323) -> str:
    """Return the id of the leg; what else is packed into Acct-Session-Id is added to *said*."""
    session_id = identifier(reading.packet.first(ACCT_SESSION_ID))
    if session_id.count("/") < len(_PACKED):
        return session_id
    session_id, *packed = session_id.split("/")
    for type, value in zip(_PACKED, packed, strict=False):
        said.add(type, value)
    return session_id


def _call_id(reading: Reading, said: H323) -> str:
    """
    Return what both legs of the call have in common, the empty string when nothing is said.

    The incoming id stays the same when a transfer changes the other.
    """
    call_id = reading.text("call_id_from") or said.text(h323.INCOMING_CONF_ID) or said.text(h323.CONF_ID)
    call_id = conference_id(call_id)
    return call_id if call_id != _NO_CONFERENCE else ""


def _caller_address(reading: Reading, said: H323, leg: Leg | None) -> str:
    """Return the far gateway's address where that is the caller: on the leg towards it, and in an attempt."""
    towards_caller = leg is Leg.ANSWER or (leg is None and reading.kind is Kind.AUTHORIZE)
    return said.text(h323.REMOTE_ADDRESS) if towards_caller else ""


def _trunk_in(reading: Reading, said: H323, leg: Leg | None) -> str:
    """Return the trunk group that the call came from; on a leg to the telephone network the port is one."""
    label = said.pair(b"in-trunkgroup-label", b"in-carrier-id")
    if label:
        return label
    if leg is Leg.ANSWER and _is_telephony(said):
        return said.text(h323.NAS_PORT)
    if reading.kind is Kind.AUTHORIZE and leg is None and not said.text(h323.REMOTE_ADDRESS):
        return said.text(h323.NAS_PORT)
    return ""


def _trunk_out(said: H323, leg: Leg | None) -> str:
    label = said.pair(b"out-trunkgroup-label", b"out-carrier-id")
    if label or leg is not Leg.ORIGINATE or not _is_telephony(said):
        return label
    return said.text(h323.NAS_PORT)


def _is_telephony(said: H323) -> bool:
    return said.text(h323.CALL_TYPE).lower() == "telephony"


def _username(reading: Reading, calling: str, called: str) -> str:
    """Return User-Name when it is a user: without a login IOS puts the calling or the called number there."""
    username = reading.text("username_from", reading.attribute(USER_NAME))
    if reading.is_set("username_from"):
        return username
    if username in (calling, called) or number(username) in (calling, called) or address(username):
        return ""
    return username


def _duration_ms(reading: Reading, times: Times) -> int | None:
    """Return the sender's own figure, or what its times say when it gives none."""
    duration_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
    by_times_ms = times.connected_ms if reading.kind is Kind.STOP else None
    if duration_ms is None:
        return by_times_ms
    if duration_ms and by_times_ms is not None and abs(duration_ms - by_times_ms) > _DISAGREEMENT_MS:
        reading.doubt("duration_mismatch")
    return duration_ms


def _cause(reading: Reading, said: H323) -> int | None:
    written = said.text(h323.DISCONNECT_CAUSE)
    if not written:
        return None
    cause = release_cause(written, reading.settings.cause_base)
    if cause is None:
        reading.doubt("bad_cause")
    return cause
