"""Books without a database: the same decisions on one set of rows that lasts as long as the test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from radiusd.calls import settlement, tending
from radiusd.calls.authorization import Attempt, Decision
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent, Kind
from radiusd.calls.facts import Closing
from radiusd.calls.rows import (
    Balance,
    BucketRow,
    CallRow,
    Cdr,
    CdrNote,
    Channel,
    Posting,
    QueueEntry,
    Session,
)
from radiusd.radius.clients import Client
from radiusd.storage.journal import Ask, Report
from tests.builders import LONG_AGO, a_client, a_directory

ALL = set(range(1000))  # every account and service of a test is loaded and locked


class Desk:
    """Takes events and attempts one by one, each at the moment it was received."""

    def __init__(self, directory: Directory | None = None, *clients: Client) -> None:
        self.directory = directory or a_directory()
        self.clients = {client.id: client for client in clients or (a_client(),)}
        self.books = Books(ALL, ALL, LONG_AGO)
        self.boots: dict[tuple[int, str], list[datetime]] = {}
        self._made = 0

    def context(self, client_id: int, now: datetime) -> Context:
        """Return what a decision for that client is made with."""
        context = Context(self.directory, self.clients[client_id], now, self._new_id)
        context.boots = self.boots
        return context

    def post(self, *events: CallEvent) -> CallRow:
        """Take *events*, in this order, and return the call of the last."""
        for event in events:
            outcome = Report(event).decide(self.books, self.context(event.client_id, event.received_at))
            self._note()
        return next(row for row in self.calls if row.call_id == outcome.call_id)

    def ask(self, attempt: Attempt) -> Decision:
        """Decide *attempt*."""
        event = attempt.event
        outcome = Ask(attempt).decide(self.books, self.context(event.client_id, event.received_at))
        self._note()
        assert outcome.decision is not None, attempt
        return outcome.decision

    def tend(self, now: datetime) -> list[str]:
        """Look after every call, due or not, and return what was done."""
        done = [tending.tend(self.books, row, self.context(row.client_id, now)) for row in self.calls]
        self._note()
        return done

    def close(self, row: CallRow, closing: Closing) -> None:
        """End a call whose Stop does not come."""
        settlement.close(self.books, row, closing, self.context(row.client_id, closing.at))
        self._note()

    def rematch(self, now: datetime) -> None:
        """Match and rate every queued call again."""
        for entry in list(self.queue):
            row = next(row for row in self.calls if row.call_id == entry.call_id)
            settlement.rematch(self.books, row, self.context(row.client_id, now))
        self._note()

    def boot(self, event: CallEvent) -> None:
        """Note that a client has booted, without closing anything."""
        assert event.kind in (Kind.ACCOUNTING_ON, Kind.ACCOUNTING_OFF), event
        self.boots.setdefault((event.client_id, event.nas), []).append(event.event_at)

    def _new_id(self) -> str:
        self._made += 1
        return f"{self._made:032x}"

    def _note(self) -> None:
        """Write notes into their records, as the statement does after each batch."""
        cdrs = self.books.changed[Cdr]
        for key, note in self.books.changed[CdrNote].items():
            if key in cdrs:
                for name, value in msgspec.structs.asdict(note).items():
                    setattr(cdrs[key], name, value)
        self.books.changed[CdrNote].clear()

    @property
    def calls(self) -> list[CallRow]:
        """Every call."""
        return [row for rows in self.books.calls.values() for row in rows]

    @property
    def sessions(self) -> list[Session]:
        """What is open."""
        return [session for held in self.books.sessions.values() for session in held.values()]

    @property
    def cdrs(self) -> list[Cdr]:
        """The records of calls, by account, start and role."""
        return _rows(self.books, Cdr)

    @property
    def queue(self) -> list[QueueEntry]:
        """What waits for an admin."""
        return _rows(self.books, QueueEntry)

    @property
    def postings(self) -> list[Posting]:
        """The ledger's lines in the order in which they were written."""
        return self.books.postings

    def balance(self, account_id: int = 1) -> Balance:
        """Return the account's balance."""
        return self.books.balances.get(account_id) or Balance(account_id=account_id)

    def pay(self, amount_micros: int, account_id: int = 1) -> None:
        """Give the account its opening balance."""
        self.books.balance(account_id).balance_micros += amount_micros

    def used(self, service_id: int = 1, account_id: int = 1) -> int:
        """Return the channels in use of a service."""
        channel = self.books.channels.get((account_id, service_id))
        return channel.used if channel else 0

    @property
    def buckets(self) -> list[BucketRow]:
        """The buckets that calls have opened."""
        return [self.books.buckets[key] for key in sorted(self.books.buckets)]

    def picture(self) -> dict[str, Any]:
        """Return what the books say, without what depends on when and in which order it was told."""
        return picture(
            self.cdrs, self.books.balances.values(), self.books.channels.values(), self.buckets, self.queue
        )


def picture(
    cdrs: Iterable[Cdr],
    balances: Iterable[Balance],
    channels: Iterable[Channel],
    buckets: Iterable[BucketRow],
    queue: Iterable[QueueEntry],
) -> dict[str, Any]:
    """Return rows as plain values that can be compared; ids of calls are made, so they are left out."""
    return {
        "cdrs": sorted((_plain(cdr, "call_id") for cdr in cdrs), key=repr),
        "balances": [_plain(row) for row in sorted(balances, key=_account) if any(_numbers(row))],
        "channels": sorted((_plain(row) for row in channels if row.used), key=repr),
        "buckets": [_plain(row) for row in buckets if row.used_s or row.held_s],
        "queue": sorted((_plain(row, "call_id", "queued_at") for row in queue), key=repr),
    }


def _plain(row: Any, *without: str) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(row).items() if name not in without}


def _rows(books: Books, kind: type[Any]) -> list[Any]:
    return [books.changed[kind][key] for key in sorted(books.changed[kind])]


def _account(row: Balance) -> int:
    return row.account_id


def _numbers(row: Balance) -> tuple[int, int, int]:
    return row.balance_micros, row.held_micros, row.channels
