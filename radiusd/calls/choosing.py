"""
Which call an event belongs to, of those that its sender has called by the same id.

A session id alone is no key: switches use theirs again after a reboot, and some much sooner. What tells two
calls apart is their beginning, our own Class when it comes back, and the client's last Accounting-On.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from radiusd.calls.events import TOLD_AFTER, CallEvent, Kind, Status
from radiusd.calls.facts import MOST_EVENTS
from radiusd.calls.moments import own_beginning
from radiusd.calls.rows import CallRow
from radiusd.calls.sessions import State

RING = timedelta(seconds=300)
"""A second Start (set-up, then answer) or a retransmitted one comes within this time."""

CLOCK = timedelta(seconds=2)
"""How far two stamps of one sender may disagree: most have whole seconds."""

_SHORTEST_SHARED_ID = 16
"""Conference ids, UUIDs and Call-IDs are longer; session ids that count up are shorter."""

LATE = timedelta(seconds=60)
"""How late a report without a time stamp may arrive: several retransmissions and a fail-over."""


def call_key(client_id: int, call_id: str, nas: str = "") -> str:
    """Return the key of a sender's call id, as PostgreSQL writes 16 octets; *nas*: behind a proxy."""
    return _hashed(f"{client_id}/{nas}" if nas else str(client_id), call_id)


def group_key(group: str, call_id: str) -> str:
    """Return the key of what the clients of *group* call *call_id*."""
    return _hashed(f"={group}", call_id)


def _hashed(sender: str, call_id: str) -> str:
    digest = hashlib.blake2b(f"{sender}\0{call_id}".encode(errors="surrogateescape"), digest_size=16)
    return "\\x" + digest.hexdigest()


def key_of(event: CallEvent) -> str:
    """Return the key under which the call of *event* is kept: that of our Class when it came back."""
    if event.call_class:
        key, _, seq = event.call_class.partition("-")
        if len(key) == 32 and seq.isdecimal() and not key.strip("0123456789abcdef"):
            return "\\x" + key
    return own_key(event, event.call_id or _derived_id(event))


def own_key(event: CallEvent, call_id: str) -> str:
    """
    Return the key of what the sender of *event* calls *call_id*.

    Switches of one group share the ids that are unique in the world; one that is as short as a counter is
    each switch's own.
    """
    if event.group and len(call_id) >= _SHORTEST_SHARED_ID:
        return group_key(event.group, call_id)
    return call_key(event.client_id, call_id, event.nas)


def call_class(row: CallRow) -> str:
    """Return what our Class says of a call, so that its accounting leads back to it."""
    return f"{row.call_key[2:]}-{row.seq}"


def _derived_id(event: CallEvent) -> str:
    """Return an id for a record whose sender gave it none: the record's own content."""
    content = (
        event.calling,
        event.called,
        event.username,
        event.remote_ip,
        event.event_at,
        event.duration_ms,
    )
    return "~" + "\0".join(str(part) for part in content)


def choose(rows: Sequence[CallRow], event: CallEvent, boots: Iterable[datetime]) -> CallRow | None:
    """
    Return the call of *event* among *rows* (all calls under its key), None when it is a new one.

    *boots*: when the client said Accounting-On or -Off.
    """
    # A client speaks for its own calls and those of its group only, whatever Class it sends.
    own = [row for row in rows if row.client_id == event.client_id or _is_of_group(row, event.group)]
    if event.call_class:
        for row in own:
            # Who asks with the Class of a call that is over asks about a new one.
            is_over = event.kind is Kind.AUTHORIZE and row.state == State.ENDED.value
            if call_class(row) == event.call_class and not is_over:
                return row
    begin = own_beginning(event)
    same = [
        row
        for row in own
        if not (row.client_id == event.client_id and _rebooted(row, event, begin, boots))
        and _same(row, event, begin)
    ]
    if len(same) < 2:
        return same[0] if same else None
    if event.event_at_known:
        # The one that began last before the event, else the one that begins soonest after it.
        told = [row for row in same if any(_is_copy(fact, event) for fact in row.facts)]
        return min(
            told or same, key=lambda row: (row.begun_at > begin + CLOCK, abs(begin - row.begun_at), -row.seq)
        )
    return max(same, key=lambda row: row.seq)


def _is_of_group(row: CallRow, group: str) -> bool:
    return bool(group and row.facts and row.facts[0].group == group)


def _is_copy(fact: CallEvent, event: CallEvent) -> bool:
    return (fact.kind, fact.leg_id, fact.event_at) == (event.kind, event.leg_id, event.event_at)


