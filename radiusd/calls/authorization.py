"""Decide a call attempt: may it go ahead, for how long, and what does it hold meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

import msgspec

from radiusd.calls import charging, guarding, holds, limits, live, settlement
from radiusd.calls.books import Books
from radiusd.calls.buckets import blocks
from radiusd.calls.cdrs import bare_cdr
from radiusd.calls.choosing import call_class
from radiusd.calls.context import Context
from radiusd.calls.events import CallEvent, Kind
from radiusd.calls.facts import Call, Events, add_up, by_our_clock, clock_lag, keep
from radiusd.calls.gauges import QUIET
from radiusd.calls.joining import asked_again, await_records
from radiusd.calls.matching import Match, Party, Try, label
from radiusd.calls.rows import NOBODY, Booked, CallRow, Session
from radiusd.calls.sessions import State, Step, step
from radiusd.calls.suppliers import would_lose
from radiusd.calls.tariffs import Tariff
from radiusd.errors import Refusal

_LIMITS = (
    Refusal.TRUNK_FULL,
    Refusal.ACCOUNT_FULL,
    Refusal.CALLED_BUSY,
    Refusal.TRUNK_TOO_FAST,
    Refusal.ACCOUNT_TOO_FAST,
    Refusal.NO_BALANCE,
    Refusal.DAILY_LIMIT,
    Refusal.MONTHLY_LIMIT,
    Refusal.CALL_TOO_DEAR,
)
_BARS = (Refusal.BARRED, Refusal.NOT_ALLOWED, Refusal.OUTSIDE_HOURS, Refusal.PRICE_TOO_HIGH)


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """
    A call attempt with what became of its credentials.

    *verified* True: password or digest was right. None: it brought none and needs none (call check).
    False: refused whatever else it says.
    """

    event: CallEvent
    verified: bool | None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What the switch is told, and what the log is. *session_timeout_s* None: no bound."""

    refusal: Refusal | None
    session_timeout_s: int | None = None
    call_class: str = ""
    call_id: str = ""
    account: str = ""
    service: str = ""
    warning: str = ""  # what the account's guards find odd


def authorize(
    books: Books, attempt: Attempt, key: str, context: Context, alone: Call | None = None
) -> Decision:
    """
    Decide *attempt*, whose call is kept under *key*, and take what an accepted call holds.

    Idempotent by call: an attempt for a call that is authorized or up gets its answer and holds nothing more.
    *alone*: the call that the attempt tells of by itself, if that is known already.

    Raises:
        Missing: Rows it needs are not loaded.
    """
    event = attempt.event
    key, row = asked_again(books, event, key, context)
    events = keep(row.facts if row else (), event)
    asked = tuple(fact for fact in events if fact.kind is Kind.AUTHORIZE)
    if alone is not None and asked[0] is event:
        call = alone
    else:
        call = add_up(asked, authorized=True, verified=bool(attempt.verified))
    found = context.match(call.identity, call.begun_at, asserts_usernames=False)
    booked = row.charges if row else Booked()
    _require(books, row, found, booked, call)
    refusal = _refusal(attempt, call, found, context)
    if row is not None and refusal is None and booked.authorized and _holds_already(books, row, call):
        return _again(books, row, found, context)
    if row is not None and refusal is not None and _goes_on(books, row, refusal):
        return _decision(books, row, found, refusal)
    if row is None:
        row = settlement.new_call(books, key, event, context)
    _let_go(books, row, booked, context)
    alarm = guarding.watch(books, found, context.now) if refusal is None else QUIET
    if alarm.warning:
        found = guarding.noted(found, alarm)
    refusal = refusal or (Refusal.FRAUD_SUSPECTED if alarm.blocks else None)
    refusal = refusal or _admit(books, row, call, found, context)
    if refusal is None and event.asked:
        await_records(books, event, key, context)
    decided = _decide(books, row, call, found, refusal, context, verified=bool(attempt.verified))
    _write(books, row, call, found, decided, events)
    if len(asked) < len(events):  # its accounting has overtaken it: the call is up whatever we say
        whole = add_up(events, authorized=decided.authorized, verified=decided.verified)
        settlement.reconcile(books, row, whole, decided, context, facts=row.facts)
    decision = _decision(books, row, found, refusal)
    return msgspec.structs.replace(decision, warning=alarm.warning) if alarm.warning else decision


