"""What Cisco's voice gateways and their copies have in common: a record a leg, in h323 attributes."""

from __future__ import annotations

from typing import ClassVar

from radiusd.calls.events import CallEvent, Kind, Leg, Measure, Side, Status
from radiusd.dialects import h323
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.disconnects import CONFERENCE, ORIGIN, SESSION_ID
from radiusd.dialects.h323 import CISCO, H323, Times
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import address, conference_id, identifier, number
from radiusd.radius.clients import Client

_AUTHORIZE = Kind.AUTHORIZE
_LEGS = {"answer": Leg.ANSWER, "originate": Leg.ORIGINATE}
_DISAGREEMENT_MS = 2000  # rounding explains a second each way


class Record:
    """One packet of a gateway while it is read: the packet, its h323 attributes, and what they said first."""

    __slots__ = ("leg", "reading", "said", "session_id", "times")

    def __init__(self, reading: Reading, said: H323, session_id: str, leg: Leg | None, times: Times) -> None:
        self.reading = reading
        self.said = said
        self.session_id = session_id
        self.leg = leg
        self.times = times

    @property
    def kind(self) -> Kind:
        return self.reading.kind

    @property
    def is_of_caller(self) -> bool:
        """Tell whether it is about the leg towards the caller; an attempt that names no leg is."""
        return self.leg is Leg.ANSWER or (self.leg is None and self.kind is Kind.AUTHORIZE)


