"""
What is known of one call: the events that count, and the call they add up to.

Events may come in any order and any number of times. Of those that say the same thing (same leg, kind and
status) one is kept, chosen by a total order, so the kept set does not depend on the order of arrival, and
the call, a pure function of that set, does not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from radiusd.calls.events import PART, CallEvent, Kind, Side, Status
from radiusd.calls.legs import deciding_leg, leg_rank, nearest_caller, went_to
from radiusd.calls.moments import believed, own_beginning

MOST_EVENTS = 200
"""A call keeps this many events at the most; a sender that reuses one id for more gets a new call."""

# To name a member of an Enum costs 0.2 µs (Python 3.11), and each event asks for some twenty.
_AUTHORIZE, _START, _INTERIM = Kind.AUTHORIZE, Kind.START, Kind.INTERIM
_FAILED, _STOP = Kind.FAILED, Kind.STOP
_ANSWERED = Status.ANSWERED

_MISMATCH_MS = 5_000
_NONE = timedelta()
_SAME_CLOCK = timedelta(minutes=2)
_RING = timedelta(minutes=5)
_LATE = timedelta(seconds=60)  # retransmissions and a fail-over, of a sender that stamps nothing


class Closing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How we ended a call whose Stop has not come; a real Stop takes its place."""

    at: datetime
    duration_ms: int | None  # None: no evidence that it was answered
    how: str  # lease_expired, accounting_on, accounting_off, admin, silent


class Identity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What matching reads: the four identifiers and the number dialled."""

    username: str
    trunk: str
    remote_ip: str
    calling: str
    called: str
    tenant: str
    trunk_out: str
    verified: bool  # the password or digest of *username* was checked by us
    incoming: bool = False  # a PBX took it from outside: its calling number names no payer
    lrn: str = ""  # where called and calling number were ported to, and the caller's kind of line
    calling_lrn: str = ""
    ii: str = ""


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call as all its events together tell it. *duration_ms* is None while it is open or unknown."""

    identity: Identity
    begun_at: datetime
    connect_at: datetime | None
    ended_at: datetime | None
    seen_at: datetime
    duration_ms: int | None
    answered: bool
    dest_ip: str
    cause: int | None
    sip_code: int | None
    release_side: str
    flags: tuple[str, ...]
    closed_by: str  # how we ended it, when no Stop did
    client_id: int  # whose report decides who pays

    @property
    def open(self) -> bool:
        """Tell whether the call is still up."""
        return self.ended_at is None


Events = tuple[CallEvent, ...]


_decoder = msgspec.json.Decoder(Events)


def read_facts(text: str) -> Events:
    """Return the events in the column *facts* of a call, given as text."""
    return _decoder.decode(text)


def keep(events: Events, event: CallEvent) -> Events:
    """Return *events* with what *event* adds; the very same tuple when it adds nothing."""
    place = _place(event)
    for index, known in enumerate(events):
        # Cheap comparisons first: nearly always the kind differs.
        if known.kind is event.kind and _place(known) == place:
            if _strength(event) <= _strength(known):
                return events
            return (*events[:index], event, *events[index + 1 :])
    if not events or _place(events[-1]) < place:
        return (*events, event)
    return tuple(sorted((*events, event), key=_place))


def _place(event: CallEvent) -> tuple[int, int, str, str]:
    """Return what the event is about; of two events about the same one is kept."""
    if event.kind is _AUTHORIZE:
        return event.kind.rank, 0, "", ""  # asked again, with another session id of its own perhaps
    status = event.status.value if event.status and event.kind is not _STOP else ""
    return event.kind.rank, leg_rank(event), event.leg_id, status



def _strength(event: CallEvent) -> tuple[object, ...]:
    """
    Return the order in which one of several reports is believed.

    The longest duration and the sender's own clock win for an Interim or Stop, the earliest report for a
    Start, the latest for an attempt; the source settles what is left, so that the order is total.
    """
    if event.kind is _AUTHORIZE:
        return event.received_at, event.source
    if event.kind is _START:
        return event.event_at_known, -_micros(event.event_at), -_micros(event.received_at), event.source
    duration_ms = -1 if event.duration_ms is None else event.duration_ms
    return duration_ms, event.event_at_known, -_micros(event.received_at), event.source


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def add_up(
    events: Events, *, authorized: bool, verified: bool = False, closing: Closing | None = None
) -> Call:
    """
    Return the call that *events* tell of.

    *authorized*: the attempt among them was accepted, so its identifiers hold for the whole call.
    """
    # An attempt, of which one is kept, has the lowest place.
    attempt = events[0] if events[0].kind is _AUTHORIZE else None
    reports = events if attempt is None else events[1:]
    nearest = nearest_caller(reports)
    deciding = deciding_leg(reports, nearest)
    stop = _final(deciding)
    closed = closing if stop is None else None
    ended_at = believed(stop, stop.disconnect_at) or stop.event_at if stop else closed.at if closed else None
    connect_at = _connect_at(deciding, stop) or _connect_at(reports, None)
    if stop is None:
        connect_at = connect_at or _answered_by_interim(deciding)
    elif ended_at is not None and stop.duration_ms:
        connect_at = _answered_by_stop(reports, connect_at, ended_at, stop.duration_ms)
    duration_ms, doubts = _duration(stop, deciding, connect_at, ended_at, closed)
    last = stop or (deciding[-1] if deciding else attempt)
    assert last is not None, "a call has at least one event"
    decisive = attempt if authorized or not reports else None
    return Call(
        identity=_identity(decisive, reports, verified, nearest),
        begun_at=_begun_at(attempt, reports, connect_at),
        connect_at=connect_at if duration_ms != 0 else None,
        ended_at=ended_at,
        seen_at=events[0].received_at if len(events) == 1 else max(event.received_at for event in events),
        duration_ms=duration_ms,
        answered=bool(duration_ms) or (ended_at is None and connect_at is not None),
        dest_ip=went_to(reports, "dest_ip", nearest),
        cause=last.cause,
        sip_code=last.sip_code,
        release_side=_release_side(stop, deciding),
        flags=_flags(reports, doubts),
        closed_by=closed.how if closed else "",
        client_id=decisive.client_id if decisive is not None else last.client_id,
    )


