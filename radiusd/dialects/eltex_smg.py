"""Eltex SMG trunk gateways: bare values, xpgk pairs, and a time of their own in Interims."""

from __future__ import annotations

import msgspec

from radiusd.calls.events import CallEvent, Kind
from radiusd.dialects.gateway import Record
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.standard import SERVICE_TYPE
from radiusd.dialects.xpgk import Xpgk
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet

ELTEX = 35265

_MOST_DIGITS = 10
_PASSWORD_OF_NOBODY = b"eltex"
_CALL_CHECK = 10
_RINGS_S = 300  # a call's first record comes within this time of its question, at least


class EltexSmg(Xpgk):
    """
    The dialect of the SMG.

    Its pairs may stand in Cisco-AVPair or in Eltex-AVPair. The id in its Access-Request is not that of the
    call's records: numbers and time are all that they have in common.
    """

    name = "eltex-smg"
    vendor = ELTEX

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        event = super().read_call(reading, client)
        if event.call_class or not (event.calling and event.called):
            return event  # known already, or no more than one of many callers with no number
        period = int(event.received_at.timestamp()) // _RINGS_S
        periods = (period,) if event.kind is Kind.AUTHORIZE else (period, period - 1)
        numbers = f"{event.calling} {event.called}"
        return msgspec.structs.replace(event, asked=tuple(f"{numbers} asked {at}" for at in periods))

    def asks_for_address(self, packet: Packet, password: bytes) -> bool:
        """See :meth:`Dialect.asks_for_address`: it sends one password with every check."""
        return password == _PASSWORD_OF_NOBODY and packet.integer(SERVICE_TYPE) == _CALL_CHECK

    def duration_ms(self, record: Record) -> int | None:
        """Return Acct-Session-Time, else ``session-time``, which Interims have in its place."""
        lasted_ms = super().duration_ms(record)
        if lasted_ms is not None or record.kind not in (Kind.INTERIM, Kind.STOP):
            return lasted_ms
        written = record.said.pair(b"session-time")
        if not written:
            return None
        is_count = written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS
        lasted_ms = int(written) * record.reading.settings.unit_ms if is_count else None
        if lasted_ms is None or lasted_ms > LONGEST_CALL_MS:
            record.reading.doubt("bad_session_time")
            return None
        return lasted_ms