class Gateway(Dialect):
    """
    The way of a voice gateway, as plain as it comes.

    Whoever writes a dialect of the family overrides what its sender does otherwise; each method reads one
    thing, returns it empty when the packet does not say it, and never raises.
    """

    vendor = CISCO
    disconnect_by = (SESSION_ID, CONFERENCE, ORIGIN)  # as the packet of disconnect of IOS wants it
    usual_cause_base: ClassVar[int] = 16
    delay_is_delay: ClassVar[bool] = True  # Acct-Delay-Time means what RFC 2866 says

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        record = self.open_record(reading)
        times = record.times
        reading.settle_time(h323.time_of_event(reading.kind, times), delayed=self.delay_is_delay)
        duration_ms = self.duration_ms(record)
        status = self.status(record, duration_ms)
        call_id = self.call_id(record) or record.session_id or reading.call_class
        calling, called = self.calling(record), self.called(record)
        calling_in, calling_out, called_in, called_out = self.translations(record)
        asked: tuple[str, ...] = ()
        if record.kind is not _AUTHORIZE and not reading.call_class:
            asked = tuple([each for each in self.ids(record) if each and each != call_id])
        return reading.event(
            client,
            call_id=call_id,
            leg_id=self.leg_id(record, call_id),
            leg=record.leg,
            calling=calling,
            called=called,
            calling_in=calling_in,
            calling_out=calling_out,
            called_in=called_in,
            called_out=called_out,
            remote_ip=reading.address("remote_ip_from", self.caller_address(record)),
            dest_ip=address(self.callee_address(record)),
            trunk_in=reading.text("trunk_in_from", self.trunk_in(record)),
            trunk_out=reading.text("trunk_out_from", self.trunk_out(record)),
            tenant=reading.text("tenant_from", self.tenant(record)),
            username=self.username(record, calling, called),
            setup_at=times.setup_at,
            connect_at=times.connect_at if status is not Status.FAILED else None,
            disconnect_at=times.disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=self.cause(record),
            sip_code=self.sip_code(record),
            release_side=self.release_side(record),
            status=status,
            quality=self.quality(record),
            asked=asked,
        )

    def open_record(self, reading: Reading) -> Record:
        """Return the record in *reading*: whose attributes, which leg, and when."""
        said = H323(reading.packet, self.vendor_of(reading.settings))
        session_id = self.session_id(reading, said)
        return Record(reading, said, session_id, self.leg(said), h323.read_times(said, reading))

    # Which call.

    def session_id(self, reading: Reading, said: H323) -> str:
        """Return the sender's id of the leg."""
        return identifier(reading.packet.first(ACCT_SESSION_ID))

    def leg(self, said: H323) -> Leg | None:
        """Return which leg it is about."""
        return _LEGS.get(said.text(h323.CALL_ORIGIN).lower())

    def call_id(self, record: Record) -> str:
        """Return what all legs of the call have in common; the incoming id outlives a transfer."""
        said = record.said
        return (
            conference_id(record.reading.text("call_id_from"))
            or conference_id(said.text(h323.INCOMING_CONF_ID))
            or conference_id(said.text(h323.CONF_ID))
        )

    def ids(self, record: Record) -> tuple[str, ...]:
        """
        Return what *record* calls its call beside what :meth:`call_id` takes: it may be asked for by that.

        IOS asks before the call by its session id, a voice menu by h323-conf-id, whatever the incoming id is.
        """
        return conference_id(record.said.text(h323.CONF_ID)), record.session_id

    def leg_id(self, record: Record, call_id: str) -> str:
        """Return what the records of one leg have in common, and no other's."""
        return record.session_id or call_id

    # Who calls whom.

    def calling(self, record: Record) -> str:
        """Return the calling number."""
        return record.reading.number("calling_from", CALLING_STATION_ID)

    def called(self, record: Record) -> str:
        """Return the called number."""
        return record.reading.number("called_from", CALLED_STATION_ID)

    def translations(self, record: Record) -> tuple[str, str, str, str]:
        """Return the calling number as received and as sent, and the called number likewise."""
        said = record.said
        return (
            said.number(h323.RECEIVED_CALLING),
            said.number(h323.SENT_CALLING),
            said.number(h323.RECEIVED_CALLED),
            said.number(h323.SENT_CALLED),
        )

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return User-Name when it is a user: without a login gateways put a number or an address there."""
        reading = record.reading
        username = reading.text("username_from", reading.attribute(USER_NAME))
        if reading.is_set("username_from"):
            return username
        if username in (calling, called) or number(username) in (calling, called) or address(username):
            return ""
        return username

    def tenant(self, record: Record) -> str:
        """Return the tenant."""
        return ""

    def caller_address(self, record: Record) -> bytes | str | None:
        """Return the far end's address where that is the caller: on the leg towards it, and in an attempt."""
        return record.said.text(h323.REMOTE_ADDRESS) if record.is_of_caller else ""

    def callee_address(self, record: Record) -> bytes | str | None:
        """Return the far end's address where that is the callee."""
        return record.said.text(h323.REMOTE_ADDRESS) if record.leg is Leg.ORIGINATE else ""

    def trunk_in(self, record: Record) -> str:
        """Return the trunk group that the call came from."""
        return record.said.pair(b"in-trunkgroup-label", b"in-carrier-id")

    def trunk_out(self, record: Record) -> str:
        """Return the trunk group that the call leaves over."""
        return record.said.pair(b"out-trunkgroup-label", b"out-carrier-id")

    # How it went.

    def duration_ms(self, record: Record) -> int | None:
        """Return the sender's own figure, or what its times say when it gives none."""
        reading, times = record.reading, record.times
        duration_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
        by_times_ms = times.connected_ms if record.kind is Kind.STOP else None
        if duration_ms is None:
            return by_times_ms
        if duration_ms and by_times_ms is not None and abs(duration_ms - by_times_ms) > _DISAGREEMENT_MS:
            reading.doubt("duration_mismatch")
        return duration_ms

    def status(self, record: Record, duration_ms: int | None) -> Status | None:
        """Return how far the leg had come."""
        return h323.status_of(record.kind, record.times, duration_ms)

    def cause(self, record: Record) -> int | None:
        """Return the Q.850 cause."""
        return record.reading.cause(record.said.text(h323.DISCONNECT_CAUSE), self.usual_cause_base)

    def sip_code(self, record: Record) -> int | None:
        """Return the final SIP response."""
        return None

    def release_side(self, record: Record) -> Side | None:
        """Return who hung up."""
        return record.said.release_side

    def quality(self, record: Record) -> tuple[Measure, ...]:
        """Return how good the voice was."""
        return ()
