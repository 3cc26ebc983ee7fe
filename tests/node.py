"""A node of an installation, for tests on a real database: the journal over a connection that blocks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import msgspec
import psycopg2
from psycopg2.extras import RealDictCursor

from radiusd.calls.authorization import Attempt, Decision
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent
from radiusd.radius.clients import Client
from radiusd.storage.database import AGAIN, BlockingConnection, Connection, finish
from radiusd.storage.journal import Ask, CallTask, Journal, Outcome, Report, Work, tend_call
from radiusd.storage.ledger import STATEMENTS
from radiusd.storage.open_calls import expired_calls
from tests.builders import a_client

MOST_TRIES = 50


class Node:
    """Settles work on the database at *dsn*; several nodes may do so at once, each in a thread of its own."""

    def __init__(self, dsn: str, directory: Directory, *clients: Client, seed: int = 1) -> None:
        self.directory = directory
        self.clients = {client.id: client for client in clients or (a_client(),)}
        self.connection = BlockingConnection(dsn, STATEMENTS)
        self.journal = Journal(lambda: self.directory, lambda id: self.clients.get(id), random.Random(seed))
        self.tried_again = 0

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def settle(
        self, batch: Sequence[Work], now: datetime, txn: Connection | None = None
    ) -> list[Outcome | None]:
        """Settle *batch* as often as the database wants it tried, on *txn* or the node's own connection."""
        for _ in range(MOST_TRIES):
            try:
                return finish(self.journal.settle(txn or self.connection, batch, now))
            except psycopg2.Error as error:
                if error.pgcode not in AGAIN:
                    raise
                self.tried_again += 1
                finish(self.connection.run("ROLLBACK"))
        raise AssertionError(f"{MOST_TRIES} tries were not enough")

    def post(self, *events: CallEvent, now: datetime | None = None) -> list[Outcome | None]:
        """Take *events* in one batch, when the last one was received."""
        at = now or max(event.received_at for event in events)
        return self.settle([Report(event) for event in events], at)

    def ask(self, attempt: Attempt, now: datetime | None = None) -> Decision:
        """Decide *attempt*."""
        (outcome,) = self.settle([Ask(attempt)], now or attempt.event.received_at)
        assert outcome is not None, attempt
        assert outcome.decision is not None, attempt
        return outcome.decision

    def tend(self, now: datetime) -> list[str]:
        """Look after the calls whose time has come, and return what was done."""
        calls = finish(expired_calls(self.connection, now))
        tasks = [
            CallTask(call.client_id, call.call_key, call.seq, call.begun_at, tend_call) for call in calls
        ]
        return [outcome.done for outcome in self.settle(tasks, now) if outcome] if tasks else []

    def do(self, call_id: str, task: Callable[..., str], now: datetime) -> str:
        """Do *task* with one call and return what was done."""
        ((client_id, key, seq, begun_at),) = finish(
            self.connection.run(
                "SELECT client_id, call_key::text, seq, begun_at FROM call WHERE call_id = %s::uuid",
                (call_id,),
            )
        )
        (outcome,) = self.settle([CallTask(client_id, key, seq, begun_at, task)], now)
        assert outcome is not None, call_id
        return outcome.done


def open_accounts(dsn: str, *ids: int) -> None:
    """Give the accounts their rows, as provisioning does."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("INSERT INTO balance (account_id) SELECT unnest(%s::bigint[])", (list(ids),))


def pay(dsn: str, account_id: int, amount_micros: int, now: datetime) -> None:
    """Post a payment, as provisioning does."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("SELECT 1 FROM balance WHERE account_id = %s FOR UPDATE", (account_id,))
        txn.execute(
            "INSERT INTO posting (account_id, posted_at, id, kind, amount_micros, location, note)"
            " VALUES (%s, %s, gen_random_uuid(), 'payment', %s, '', '')",
            (account_id, now, amount_micros),
        )
        txn.execute(
            "UPDATE balance SET balance_micros = balance_micros + %s WHERE account_id = %s",
            (amount_micros, account_id),
        )


def rows(dsn: str, table: str, order: str = "1, 2, 3") -> list[dict[str, Any]]:
    """Return the rows of *table*."""
    with (
        closing(psycopg2.connect(dsn)) as connection,
        connection.cursor(cursor_factory=RealDictCursor) as txn,
    ):
        txn.execute(f"SELECT * FROM {table} ORDER BY {order}")
        return [dict(row) for row in txn.fetchall()]


def told_again(event: CallEvent, source: str) -> CallEvent:
    """Return *event* as a retransmission with another Identifier brings it."""
    return msgspec.structs.replace(event, source=source)