def _flags(reports: Events, doubts: tuple[str, ...]) -> tuple[str, ...]:
    said = [flag for event in reports if event.flags for flag in event.flags]
    return tuple(sorted({*said, *doubts})) if said or doubts else ()





def _final(deciding: Events) -> CallEvent | None:
    """
    Return the report that ended the call, None while it is up.

    A call that was forked or tried over several routes ends with its last leg; the longest one is billed.
    A failed branch ends nothing once another one was answered. What is told in parts is added up.
    """
    if len(deciding) == 1:
        return deciding[0] if deciding[0].kind in (_STOP, _FAILED) else None
    finals = [event for event in deciding if event.kind is _STOP or event.kind is _FAILED]
    if not finals:
        return None
    stops = [event for event in finals if event.kind is _STOP]
    begun = {event.leg_id for event in deciding if event.kind in (_START, _INTERIM)}
    ended = {event.leg_id for event in finals}
    if not stops and any(event.status is _ANSWERED for event in deciding if event not in finals):
        return None  # a re-INVITE or a branch that failed
    if begun - ended and (len(begun) > 1 or all(event.status is Status.FAILED for event in finals)):
        return None  # another leg or try was given up
    parts = [event for event in stops if PART in event.flags] if len(stops) > 1 else []
    if len(parts) > 1:
        stops = [event for event in stops if event not in parts]
        stops.append(_sum(parts))
    return max(stops or finals, key=_length)


def _sum(parts: Sequence[CallEvent]) -> CallEvent:
    """Return the one Stop that *parts* come to: it ends with the last, and was connected as long as all."""
    connects = [event.connect_at for event in parts if event.connect_at is not None]
    return msgspec.structs.replace(
        max(parts, key=_length_of_last),
        connect_at=min(connects, default=None),
        duration_ms=sum(event.duration_ms or 0 for event in parts),
    )


def _length_of_last(event: CallEvent) -> tuple[int, str]:
    return _micros(event.event_at), event.source


def _length(event: CallEvent) -> tuple[int, int, str]:
    return event.duration_ms or 0, _micros(event.event_at), event.source



def _connect_at(reports: Events, stop: CallEvent | None) -> datetime | None:
    """Return when the call was answered: the Stop's word first, then Interim's and Start's."""
    for event in (stop, *reports):
        connect_at = believed(event, event.connect_at) if event else None
        if connect_at is not None:
            return connect_at
    answered = [event.event_at for event in reports if _says_answered(event)]
    return min(answered) if answered else None


def _says_answered(event: CallEvent) -> bool:
    return event.kind is _START and event.status is _ANSWERED and event.connect_at is None


def _answered_by_interim(deciding: Events) -> datetime | None:
    """Return when a call was answered whose Start was lost, by what it had lasted at an Interim."""
    told = [own_beginning(event) for event in deciding if event.kind is _INTERIM and event.duration_ms]
    return min(told) if told else None


def _answered_by_stop(
    reports: Events, connect_at: datetime | None, ended_at: datetime, duration_ms: int
) -> datetime:
    """Return when a call was answered that has ended; a Start may arrive late, the duration is right."""
    by_stop = ended_at - timedelta(milliseconds=duration_ms)
    if connect_at is None:
        return by_stop
    is_late = by_stop < connect_at <= by_stop + _LATE and not all(event.event_at_known for event in reports)
    return by_stop if is_late else connect_at


