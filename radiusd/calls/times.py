"""
How long a call that is up may last when what pays for it changes, and that its switch is told so.

The switch is told first and believed when it agrees: until then the call may last for what it was granted
before, and holds what the longer of both times needs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from radiusd.calls import holds, live, settlement
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.facts import Call, add_up, by_our_clock, clock_lag
from radiusd.calls.matching import Party
from radiusd.calls.rows import CallRow, Session
from radiusd.calls.sessions import State
from radiusd.calls.telling import Paid, paid_by, tell, told_s
from radiusd.errors import TimeReason

LEAST_MORE_S = 10
"""A switch is not troubled for less than this; for a shorter time it always is."""


def reckon(books: Books, row: CallRow, context: Context) -> str:
    """
    Reckon anew how long a call may last that was granted its whole time, and have its switch told.

    Safe to run at any time and any number of times. Returns what was done, in one word.
    """
    if context.client.tell_time == "none" or context.client.grant == "lease":
        return "nothing"
    paid, call = _payers(books, row, context)
    if not paid or call is None:
        return "nothing"
    before_s = told_s(paid)
    most_s = max(before_s, context.client.max_call_s)
    time_s = min(_afforded(books, session, party, call, most_s, context).seconds for session, party in paid)
    time_s = max(time_s, min(before_s, live.elapsed_s(paid[0][0], context.now) + 1))
    if before_s <= time_s < before_s + LEAST_MORE_S:
        return "as before"
    for session, party in paid:
        _hold(books, session, party, call, max(time_s, before_s), context)
    tell(books, row, paid, time_s, TimeReason.CREDIT, context)
    return "shorter" if time_s < before_s else "longer"


def agreed(timeout_s: int) -> Callable[[Books, CallRow, Context], str]:
    """Return a task for a call whose switch has agreed that it lasts for *timeout_s* from its answer."""

    def take(books: Books, row: CallRow, context: Context) -> str:
        paid, call = _payers(books, row, context)
        for session, party in paid if call else ():
            session.granted_s = timeout_s
            if call and live.is_bounded(session, party, context):
                _hold(books, session, party, call, timeout_s, context)
                live.renew_hold(books, session, party, call, context)
            books.put_session(session)
        reckon(books, row, context)  # what pays for it may have changed meanwhile
        return "agreed" if paid else "over"

    return take


def refused(books: Books, row: CallRow, context: Context) -> str:
    """Give back what a call holds beyond its grant, since its switch does not let it last longer."""
    paid, call = _payers(books, row, context)
    for session, party in paid:
        if call and live.is_bounded(session, party, context):
            _hold(books, session, party, call, session.granted_s or 0, context)
    return "refused" if paid else "over"


def _payers(books: Books, row: CallRow, context: Context) -> tuple[list[Paid], Call | None]:
    """Return who pays for a call that is up and answered, with their rows locked; nobody for another one."""
    sessions = list(books.sessions[row.call_id].values())
    if row.state != State.STARTED.value or not sessions:
        return [], None
    booked = row.charges
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified)
    call = by_our_clock(call, clock_lag(row.facts))
    parties = settlement.known_parties(sessions, call, context)
    settlement.require(books, row, parties, booked, sessions, call.begun_at)
    return paid_by(books, row, parties), call


def _afforded(
    books: Books, session: Session, party: Party, call: Call, upto_s: int, context: Context
) -> holds.Held:
    answer_at: datetime = call.connect_at or context.now
    terms = context.tariff(party, call, session.called, answer_at)
    return holds.afford(books, party, session, terms, answer_at, upto_s, context.now)


def _hold(
    books: Books, session: Session, party: Party, call: Call, upto_s: int, context: Context
) -> None:
    if holds.is_limited(party, session.called):
        holds.put(books, session, _afforded(books, session, party, call, upto_s, context))
        books.put_session(session)
