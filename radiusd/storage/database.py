"""
Connections to PostgreSQL: one that the reactor polls, for the server; one that blocks, for commands.

Both run the same coroutines: ``await connection.run(sql, args)`` returns rows.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import psycopg2
import psycopg2.extensions
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from radiusd.errors import NotDurable

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

SESSION_OPTIONS = (
    "-c plan_cache_mode=force_generic_plan"  # plans are made once, whatever the tables hold then
    " -c enable_seqscan=off -c enable_bitmapscan=off -c enable_mergejoin=off -c enable_hashjoin=off"
    " -c enable_memoize=off"  # no row is looked up twice
    " -c jit=off"  # a plan that could not do without what is off looks dear, and would be compiled each time
    " -c standard_conforming_strings=on"  # see Quotable
    " -c timezone=UTC -c lock_timeout=400 -c idle_in_transaction_session_timeout=15000"
)
"""
Options of the ledger's connections, whose statements find all their rows by keys. A scan of bitmaps would
find them by a BRIN index, too, which is to read the whole table. The lock timeout lets go of accounts that a
stuck batch holds, so that others (call attempts above all) get past it; the batch is tried again.
"""

AGAIN = frozenset(("40P01", "40001", "55P03", "23505", "25P03", "57P01", "57014"))
"""
SQLSTATEs after which a batch is simply tried again: deadlock, serialization, lock timeout, a call that
another node has just begun, idle in transaction, shutdown, cancelled.
"""


LOCK_TIMEOUT = "55P03"

READ_ONLY = "25006"


def is_trouble(pgcode: str | None) -> bool:
    """
    Tell whether a SQLSTATE is about the server and not about what it was asked to do.

    Connections, resources (a full disk), an operator, the system, or a standby in place of the primary:
    another connection may find it better.
    """
    return pgcode == READ_ONLY or (pgcode or "")[:2] in ("08", "53", "57", "58")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that each connection prepares once; *sql* uses ``$1`` and so on."""

    name: str
    types: tuple[str, ...]
    sql: str

    @property
    def prepare(self) -> str:
        """Return the PREPARE."""
        return f"PREPARE {self.name} ({', '.join(self.types)}) AS {self.sql}"

    @property
    def execute(self) -> str:
        """Return the EXECUTE, with a placeholder for each argument."""
        return f"EXECUTE {self.name} ({', '.join(['%s'] * len(self.types))})"


class Quotable:
    """
    UTF-8 without NUL, as an argument: psycopg2 would decode, encode and escape it, in twice the time.

    For connections with :data:`SESSION_OPTIONS`: a backslash has no meaning in their literals.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __conform__(self, protocol: object) -> Quotable:
        """Return what psycopg2 asks how it is to be written."""
        return self

    def getquoted(self) -> bytes:
        """Return the literal."""
        return b"'" + self._octets.replace(b"'", b"''") + b"'"


class Connection(Protocol):
    """What a coroutine may do with the database."""

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql* (several statements are allowed) and return the rows of the last one."""


