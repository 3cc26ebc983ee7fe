"""
Turn events into changes of the books.

A call is what all its events together tell. After each event we say what should be open or charged for
whom, and change the books from what they hold to that; so the order of events does not matter, and an
event that says nothing new changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from radiusd.calls import charging, holds, limits
from radiusd.calls.books import NOBODY, Booked, Books, CallRow, Charge, Matched, Session
from radiusd.calls.cdrs import bare_cdr, note_late_report
from radiusd.calls.choosing import choose
from radiusd.calls.context import Context
from radiusd.calls.events import CallEvent
from radiusd.calls.facts import Call, Closing, Events, add_up, by_our_clock, clock_lag, keep
from radiusd.calls.matching import Match, Party
from radiusd.calls.sessions import State, Step, step
from radiusd.calls.tariffs import FREE, owner_of_bucket

_STARTED = State.STARTED.value

GRACE = timedelta(seconds=60)
"""How long after its granted end a call is waited for before it is closed."""


def post(books: Books, event: CallEvent, key: str, context: Context, alone: Call | None = None) -> CallRow:
    """
    Take an accounting event into the books and return its call, which is kept under *key*.

    *alone*: the call that the event tells of by itself, if that is known already.

    Raises:
        Missing: Rows it needs are not loaded.
    """
    row = choose(books.calls[key], event, context.boots_of(event.nas))
    known = row.facts if row else ()
    events = keep(known, event)
    if row is not None and events is known:
        return row  # said before
    booked = row.charges if row else Booked()
    if row is None:
        row = new_call(books, key, event, context)
    if alone is None or len(events) > 1 or booked.closing is not None:
        alone = add_up(events, authorized=booked.authorized, verified=booked.verified, closing=booked.closing)
    reconcile(books, row, alone, booked, context, facts=events)
    return row


def close(books: Books, row: CallRow, closing: Closing, context: Context) -> None:
    """End a call whose Stop does not come; a Stop that comes late corrects it."""
    booked = msgspec.structs.replace(row.charges, closing=closing)
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified, closing=closing)
    reconcile(books, row, call, booked, context, facts=row.facts)


def rematch(books: Books, row: CallRow, context: Context) -> None:
    """Match and rate an ended call again, after an admin has mended what it lacked."""
    booked = row.charges
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified, closing=booked.closing)
    reconcile(books, row, call, booked, context, facts=row.facts, again=True)


def new_call(books: Books, key: str, event: CallEvent, context: Context) -> CallRow:
    """Return the row of a call that nobody knew; it is written with the decision."""
    return CallRow(
        call_key=key,
        seq=max((row.seq for row in books.calls[key]), default=-1) + 1,
        call_id=context.new_id(),
        client_id=event.client_id,
        state=State.NEW.value,
        begun_at=event.event_at,
        ended_at=None,
        accounts=[],
        facts=(),
        charges=Booked(),
    )


def reconcile(
    books: Books,
    row: CallRow,
    call: Call,
    booked: Booked,
    context: Context,
    *,
    facts: Events,
    again: bool = False,
) -> None:
    """Change the books to what *call* is now; *again*: match anew even if nothing seems to have changed."""
    matched = _parties(books, row, call, booked, context, again)
    held = list(books.sessions[row.call_id].values())
    require(books, row, matched.parties, booked, held, call.begun_at)
    was_new = State(row.state) is State.NEW
    state = step(State(row.state), Step.REPORT if call.open else Step.END)
    charges = booked.charges
    if call.open:
        for made in charges:
            charging.reverse(books, row, made, context)
        charges = ()
        _keep_open(books, row, by_our_clock(call, clock_lag(facts)), matched, context)
    else:
        for session in held:
            end_session(books, session)
        charges = _charge_all(books, row, call, matched, charges, context, again)
    row.state = state.value
    row.begun_at, row.ended_at = call.begun_at, call.ended_at
    row.accounts = accounts_of(matched)
    row.facts = facts
    row.charges = msgspec.structs.replace(booked, charges=charges)
    if was_new:
        books.add_call(row)
    else:
        books.change_call(row)


def accounts_of(matched: Match) -> list[int]:
    """Return whose sessions or charges a call has."""
    return sorted({party.service.account.id for party in matched.parties} or {NOBODY})


def require(
    books: Books,
    row: CallRow | None,
    parties: tuple[Party, ...],
    booked: Booked,
    held: Iterable[Session],
    begun_at: datetime,
) -> None:
    """
    Make sure that all rows a decision about a call may change are loaded and locked.

    Raises:
        Missing: They are not.
    """
    accounts = {party.service.account.id for party in parties} or {NOBODY}
    services = {party.service.owner.id for party in parties if party.plan.buckets and party.role == "out"}
    since = begun_at
    for made in booked.charges:
        accounts.add(made.account_id)
        services |= {owner_of_bucket(bucket_id) for bucket_id in made.buckets}
        since = min(since, made.started_at)
    for party in parties:
        if party.channel is not None:
            services.add(party.channel.id)
    for session in held:
        services |= services_of(session)
    if row is not None:
        accounts |= set(row.accounts)
    books.require(accounts, services, since)


def services_of(session: Session) -> set[int]:
    """Return the services whose channels or buckets a session holds."""
    services = {owner_of_bucket(bucket_id) for bucket_id in session.held_buckets}
    if session.channel_service_id is not None:
        services.add(session.channel_service_id)
    return services


def _parties(books: Books, row: CallRow, call: Call, booked: Booked, context: Context, again: bool) -> Match:
    """Return the payers: as they were found before while the identity is the same, else by a new match."""
    sessions = list(books.sessions[row.call_id].values())
    if not again:
        known = known_parties(sessions, call, context)
        if known:
            remembered = sessions[0].match
            return Match(known, remembered.called, None, remembered.trace)
    matched = match_call(call, booked, context)
    if again or not (sessions or booked.charges):
        return matched
    plans = {session.service_id: session.match.plan_id for session in sessions}
    plans |= {made.service_id: made.plan_id for made in booked.charges}
    parties = tuple(_with_plan(party, plans.get(party.service.id), context) for party in matched.parties)
    return Match(parties, matched.called, matched.refusal, matched.trace)


def match_call(call: Call, booked: Booked, context: Context) -> Match:
    """Return who pays for *call*; of an attempt that we accepted, only a user name that was proved counts."""
    return context.match(call.identity, call.begun_at, asserts_usernames=not booked.authorized)


def _with_plan(party: Party, plan_id: int | None, context: Context) -> Party:
    """Return *party* on the plan that its service had when the call was first booked."""
    plan = context.directory.plans.get(plan_id or 0)
    if plan is None or plan is party.plan:
        return party
    return Party(party.role, party.service, party.channel, plan)


def known_parties(sessions: Sequence[Session], call: Call, context: Context) -> tuple[Party, ...]:
    """
    Return the payers that a call's sessions remember: service and plan hold for the whole call.

    Empty when there are none or the call's identity has changed since.
    """
    parties = []
    for session in sessions:
        remembered = session.match
        service = context.directory.services.get(session.service_id or 0)
        if remembered.identity != call.identity or service is None:
            return ()
        plan = context.directory.plans.get(remembered.plan_id or 0, service.owner.plan)
        channel = context.directory.services.get(session.channel_service_id or 0)
        parties.append(Party(session.role, service, channel, plan))
    if len(parties) > 1:
        parties.sort(key=_role)
    return tuple(parties)


def _role(party: Party) -> bool:
    return party.role != "out"


def _keep_open(books: Books, row: CallRow, call: Call, matched: Match, context: Context) -> None:
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
    if _is_bounded(session, party, context):
        answer_at = call.connect_at or context.now
        terms = context.tariff(party, call, session.called, answer_at)
        upto_s = max(1, session.granted_s or 0)
        holds.put(books, session, holds.afford(books, party, session, terms, answer_at, upto_s))
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
    session.over_limit = limits.room_for(books, party.service.account, party.channel) is not None
    limits.take(books, session)
    books.put_session(session)
    return session


def _session(
    row: CallRow, call: Call, matched: Match, party: Party | None, state: State, context: Context
) -> Session:
    answer_at = call.connect_at or context.now
    terms = context.tariff(party, call, matched.called, answer_at) if party else FREE
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
        bounded = _is_bounded(session, party, context)
        session.expires_at = _look_again_at(session, bounded, call.connect_at or context.now, context)
        books.put_session(session)


def renew_hold(books: Books, session: Session, party: Party, call: Call, context: Context) -> None:
    """
    Let a session hold what it may use until its next renewal, and say when it must be looked at again.

    A call that was granted its whole time holds that; any other one holds a lease from now on.
    """
    bounded = _is_bounded(session, party, context)
    answer_at = call.connect_at or context.now
    if not bounded:
        upto_s = elapsed_s(session, context.now) + context.client.lease_s
        terms = context.tariff(party, call, session.called, answer_at)
        held = holds.afford(books, party, session, terms, answer_at, upto_s)
        if held.seconds > session.held_s_until or not session.held_s_until:
            holds.put(books, session, held)
    session.expires_at = _look_again_at(session, bounded, answer_at, context)
    books.put_session(session)


def _is_bounded(session: Session, party: Party, context: Context) -> bool:
    return session.granted_s is not None and not is_renewed(party, context)


def _look_again_at(session: Session, bounded: bool, answer_at: datetime, context: Context) -> datetime:
    if bounded:
        if session.connect_at is None:
            return context.now + timedelta(seconds=context.client.setup_ttl_s) + GRACE
        return answer_at + timedelta(seconds=session.granted_s or 0) + GRACE
    ahead_s = session.held_s_until - context.client.lease_s // 3
    return max(answer_at + timedelta(seconds=ahead_s), context.now + timedelta(seconds=1))


def is_renewed(party: Party, context: Context) -> bool:
    """Tell whether a call holds leases, one after the other, and not its whole time at once."""
    return party.service.account.credit_limit_micros is None or context.client.grant == "lease"


def elapsed_s(session: Session, now: datetime) -> int:
    """Return the started seconds since the answer, 0 before it."""
    since = session.connect_at
    return max(0, -(-(now - since) // timedelta(seconds=1))) if since else 0


def end_session(books: Books, session: Session) -> None:
    """Give back all that a session holds, once, and remove it."""
    holds.release(books, session)
    limits.give_back(books, session)
    books.end_session(session)


def _charge_all(
    books: Books,
    row: CallRow,
    call: Call,
    matched: Match,
    charges: tuple[Charge, ...],
    context: Context,
    again: bool,
) -> tuple[Charge, ...]:
    """Charge each payer; what is charged already and follows from the same facts stays."""
    old = {(made.account_id, made.role): made for made in charges}
    kept: list[Charge] = []
    wanted: list[Party] = []
    for party in matched.parties:
        made = old.get((party.service.account.id, party.role))
        if made is not None and made.signature == charging.signature(call, party) and not again:
            note_late_report(books, row, call, matched, made)
            kept.append(old.pop((made.account_id, made.role)))
        else:
            wanted.append(party)
    for made in old.values():
        charging.reverse(books, row, made, context)
    kept += [charging.charge(books, row, call, party, matched, context, again=again) for party in wanted]
    if not matched.parties:
        kept.append(charging.write_unmatched(books, row, call, matched, context))
    return tuple(kept)


def lapse(books: Books, row: CallRow, context: Context) -> None:
    """Free what an authorized call holds that no Start has confirmed in time."""
    booked = row.charges
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified)
    made = []
    for session in list(books.sessions[row.call_id].values()):
        remembered = session.match
        found = Match((), remembered.called, None, remembered.trace)
        cdr = bare_cdr(row, call, found, session.account_id, session.role, "lapsed", "setup_ttl")
        cdr.service_id, cdr.channel_service_id = session.service_id, session.channel_service_id
        books.put_cdr(cdr)
        made.append(uncharged(row, call, session.account_id, session.role))
        end_session(books, session)
    row.state = step(State(row.state), Step.LAPSE).value
    row.ended_at = context.now
    row.charges = msgspec.structs.replace(booked, charges=tuple(made))
    books.change_call(row)


def uncharged(row: CallRow, call: Call, account_id: int, role: str) -> Charge:
    """Return the charge of a call that costs nothing yet but has a CDR: refused or lapsed."""
    return Charge(account_id=account_id, role=role, started_at=call.begun_at, signature="")
