"""One packet while a dialect reads it: where its client says things, when it happened, what is doubtful."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from radiusd.calls.events import CallEvent, Kind, Measure, Side
from radiusd.dialects.call_class import read_call_class
from radiusd.dialects.client_settings import ClientSettings
from radiusd.dialects.standard import ACCT_DELAY_TIME, ACCT_SESSION_ID, ACCT_SESSION_TIME, EVENT_TIMESTAMP
from radiusd.dialects.timestamps import BAD_STAMP, UNKNOWN_ZONE, read_stamp
from radiusd.dialects.values import (
    LARGEST_CAUSE,
    NO_ADDRESS,
    address,
    identifier,
    number,
    release_cause,
    text,
)
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet

_AUTHORIZE, _STOP, _INTERIM, _FAILED = Kind.AUTHORIZE, Kind.STOP, Kind.INTERIM, Kind.FAILED

_MOST_AHEAD = timedelta(hours=24)
_OLDEST = timedelta(days=3653)
_MOST_DELAY_S = 7 * 86400  # a "delay" beyond is something else: Sippy sends a UNIX time
LONGEST_CALL_MS = 7 * 86_400_000
_CLOCK_TOLERANCE = timedelta(minutes=5)  # how far a clock marked as not synchronised is believed
_ELAPSED_TOLERANCE = timedelta(minutes=1)
_ANY_ZONE = ZoneInfo("UTC")
_CLOCKS_TOLERANCE = timedelta(hours=1)  # between the sender's clock and ours


MeasurePlace = tuple[Side | None, str, tuple[int, ...], int]
"""Whose voice, which measure, the attributes that may tell it (the first wins), how many counts make 1."""


class Reading:
    """
    A packet, the settings of its client, and the flags that the event will carry.

    The methods never raise: what cannot be read is as good as absent, and
    leaves a flag where somebody should know.
    """

    __slots__ = (
        "_earliest",
        "_latest",
        "_sources",
        "call_class",
        "clock_ok",
        "event_at",
        "event_at_known",
        "flags",
        "kind",
        "packet",
        "received_at",
        "settings",
        "source",
    )

    def __init__(
        self, packet: Packet, kind: Kind, settings: ClientSettings, received_at: datetime, source: str
    ) -> None:
        self.packet = packet
        self.kind = kind
        self.settings = settings
        self.call_class = read_call_class(packet)
        self.received_at = received_at
        self.source = source
        self.flags: list[str] = []
        self.event_at = received_at
        self.event_at_known = False
        self.clock_ok: bool | None = None  # None: no stamp read yet
        self._sources = settings.sources
        self._earliest = received_at - _OLDEST
        self._latest = received_at + _MOST_AHEAD

    # What the packet says, where the client's settings or else the dialect put it.

    def attribute(self, type: int) -> str:
        """Return the plain attribute *type* as text, the empty string when there is none."""
        return text(self.packet.first(type))

    def text(self, setting: str, usual: str = "") -> str:
        """Return what the client names in *setting*, else *usual*."""
        place = self._sources.get(setting)
        return place.read(self.packet) if place else usual

    def number(self, setting: str, usual: int) -> str:
        """Return what the client names in *setting*, else attribute *usual*, as the user part of a URI."""
        place = self._sources.get(setting)
        if place is not None:
            return number(place.read(self.packet))
        value = self.packet.first(usual)
        if not value:
            return ""
        return value.decode() if value.isdigit() else number(text(value))

    def address(self, setting: str, usual: bytes | str | None = None) -> str:
        """Return what the client names in *setting*, else *usual*, as an IP address."""
        place = self._sources.get(setting)
        value = place.find(self.packet) if place else usual
        if not value:
            return ""
        found = address(value)
        if not found and value not in NO_ADDRESS:
            self.doubt("bad_address")
        return found

    def vendor_number(self, vendor: int, type: int) -> int | None:
        """
        Return *vendor*'s attribute *type* as a number, None when there is none.

        A sender that writes its integers as text, or a dictionary that does, costs nothing.
        """
        value = self.packet.vendor_first(vendor, type)
        if value is None:
            return None
        if len(value) == 4 and not value.isdigit():
            return int.from_bytes(value, "big")
        written = value.strip(b"\0 ")
        return int(written) if written.isdigit() and len(written) <= 10 else None

    def measures(self, vendor: int, places: Iterable[MeasurePlace]) -> tuple[Measure, ...]:
        """Return what *vendor*'s attributes at *places* say of the voice."""
        found = []
        for side, what, types, parts in places:
            for type in types:
                count = self.vendor_number(vendor, type)
                if count is not None:
                    found.append(Measure(side, what, count / parts))
                    break
        return tuple(found)

    def is_set(self, setting: str) -> bool:
        """Tell whether the client's settings say where to find what *setting* names."""
        return setting in self._sources

    def doubt(self, flag: str) -> None:
        """Note *flag*, once."""
        if flag not in self.flags:
            self.flags.append(flag)

    def event(self, client: Client, **told: Any) -> CallEvent:
        """Return the event of *client* with *told*, fields of :class:`CallEvent`, and what is known here."""
        session_id = identifier(self.packet.first(ACCT_SESSION_ID))
        return CallEvent(
            client_id=client.id,
            dialect=client.dialect,
            kind=self.kind,
            received_at=self.received_at,
            event_at=self.event_at,
            event_at_known=self.event_at_known,
            call_class=self.call_class,
            flags=tuple(self.flags),
            source=self.source,
            group=self.settings.call_group,
            session_id="" if session_id == told.get("leg_id") else session_id,
            **told,
        )

    # When it happened.

    def moment(self, written: str) -> datetime | None:
        """Return the moment that the stamp *written* names, None when there is none that can be right."""
        if not written:
            return None
        settings = self.settings
        at, clock_ok, problem = read_stamp(written, settings.zone, settings.force_zone, settings.zone_names)
        self.clock_ok = clock_ok and self.clock_ok is not False
        if problem:
            self.doubt(problem)
        if not clock_ok and at is not None and at < self._latest:
            return at  # of a clock that was never set, 1998 perhaps: it tells how long, not when
        return at if at is None or self._earliest <= at <= self._latest else self.plausible(at)

    def unzoned(self, written: str) -> datetime | None:
        """Return *written* as if by UTC when all that is wrong is its zone: it tells distances, not when."""
        settings = self.settings
        stamp = read_stamp(written, settings.zone, None, settings.zone_names)
        at = read_stamp(written, force_zone=_ANY_ZONE).at if stamp.problem == UNKNOWN_ZONE else None
        return at if at is not None and self.is_plausible(at) else None

    def is_unreadable(self, written: str) -> bool:
        """Tell whether *written* is no stamp of any form; one of a clock that was never set is."""
        return read_stamp(written).problem == BAD_STAMP

    def plausible(self, at: datetime | None) -> datetime | None:
        """Return *at* unless a call that is told of now cannot have been up then."""
        if at is not None and not self.is_plausible(at):
            self.doubt("bad_time_stamp")
            return None
        return at

    def is_plausible(self, at: datetime) -> bool:
        """Tell whether a call that is told of now can have been up at *at*."""
        return self._earliest <= at <= self._latest

    def happened_at(self, at: datetime | None) -> None:
        """Set *event_at* to *at*, which follows from what the packet says, unless that is None."""
        if at is not None:
            self.event_at, self.event_at_known = at, True
        else:
            self.event_at, self.event_at_known = self._arrival(), False

    def settle_time(self, stamp: datetime | None = None, *, delayed: bool = True) -> None:
        """
        Set *event_at* and *event_at_known*.

        Event-Timestamp comes first, then *stamp*, the sender's time of this very
        event, then the arrival less Acct-Delay-Time (RFC 2866, 5.2). The delay is
        never taken off a stamp, which is set when the event occurs (RFC 2869, 5.3).
        An attempt happens when it is asked for. Of a sender to whom Acct-Delay-Time means something else,
        *delayed* is False.
        """
        if self.kind is _AUTHORIZE:
            return
        arrival = self._arrival() if delayed else self.received_at
        moment = self._event_timestamp() or stamp
        if moment is None:
            self.event_at = arrival
        elif self.clock_ok is False and abs(moment - arrival) > _CLOCK_TOLERANCE:
            self.doubt("clock_not_synchronised")
            self.event_at = arrival
        else:
            self.event_at = moment
            self.event_at_known = True

    def _event_timestamp(self) -> datetime | None:
        """Return Event-Timestamp: 4 octets, or as Kamailio's rad_time_mode writes it, seconds as text."""
        value = self.packet.first(EVENT_TIMESTAMP)
        if value is None:
            return None
        if len(value) == 4:
            moment: datetime | None = datetime.fromtimestamp(int.from_bytes(value, "big"), UTC)
        else:
            moment = read_stamp(text(value)).at
        if moment is None or not self._earliest <= moment <= self._latest:
            self.doubt("bad_event_timestamp")
            return None
        return moment

    def _arrival(self) -> datetime:
        """Return when the packet was first sent, as far as its arrival tells."""
        value = self.packet.first(ACCT_DELAY_TIME)
        if not value or value == b"\0\0\0\0":
            return self.received_at
        delay_s = int.from_bytes(value, "big")
        if len(value) != 4 or delay_s > _MOST_DELAY_S:
            self.doubt("bad_delay_time")
            return self.received_at
        return self.received_at - timedelta(seconds=delay_s)

    # Why it ended.

    def cause(self, written: str, usual_base: int = 16) -> int | None:
        """Return the Q.850 cause *written* in the client's base of digits, else in *usual_base*."""
        if not written:
            return None
        cause = release_cause(written, self.settings.cause_base or usual_base)
        if cause is None:
            self.doubt("bad_cause")
        return cause

    def vendor_cause(self, vendor: int, type: int) -> int | None:
        """Return the cause in *vendor*'s attribute *type*, which is a number; 0 is none."""
        cause = self.vendor_number(vendor, type)
        if cause is not None and cause > LARGEST_CAUSE:
            self.doubt("bad_cause")
            return None
        return cause or None

    # How long it lasted.

    def duration_ms(self, since: datetime | None = None) -> int | None:
        """
        Return the milliseconds that the sender says it was connected; None when it does not, or cannot.

        Args:
            since: The earliest moment at which it may have begun. An Interim
                that tells of more time than has gone by since is not believed
                (Sippy sends the machine's uptime); a Stop's figure is, since it
                is what the sender itself would bill.
        """
        if self.kind is _FAILED:
            return 0
        if self.kind is not _STOP and self.kind is not _INTERIM:
            return None
        value = self.packet.first(ACCT_SESSION_TIME)
        if value is None:
            return None
        lasted_ms = int.from_bytes(value, "big") * self.settings.unit_ms
        if len(value) != 4 or lasted_ms > LONGEST_CALL_MS:
            self.doubt("bad_session_time")
            return None
        if self.kind is _INTERIM and since is not None:
            tolerance = _ELAPSED_TOLERANCE if self.event_at_known else _CLOCKS_TOLERANCE
            if timedelta(milliseconds=lasted_ms) > self.event_at - since + tolerance:
                self.doubt("bad_session_time")
                return None
        return lasted_ms