class BlockingConnection:
    """A connection for commands and tests; its coroutines never wait, so :func:`finish` completes them."""

    def __init__(self, dsn: str, statements: Sequence[Prepared] = ()) -> None:
        self._connection = psycopg2.connect(dsn, options=SESSION_OPTIONS)
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        for statement in statements:
            self._cursor.execute(statement.prepare)

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql* and return the rows of its last statement."""
        self._cursor.execute(sql, args or None)
        return self._cursor.fetchall() if self._cursor.description else []

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    Return the result of a coroutine over a :class:`BlockingConnection`.

    Raises:
        RuntimeError: It waits for something else: a defect of ours.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine that should not wait did")


def _failure(error: Exception) -> Failure:
    return Failure(error)  # type: ignore[no-untyped-call]  # Twisted's own has no types


@implementer(IReadWriteDescriptor)
class PolledConnection:
    """
    A psycopg2 connection that the reactor polls; one statement string at a time.

    Any statement that takes longer than *deadline_s* loses the connection, since a server that has
    stopped breathing keeps its sockets open for ever.
    """

    def __init__(self, reactor: Any, dsn: str, deadline_s: float) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._deadline_s = deadline_s
        self._connection: Any = None
        self._socket: socket.socket | None = None
        self._cursor: Any = None
        self._waiting: Deferred[Rows] | None = None
        self._deadline: Any = None
        self._watched: int = psycopg2.extensions.POLL_OK

    @property
    def is_open(self) -> bool:
        """Tell whether statements can be run."""
        return self._cursor is not None

    async def open(self, statements: Sequence[Prepared]) -> None:
        """
        Connect and prepare *statements*.

        Raises:
            NotDurable: The server cannot be reached or refuses.
        """
        try:
            self._connection = psycopg2.connect(self._dsn, options=SESSION_OPTIONS, async_=True)
        except psycopg2.Error as error:
            raise NotDurable(str(error).strip()) from error
        await self._wait()
        self._cursor = self._connection.cursor()
        await self.run(";".join(statement.prepare for statement in statements) or "SELECT 1")

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """
        Run *sql* and return the rows of its last statement.

        Raises:
            psycopg2.Error: The server refuses; the connection stays.
            NotDurable: The connection is lost; whether a COMMIT took place is unknown.
        """
        if self._cursor is None:
            raise NotDurable("not connected")
        try:
            self._cursor.execute(sql, args or None)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.close()  # the server has hung up since the last statement
            raise NotDurable(str(error).strip()) from error
        return await self._wait()

    def close(self) -> None:
        """Close the connection; a statement under way fails."""
        self._lose(NotDurable("closed"))

    def _wait(self) -> Deferred[Rows]:
        waiting: Deferred[Rows] = Deferred()
        self._waiting = waiting
        self._deadline = self._reactor.callLater(self._deadline_s, self._expire)
        self._poll()
        return waiting

    def _poll(self) -> None:
        try:
            state = self._connection.poll()
        except psycopg2.Error as error:
            if self._connection.closed or error.pgcode is None:
                self._lose(NotDurable(str(error).strip() or type(error).__name__))
            else:
                self._watch(psycopg2.extensions.POLL_OK)
                self._deliver(_failure(error))
            return
        if self._cursor is None:
            self._follow_socket()
        self._watch(state)
        if state == psycopg2.extensions.POLL_OK:
            cursor = self._cursor
            rows = cursor.fetchall() if cursor is not None and cursor.description else []
            self._deliver(rows)

    def _follow_socket(self) -> None:
        """
        Keep a duplicate of the socket that libpq uses, which may be another one while it connects.

        libpq closes its own without a word when the server hangs up. The reactor could then not be told to
        forget it, and its number might be another socket's by then.
        """
        now = self._connection.fileno()
        if self._socket is not None and os.path.sameopenfile(self._socket.fileno(), now):
            return
        self._let_go_of_socket()
        self._socket = socket.socket(fileno=os.dup(now))

    def _let_go_of_socket(self) -> None:
        self._watch(psycopg2.extensions.POLL_OK)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _watch(self, state: int) -> None:
        if state == self._watched:
            return
        if self._watched == psycopg2.extensions.POLL_READ:
            self._reactor.removeReader(self)
        elif self._watched == psycopg2.extensions.POLL_WRITE:
            self._reactor.removeWriter(self)
        if state == psycopg2.extensions.POLL_READ:
            self._reactor.addReader(self)
        elif state == psycopg2.extensions.POLL_WRITE:
            self._reactor.addWriter(self)
        self._watched = state

    def _deliver(self, result: Rows | Failure) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(result)

    def _expire(self) -> None:
        # close() of libpq would wait for the server; a socket that is shut down does not.
        if self._socket is not None:
            with suppress(OSError):  # it is gone already
                self._socket.shutdown(socket.SHUT_RDWR)
        self._lose(NotDurable(f"the database did not answer within {self._deadline_s} s"))

    def _lose(self, error: Exception) -> None:
        if self._connection is not None:
            self._let_go_of_socket()
            connection, self._connection, self._cursor = self._connection, None, None
            connection.close()
        self._deliver(_failure(error))

    def fileno(self) -> int:
        """Return the socket to poll."""
        return self._socket.fileno() if self._socket is not None else -1

    def doRead(self) -> None:
        """Go on, now that there is something to read."""
        self._go_on()

    def doWrite(self) -> None:
        """Go on, now that there is room to write."""
        self._go_on()

    def _go_on(self) -> None:
        if self._connection is not None:  # it may have been lost in this very turn of the reactor
            self._poll()

    def connectionLost(self, reason: Failure) -> None:
        """Learn from the reactor that the socket is gone."""
        self._lose(NotDurable(f"connection lost: {reason.getErrorMessage()}"))

    def logPrefix(self) -> str:
        """Return the name under which Twisted logs."""
        return "database"
