"""Call records in the books: taken as a report of their call is, and taken back."""

from __future__ import annotations

from collections.abc import Callable

from radiusd.calls import charging, live, settlement
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.facts import add_up
from radiusd.calls.rows import NOBODY, Booked, CallRow, QueueEntry
from radiusd.calls.sessions import State
from radiusd.storage.journal import Outcome, Report


class RecordOutcome(Outcome, frozen=True, gc=False):
    """
    Where a record led.

    *queued*: ``unmatched`` or ``unrated`` when an admin has to mend it.
    """

    call_key: str = ""
    seq: int = 0
    queued: str = ""


class RecordReport(Report):
    """A call record: a report of its call like any other, of which more is told to who imports it."""

    __slots__ = ()

    def decide(self, books: Books, context: Context) -> RecordOutcome:
        """Take the record into the books."""
        row = settlement.post(books, self.event, self.key, context, self._alone)
        return RecordOutcome(
            row.call_id,
            row.state,
            call_key=row.call_key,
            seq=row.seq,
            queued=_queued(books, row),
        )


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