def _require(books: Books, row: CallRow | None, found: Match, booked: Booked, call: Call) -> None:
    held = [] if row is None else list(books.sessions[row.call_id].values())
    settlement.require(books, row, found.parties, booked, held, call.begun_at)


def _refusal(attempt: Attempt, call: Call, found: Match, context: Context) -> Refusal | None:
    """Return why the call may not go ahead whatever its limits and balance."""
    if attempt.verified is False:
        return Refusal.AUTH_FAILED
    if found.refusal is not None:
        return found.refusal
    if not found.called:
        return Refusal.BAD_REQUEST
    for party in found.parties:
        account = party.service.account
        if found.called in account.emergency:
            continue
        if account.suspended:
            return Refusal.ACCOUNT_SUSPENDED
        terms = context.tariff(party, call, found.called, context.now)
        refusal = _barred(party, found.called, terms, context) or terms.refusal
        refusal = refusal or _loses(party, call, found.called, terms, context)
        if refusal is not None:
            return refusal
    return None


def _barred(party: Party, called: str, terms: Tariff, context: Context) -> Refusal | None:
    verdict = guarding.verdict(party, called, terms.rate, context.now)
    return None if verdict is None else verdict.refusal


def _loses(party: Party, call: Call, called: str, terms: Tariff, context: Context) -> Refusal | None:
    """Return the refusal of a call that would cost more than it earns, where a supplier's guard says so."""
    carriers = context.directory.carriers
    if not carriers.has_guards or party.role != "out" or terms.rate is None:
        return None
    account = party.service.account
    loses = would_lose(
        carriers,
        context.client.id,
        call.identity.trunk_out,
        terms.rate,
        party.plan.rounding,
        calling=call.identity.calling,
        called=called,
        at=context.now,
        currency=account.currency,
    )
    return Refusal.WOULD_LOSE if loses else None


def _holds_already(books: Books, row: CallRow, call: Call) -> bool:
    """Tell whether the call is authorized or up for the very same parties and numbers."""
    held = books.sessions[row.call_id].values()
    return bool(held) and all(session.match.identity == call.identity for session in held)


def _goes_on(books: Books, row: CallRow, refusal: Refusal) -> bool:
    """
    Tell whether the call stays as it is though this attempt is refused.

    One that is up does: it is on record until it ends. And wrong credentials end nobody's call.
    """
    is_up = row.state == State.STARTED.value or refusal is Refusal.AUTH_FAILED
    return is_up and bool(books.sessions[row.call_id])


def _again(books: Books, row: CallRow, found: Match, context: Context) -> Decision:
    """Answer an attempt for a call that holds already; a call on leases gets its next one."""
    for party in found.parties:
        session = books.sessions[row.call_id].get((party.service.account.id, party.role))
        if session is None or session.state != State.STARTED.value or context.client.grant != "lease":
            continue
        call = by_our_clock(add_up(row.facts, authorized=True), clock_lag(row.facts))
        live.renew_hold(books, session, party, call, context)
        if holds.is_limited(party, session.called):
            session.granted_s = session.held_s_until
    return _decision(books, row, found, None, context)


def _let_go(books: Books, row: CallRow, booked: Booked, context: Context) -> None:
    """Give back what an earlier attempt of this call held or left on record."""
    for made in booked.charges:
        charging.reverse(books, row, made, context)
    for session in list(books.sessions[row.call_id].values()):
        live.end_session(books, session)


