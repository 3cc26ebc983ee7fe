"""What a switch told us, in one form for every dialect."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import NamedTuple, NewType

import msgspec

AccountId = NewType("AccountId", int)
ServiceId = NewType("ServiceId", int)
ClientId = NewType("ClientId", int)
CallId = NewType("CallId", str)  # our own, a UUIDv7 as text
CallKey = NewType("CallKey", bytes)  # 16 octets: client and the sender's call id, hashed


class _Ranked(Enum):
    """Words with a rank; an attribute, because hashing a member costs half a microsecond (Python 3.11)."""

    rank: int

    def __new__(cls, word: str, rank: int) -> _Ranked:
        member = object.__new__(cls)
        member._value_ = word
        member.rank = rank
        return member


class Kind(_Ranked):
    """
    What an event tells: a call attempt, or an Acct-Status-Type (see :data:`STATUS_TYPES`).

    The rank is the order in which events are believed about who calls whom.
    """

    AUTHORIZE = ("authorize", 0)
    START = ("start", 1)
    INTERIM = ("interim", 2)
    FAILED = ("failed", 3)
    STOP = ("stop", 4)
    ACCOUNTING_ON = ("accounting-on", 5)
    ACCOUNTING_OFF = ("accounting-off", 6)


STATUS_TYPES = {
    1: Kind.START,
    2: Kind.STOP,
    3: Kind.INTERIM,
    7: Kind.ACCOUNTING_ON,
    8: Kind.ACCOUNTING_OFF,
    15: Kind.FAILED,
}
"""Acct-Status-Type (RFC 2866, 5.1) to kind; 15 is "reserved for Failed" there, and SIP proxies send it."""


class Leg(_Ranked):
    """Which side of the sender a record is about; the lowest rank decides about caller and time."""

    ANSWER = ("answer", 0)  # between the caller and the sender
    SINGLE = ("single", 1)  # the sender reports one record per call
    ORIGINATE = ("originate", 3)  # between the sender and the callee


UNTOLD_LEG = 2
"""The rank of a record that does not say which leg it is about."""


class Side(Enum):
    """Who ended the call."""

    CALLER = "caller"
    CALLEE = "callee"
    SYSTEM = "system"


class Status(Enum):
    """How far a leg had come when the event was sent."""

    SETUP = "setup"
    ANSWERED = "answered"
    FAILED = "failed"


class Measure(NamedTuple):
    """
    How good the voice was on one side, as the sender measured it.

    *side* is whose voice it is about, None when the sender does not say. *what* is ``mos``, ``jitter_ms``,
    ``loss`` (packets) or ``latency_ms``.
    """

    side: Side | None
    what: str
    value: float

    def __str__(self) -> str:
        return f"{self.side.value + ' ' if self.side else ''}{self.what} {self.value:g}"


TOLD_AFTER = "call_record"
"""The flag of an event that a call record told: it comes after the call, however long."""


PART = "part_of_call"
"""The flag of a record of which others tell the rest of the call: their durations are added up."""


class CallEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """
    One accounting event or call attempt, normalised. In JSON it is an array: new fields go to the end.

    Numbers are the user part only, ``+`` kept, no translation. Every moment is UTC. *duration_ms* is what
    the sender measured between connect and disconnect, never a difference of arrival times.
    *call_id* and *leg_id* are the sender's own; empty when the packet names none.
    """

    client_id: int
    dialect: str
    kind: Kind
    received_at: datetime
    event_at: datetime  # when it happened; *event_at_known* tells whether the sender said so
    event_at_known: bool = False
    call_id: str = ""
    leg_id: str = ""
    leg: Leg | None = None
    calling: str = ""
    called: str = ""
    calling_in: str = ""
    calling_out: str = ""
    called_in: str = ""
    called_out: str = ""
    remote_ip: str = ""
    dest_ip: str = ""
    trunk_in: str = ""
    trunk_out: str = ""
    tenant: str = ""
    username: str = ""
    setup_at: datetime | None = None
    connect_at: datetime | None = None
    disconnect_at: datetime | None = None
    clock_ok: bool | None = None
    duration_ms: int | None = None
    cause: int | None = None
    sip_code: int | None = None
    release_side: Side | None = None
    status: Status | None = None
    call_class: str = ""  # our own Class, when it came back: the call's id
    from_tag: str = ""  # SIP dialogs: tells which side sent a BYE
    to_tag: str = ""
    flags: tuple[str, ...] = ()  # doubts: "unknown_zone", "bad_event_timestamp", "bad_session_time", ...
    source: str = ""  # address:port/Identifier of the packet, for the explanation
    nas: str = ""  # of a client that is a proxy: which switch behind it speaks
    quality: tuple[Measure, ...] = ()
    session_id: str = ""  # Acct-Session-Id as it came; empty when it is the leg_id
    also: tuple[str, ...] = ()  # other call_ids by which the sender speaks of this call in other records
    group: str = ""  # of the client: those of one group report legs of the same calls
    incoming: bool = False  # it came to the sender from outside: its caller is nobody of the sender's
    asked: tuple[str, ...] = ()  # under these its attempt waits for records, where those have another call_id
    lrn: str = ""  # where the called number was ported to: its location routing number
    calling_lrn: str = ""  # the same of the calling number
    ii: str = ""  # what line the caller is on: ANI II digits, which tell a payphone
    operator: str = ""  # of a client that is a proxy: Operator-Name, whose network the switch is in
    operator_nas: str = ""  # what that network calls the switch: Operator-NAS-Identifier, in hex

    @property
    def lasted_ms(self) -> int | None:
        """*duration_ms*; 0 when the sender leaves it out of a call that failed, which was never connected."""
        return 0 if self.duration_ms is None and self.status is Status.FAILED else self.duration_ms