def _rebooted(row: CallRow, event: CallEvent, begin: datetime, boots: Iterable[datetime]) -> bool:
    """Tell whether a reboot, which ends all sessions and their ids (RFC 2866, 5.1), lies between the two."""
    if row.state == State.AUTHORIZED.value:
        return False  # it began by our clock, a boot by the switch's; and it soon starts or lapses
    if not event.event_at_known and event.duration_ms is not None:
        # Its beginning is only its arrival less its duration: a doubt on the duration is none on the call.
        boots = [boot for boot in boots if row.begun_at < boot]
    return any((row.begun_at < boot) != (begin < boot) for boot in boots)


def _same(row: CallRow, event: CallEvent, begin: datetime) -> bool:
    state = State(row.state)
    if len(row.facts) >= MOST_EVENTS:
        return False
    if state is State.ENDED:
        return _same_as_ended(row, event, begin)
    if state is State.REFUSED:
        return abs(begin - row.begun_at) <= (LATE if event.kind is Kind.AUTHORIZE else RING)
    if event.kind is Kind.AUTHORIZE:
        return state is State.AUTHORIZED or (state is State.STARTED and _asks_about(row, event, begin))
    if event.kind is Kind.START:
        return abs(begin - row.begun_at) <= RING or state is State.AUTHORIZED
    # An open call takes every Interim and Stop, but for those of an older call under the same id.
    return not event.event_at_known or begin >= row.begun_at - RING


def _asks_about(row: CallRow, event: CallEvent, begin: datetime) -> bool:
    """Tell whether an attempt is about a call that is up, not the next one under its id."""
    numbers = (event.calling, event.called)
    told = any((fact.calling, fact.called) == numbers for fact in row.facts)
    return told or abs(begin - row.begun_at) <= RING


def _same_as_ended(row: CallRow, event: CallEvent, begin: datetime) -> bool:
    """Tell whether a report is a late or repeated one of a call that has ended."""
    assert row.ended_at is not None
    if event.kind is Kind.AUTHORIZE:
        return False
    of_leg = [fact for fact in row.facts if fact.leg_id == event.leg_id and fact.kind is not Kind.AUTHORIZE]
    if any(abs(event.event_at - fact.event_at) <= CLOCK for fact in of_leg):
        return True  # told again, or in another form
    if _is_another_whole_call(event, of_leg):
        return False
    if _is_awaited_end(row, event, of_leg):
        return True
    if event.event_at_known:
        # What nobody answered is tried again over another route, or on another branch.
        after = (LATE if event.setup_at else RING) if _is_next_try(row, event) else CLOCK
        begun = row.begun_at < row.ended_at  # else its beginning is not known
        return begin <= row.ended_at + after and not (begun and begin < row.begun_at - RING)
    if event.kind is Kind.INTERIM:
        return event.duration_ms is None or begin <= row.ended_at + LATE
    known = [fact for fact in of_leg if fact.kind is event.kind]
    if not known:
        return begin <= row.ended_at + LATE
    if event.kind is Kind.START:
        # A copy that comes late, rather than the next call: that one's Stop would still be charged.
        return begin <= row.ended_at + LATE
    if event.kind is Kind.STOP and any(fact.duration_ms == event.duration_ms for fact in known):
        return True  # the record again, however late: NexTone empties its backlog hours later
    return begin <= row.ended_at + (LATE if event.kind is Kind.FAILED else CLOCK)


def _is_awaited_end(row: CallRow, event: CallEvent, of_leg: Sequence[CallEvent]) -> bool:
    """
    Tell whether a record is the end of a call that we have closed since none came, however long it was up.

    A BYE in an accounting table tells no beginning; its Call-ID is that of no other call.
    """
    if event.kind is not Kind.STOP or TOLD_AFTER not in event.flags or event.event_at < row.begun_at:
        return False
    tells_beginning = event.setup_at or event.connect_at or event.duration_ms is not None
    return not tells_beginning and bool(of_leg) and all(fact.kind is Kind.START for fact in of_leg)


def _is_another_whole_call(event: CallEvent, of_leg: Sequence[CallEvent]) -> bool:
    """
    Tell whether a record is the whole of one call, and what is known under its id the whole of another.

    Asterisk makes a record for each conversation of a channel, one after the other, under the channel's id.
    """
    if event.kind is not Kind.STOP or event.setup_at is None or not event.duration_ms or not of_leg:
        return False
    return all(
        fact.kind is Kind.STOP
        and bool(fact.duration_ms)
        and fact.setup_at is not None
        and (event.event_at <= fact.setup_at or fact.event_at <= event.setup_at)
        for fact in of_leg
    )


def _is_next_try(row: CallRow, event: CallEvent) -> bool:
    """Tell whether a report is about another leg of a call of which no leg was answered."""
    return not any(
        fact.status is Status.ANSWERED
        or (fact.leg_id == event.leg_id and fact.kind in (Kind.STOP, Kind.FAILED))
        for fact in row.facts
    )
