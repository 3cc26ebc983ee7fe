"""What becomes of an open call whose time for a look has come: it is renewed, lapses, or is closed."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from radiusd.calls import cuts, live, settlement
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.events import Kind
from radiusd.calls.facts import Call, Closing, add_up, by_our_clock, clock_lag
from radiusd.calls.live import CUT_GRACE_S, GRACE, elapsed_s
from radiusd.calls.matching import Party
from radiusd.calls.rows import CallRow, Session
from radiusd.calls.sessions import State
from radiusd.calls.telling import tell_lease
from radiusd.errors import CutReason

SILENCE = timedelta(minutes=15)
"""A call whose switch sends Interims and has sent none for this long is over."""


def tend(books: Books, row: CallRow, context: Context) -> str:
    """
    Look after one call and return what was done, in one word.

    Safe to run at any time and any number of times: it goes by the sessions as they are now.
    """
    sessions = list(books.sessions[row.call_id].values())
    _cut_what_is_over_a_limit(books, row, sessions, context)
    if not sessions or all(session.expires_at > context.now for session in sessions):
        return "nothing"
    if State(row.state) is State.AUTHORIZED:
        _require(books, row, sessions)
        settlement.lapse(books, row, context)
        return "lapsed"
    lag = clock_lag(row.facts)
    call = _live(row, lag)
    # A re-INVITE, which says nothing of time, is no promise that more will come (RFC 2869, 2.1).
    told = any(event.kind is Kind.INTERIM and event.duration_ms for event in row.facts)
    closing = _evidence(row, sessions, call, told, lag, context)
    if closing is None:
        closing = _renew(books, row, sessions, call, told, context)
    if closing is None:
        return "renewed"
    _close(books, row, closing, lag, context)
    return closing.how


def end(books: Books, row: CallRow, how: str, at: datetime, context: Context) -> None:
    """End an open call as of *at*, a moment by our clock; what was granted it bounds it."""
    lag = clock_lag(row.facts)
    call = _live(row, lag)
    granted_end = _granted_end(list(books.sessions[row.call_id].values()), call)
    _close(books, row, _closing(call, min(at, granted_end or at), how), lag, context)


def _live(row: CallRow, lag: timedelta) -> Call:
    booked = row.charges
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified)
    return by_our_clock(call, lag)


def _close(books: Books, row: CallRow, closing: Closing, lag: timedelta, context: Context) -> None:
    """Close a call whose end was found by our clock; its record goes by the sender's."""
    settlement.close(books, row, msgspec.structs.replace(closing, at=closing.at - lag), context)


def _granted_end(sessions: list[Session], call: Call) -> datetime | None:
    """Return when the switch cuts the call off, None when it was told no time."""
    granted = [session.granted_s for session in sessions if session.granted_s is not None]
    return call.connect_at + timedelta(seconds=min(granted)) if granted and call.connect_at else None


def _require(books: Books, row: CallRow, sessions: list[Session]) -> None:
    settlement.require(books, row, (), row.charges, sessions, row.begun_at)


def _evidence(
    row: CallRow, sessions: list[Session], call: Call, told: bool, lag: timedelta, context: Context
) -> Closing | None:
    """Return how a call has ended that nobody reported as ended, None when it may still be up."""
    now = context.now
    nas = row.facts[0].nas
    boots = [boot + lag for boot in context.boots_of(nas) if call.begun_at < boot <= now - lag]
    if boots:
        return _closing(call, min(boots), "accounting_on")
    limit = timedelta(seconds=context.client.max_call_s) + GRACE
    if told and now - call.seen_at > max(SILENCE, 2 * timedelta(seconds=context.client.lease_s)):
        return _closing(call, call.seen_at, "silent")
    granted_end = _granted_end(sessions, call)
    if granted_end and now >= granted_end + GRACE and not (told and call.seen_at > granted_end):
        return _closing(call, granted_end, "grant_over")
    since = call.connect_at or call.begun_at
    if now - since > limit and not told:
        return _closing(call, since + limit - GRACE, "too_long")
    return None


def _closing(call: Call, end: datetime, how: str) -> Closing:
    lasted = (end - call.connect_at) // timedelta(milliseconds=1) if call.connect_at else None
    return Closing(at=end, duration_ms=None if lasted is None else max(0, lasted), how=how)


def _renew(
    books: Books, row: CallRow, sessions: list[Session], call: Call, told: bool, context: Context
) -> Closing | None:
    """
    Give the call its next lease; return how it ended when nothing pays for one.

    One whose Interims (*told*) say that it goes on has not ended, whether it is paid for or not.
    """
    parties = settlement.known_parties(sessions, call, context)
    if not parties:
        parties = settlement.match_call(call, row.charges, context).parties
    settlement.require(books, row, parties, row.charges, sessions, call.begun_at)
    by_payer = {(party.service.account.id, party.role): party for party in parties}
    for session in sessions:
        party = by_payer.get((session.account_id, session.role))
        if party is None:
            session.expires_at = context.now + timedelta(seconds=context.client.lease_s)
            books.put_session(session)
            continue
        before_s = session.held_s_until
        live.renew_hold(books, session, party, call, context)
        if session.held_s_until == before_s and call.connect_at is not None:
            _cut_when_used_up(books, row, session, party, context)
        over = elapsed_s(session, context.now) > session.held_s_until + GRACE // timedelta(seconds=1)
        if over and session.held_s_until == before_s and call.connect_at is not None and not told:
            end = call.connect_at + timedelta(seconds=before_s)
            return _closing(call, end, "lease_over")
    tell_lease(books, row, parties, context)
    return None


def _cut_when_used_up(books: Books, row: CallRow, session: Session, party: Party, context: Context) -> None:
    """Have a call ended that has used what it holds, and gets no more."""
    bounded = live.is_bounded(session, party, context)
    until_s = (session.granted_s or 0) + CUT_GRACE_S if bounded else session.held_s_until
    if elapsed_s(session, context.now) >= until_s:
        cuts.ask(books, row, session, CutReason.GRANT_OVER if bounded else CutReason.NO_CREDIT, context)


def _cut_what_is_over_a_limit(books: Books, row: CallRow, sessions: list[Session], context: Context) -> None:
    for session in sessions:
        if session.over_limit and session.state == State.STARTED.value:
            cuts.ask(books, row, session, CutReason.OVER_LIMIT, context)
