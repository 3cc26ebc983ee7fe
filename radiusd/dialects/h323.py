"""Cisco's voice attributes, which half the trade has copied: their numbers, names, and ways of writing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from radiusd.calls.events import Kind, Side, Status
from radiusd.dialects.reading import Reading
from radiusd.dialects.sources import pairs
from radiusd.dialects.values import text, without_name
from radiusd.radius.packet import Packet

CISCO = 9
AVPAIR = 1
NAS_PORT = 2
REMOTE_ADDRESS = 23
CONF_ID = 24
SETUP_TIME = 25
CALL_ORIGIN = 26
CALL_TYPE = 27
CONNECT_TIME = 28
DISCONNECT_TIME = 29
DISCONNECT_CAUSE = 30
GATEWAY_ID = 33
INCOMING_CONF_ID = 35
CREDIT_TIME = 102
RETURN_CODE = 103
RECEIVED_CALLED = 112
SENT_CALLED = 113
RELEASE_SOURCE = 115
RECEIVED_CALLING = 116
SENT_CALLING = 117

NAMES = {
    NAS_PORT: "cisco-nas-port",
    REMOTE_ADDRESS: "h323-remote-address",
    CONF_ID: "h323-conf-id",
    SETUP_TIME: "h323-setup-time",
    CALL_ORIGIN: "h323-call-origin",
    CALL_TYPE: "h323-call-type",
    CONNECT_TIME: "h323-connect-time",
    DISCONNECT_TIME: "h323-disconnect-time",
    DISCONNECT_CAUSE: "h323-disconnect-cause",
    GATEWAY_ID: "h323-gw-id",
    INCOMING_CONF_ID: "h323-incoming-conf-id",
    CREDIT_TIME: "h323-credit-time",
    RETURN_CODE: "h323-return-code",
    RECEIVED_CALLED: "gw-rxd-cdn",
    SENT_CALLED: "gw-final-xlated-cdn",
    RELEASE_SOURCE: "release-source",
    RECEIVED_CALLING: "gw-rxd-cgn",
    SENT_CALLING: "gw-final-xlated-cgn",
}

_MILLISECOND = timedelta(milliseconds=1)

# Cisco, "Call Release Source Reporting in Gateway-Generated Call Accounting Records":
# the calling party in the PSTN or in VoIP, the called party likewise, then the gateway's own parts.
_RELEASE_SIDES = {"1": Side.CALLER, "2": Side.CALLER, "3": Side.CALLEE, "4": Side.CALLEE}


class H323:
    """
    The voice attributes of one packet.

    An attribute and the pair of the same name in Cisco-AVPair say the same; the
    attribute wins. Values come without the ``name=`` before them.
    """

    __slots__ = ("_attributes", "_pairs", "_values")

    def __init__(self, packet: Packet, vendor: int = CISCO) -> None:
        values: list[bytes] = []
        attributes: dict[int, bytes] = {}
        for owner, type, value in packet.vendor_attributes():
            if owner == vendor:
                if type == AVPAIR:
                    values.append(value)
                else:
                    attributes.setdefault(type, value)
        self._attributes = attributes
        self._values = values
        self._pairs: dict[str, bytes] | None = None

    def text(self, type: int) -> str:
        """Return attribute *type*, else the pair of its name, the empty string when there is neither."""
        value = self._attributes.get(type)
        if value is None:
            return self.pair(NAMES[type])
        return without_name(text(value), NAMES[type])

    def pair(self, name: str) -> str:
        """Return the value of ``name=value`` in a Cisco-AVPair, the empty string when there is none."""
        if self._pairs is None:
            self._pairs = pairs(self._values)
        return text(self._pairs.get(name))

    def add(self, type: int, value: str) -> None:
        """Let *value* count as attribute *type* unless the packet has one."""
        if value:
            self._attributes.setdefault(type, value.encode())

    @property
    def release_side(self) -> Side | None:
        """Who ended the call; 5 and above are parts of the gateway, and machines that told it to."""
        written = self.text(RELEASE_SOURCE)
        if not written.isdecimal() or written == "0":
            return None
        return _RELEASE_SIDES.get(written, Side.SYSTEM)


@dataclass(frozen=True, slots=True)
class Times:
    """When a leg was set up, connected and disconnected; *clock_ok* is None when no stamp was sent."""

    setup_at: datetime | None
    connect_at: datetime | None
    disconnect_at: datetime | None
    clock_ok: bool | None

    @property
    def connected_ms(self) -> int | None:
        """How long it was connected by these times, None when they do not say."""
        if self.connect_at is None or self.disconnect_at is None:
            return None
        return max(0, (self.disconnect_at - self.connect_at) // _MILLISECOND)


def read_times(said: H323, reading: Reading) -> Times:
    """Return the three times of a leg; a clock that one of them marks as unsynchronised is not in order."""
    clock_ok: bool | None = None
    moments: list[datetime | None] = []
    for type in (SETUP_TIME, CONNECT_TIME, DISCONNECT_TIME):
        written = said.text(type)
        moment = None
        if written:
            moment, in_order = reading.stamp(written)
            clock_ok = in_order and clock_ok is not False
        moments.append(moment)
    setup_at, connect_at, disconnect_at = moments
    return Times(setup_at, connect_at, disconnect_at, clock_ok)


def time_of_event(kind: Kind, times: Times) -> datetime | None:
    """Return the one of *times* at which an event of *kind* happened; an Interim has none."""
    if kind is Kind.START:
        return times.connect_at or times.setup_at
    return times.disconnect_at if kind in (Kind.STOP, Kind.FAILED) else None


def status_of(kind: Kind, times: Times, duration_ms: int | None) -> Status | None:
    """
    Return how far the leg had come.

    A gateway may write the same connect and disconnect time for a call that
    nobody answered. A duration of 0 is a rounded one when the times tell of
    less than a second, else it means "not answered".
    """
    if kind is Kind.AUTHORIZE:
        return None
    if kind is Kind.FAILED:
        return Status.FAILED
    if duration_ms:
        return Status.ANSWERED
    if kind is not Kind.STOP:
        return Status.ANSWERED if times.connect_at is not None else Status.SETUP
    connected_ms = times.connected_ms
    if connected_ms is None:
        if duration_ms == 0:
            return Status.FAILED
        return Status.ANSWERED if times.connect_at is not None else None
    rounded_down = duration_ms == 0 and 0 < connected_ms < 1000
    return Status.ANSWERED if rounded_down or (duration_ms is None and connected_ms) else Status.FAILED
