"""The connection that the reactor polls: what it answers, and that it never leaves its user waiting."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.python.failure import Failure

from radiusd.errors import NotDurable
from radiusd.storage.database import BlockingConnection, PolledConnection, Prepared, Quotable, finish

pytestmark = pytest.mark.postgres

SLEEP = "SELECT pg_sleep(30)"
Story = Callable[[Any, PolledConnection], Awaitable[object]]


def run(dsn: str, story: Story, deadline_s: float = 5.0, limit_s: float = 10.0) -> object:
    """
    Return what *story* returns, run with a reactor of its own and an open connection.

    An exception that reached the reactor fails the test: nobody would have been told.
    """
    # The global reactor runs once in a process.
    reactor = EPollReactor()  # type: ignore[no-untyped-call]  # of Twisted
    results: list[object] = []
    unheard: list[BaseException] = []

    async def tell() -> None:
        connection = PolledConnection(reactor, dsn, deadline_s)
        try:
            await connection.open((Prepared("one_more", ("int",), "SELECT $1 + 1"),))
            results.append(await story(reactor, connection))
        finally:
            connection.close()
            reactor.callLater(0, reactor.stop)

    def note(failure: Failure) -> None:
        assert failure.value is not None
        unheard.append(failure.value)

    def start() -> None:
        Deferred.fromCoroutine(tell()).addErrback(note)

    reactor.callWhenRunning(start)
    reactor.callLater(limit_s, reactor.stop)
    reactor.run(installSignalHandlers=False)
    for error in unheard:
        raise error
    assert results, f"still waiting after {limit_s} s"
    return results[0]


def end_all_others(dsn: str) -> None:
    """End every other connection to the database, as an admin may."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_the_rows_of_the_last_statement_come_back(dsn: str) -> None:
    """
    Also of a prepared one, with its arguments.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        return await connection.run("SELECT 1; EXECUTE one_more (%s)", (41,))

    assert [(42,)] == run(dsn, story)


def test_a_refused_statement_leaves_the_connection_open(dsn: str) -> None:
    """
    The server's error is raised as it is, and the next statement runs.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        with pytest.raises(psycopg2.errors.DivisionByZero):
            await connection.run("SELECT 1 / 0")
        return await connection.run("SELECT 2")

    assert [(2,)] == run(dsn, story)


@pytest.mark.parametrize("waits", [True, False], ids=["while it waits", "between statements"])
def test_a_connection_that_the_server_ends_is_lost_at_once(dsn: str, waits: bool) -> None:
    """
    Whoever waits is told within moments, not at the deadline, and the connection says that it is closed.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        if waits:
            reactor.callLater(0.2, end_all_others, dsn)
        else:
            end_all_others(dsn)
        began_s = time.monotonic()
        with pytest.raises(NotDurable):
            await connection.run(SLEEP if waits else "SELECT 1")
        with pytest.raises(NotDurable):
            await connection.run("SELECT 1")
        return connection.is_open, time.monotonic() - began_s < 2

    assert (False, True) == run(dsn, story)


def test_a_server_that_does_not_answer_loses_the_connection(dsn: str) -> None:
    """
    The deadline holds for each statement.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        with pytest.raises(NotDurable, match=r"0\.3 s"):
            await connection.run(SLEEP)
        return connection.is_open

    assert run(dsn, story, deadline_s=0.3) is False


def test_what_waits_when_it_is_closed_is_told(dsn: str) -> None:
    """
    Closing twice is harmless.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        reactor.callLater(0.1, connection.close)
        with pytest.raises(NotDurable):
            await connection.run(SLEEP)
        connection.close()
        return True

    assert run(dsn, story) is True


def test_nobody_there_is_told_as_not_durable(short_dir: str) -> None:
    """
    A socket that is not there, or a server that is not, is no surprise.
    """

    async def story(reactor: Any, connection: PolledConnection) -> object:
        return None

    with pytest.raises(NotDurable):
        run(f"host={short_dir} dbname=nothing", story)


def test_text_that_is_quoted_by_us_arrives_as_it_is(dsn: str) -> None:
    """
    Quotes, backslashes and what looks like a placeholder, with and without psycopg2 beside it.
    """
    text = "O'Brien \\'; DROP TABLE cdr; -- %s \\\\ \u20ac"
    connection = BlockingConnection(dsn)
    found = finish(connection.run("SELECT %s, %s, %s", (Quotable(text.encode()), text, Quotable(b""))))
    connection.close()

    assert [(text, text, "")] == found
