"""Call records in the books: taken as a report of their call is, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from radiusd.calls import charging, live, settlement
from radiusd.calls.books import Books
from radiusd.calls.choosing import CLOCK, LATE
from radiusd.calls.context import Context
from radiusd.calls.events import TOLD_AFTER, CallEvent
from radiusd.calls.facts import add_up
from radiusd.calls.joining import follow
from radiusd.calls.moments import own_beginning
from radiusd.calls.rows import NOBODY, Booked, CallRow, QueueEntry
from radiusd.calls.sessions import State
from radiusd.storage.journal import Outcome, Report

QUARTER = timedelta(minutes=15)
MOST_QUARTERS = 4 * 26
"""Zones are quarters of an hour apart, and up to 26 hours."""


class RecordOutcome(Outcome, frozen=True, gc=False):
    """
    Where a record led.

    *queued*: ``unmatched`` or ``unrated`` when an admin has to mend it. *refused*: why it was not taken.
    """

    call_key: str = ""
    seq: int = 0
    queued: str = ""
    refused: str = ""


class RecordReport(Report):
    """A call record: a report of its call like any other, of which more is told to who imports it."""

    __slots__ = ()

    def decide(self, books: Books, context: Context) -> RecordOutcome:
        """Take the record into the books, but for one whose clock is of another zone than its call's."""
        rows = books.calls[self.key]
        if rows and follow(books, self.event, self.key, context)[1] is None:
            refused = _of_another_zone(rows, self.event)
            if refused:
                return RecordOutcome(refused=refused)
        row = settlement.post(books, self.event, self.key, context, self._alone)
        return RecordOutcome(
            row.call_id,
            row.state,
            call_key=row.call_key,
            seq=row.seq,
            queued=_queued(books, row),
        )


def _of_another_zone(rows: Sequence[CallRow], event: CallEvent) -> str:
    """
    Return what is to be said of a record whose call is known from RADIUS, so many quarters of an hour off.

    Taken, it would be a call of its own, and be charged again.
    """
    begun_at = own_beginning(event)
    for row in rows:
        off = begun_at - row.begun_at
        quarters = round(off / QUARTER)
        is_off = 0 < abs(quarters) <= MOST_QUARTERS and abs(off - quarters * QUARTER) <= CLOCK
        if is_off and any(_is_alike(fact, event) for fact in row.facts):
            return (
                f"RADIUS told of this call as begun at {row.begun_at:%Y-%m-%dT%H:%M:%SZ},"
                f" {abs(quarters) * QUARTER} {'before' if quarters > 0 else 'after'} this record:"
                " is the zone of the source right? Mend it, and import the file again with --again"
            )
    return ""


def _is_alike(fact: CallEvent, event: CallEvent) -> bool:
    """Tell whether RADIUS tells by *fact* of a call that was answered, and lasted about as long."""
    if TOLD_AFTER in fact.flags or not fact.duration_ms or not event.duration_ms:
        return False
    return abs(fact.duration_ms - event.duration_ms) <= LATE // timedelta(milliseconds=1)


def _queued(books: Books, row: CallRow) -> str:
    """Return why a call waits for an admin; empty when it does not."""
    if any(made.account_id == NOBODY for made in row.charges.charges):
        return "unmatched"
    for change in books.changed[QueueEntry].values():
        if isinstance(change, QueueEntry) and change.call_id == row.call_id:
            return "unrated"
    return ""


def take_back(source: str) -> Callable[[Books, CallRow, Context], str]:
    """
    Return a task that makes a call be as if the record *source* had never come.

    What it was charged is reversed; what other reports tell of the call is charged in its place. Done twice
    it changes nothing.
    """

    def undo(books: Books, row: CallRow, context: Context) -> str:
        left = tuple(fact for fact in row.facts if fact.source != source)
        if left == row.facts:
            return "not known"
        booked = row.charges
        if left:
            authorized, verified, closing = booked.authorized, booked.verified, booked.closing
            call = add_up(left, authorized=authorized, verified=verified, closing=closing)
            settlement.reconcile(books, row, call, booked, context, facts=left, again=True)
            return "corrected"
        held = list(books.sessions[row.call_id].values())
        settlement.require(books, row, (), booked, held, row.begun_at)
        for session in held:
            live.end_session(books, session)
        for made in booked.charges:
            charging.reverse(books, row, made, context)
        row.state = State.ENDED.value
        row.ended_at = row.ended_at or row.begun_at
        row.facts, row.charges = (), Booked()
        books.change_call(row)
        return "taken back"

    return undo
