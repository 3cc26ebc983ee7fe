"""Counts of clients in the database: written over, added up over servers and hours, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from radiusd.handlers.habits import Counted, HabitWriter
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.habits import calls_closed_by_us, habits_of
from tests.builders import NOW, a_client, a_directory, a_start, a_stop, seconds
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres


@pytest.fixture
def connection(dsn: str) -> Iterator[BlockingConnection]:
    made = BlockingConnection(dsn)
    yield made
    made.close()


class Server:
    """A server of which the test says what its ports have counted since it began."""

    def __init__(self, connection: BlockingConnection, name: str = "one") -> None:
        self.counted: list[Counted] = []
        self._writer = HabitWriter(connection, name, lambda: self.counted)  # type: ignore[arg-type]

    def write(self, after_s: float, *counted: Counted) -> None:
        """Write at that moment, when that has been counted in all."""
        self.counted = list(counted)
        finish(self._writer.write(NOW + seconds(after_s)))


def told(dsn: str, client_id: int = 1, hours: int = 24) -> dict[str, int]:
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as txn:
        return dict(habits_of(txn, client_id, NOW - timedelta(hours=hours)))


def test_counts_of_ports_and_servers_add_up(dsn: str, connection: BlockingConnection) -> None:
    """
    However often they are written; those of strangers belong to nobody.
    """
    one, other = Server(connection), Server(connection, "other")
    one.write(0, ("acct", 1, "received", 3), ("auth", 1, "received", 2), ("acct", 0, "unknown_client", 9))
    one.write(5, ("acct", 1, "received", 4), ("auth", 1, "received", 2), ("acct", 2, "received", 1))
    one.write(10, ("acct", 1, "received", 4), ("auth", 1, "received", 2), ("acct", 2, "received", 1))
    other.write(10, ("acct", 1, "received", 10), ("acct", 1, "~clock:-3", 1))

    assert {"received": 16, "~clock:-3": 1} == told(dsn)
    assert {"received": 1} == told(dsn, 2)
    assert 3 == len(rows(dsn, "client_habit"))


def test_each_hour_has_its_own(dsn: str, connection: BlockingConnection) -> None:
    """
    What was counted since the server began is told apart, and asked for as far back as wanted.
    """
    server = Server(connection)
    server.write(0, ("acct", 1, "received", 5))
    server.write(3600, ("acct", 1, "received", 7))
    server.write(3605, ("acct", 1, "received", 8))
    server.write(2 * 3600, ("acct", 1, "received", 8))

    assert [5, 3] == [row["counts"]["received"] for row in rows(dsn, "client_habit", "hour")]
    assert {"received": 8} == told(dsn)


def test_a_server_that_begins_again_takes_nothing_away(dsn: str, connection: BlockingConnection) -> None:
    """
    Its next run writes rows of its own.
    """
    Server(connection, "one:1").write(0, ("acct", 1, "received", 5))
    Server(connection, "one:2").write(60, ("acct", 1, "received", 2))

    assert {"received": 7} == told(dsn)


def test_a_week_is_kept(dsn: str, connection: BlockingConnection) -> None:
    """
    What is older is of no use to a doctor.
    """
    server = Server(connection)
    server.write(0, ("acct", 1, "received", 5))
    server.write(8 * 86_400, ("acct", 1, "received", 6))

    assert [1] == [row["counts"]["received"] for row in rows(dsn, "client_habit")]


def test_counts_calls_that_we_had_to_close(dsn: str) -> None:
    """
    One whose Stop came, one that went silent; and nobody waits for ever.
    """
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory(), a_client(max_call_s=60))
    node.post(a_stop(NOW, 30, call_id="c1"))
    node.post(a_start(NOW, call_id="c2"))
    node.tend(NOW + seconds(500))
    node.close()

    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as txn:
        assert (2, 1) == calls_closed_by_us(txn, 1, NOW - timedelta(days=1), 5000)
        assert (0, 0) == calls_closed_by_us(txn, 2, NOW - timedelta(days=1), 5000)
        txn.execute("LOCK TABLE cdr IN ACCESS EXCLUSIVE MODE")
        with closing(psycopg2.connect(dsn)) as other, other.cursor() as waiting:
            assert None is calls_closed_by_us(waiting, 1, NOW - timedelta(days=1), 50)
            waiting.execute("SELECT 1")  # its transaction is still good
