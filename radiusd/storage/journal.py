"""
Take batches of work into the books: load, decide, commit; and say what came of each piece.

This is the half of the way that touches the database. It may run twice for one batch (deadlock, lost
connection), so nothing outside the transaction is done here; what must happen after the commit stands in
the outcomes that are returned.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from radiusd.calls import authorization, settlement, tending
from radiusd.calls.authorization import Attempt, Decision
from radiusd.calls.books import Books, Missing
from radiusd.calls.buckets import looks_back, owners_of
from radiusd.calls.choosing import key_of, own_key
from radiusd.calls.context import Context
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent, Kind
from radiusd.calls.facts import Call, add_up
from radiusd.calls.matching import Party
from radiusd.calls.rows import NOBODY, CallRow
from radiusd.calls.sessions import State
from radiusd.crash_points import crash_point
from radiusd.radius.clients import Client
from radiusd.storage.database import Connection
from radiusd.storage.ids import EPOCH, uuid7_text
from radiusd.storage.ledger import Needs, held_elsewhere, load
from radiusd.storage.ledger_writes import write

MOST_ROUNDS = 8
"""How often a batch is loaded anew because a decision needs more rows than were foreseen."""

REMEMBERED_CALLS = 200_000
"""Calls whose accounts and services are remembered, so that what their next event needs is loaded at once."""

HINDSIGHT = timedelta(days=2)
"""How much older than its events a batch's oldest bucket and boot are: a clock that is off costs no round."""


_MILLISECOND = timedelta(milliseconds=1)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What came of one piece of work, once it is durable."""

    call_id: str = ""
    state: str = ""
    done: str = ""
    decision: Decision | None = None


Guess = tuple[Context, tuple[Party, ...]]
"""Who will probably pay, and by which snapshot that was found."""


class Work(Protocol):
    """One piece of work for the books."""

    @property
    def client_id(self) -> int:
        """Who sent it."""

    @property
    def key(self) -> str:
        """The call that it is about."""

    @property
    def since(self) -> datetime:
        """When that call began, as far as this piece tells."""

    @property
    def other_keys(self) -> tuple[str, ...]:
        """Other ids of that call, by which its sender may have spoken of it."""

    guess: Guess | None
    """What :meth:`Journal.home` found when the work was queued."""

    def foresee(self, context: Context) -> tuple[Party, ...]:
        """Return who will probably pay: what is locked and loaded first."""

    def decide(self, books: Books, context: Context) -> Outcome:
        """Change *books*; raises Missing when rows are not loaded."""


class Report:
    """An accounting event."""

    __slots__ = ("_alone", "client_id", "event", "guess", "key", "other_keys", "since")

    def __init__(self, event: CallEvent) -> None:
        self.event = event
        self.client_id = event.client_id
        self.key = key_of(event)
        # What a later report may have been asked by is looked up when nothing else is known of its call.
        others = event.also + event.asked if event.kind is Kind.START else event.also
        self.other_keys = tuple(own_key(event, other_id) for other_id in others) if others else ()
        self.since = event.event_at
        self.guess: Guess | None = None
        self._alone: Call | None = None

    def __repr__(self) -> str:
        return f"Report({self.event!r})"

    def foresee(self, context: Context) -> tuple[Party, ...]:
        """Return who pays if this event is all that is known of its call."""
        self._alone = call = add_up((self.event,), authorized=False)
        return context.match(call.identity, call.begun_at, asserts_usernames=True).parties

    def decide(self, books: Books, context: Context) -> Outcome:
        """Take the event into the books."""
        row = settlement.post(books, self.event, self.key, context, self._alone)
        return Outcome(row.call_id, row.state)


class Ask:
    """A call attempt."""

    __slots__ = ("_alone", "attempt", "client_id", "guess", "key", "other_keys", "since")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.client_id = attempt.event.client_id
        self.key = key_of(attempt.event)
        asked = attempt.event.asked
        self.other_keys = tuple(own_key(attempt.event, other_id) for other_id in asked) if asked else ()
        self.since = attempt.event.event_at
        self.guess: Guess | None = None
        self._alone: Call | None = None

    def __repr__(self) -> str:
        return f"Ask({self.attempt!r})"

    def foresee(self, context: Context) -> tuple[Party, ...]:
        """Return who would pay."""
        call = add_up((self.attempt.event,), authorized=True, verified=bool(self.attempt.verified))
        self._alone = call
        return context.match(call.identity, call.begun_at, asserts_usernames=False).parties

    def decide(self, books: Books, context: Context) -> Outcome:
        """Decide the attempt in the books."""
        decision = authorization.authorize(books, self.attempt, self.key, context, self._alone)
        return Outcome(decision.call_id, decision=decision)


class CallTask(msgspec.Struct, gc=False):
    """Something to do with one known call."""

    client_id: int
    key: str
    seq: int
    since: datetime
    do: Callable[[Books, CallRow, Context], str]
    guess: Guess | None = None
    other_keys: tuple[str, ...] = ()

    def foresee(self, context: Context) -> tuple[Party, ...]:
        """Return nobody: the call's own row tells."""
        return ()

    def decide(self, books: Books, context: Context) -> Outcome:
        for row in books.calls[self.key]:
            if row.seq == self.seq:
                return Outcome(row.call_id, row.state, self.do(books, row, context))
        return Outcome(done="gone")


