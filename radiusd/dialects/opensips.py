"""OpenSIPS: acc over aaa_radius tells of SIP transactions, or in CDR mode of the whole call at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects import kamailio
from radiusd.dialects.kamailio import Kamailio
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.values import identifier, realm_of
from radiusd.radius.clients import Client

SIP_METHOD = 204
SIP_RESPONSE_CODE = 205
SIP_FROM_TAG = 206  # draft-sterman's Digest-Response, in an Access-Request
SIP_TO_TAG = 207
CALL_DURATION = 227
CALL_SETUP_TIME = 228
CALL_CREATED = 229
CALL_MS_DURATION = 230

_INVITE, _CANCEL, _BYE = 1, 2, 8
_LONGEST_SETUP_S = 3600


class OpenSips(Kamailio):
    """
    The dialect of OpenSIPS, whose attributes are Kamailio's under other numbers.

    In CDR mode there is one Stop and no Start: its Event-Timestamp is the answer, and the duration is told
    in milliseconds and in seconds rounded up.
    """

    name = "opensips"

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        packet, kind = reading.packet, reading.kind
        attempt = kind is Kind.AUTHORIZE
        from_tag = "" if attempt else identifier(packet.first(SIP_FROM_TAG))
        to_tag = "" if attempt else identifier(packet.first(SIP_TO_TAG))
        method = packet.integer(SIP_METHOD)
        told = _whole_call(reading) if _is_whole_call(reading, method) else _transaction(reading, method)
        call_id = kamailio.call_id_of(reading)
        username = kamailio.user_of(reading)
        return reading.event(
            client,
            call_id=call_id,
            leg_id=kamailio.dialog_id(call_id, from_tag, to_tag),
            leg=Leg.SINGLE,
            calling=reading.number("calling_from", kamailio.calling_place(reading)),
            called=reading.number("called_from", kamailio.called_place(reading, method)),
            remote_ip=reading.address("remote_ip_from"),
            trunk_in=reading.text("trunk_in_from", reading.attribute(kamailio.SIP_GROUP)),
            trunk_out=reading.text("trunk_out_from"),
            tenant=reading.text("tenant_from", realm_of(username)),
            username=username,
            sip_code=None if attempt else kamailio.sip_code_of(packet, SIP_RESPONSE_CODE),
            from_tag=from_tag,
            to_tag=to_tag,
            **told._asdict(),
        )


class _Told(NamedTuple):
    """When it was set up, answered and ended, how long it lasted, and how far it had come."""

    setup_at: datetime | None
    connect_at: datetime | None
    disconnect_at: datetime | None
    duration_ms: int | None
    status: Status | None


def _is_whole_call(reading: Reading, method: int | None) -> bool:
    """Tell whether a record is CDR mode's: a Stop for an INVITE, where that of a transaction is for a BYE."""
    if reading.kind is not Kind.STOP or method in (_CANCEL, _BYE):
        return False
    packet = reading.packet
    return method == _INVITE or bool(packet.integer(CALL_DURATION) or packet.integer(CALL_MS_DURATION))


def _whole_call(reading: Reading) -> _Told:
    duration_ms = _duration_ms(reading)
    setup_at, ringing = _beginning(reading)
    reading.settle_time()
    connect_at = reading.event_at if reading.event_at_known else None
    if connect_at is None and setup_at is not None and ringing is not None:
        connect_at = setup_at + ringing
    if setup_at is None and connect_at is not None and ringing is not None:
        setup_at = connect_at - ringing
    ended_at = None
    if connect_at is not None and duration_ms is not None:
        ended_at = reading.plausible(connect_at + timedelta(milliseconds=duration_ms))
    reading.happened_at(ended_at)
    return _Told(setup_at, connect_at, ended_at, duration_ms, Status.ANSWERED)


def _transaction(reading: Reading, method: int | None) -> _Told:
    reading.settle_time()
    kind, at = reading.kind, reading.event_at
    cancelled = kind is Kind.STOP and method == _CANCEL
    setup_at, _ = _beginning(reading)
    return _Told(
        setup_at,
        at if kind is Kind.START else None,
        at if kind in (Kind.STOP, Kind.FAILED) else None,
        0 if cancelled else reading.duration_ms(),
        kamailio.status_of(kind, cancelled),
    )


def _duration_ms(reading: Reading) -> int | None:
    exact_ms = reading.packet.integer(CALL_MS_DURATION)
    rounded_s = reading.packet.integer(CALL_DURATION)
    if exact_ms is None:
        exact_ms = None if rounded_s is None else rounded_s * 1000
    if exact_ms is not None and exact_ms > LONGEST_CALL_MS:
        reading.doubt("bad_session_time")
        exact_ms = None
    return reading.duration_ms() if exact_ms is None else exact_ms


def _beginning(reading: Reading) -> tuple[datetime | None, timedelta | None]:
    """
    Return when the call was created and how long it took to be answered.

    With leg_fields the module counts its own attributes wrongly, and writes one into another's place: only
    a plausible clock time and a plausible wait are believed.
    """
    created, waited = reading.packet.integer(CALL_CREATED), reading.packet.integer(CALL_SETUP_TIME)
    if created is None or waited is None or waited >= _LONGEST_SETUP_S:
        return None, None
    at = datetime.fromtimestamp(created, UTC)
    setup_at = at if reading.is_plausible(at) else None
    return setup_at, timedelta(seconds=waited)
