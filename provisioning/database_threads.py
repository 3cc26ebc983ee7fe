"""Database work of the console and the API, in threads: one connection a thread, one transaction a piece."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from radiusd.errors import NotDurable

T = TypeVar("T")
Work = Callable[[Cursor], T]

CONNECT_LIMIT_S = 5
STATEMENT_LIMIT_MS = 30_000
WAITING_LIMIT = 200
"""Pieces of work that may wait for a thread; beyond it, they are told to try later."""

MOST_TRIES = 3
AGAIN = frozenset(("40P01", "40001", "55P03"))
"""SQLSTATEs after which a piece of work is simply done again: deadlock, serialization, lock timeout."""


def snapshot(txn: Cursor) -> None:
    """
    Let all that follows in *txn* see one moment, and write nothing.

    Call it first: it ends what *txn* has begun, which is no more than a look whether the database answers.
    """
    txn.execute("ROLLBACK")
    txn.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


class DatabaseThreads:
    """
    Threads that do work as it comes.

    A piece of work **may be done twice**: it does nothing outside of its transaction, and what it returns
    are plain values. It is committed when it returns and rolled back when it raises.
    """

    def __init__(self, reactor: Any, dsn: str, threads: int) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._threads = threads
        self._pool = ThreadPool(0, threads, "database")
        self._local = threading.local()
        self._busy = 0
        self._idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Take work."""
        self._pool.start()

    async def stop(self) -> None:
        """Finish what is under way, and close the connections."""
        if self._busy:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        self._pool.stop()

    async def run(self, work: Work[T]) -> T:
        """
        Return what *work* returns, once it is committed.

        Raises:
            NotDurable: Too much waits already, or others kept its rows locked; try again.
            psycopg2.OperationalError: The database does not answer.
        """
        if self._busy >= self._threads + WAITING_LIMIT:
            raise NotDurable("too many requests wait for the database; try again in a moment")
        self._busy += 1
        try:
            result: T = await deferToThreadPool(self._reactor, self._pool, self.run_here, work)
            return result
        finally:
            self._busy -= 1
            if not self._busy:
                for idle in self._idle:
                    idle.callback(None)
                self._idle.clear()

    async def compute(self, work: Callable[[], T]) -> T:
        """Return what *work* returns, which takes long and needs no database: a password's hash."""
        result: T = await deferToThreadPool(self._reactor, self._pool, work)
        return result

    def run_here(self, work: Work[T]) -> T:
        """Do *work* in this thread, which waits. As :meth:`run`."""
        for _ in range(MOST_TRIES):
            try:
                with self._connection() as connection, connection.cursor() as txn:
                    return work(txn)
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                if error.pgcode in AGAIN:
                    continue  # it was rolled back, and that is certain
                # A connection that is lost at the end may have committed: it is not for us to try again.
                self._drop()
                raise
        raise NotDurable("what it changes is busy; try again in a moment")

    def _connection(self) -> Connection:
        """Return this thread's connection, which answers; a new one when the old one has died meanwhile."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and self._answers(connection):
            return connection
        self._drop()
        connection = psycopg2.connect(
            self._dsn,
            connect_timeout=CONNECT_LIMIT_S,
            application_name="tollwire console",
            options=f"-c statement_timeout={STATEMENT_LIMIT_MS} -c lock_timeout=5000 -c timezone=UTC",
        )
        self._local.connection = connection
        return connection

    @staticmethod
    def _answers(connection: Connection) -> bool:
        try:
            with connection.cursor() as txn:
                txn.execute("SELECT 1")
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            return False
        return True

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None
