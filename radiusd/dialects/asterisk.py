"""Asterisk with cdr_radius: one Stop for each finished call record, and nothing before it."""

from __future__ import annotations

from datetime import datetime

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID
from radiusd.dialects.values import header_number, identifier, number, text
from radiusd.errors import UnreadableEvent
from radiusd.radius.clients import Client

DIGIUM = 22736
ACCOUNT_CODE = 101
SOURCE = 102
DESTINATION = 103
CALLER_ID = 105
CHANNEL = 106
DESTINATION_CHANNEL = 107
LAST_APPLICATION = 108
LAST_DATA = 109
START_TIME = 110
ANSWER_TIME = 111
END_TIME = 112
BILLED_SECONDS = 114
DISPOSITION = 115
UNIQUE_ID = 117

_UNSET = ("1970-01-01", "1969-12-31")  # time 0, east and west of Greenwich
_DIALS = frozenset({"dial", "queue", "followme", "retrydial"})


def dialled_number(application: str, data: str) -> str:
    """Return the number in ``PJSIP/15551230000@carrier,60``, or in ``SIP/carrier/15551230000``, of a Dial."""
    if application.lower() not in _DIALS:
        return ""
    _, slash, target = data.partition(",")[0].partition("&")[0].partition("/")
    called = target.partition("@")[0].rpartition("/")[2]
    return called if slash and called.lstrip("+").isdecimal() else ""


class Asterisk(Dialect):
    """
    The dialect of cdr_radius.

    User-Name is the name of a channel; the customer is the account code. There is no address and no cause.
    What cel_radius sends under the same numbers is no call: it has no session id.
    """

    name = "asterisk"
    vendor = DIGIUM

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        said = _Said(reading, self.vendor_of(reading.settings))
        unique_id = said.unique_id()
        setup_at = reading.moment(said.text(START_TIME))
        answered_at = said.answered_at()
        ended_at = reading.moment(said.text(END_TIME))
        reading.settle_time(ended_at)
        duration_ms = said.duration_ms(answered_at, ended_at)
        status = said.status(answered_at, duration_ms)
        return reading.event(
            client,
            call_id=reading.text("call_id_from") or unique_id or reading.call_class,
            leg_id=unique_id or reading.call_class,
            leg=Leg.SINGLE,
            calling=reading.number("calling_from", CALLING_STATION_ID) or said.calling(),
            called=reading.number("called_from", CALLED_STATION_ID) or said.called(),
            called_out=said.dialled(),
            remote_ip=reading.address("remote_ip_from"),
            trunk_in=reading.text("trunk_in_from", _endpoint(said.text(CHANNEL))),
            trunk_out=reading.text("trunk_out_from", _endpoint(said.text(DESTINATION_CHANNEL))),
            tenant=reading.text("tenant_from", said.text(ACCOUNT_CODE)),
            username=reading.text("username_from"),
            setup_at=setup_at,
            connect_at=None if status is Status.FAILED else answered_at,
            disconnect_at=ended_at,
            clock_ok=reading.clock_ok,
            duration_ms=0 if status is Status.FAILED else duration_ms,
            status=status,
        )


class _Said:
    """What one record says."""

    def __init__(self, reading: Reading, vendor: int) -> None:
        self._reading = reading
        self._vendor = vendor

    def text(self, type: int) -> str:
        return text(self._reading.packet.vendor_first(self._vendor, type))

    def unique_id(self) -> str:
        """
        Return the id of the record.

        Raises:
            UnreadableEvent: It is not a call record, but an event of cel_radius.
        """
        packet = self._reading.packet
        unique_id = packet.vendor_first(self._vendor, UNIQUE_ID) or packet.first(ACCT_SESSION_ID)
        if not unique_id and self._reading.kind is not Kind.AUTHORIZE:
            raise UnreadableEvent(
                "neither Asterisk-Unique-ID nor Acct-Session-Id: an event of cel_radius, which is no call"
            )
        return identifier(unique_id)

    def calling(self) -> str:
        return number(self.text(SOURCE)) or header_number(self.text(CALLER_ID))

    def called(self) -> str:
        """Return the last extension; where that is only a label as ``s``, the number that was dialled."""
        extension = number(self.text(DESTINATION))
        return extension if any(map(str.isdigit, extension)) else self.dialled() or extension

    def dialled(self) -> str:
        """Return the number that the last application dialled."""
        return dialled_number(self.text(LAST_APPLICATION), self.text(LAST_DATA))

    def answered_at(self) -> datetime | None:
        """Return when it was answered; a clock at 0 means that it was not."""
        written = self.text(ANSWER_TIME)
        return None if written.startswith(_UNSET) else self._reading.moment(written)

    def duration_ms(self, answered_at: datetime | None, ended_at: datetime | None) -> int | None:
        """Return how long it was connected: the billed seconds, since the duration includes the ringing."""
        if self._reading.kind is not Kind.STOP:
            return self._reading.duration_ms()
        billed = self._reading.vendor_number(self._vendor, BILLED_SECONDS)
        if billed is not None:
            if billed * 1000 <= LONGEST_CALL_MS:
                return billed * 1000
            self._reading.doubt("bad_session_time")
        if answered_at is not None and ended_at is not None:
            return max(0, int((ended_at - answered_at).total_seconds() * 1000))
        return self._reading.duration_ms()

    def status(self, answered_at: datetime | None, duration_ms: int | None) -> Status | None:
        kind = self._reading.kind
        if kind is Kind.AUTHORIZE:
            return None
        if kind is not Kind.STOP:
            return Status.FAILED if kind is Kind.FAILED else Status.SETUP
        if duration_ms:
            return Status.ANSWERED
        disposition = self.text(DISPOSITION).upper()
        if disposition:
            return Status.ANSWERED if disposition == "ANSWERED" else Status.FAILED
        return Status.ANSWERED if answered_at is not None else Status.FAILED


def _endpoint(channel: str) -> str:
    """Return ``carrier`` of ``PJSIP/carrier-0000002b``: what the channel belongs to."""
    endpoint = channel.partition("/")[2]
    name, dash, _ = endpoint.rpartition("-")
    return name if dash else endpoint
