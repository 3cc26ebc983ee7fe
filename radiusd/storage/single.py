"""One piece of work at a time, over a connection that blocks: what a command does to the books."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime

import psycopg2

from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.rows import CallRow
from radiusd.errors import NotDurable, NotFound
from radiusd.storage.catalogue import Catalogue
from radiusd.storage.database import AGAIN, BlockingConnection, Connection, finish
from radiusd.storage.journal import CallTask, Journal, Outcome, Work, close_call, rematch_call
from radiusd.storage.ledger import STATEMENTS

MOST_TRIES = 20
PAUSE_S = 0.1
MOST_AT_ONCE = 200  # calls in one transaction


async def settle_patiently(
    journal: Journal,
    connection: Connection,
    batch: Sequence[Work],
    now: datetime,
    sleep: Callable[[float], Awaitable[None]],
) -> list[Outcome | None]:
    """
    Return what came of *batch*, committed; tried again while servers keep its rows locked.

    Raises:
        NotDurable: They did so for too long.
    """
    if not batch:
        return []
    for _ in range(MOST_TRIES):
        try:
            return await journal.settle(connection, batch, now)
        except Exception as error:
            with suppress(psycopg2.Error):  # the connection itself may be lost
                await connection.run("ROLLBACK")
            if getattr(error, "pgcode", None) not in AGAIN:
                raise
        await sleep(PAUSE_S)
    raise NotDurable("the call is busy; try again in a moment")


async def _sleep(seconds: float) -> None:
    time.sleep(seconds)


class SingleJournal:
    """
    The journal for a command, which works beside running servers under the same locks.

    Raises:
        psycopg2.Error: The database cannot be reached.
    """

    def __init__(self, dsn: str, catalogue: Catalogue, randomness: random.Random) -> None:
        self._connection = BlockingConnection(dsn, STATEMENTS)
        clients = {client.id: client for client in catalogue.clients.clients}
        self._journal = Journal(lambda: catalogue.directory, clients.get, randomness, remembers=0)

    def settle(self, batch: Sequence[Work], now: datetime) -> list[Outcome | None]:
        """
        Return what came of *batch*, committed.

        Raises:
            NotDurable: Servers kept its rows locked; try again.
        """
        return finish(settle_patiently(self._journal, self._connection, batch, now, _sleep))

    def end_call(self, call_id: str, now: datetime) -> Outcome:
        """
        Close an open call as of *now* and charge it; a Stop that still comes corrects the charge.

        Raises:
            NotFound: No such call is open.
        """
        task = self._task("session", call_id, close_call("admin", now))
        return self._one(task, now)

    def retry(self, call_id: str, now: datetime) -> Outcome:
        """
        Match and rate a queued call again.

        Raises:
            NotFound: It is not in the queue.
        """
        return self._one(self._task("queue", call_id, rematch_call), now)

    def retry_all(self, call_ids: Sequence[str], now: datetime) -> None:
        """Match and rate queued calls again, many in a transaction; what waits no more is passed over."""
        for first in range(0, len(call_ids), MOST_AT_ONCE):
            found = finish(
                self._connection.run(
                    "SELECT DISTINCT call.client_id, call.call_key::text, call.seq, call.begun_at"
                    " FROM queue JOIN call USING (call_key, seq) WHERE queue.call_id = ANY (%s::uuid[])",
                    (list(call_ids[first : first + MOST_AT_ONCE]),),
                )
            )
            tasks = [CallTask(client, key, seq, begun, rematch_call) for client, key, seq, begun in found]
            self.settle(tasks, now)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _one(self, task: CallTask, now: datetime) -> Outcome:
        outcome = self.settle([task], now)[0]
        if outcome is None:
            raise NotFound(f"client {task.client_id}, which reported the call, is not provisioned any more")
        return outcome

    def _task(self, table: str, call_id: str, do: Callable[[Books, CallRow, Context], str]) -> CallTask:
        found = finish(
            self._connection.run(
                f"""
                SELECT call.client_id, call.call_key::text, call.seq, call.begun_at
                FROM {table} JOIN call USING (call_key, seq) WHERE {table}.call_id = %s::uuid LIMIT 1
                """,
                (call_id,),
            )
        )
        if not found:
            where = "open" if table == "session" else "in the queue"
            raise NotFound(f"call {call_id} is not {where}")
        client_id, key, seq, begun_at = found[0]
        return CallTask(client_id, key, seq, begun_at, do)
