"""The sessions of a call that is up: opened, reported, moved, renewed, ended; one for each payer."""

from __future__ import annotations

from datetime import datetime, timedelta

from radiusd.calls import cuts, guarding, holds, limits
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.facts import Call
from radiusd.calls.matching import Match, Party
from radiusd.calls.rows import NOBODY, CallRow, Matched, Session
from radiusd.calls.sessions import State
from radiusd.calls.tariffs import INTERNAL
from radiusd.errors import CutReason

_STARTED = State.STARTED.value

GRACE = timedelta(seconds=60)
"""How long after its granted end a call is waited for before it is closed."""

CUT_GRACE_S = 5
"""How long after its granted end a switch is asked to end a call, if it takes that."""


def keep_open(books: Books, row: CallRow, call: Call, matched: Match, context: Context) -> None:
    """See that each payer has one session of the call, and nobody else has."""
    wanted = {(party.service.account.id, party.role): party for party in matched.parties}
    sessions = books.sessions[row.call_id]
    for key, session in list(sessions.items()):
        if key not in wanted and not (key == (NOBODY, "none") and not wanted):
            end_session(books, session)
    for key, party in wanted.items():
        found = sessions.get(key)
        if found is None:
            session = open_session(books, row, call, matched, party, context, State.STARTED)
            guarding.watch_untold(books, row, session, matched, context)
            renew_hold(books, session, party, call, context)
        elif found.match.identity == call.identity and _is_of(found, party):
            _report(books, found, party, call, context)
        else:
            _move(books, found, row, call, matched, party, context)
    if not wanted:
        _keep_unmatched(books, row, call, matched, context)


def _is_of(session: Session, party: Party) -> bool:
    channel_id = party.channel.id if party.channel else None
    return session.service_id == party.service.id and session.channel_service_id == channel_id


def _move(
    books: Books, old: Session, row: CallRow, call: Call, matched: Match, party: Party, context: Context
) -> None:
    """Let the account hold the call as a leg says that was told of later: by another service, or number."""
    end_session(books, old)
    session = open_session(books, row, call, matched, party, context, State.STARTED)
    session.granted_s, session.over_limit = old.granted_s, session.over_limit or old.over_limit
    if is_bounded(session, party, context):
        answer_at = call.connect_at or context.now
        terms = context.tariff(party, call, session.called, answer_at)
        upto_s = max(1, session.granted_s or 0)
        held = holds.afford(books, party, session, terms, answer_at, upto_s, context.now)
        holds.put(books, session, held)
    renew_hold(books, session, party, call, context)


def _keep_unmatched(books: Books, row: CallRow, call: Call, matched: Match, context: Context) -> None:
    session = books.sessions[row.call_id].get((NOBODY, "none"))
    if session is None:
        session = _session(row, call, matched, None, State.STARTED, context)
    session.connect_at = call.connect_at
    session.expires_at = context.now + timedelta(seconds=context.client.lease_s)
    books.put_session(session)


def open_session(
    books: Books, row: CallRow, call: Call, matched: Match, party: Party, context: Context, state: State
) -> Session:
    """Return a new session of *party*, with its channels taken; over the limit if there is no room."""
    session = _session(row, call, matched, party, state, context)
    session.over_limit = limits.room_for(books, party) is not None
    limits.take(books, session)
    books.put_session(session)
    if session.over_limit and state is State.STARTED:
        cuts.ask(books, row, session, CutReason.OVER_LIMIT, context)
    return session


def _session(
    row: CallRow, call: Call, matched: Match, party: Party | None, state: State, context: Context
) -> Session:
    answer_at = call.connect_at or context.now
    terms = context.tariff(party, call, matched.called, answer_at) if party else INTERNAL
    remembered = Matched(
        identity=call.identity,
        called=matched.called,
        plan_id=party.plan.id if party else None,
        deck_version_id=terms.deck_version_id,
        prefix=terms.rate.prefix if terms.rate else "",
        destination=terms.rate.description if terms.rate else "",
        trace=matched.trace,
    )
    return Session(
        account_id=party.service.account.id if party else NOBODY,
        call_id=row.call_id,
        role=party.role if party else "none",
        call_key=row.call_key,
        seq=row.seq,
        client_id=row.client_id,
        service_id=party.service.id if party else None,
        channel_service_id=party.channel.id if party and party.channel else None,
        state=state.value,
        calling=call.identity.calling,
        called=matched.called,
        setup_at=call.begun_at,
        connect_at=call.connect_at,
        granted_s=None,
        held_s_until=0,
        expires_at=context.now + timedelta(seconds=context.client.lease_s),
        held_micros=0,
        held_buckets={},
        over_limit=False,
        match=remembered,
    )


def _report(books: Books, session: Session, party: Party, call: Call, context: Context) -> None:
    """Take a Start or Interim into a session, and let it hold what the time from now needs."""
    news = session.state != _STARTED or session.connect_at != call.connect_at
    session.state, session.connect_at = _STARTED, call.connect_at
    needed_s = elapsed_s(session, context.now) + context.client.lease_s // 3
    if needed_s > session.held_s_until:
        renew_hold(books, session, party, call, context)
    elif news:
        bounded = is_bounded(session, party, context)
        session.expires_at = _look_again_at(session, bounded, call.connect_at or context.now, context)
        books.put_session(session)


def renew_hold(books: Books, session: Session, party: Party, call: Call, context: Context) -> None:
    """
    Let a session hold what it may use until its next renewal, and say when it must be looked at again.

    A call that was granted its whole time holds that; any other one holds a lease from now on.
    """
    bounded = is_bounded(session, party, context)
    answer_at = call.connect_at or context.now
    if not bounded:
        upto_s = elapsed_s(session, context.now) + context.client.lease_s
        terms = context.tariff(party, call, session.called, answer_at)
        held = holds.afford(books, party, session, terms, answer_at, upto_s, context.now)
        if held.seconds > session.held_s_until or not session.held_s_until:
            holds.put(books, session, held)
    session.expires_at = _look_again_at(session, bounded, answer_at, context)
    books.put_session(session)


def is_bounded(session: Session, party: Party, context: Context) -> bool:
    """Tell whether a call was granted its whole time at once."""
    return session.granted_s is not None and not is_renewed(party, session.called, context)


def _look_again_at(session: Session, bounded: bool, answer_at: datetime, context: Context) -> datetime:
    if bounded:
        if session.connect_at is None:
            return context.now + timedelta(seconds=context.client.setup_ttl_s) + GRACE
        end = answer_at + timedelta(seconds=session.granted_s or 0)
        cut_at = end + timedelta(seconds=CUT_GRACE_S)
        if context.client.cuts(CutReason.GRANT_OVER) and context.now < cut_at:
            return cut_at
        return end + GRACE
    ahead_s = session.held_s_until - context.client.lease_s // 3
    return max(answer_at + timedelta(seconds=ahead_s), context.now + timedelta(seconds=1))


def is_renewed(party: Party, called: str, context: Context) -> bool:
    """Tell whether a call holds leases, one after the other, and not its whole time at once."""
    return context.client.grant == "lease" or not holds.is_limited(party, called)


def elapsed_s(session: Session, now: datetime) -> int:
    """Return the started seconds since the answer, 0 before it."""
    since = session.connect_at
    return max(0, -(-(now - since) // timedelta(seconds=1))) if since else 0


def end_session(books: Books, session: Session) -> None:
    """Give back all that a session holds, once, and remove it."""
    holds.release(books, session)
    limits.give_back(books, session)
    books.end_session(session)
