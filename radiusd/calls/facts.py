"""
What is known of one call: the events that count, and the call they add up to.

Events may come in any order and any number of times. Of those that say the same thing (same leg, kind and
status) one is kept, chosen by a total order, so the kept set does not depend on the order of arrival, and
the call, a pure function of that set, does not either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status

MOST_EVENTS = 200
"""A call keeps this many events at the most; a sender that reuses one id for more gets a new call."""

_TRUSTED_PAST = timedelta(days=45)
_TRUSTED_AHEAD = timedelta(days=1)
_MISMATCH_MS = 5_000

_KIND_RANK = {Kind.AUTHORIZE: 0, Kind.START: 1, Kind.INTERIM: 2, Kind.FAILED: 3, Kind.STOP: 4}
_LEG_RANK = {Leg.ANSWER: 0, Leg.SINGLE: 1, None: 2, Leg.ORIGINATE: 3}

_events = msgspec.json.Decoder(tuple[CallEvent, ...])
_encode = msgspec.json.Encoder().encode


class Closing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How we ended a call whose Stop has not come; a real Stop takes its place."""

    at: datetime
    duration_ms: int | None  # None: no evidence that it was answered
    how: str  # lease_expired, accounting_on, accounting_off, admin, silent


@dataclass(frozen=True, slots=True)
class Identity:
    """What matching reads: the four identifiers and the number dialled."""

    username: str
    trunk: str
    remote_ip: str
    calling: str
    called: str
    tenant: str
    trunk_out: str
    verified: bool  # the password or digest of *username* was checked by us


@dataclass(frozen=True, slots=True)
class Call:
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

    @property
    def open(self) -> bool:
        """Tell whether the call is still up."""
        return self.ended_at is None


def read_facts(text: str) -> tuple[CallEvent, ...]:
    """Return the events in the JSON *text* of a call row."""
    return _events.decode(text)


def write_facts(events: Sequence[CallEvent]) -> str:
    """Return *events* as the JSON text of a call row."""
    return _encode(events).decode()


def keep(events: tuple[CallEvent, ...], event: CallEvent) -> tuple[CallEvent, ...]:
    """Return *events* with what *event* adds; the very same tuple when it adds nothing."""
    place = _place(event)
    for index, known in enumerate(events):
        if _place(known) == place:
            if _strength(event) <= _strength(known):
                return events
            return (*events[:index], event, *events[index + 1 :])
    return tuple(sorted((*events, event), key=_place))


def _place(event: CallEvent) -> tuple[int, int, str, str]:
    """Return what the event is about; of two events about the same one is kept."""
    status = event.status.value if event.status and event.kind is not Kind.STOP else ""
    return _KIND_RANK[event.kind], _LEG_RANK[event.leg], event.leg_id, status


def _strength(event: CallEvent) -> tuple[object, ...]:
    """
    Return the order in which one of several reports is believed.

    The longest duration and the sender's own clock win for an Interim or Stop, the earliest report for a
    Start, the latest for an attempt; the source settles what is left, so that the order is total.
    """
    if event.kind is Kind.AUTHORIZE:
        return event.received_at, event.source
    if event.kind is Kind.START:
        return event.event_at_known, -_micros(event.event_at), -_micros(event.received_at), event.source
    duration_ms = -1 if event.duration_ms is None else event.duration_ms
    return duration_ms, event.event_at_known, -_micros(event.received_at), event.source


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def add_up(
    events: tuple[CallEvent, ...], *, authorized: bool, verified: bool = False, closing: Closing | None = None
) -> Call:
    """
    Return the call that *events* tell of.

    *authorized*: the attempt among them was accepted, so its identifiers hold for the whole call.
    """
    attempt = next((event for event in events if event.kind is Kind.AUTHORIZE), None)
    reports = tuple(event for event in events if event.kind is not Kind.AUTHORIZE)
    deciding = _deciding_leg(reports)
    stop = _final(deciding)
    closed = closing if stop is None else None
    connect_at = _connect_at(deciding, stop) or _connect_at(reports, None)
    ended_at = _moment(stop, stop.disconnect_at) or stop.event_at if stop else closed.at if closed else None
    duration_ms, doubts = _duration(stop, deciding, connect_at, ended_at, closed)
    if stop is not None and duration_ms and connect_at is None and ended_at is not None:
        connect_at = ended_at - timedelta(milliseconds=duration_ms)
    last = stop or (deciding[-1] if deciding else attempt)
    assert last is not None, "a call has at least one event"
    return Call(
        identity=_identity(attempt if authorized or not reports else None, reports, verified),
        begun_at=_begun_at(attempt, reports, connect_at),
        connect_at=connect_at if duration_ms != 0 else None,
        ended_at=ended_at,
        seen_at=max(event.received_at for event in events),
        duration_ms=duration_ms,
        answered=bool(duration_ms) or (ended_at is None and connect_at is not None),
        dest_ip=_first(sorted(reports, key=_from_callee), "dest_ip"),
        cause=last.cause,
        sip_code=last.sip_code,
        release_side=_release_side(stop, deciding),
        flags=tuple(sorted({flag for event in reports for flag in event.flags} | doubts)),
        closed_by=closed.how if closed else "",
    )


def _deciding_leg(reports: tuple[CallEvent, ...]) -> tuple[CallEvent, ...]:
    """Return the reports of the leg towards the caller, which decides time and payer; else what there is."""
    if not reports:
        return ()
    rank = min(_LEG_RANK[event.leg] for event in reports)
    return tuple(event for event in reports if _LEG_RANK[event.leg] == rank)


