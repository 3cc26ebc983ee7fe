"""
Turn events into changes of the books.

A call is what all its events together tell. After each event we say what should be open or charged for
whom, and change the books from what they hold to that; so the order of events does not matter, and an
event that says nothing new changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from radiusd.calls import charging, live
from radiusd.calls.books import Books
from radiusd.calls.buckets import looks_back, owner_of_bucket, owners_of
from radiusd.calls.cdrs import bare_cdr, late_note
from radiusd.calls.context import Context
from radiusd.calls.events import CallEvent
from radiusd.calls.facts import Call, Closing, Events, add_up, by_our_clock, clock_lag, keep
from radiusd.calls.joining import find, lead_on, told_apart
from radiusd.calls.matching import Match, Party, is_internal
from radiusd.calls.rows import NOBODY, Booked, CallRow, Charge, Session
from radiusd.calls.sessions import State, Step, step
from radiusd.calls.telling import tell_lease


def post(books: Books, event: CallEvent, key: str, context: Context, alone: Call | None = None) -> CallRow:
    """
    Take an accounting event into the books and return its call, which is kept under *key*.

    *alone*: the call that the event tells of by itself, if that is known already.

    Raises:
        Missing: Rows it needs are not loaded.
    """
    key, row = find(books, event, key, context)
    known = row.facts if row else ()
    events = keep(known, event)
    if event.also:
        events = _take_over(books, key, row, event, events, context)
    if row is not None and events is known:
        return row  # said before
    booked = row.charges if row else Booked()
    if row is None:
        row = new_call(books, key, event, context)
    if alone is None or len(events) > 1 or booked.closing is not None:
        alone = add_up(events, authorized=booked.authorized, verified=booked.verified, closing=booked.closing)
    reconcile(books, row, alone, booked, context.of(alone.client_id), facts=events)
    return row


def _take_over(
    books: Books, key: str, row: CallRow | None, event: CallEvent, events: Events, context: Context
) -> Events:
    """Return *events* with those of its legs that had been taken for calls, which are taken back."""
    for leg in told_apart(books, key, event, context):
        if row is not None and leg.call_id == row.call_id:
            continue
        held = list(books.sessions[leg.call_id].values())
        require(books, leg, (), leg.charges, held, leg.begun_at)
        for session in held:
            live.end_session(books, session)
        for made in leg.charges.charges:
            charging.reverse(books, leg, made, context)
        for fact in leg.facts:
            events = keep(events, fact)
        lead_on(books, leg, key)
    return events


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
    before = State(row.state)
    state = step(before, Step.REPORT if call.open else Step.END)
    charges = booked.charges
    if call.open:
        for made in charges:
            charging.reverse(books, row, made, context)
        charges = ()
        live.keep_open(books, row, by_our_clock(call, clock_lag(facts)), matched, context)
        tell_lease(books, row, matched.parties, context)
    else:
        for session in held:
            live.end_session(books, session)
        charges = _charge_all(books, row, call, matched, charges, context, again)
    row.state = state.value
    row.begun_at, row.ended_at = call.begun_at, call.ended_at
    row.accounts = accounts_of(matched)
    row.facts = facts
    row.charges = booked if charges is booked.charges else msgspec.structs.replace(booked, charges=charges)
    if before is State.NEW:
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
    services: set[int] = set()
    since = begun_at
    for party in parties:
        services |= owners_of(party)
        since = min(since, looks_back(party, begun_at))
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
    return msgspec.structs.replace(party, plan=plan)


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
        out, into = parties[0], parties[-1]
        if out.role == "out" and into.role == "in" and is_internal(out.service, into.service):
            parties[0] = msgspec.structs.replace(out, internal=True)
    return tuple(parties)


def _role(party: Party) -> bool:
    return party.role != "out"


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
            del old[made.account_id, made.role]
            kept.append(_keep(books, row, call, party, matched, made, context))
        else:
            wanted.append(party)
    for made in old.values():
        charging.reverse(books, row, made, context)
    kept += [charging.charge(books, row, call, party, matched, context, again=again) for party in wanted]
    if not matched.parties:
        kept.append(charging.write_unmatched(books, row, call, matched, context))
    return tuple(kept)


def _keep(
    books: Books, row: CallRow, call: Call, party: Party, matched: Match, made: Charge, context: Context
) -> Charge:
    """Leave a charge as it is; a late report may still tell over which trunk the call went, and its cost."""
    paid = charging.supplier_cost(call, party, matched, made, context)
    made = charging.pay_supplier(books, row, made, paid, context)
    note = late_note(row, call, matched, made)
    charging.note_cost(note, paid)
    books.note_cdr(note)
    return made


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
        live.end_session(books, session)
    row.state = step(State(row.state), Step.LAPSE).value
    row.ended_at = context.now
    row.charges = msgspec.structs.replace(booked, charges=tuple(made))
    books.change_call(row)


def uncharged(row: CallRow, call: Call, account_id: int, role: str) -> Charge:
    """Return the charge of a call that costs nothing yet but has a CDR: refused or lapsed."""
    return Charge(account_id=account_id, role=role, started_at=call.begun_at, signature="")