def tend_call(books: Books, row: CallRow, context: Context) -> str:
    """Renew, lapse or close a call whose time for a look has come."""
    return tending.tend(books, row, context)


def close_call(how: str, at: datetime, nas: str | None = None) -> Callable[[Books, CallRow, Context], str]:
    """
    Return a task that ends a call that is still open, as of *at*, a moment by our clock.

    *nas*: only if that switch behind a proxy reported it; None: whoever did.
    """

    def close(books: Books, row: CallRow, context: Context) -> str:
        if State(row.state) not in (State.AUTHORIZED, State.STARTED):
            return "ended already"
        if nas is not None and row.facts[0].nas != nas:
            return "of another switch"
        tending.end(books, row, how, at, context)
        return how

    return close


def rematch_call(books: Books, row: CallRow, context: Context) -> str:
    """Match and rate a queued call again."""
    if State(row.state) is not State.ENDED:
        return "not ended"
    settlement.rematch(books, row, context)
    return "rematched"


class Journal:
    """
    Settles batches on any connection that has the ledger's statements prepared.

    *directory* and *find_client* give what is current; they are asked once a batch. Of *remembers* calls it
    is kept in mind whose they are.
    """

    def __init__(
        self,
        directory: Callable[[], Directory],
        find_client: Callable[[int], Client | None],
        randomness: random.Random,
        remembers: int = REMEMBERED_CALLS,
    ) -> None:
        self._directory = directory
        self._find_client = find_client
        self._random = randomness
        self._remembers = remembers
        self._remembered: OrderedDict[str, tuple[frozenset[int], frozenset[int]]] = OrderedDict()

    def home(self, work: Work, now: datetime) -> int:
        """Return the account, of those that *work* is probably about, that decides which lane takes it."""
        remembered = self._remembered.get(work.key)
        if remembered is not None:
            return min(remembered[0], default=NOBODY)
        client = self._find_client(work.client_id)
        if client is None:
            return NOBODY
        context = Context(self._directory(), client, now, _no_id)
        parties = work.foresee(context)
        if parties:
            work.guess = context, parties
        return min((party.service.account.id for party in parties), default=NOBODY)

    async def settle(self, txn: Connection, batch: Sequence[Work], now: datetime) -> list[Outcome | None]:
        """
        Return what came of each piece of *batch*, all of it committed.

        None: the sender is no client any more. The batch is one transaction; when it fails nothing is kept,
        and the same batch may be settled again.

        Raises:
            psycopg2.Error, NotDurable: The database did not take it.
        """
        contexts = self._contexts(batch, now)
        known = [work for work in batch if work.client_id in contexts]
        needs = self._foresee(known, contexts, now)
        for _ in range(MOST_ROUNDS):
            crash_point("before-load")
            try:
                books, boots = await load(txn, needs)
                for context in contexts.values():
                    context.boots = boots
                outcomes = [work.decide(books, contexts[work.client_id]) for work in known]
            except Missing as missing:
                needs.accounts |= missing.accounts
                needs.services |= missing.services
                needs.keys |= missing.keys
                needs.since = min(needs.since, missing.since)
                await txn.run("ROLLBACK")
                continue
            except BaseException:
                await txn.run("ROLLBACK")
                raise
            crash_point("before-write")
            await write(txn, books)
            if self._remembers:
                self._remember(known, books)
            settled = dict(zip(map(id, known), outcomes, strict=True))
            return [settled.get(id(work)) for work in batch]
        raise RuntimeError(f"{len(batch)} pieces of work asked for more rows in each of {MOST_ROUNDS} rounds")

    async def stuck(self, txn: Connection, batch: Sequence[Work], now: datetime) -> list[bool]:
        """
        Tell of each piece of *batch* whether it needs rows that somebody else has locked now.

        Raises:
            psycopg2.Error, NotDurable: The database did not say.
        """
        contexts = self._contexts(batch, now)
        known = [work for work in batch if work.client_id in contexts]
        calls, accounts = await held_elsewhere(txn, self._foresee(known, contexts, now))
        return [
            work.client_id in contexts
            and (work.key in calls or bool(self._foresee((work,), contexts, now).accounts & accounts))
            for work in batch
        ]

    def _contexts(self, batch: Sequence[Work], now: datetime) -> dict[int, Context]:
        directory = self._directory()
        contexts = {}
        for client_id in {work.client_id for work in batch}:
            client = self._find_client(client_id)
            if client is not None:
                contexts[client_id] = Context(
                    directory, client, now, self._new_id(now), find_client=self._find_client
                )
        for work in batch:
            if work.guess is not None and work.client_id in contexts:
                contexts[work.client_id].learn(work.guess[0])
        return contexts

    def _new_id(self, now: datetime) -> Callable[[], str]:
        unix_ms = (now - EPOCH) // _MILLISECOND
        bits = self._random.getrandbits
        return lambda: uuid7_text(unix_ms, bits(74))

    def _foresee(self, batch: Sequence[Work], contexts: dict[int, Context], now: datetime) -> Needs:
        needs = Needs(min([now, *(work.since for work in batch)]) - HINDSIGHT)
        needs.clients.update(contexts)
        for work in batch:
            key = work.key
            needs.keys.add(key)
            needs.keys.update(work.other_keys)
            remembered = self._remembered.get(key)
            if remembered is not None:
                needs.accounts |= remembered[0]
                needs.services |= remembered[1]
                continue
            accounts = {NOBODY}
            parties = work.guess[1] if work.guess is not None else work.foresee(contexts[work.client_id])
            for party in parties:
                accounts.discard(NOBODY)
                accounts.add(party.service.account.id)
                needs.services |= services_of(party)
                needs.since = min(needs.since, looks_back(party, work.since))
            needs.accounts |= accounts
        return needs

    def _remember(self, batch: Sequence[Work], books: Books) -> None:
        for work in batch:
            rows = books.calls.get(work.key)
            if not rows:
                continue
            for row in rows:
                if row.charges.joined:
                    rows = rows + books.calls.get(row.charges.joined, [])
            services = {
                service
                for row in rows
                for session in books.sessions[row.call_id].values()
                for service in settlement.services_of(session)
            }
            accounts = frozenset(account for row in rows for account in row.accounts)
            self._remembered[work.key] = accounts, frozenset(services)
            if len(self._remembered) > self._remembers:
                self._remembered.popitem(last=False)


def _no_id() -> str:
    raise AssertionError("who foresees who will pay decides nothing that needs an id")


def services_of(party: Party) -> set[int]:
    """Return the services whose channels or buckets a payer's call changes."""
    services = {party.channel.id} if party.channel else set()
    return services | owners_of(party)