def _final(deciding: tuple[CallEvent, ...]) -> CallEvent | None:
    """
    Return the report that ended the call, None while it is up.

    A call that was forked or tried over several routes ends with its last leg; the longest one is billed.
    A failed branch ends nothing once another one was answered.
    """
    finals = [event for event in deciding if event.kind in (Kind.STOP, Kind.FAILED)]
    if not finals:
        return None
    stops = [event for event in finals if event.kind is Kind.STOP]
    begun = {event.leg_id for event in deciding if event.kind in (Kind.START, Kind.INTERIM)}
    ended = {event.leg_id for event in finals}
    if not stops and any(event.status is Status.ANSWERED for event in deciding if event not in finals):
        return None  # a re-INVITE or a branch that failed
    if begun - ended and len(begun) > 1:
        return None
    return max(stops or finals, key=_length)


def _length(event: CallEvent) -> tuple[int, int, str]:
    return event.duration_ms or 0, _micros(event.event_at), event.source


def _moment(event: CallEvent | None, stamp: datetime | None) -> datetime | None:
    """Return *stamp* of *event* unless the sender's clock is not to be believed."""
    if event is None or stamp is None or event.clock_ok is False:
        return None
    if not -_TRUSTED_AHEAD <= event.received_at - stamp <= _TRUSTED_PAST:
        return None
    return stamp


def _connect_at(reports: tuple[CallEvent, ...], stop: CallEvent | None) -> datetime | None:
    """Return when the call was answered: the Stop's word first, then Interim's and Start's."""
    for event in (stop, *reports):
        connect_at = _moment(event, event.connect_at) if event else None
        if connect_at is not None:
            return connect_at
    answered = [event.event_at for event in reports if _says_answered(event)]
    return min(answered) if answered else None


def _says_answered(event: CallEvent) -> bool:
    return event.kind is Kind.START and event.status is Status.ANSWERED and event.connect_at is None


def _duration(
    stop: CallEvent | None,
    deciding: tuple[CallEvent, ...],
    connect_at: datetime | None,
    ended_at: datetime | None,
    closed: Closing | None,
) -> tuple[int | None, set[str]]:
    """Return the milliseconds the call was connected (X22 of our protocol rules) and doubts about them."""
    if closed is not None:
        return closed.duration_ms or 0, {"closed_by_us"}
    if stop is None or ended_at is None:
        return None, set()
    if stop.kind is Kind.FAILED:
        return 0, set()
    elapsed_ms = None
    if connect_at is not None:
        elapsed_ms = max(0, (ended_at - connect_at) // timedelta(milliseconds=1))
    if stop.duration_ms is None:
        if elapsed_ms is not None:
            return elapsed_ms, set()
        rung = stop.status is Status.FAILED or any(event.status is Status.SETUP for event in deciding)
        return (0, set()) if rung else (None, {"no_duration"})
    if elapsed_ms is not None and stop.duration_ms and abs(stop.duration_ms - elapsed_ms) > _MISMATCH_MS:
        return stop.duration_ms, {"duration_mismatch"}
    return stop.duration_ms, set()


def _begun_at(
    attempt: CallEvent | None, reports: tuple[CallEvent, ...], connect_at: datetime | None
) -> datetime:
    """Return the call's beginning: its set-up if a sender tells it, else its first sign."""
    setups = [moment for event in reports if (moment := _moment(event, event.setup_at))]
    if setups:
        return min(setups)
    signs = [attempt.event_at] if attempt else []
    signs += [event.event_at for event in reports if event.kind is Kind.START]
    if signs:
        return min(signs)
    if connect_at is not None:
        return connect_at
    return min(own_beginning(event) for event in reports)


def own_beginning(event: CallEvent) -> datetime:
    """Return when the call of *event* began, by this event alone."""
    for stamp in (event.setup_at, event.connect_at):
        moment = _moment(event, stamp)
        if moment is not None:
            return moment
    if event.kind in (Kind.STOP, Kind.INTERIM) and event.duration_ms:
        return event.event_at - timedelta(milliseconds=event.duration_ms)
    return event.event_at


def _identity(attempt: CallEvent | None, reports: tuple[CallEvent, ...], verified: bool) -> Identity:
    """Return the identifiers: the accepted attempt's, else those of the first report of the caller's side."""
    who = (attempt,) if attempt is not None else tuple(sorted(reports, key=_from_caller))
    everything = (*who, *sorted(reports, key=_from_callee))
    return Identity(
        username=_first(who, "username"),
        trunk=_first(who, "trunk_in"),
        remote_ip=_first(who, "remote_ip"),
        calling=_first(who, "calling"),
        called=_first(who, "called"),
        tenant=_first(who, "tenant"),
        trunk_out=_first(everything, "trunk_out"),
        verified=verified and attempt is not None,
    )


def _from_caller(event: CallEvent) -> tuple[int, int, str]:
    return _LEG_RANK[event.leg], _KIND_RANK[event.kind], event.leg_id


def _from_callee(event: CallEvent) -> tuple[int, int, str]:
    return -_LEG_RANK[event.leg], _KIND_RANK[event.kind], event.leg_id


def _first(events: Sequence[CallEvent], name: str) -> str:
    values: Iterator[str] = (getattr(event, name) for event in events)
    return next((value for value in values if value), "")


def _release_side(stop: CallEvent | None, deciding: tuple[CallEvent, ...]) -> str:
    """Return who hung up: as the sender says, else by comparing the SIP tags of Stop and Start."""
    if stop is None:
        return ""
    if stop.release_side is not None:
        return stop.release_side.value
    start = next((event for event in deciding if event.kind is Kind.START and event.from_tag), None)
    if start is None or not stop.from_tag or stop.kind is Kind.FAILED:
        return ""
    return (Side.CALLER if stop.from_tag == start.from_tag else Side.CALLEE).value