def _duration(
    stop: CallEvent | None,
    deciding: Events,
    connect_at: datetime | None,
    ended_at: datetime | None,
    closed: Closing | None,
) -> tuple[int | None, tuple[str, ...]]:
    """Return the milliseconds the call was connected (X22 of our protocol rules) and doubts about them."""
    if closed is not None:
        return closed.duration_ms or 0, ("closed_by_us",)
    if stop is None or ended_at is None:
        return None, ()
    if stop.kind is _FAILED:
        return 0, ()
    elapsed_ms = None
    if connect_at is not None:
        elapsed_ms = max(0, (ended_at - connect_at) // timedelta(milliseconds=1))
    if stop.duration_ms is None:
        if elapsed_ms is not None:
            return elapsed_ms, ()
        rung = stop.status is Status.FAILED or any(event.status is Status.SETUP for event in deciding)
        return (0, ()) if rung else (None, ("no_duration",))
    has_pauses = PART in stop.flags  # it rang again, was held or parked
    differs = elapsed_ms is not None and abs(stop.duration_ms - elapsed_ms) > _MISMATCH_MS
    if stop.duration_ms and differs and not has_pauses:
        return stop.duration_ms, ("duration_mismatch",)
    return stop.duration_ms, ()


def _begun_at(attempt: CallEvent | None, reports: Events, connect_at: datetime | None) -> datetime:
    """Return the call's beginning: its set-up if a sender tells it, else its first sign."""
    signs = [moment for event in reports if (moment := believed(event, event.setup_at))]
    if not signs:
        signs = [event.event_at for event in reports if event.kind is _START]
        if attempt is not None and _same_clock(attempt, reports):
            signs.append(attempt.event_at)
    if connect_at is not None:
        signs.append(connect_at)  # whatever is said of the set-up: it is not after the answer
    return min(signs) if signs else min(own_beginning(event) for event in reports)


def _same_clock(attempt: CallEvent, reports: Events) -> bool:
    """Tell whether the moment of an attempt, which is by our clock, is one that the reports can follow."""
    begun = [
        own_beginning(event)
        for event in reports
        if event.event_at_known and (event.kind is _START or event.duration_ms is not None)
    ]
    return not begun or -_SAME_CLOCK <= min(begun) - attempt.event_at <= _RING


def clock_lag(events: Events) -> timedelta:
    """
    Return by how much our clock is ahead of the sender's (negative: behind), as far as its stamps tell.

    What is late on the way looks the same, so less than two minutes count as none.
    """
    lags = [
        event.received_at - event.event_at
        for event in events
        if event.event_at_known and event.kind is not _AUTHORIZE
    ]
    lag = min(lags, default=_NONE)  # delays only add to it
    return lag if abs(lag) > _SAME_CLOCK else _NONE


def by_our_clock(call: Call, lag: timedelta) -> Call:
    """Return *call* with its answer by our clock: what is done while it is up goes by that."""
    if not lag or call.connect_at is None:
        return call
    return msgspec.structs.replace(call, connect_at=call.connect_at + lag)



def _identity(
    attempt: CallEvent | None, reports: Events, verified: bool, nearest: int | None = None
) -> Identity:
    """Return the identifiers: the accepted attempt's, else those of the first report of the caller's side."""
    if attempt is not None:
        who: Sequence[CallEvent] = (attempt,)
    else:
        who = reports if len(reports) == 1 else sorted(reports, key=_from_caller)
        if nearest is not None:
            who = sorted(who, key=lambda event: event.client_id != nearest)
    first, others = who[0], who[1:]
    if first.from_tag and first.kind is _START:
        # In a dialog the callee's requests name the callee as caller (RFC 3261, 12.2.1.1).
        others = [event for event in others if event.from_tag in ("", first.from_tag)]
    return Identity(
        first.username or _other(others, "username"),
        first.trunk_in or _other(others, "trunk_in"),
        first.remote_ip or _other(others, "remote_ip"),
        first.calling or _other(others, "calling"),
        first.called or _other(others, "called"),
        first.tenant or _other(others, "tenant"),
        first.trunk_out or went_to(reports, "trunk_out", nearest),
        verified and attempt is not None,
        first.incoming,
        first.lrn or _other(others, "lrn"),
        first.calling_lrn or _other(others, "calling_lrn"),
        first.ii or _other(others, "ii"),
    )


def _from_caller(event: CallEvent) -> tuple[int, int, str]:
    return leg_rank(event), event.kind.rank, event.leg_id


def _other(events: Sequence[CallEvent], name: str) -> str:
    """Return the first of *events* that says something under *name*."""
    for event in events:
        value: str = getattr(event, name)
        if value:
            return value
    return ""




def _release_side(stop: CallEvent | None, deciding: Events) -> str:
    """Return who hung up: as the sender says, else by comparing the SIP tags of Stop and Start."""
    if stop is None:
        return ""
    if stop.release_side is not None:
        return str(stop.release_side.value)
    start = next((event for event in deciding if event.kind is _START and event.from_tag), None)
    if start is None or not stop.from_tag or stop.kind is _FAILED:
        return ""
    return str((Side.CALLER if stop.from_tag == start.from_tag else Side.CALLEE).value)