def _admit(books: Books, row: CallRow, call: Call, found: Match, context: Context) -> Refusal | None:
    """Take channels, minutes and money for every party, or for none; return which limit forbids it."""
    hurries = any(found.called in party.service.account.emergency for party in found.parties)
    too_fast = None if hurries else limits.too_fast(books, found.parties, context.now)
    if too_fast is not None:
        return too_fast
    taken: list[Session] = []
    for party in found.parties:
        refusal = limits.room_for(books, party)
        if refusal is None:
            session = live.open_session(books, row, call, found, party, context, State.AUTHORIZED)
            taken.append(session)
            refusal = _hold(books, session, party, call, context)
        if refusal is not None:
            for session in taken:
                live.end_session(books, session)
            return refusal
    limits.count_call(books, found.parties, context.now)
    return None


def _hold(books: Books, session: Session, party: Party, call: Call, context: Context) -> Refusal | None:
    """Hold what the call may use: a lease, or the whole time of one that cannot be told a new limit later."""
    client = context.client
    renewed = live.is_renewed(party, session.called, context)
    terms = context.tariff(party, call, session.called, context.now)
    upto_s = client.lease_s if renewed else client.max_call_s
    upto_s = min(upto_s, client.max_call_s)
    held = holds.afford(books, party, session, terms, context.now, upto_s, context.now)
    if held.seconds == 0:
        if blocks(party, session.called):
            return Refusal.NO_MINUTES
        return limits.spare_micros(books, party.service.account, session.held_micros, context.now)[1]
    holds.put(books, session, held)
    session.granted_s = held.seconds if holds.is_limited(party, session.called) else client.max_call_s
    session.expires_at = context.now + timedelta(seconds=client.setup_ttl_s)
    books.put_session(session)
    return None


def _why_barred(call: Call, found: Match, context: Context) -> Iterator[Try]:
    """Yield which rules of which policies forbid a call."""
    for party in found.parties:
        terms = context.tariff(party, call, found.called, context.now)
        verdict = guarding.verdict(party, found.called, terms.rate, context.now)
        if verdict is not None:
            yield ("policy", party.service.account.code, verdict.detail)


def _decide(
    books: Books,
    row: CallRow,
    call: Call,
    found: Match,
    refusal: Refusal | None,
    context: Context,
    *,
    verified: bool,
) -> Booked:
    """Return what the call's row says of the decision; a refusal gets a CDR, so that it can be explained."""
    if refusal is None:
        return Booked(authorized=True, verified=verified)
    known = None if refusal is Refusal.AUTH_FAILED or not found.parties else found.parties[0]
    account_id, role = (known.service.account.id, known.role) if known else (NOBODY, "none")
    cdr = bare_cdr(row, call, found, account_id, role, "refused", refusal.word)
    if refusal in _LIMITS:
        states = [limits.state_of(books, party.service.account, party.channel) for party in found.parties]
        cdr.match = (*found.trace, *chain.from_iterable(states))
    elif refusal in _BARS:
        cdr.match = (*found.trace, *_why_barred(call, found, context))
    books.put_cdr(cdr)
    made = settlement.uncharged(row, call, account_id, role)
    return Booked(verified=verified, refusal=refusal.word, charges=(made,))


def _write(books: Books, row: CallRow, call: Call, found: Match, decided: Booked, facts: Events) -> None:
    was_new = State(row.state) is State.NEW
    row.state = step(State(row.state), Step.ACCEPT if decided.authorized else Step.REFUSE).value
    row.begun_at, row.ended_at = call.begun_at, None if decided.authorized else call.begun_at
    row.accounts = sorted({made.account_id for made in decided.charges}) or settlement.accounts_of(found)
    row.facts, row.charges = facts, decided
    if was_new:
        books.add_call(row)
    else:
        books.change_call(row)


def _decision(
    books: Books, row: CallRow, found: Match, refusal: Refusal | None, context: Context | None = None
) -> Decision:
    party = found.parties[0] if found.parties else None
    granted = []
    for session in books.sessions[row.call_id].values() if refusal is None else ():
        if session.granted_s is not None:
            up_s = live.elapsed_s(session, context.now) if context else 0
            granted.append(max(1, session.granted_s - up_s))
    return Decision(
        refusal=refusal,
        session_timeout_s=min(granted) if granted else None,
        call_class=call_class(row),
        call_id=row.call_id,
        account=party.service.account.code if party else "",
        service=label(party.service) if party else "",
    )
