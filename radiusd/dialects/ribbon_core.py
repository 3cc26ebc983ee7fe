"""Ribbon SBC 5000, 7000 and SWe, formerly Sonus: the fields of its call records, one a call."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import identifier, number, text
from radiusd.radius.clients import Client

SONUS = 2879
GATEWAY_NAME = 5
ACCOUNTING_ID = 6
TIME_ZONE = 8
START_DATE = 9
START_TIME = 10
DISCONNECT_TIME = 17
DISCONNECT_REASON = 20
SERVICE_PROVIDER = 23
CALLING_NUMBER = 25
CALLED_NUMBER = 26

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_NUMERIC_ZONE = re.compile(r"((?:GMT|UTC)?[+-]\d{1,2}:?\d{0,2})-.*", re.ASCII | re.IGNORECASE | re.DOTALL)
_DAY = timedelta(days=1)
_SLACK = timedelta(seconds=5)  # the duration may be rounded up
_ENDS = (Kind.STOP, Kind.FAILED)


class RibbonCore(Dialect):
    """
    The dialect of Ribbon's core SBCs.

    START comes at the answer; STOP and ATTEMPT (nobody answered) are Stops. The end is told without a date.
    """

    name = "ribbon-core"
    vendor = SONUS

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        vendor, packet, kind = self.vendor_of(reading.settings), reading.packet, reading.kind

        def said(type: int) -> str:
            return text(packet.vendor_first(vendor, type))

        duration_ms = _duration_ms(reading)
        date, zone = said(START_DATE), said(TIME_ZONE)
        setup_at = _moment(reading, date, said(START_TIME), zone)
        same_day = _moment(reading, date, said(DISCONNECT_TIME), zone) if kind in _ENDS else None
        ended_at = _ended_at(reading, setup_at, same_day, duration_ms)
        reading.settle_time(ended_at)
        status = _status(kind, duration_ms)
        session_id = identifier(packet.first(ACCT_SESSION_ID))
        call_id = reading.text("call_id_from") or _call_id(said(GATEWAY_NAME), said(ACCOUNTING_ID))
        call_id = call_id or session_id or reading.call_class
        return reading.event(
            client,
            call_id=call_id,
            leg_id=call_id,
            leg=Leg.SINGLE,
            calling=reading.number("calling_from", CALLING_STATION_ID) or number(said(CALLING_NUMBER)),
            called=reading.number("called_from", CALLED_STATION_ID) or number(said(CALLED_NUMBER)),
            remote_ip=reading.address("remote_ip_from"),
            trunk_in=reading.text("trunk_in_from"),
            trunk_out=reading.text("trunk_out_from"),
            tenant=reading.text("tenant_from", said(SERVICE_PROVIDER)),
            username=reading.text("username_from", reading.attribute(USER_NAME)),
            setup_at=setup_at,
            connect_at=_connect_at(reading, ended_at, duration_ms),
            disconnect_at=ended_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=reading.vendor_cause(vendor, DISCONNECT_REASON),
            status=status,
        )


def _call_id(gateway: str, accounting_id: str) -> str:
    """Return the id of a call: an accounting id is one gateway's own."""
    return f"{gateway}:{accounting_id}" if gateway and accounting_id else accounting_id


def _moment(reading: Reading, date: str, time: str, zone: str) -> datetime | None:
    """Return the moment of ``11/22/2026``, ``14:05:53.0`` and ``GMT-05:00-Eastern Time`` or ``UTC``."""
    match = _DATE.fullmatch(date.strip())
    if match is None or not time:
        if date and time:
            reading.doubt("bad_time_stamp")
        return None
    month, day, year = match.groups()
    zoned = _NUMERIC_ZONE.fullmatch(zone)
    return reading.moment(f"{year}-{month:0>2}-{day:0>2} {time} {zoned[1] if zoned else zone}".strip())


def _ended_at(
    reading: Reading, setup_at: datetime | None, same_day: datetime | None, duration_ms: int | None
) -> datetime | None:
    """Return the end, of which only the time of day is told: on the day that the duration makes it."""
    if setup_at is None or same_day is None:
        return None
    lasted = timedelta(milliseconds=duration_ms) - _SLACK if duration_ms else timedelta()
    days = -((same_day - setup_at - lasted) // _DAY)  # 0 on the same day, 1 after one midnight
    return reading.plausible(same_day + max(0, days) * _DAY)


def _connect_at(reading: Reading, ended_at: datetime | None, duration_ms: int | None) -> datetime | None:
    if reading.kind is Kind.START:
        return reading.event_at
    return ended_at - timedelta(milliseconds=duration_ms) if ended_at and duration_ms else None


def _duration_ms(reading: Reading) -> int | None:
    """Return how long it was connected; an ATTEMPT, which nobody answered, may not say so."""
    duration_ms = reading.duration_ms()
    return 0 if duration_ms is None and reading.kind is Kind.STOP else duration_ms


def _status(kind: Kind, duration_ms: int | None) -> Status | None:
    if kind is Kind.AUTHORIZE:
        return None
    failed = kind is Kind.FAILED or (kind is Kind.STOP and not duration_ms)
    return Status.FAILED if failed else Status.ANSWERED
