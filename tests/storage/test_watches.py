"""Watched packets: few are kept, for a short while."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import psycopg2
import pytest
from twisted.internet import task

from radiusd.handlers.watching import PacketWatching
from radiusd.radius.watching import Watch
from radiusd.storage import watches
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.secrets import Sealer
from tests.watched import write

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PACKET = (b"\x04" + bytes(19), b"", "dropped", "x")
SEALER = Sealer(bytes(32))


@pytest.fixture
def control(dsn):
    """What servers ask the database with."""
    with closing(BlockingConnection(dsn)) as connection:
        yield connection


def a_client(txn):
    """Return the id of a new client."""
    txn.execute("INSERT INTO client (name, secret_sealed, dialect) VALUES ('s', '', 'cisco') RETURNING id")
    return txn.fetchone()[0]


def kept(dsn, client_id):
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        return [row.at for row in watches.packets_of(txn, client_id, None, 10_000)]


def test_the_newest_packets_of_each_client_are_kept(dsn, control):
    """
    However many come, and however few others have.
    """
    write(dsn, SEALER, 1, [PACKET] * (watches.MOST_PACKETS + 7), NOW)
    write(dsn, SEALER, 2, [PACKET] * 3, NOW)
    finish(watches.forget_packets(control, NOW))

    assert watches.MOST_PACKETS == len(kept(dsn, 1))
    assert NOW + timedelta(seconds=7) == kept(dsn, 1)[0]
    assert 3 == len(kept(dsn, 2))


def test_packets_are_forgotten_after_a_while(dsn, control):
    """
    So is the watch itself.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        client_id = a_client(txn)
        watches.begin_watch(txn, client_id, "ann", NOW, NOW + timedelta(minutes=5))
    write(dsn, SEALER, client_id, [PACKET], NOW)
    finish(watches.write_packets(control, [], {client_id: 12}))

    until_s = (NOW + timedelta(minutes=5)).timestamp()
    assert {client_id: until_s} == finish(watches.watched_clients(control, NOW))
    later = NOW + timedelta(minutes=6)
    assert {} == finish(watches.watched_clients(control, later))
    finish(watches.forget_packets(control, later))
    assert 1 == len(kept(dsn, client_id))
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        assert 12 == watches.watch_of(txn, client_id).left_out
    finish(watches.forget_packets(control, NOW + timedelta(minutes=21)))
    assert [] == kept(dsn, client_id)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        assert None is watches.watch_of(txn, client_id)


def test_packets_are_forgotten_when_nobody_watches_any_more(dsn, control):
    """
    A password may be in one: it does not lie there until somebody watches again.
    """
    clock = task.Clock()
    clock.advance(NOW.timestamp())
    eyes = Watch(clock)
    watching = PacketWatching(clock, control, SEALER, lambda: eyes, Mock())
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        client_id = a_client(txn)
        watches.begin_watch(txn, client_id, "ann", NOW, NOW + timedelta(minutes=2))
    write(dsn, SEALER, client_id, [PACKET], NOW)

    watching.start()
    clock.pump([60.0] * 14)
    assert 1 == len(kept(dsn, client_id))
    clock.pump([60.0] * 3)
    watching.stop()
    assert [] == kept(dsn, client_id)


def test_a_watch_is_prolonged_and_never_shortened(dsn):
    """
    By a second who watches; what the first began with stays.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        client_id = a_client(txn)
        watches.begin_watch(txn, client_id, "ann", NOW, NOW + timedelta(minutes=5))
        later = NOW + timedelta(minutes=1)
        watches.begin_watch(txn, client_id, "bob", later, later + timedelta(minutes=1))
        assert (NOW, NOW + timedelta(minutes=5), "bob", 0) == watches.watch_of(txn, client_id)
        assert watches.end_watch(txn, client_id, later)
        assert not watches.end_watch(txn, client_id, later)
        watches.begin_watch(txn, client_id, "eve", later, later + timedelta(minutes=1))
        assert (later, later + timedelta(minutes=1), "eve", 0) == watches.watch_of(txn, client_id)
