"""The usage feed: every posting once, whatever the order in which they are committed."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Thread

import psycopg2
import pytest

from provisioning import usage
from provisioning.accounts import Account, add_account
from provisioning.balances import Posting, post
from provisioning.pages import Page
from provisioning.roles import Role
from provisioning.usage import read_usage
from tests.provisioning.conftest import NOW

pytestmark = pytest.mark.postgres


@pytest.fixture
def admin_at(dsn):
    """The tests' admin, at a time of one's choice, on a database with three accounts, SHOP below RES."""
    from provisioning.admin import Admin
    from radiusd.storage.secrets import Sealer

    admin = Admin("tester", NOW, Sealer(bytes(32)))
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for code, above in (("ACME", None), ("RES", None), ("SHOP", "RES")):
            add_account(txn, Account(code=code, currency="USD", reseller=above), admin)
    return lambda seconds: replace(admin, now=NOW + timedelta(seconds=seconds))


def pay(txn, admin, account: str, note: str) -> None:
    post(txn, Posting(account=account, amount=Decimal(1), note=note), admin)


def read(dsn, admin, after=0, limit=100) -> tuple[list[str], int]:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        found, key = read_usage(txn, admin, admin.now, Page((after,) if after else (), limit))
        return [each.note for each in found], key


def test_what_is_committed_late_comes_late_and_once(dsn, admin_at):
    """
    A transaction that is dated first and committed last is told after those that were told already.
    """
    with ExitStack() as stack:
        slow, fast = (stack.enter_context(closing(psycopg2.connect(dsn))) for _ in range(2))
        with slow.cursor() as txn:
            pay(txn, admin_at(0), "ACME", "slow")
        with fast, fast.cursor() as txn:
            pay(txn, admin_at(5), "SHOP", "fast")

        first, key = read(dsn, admin_at(600))
        assert ["fast"] == first
        assert ([], key) == read(dsn, admin_at(3600), key)  # an hour later it is still not committed
        assert ([], key) == read(dsn, admin_at(7200), key)
        slow.commit()
        assert ["slow"] == read(dsn, admin_at(7300), key)[0]
    assert ["fast", "slow"] == read(dsn, admin_at(90000))[0]


def test_the_only_transaction_under_way_is_waited_for(dsn, admin_at):
    """
    Nobody else writes while a long one is under way: it is told all the same when it is committed.
    """
    with closing(psycopg2.connect(dsn)) as slow:
        with slow.cursor() as txn:
            pay(txn, admin_at(0), "ACME", "slow")
        for later in (600, 1200, 1800):
            assert [] == read(dsn, admin_at(later))[0]
        slow.commit()
    assert ["slow"] == read(dsn, admin_at(2400))[0]


def test_a_feed_goes_on_in_another_server(dsn, admin_at):
    """
    Restored where transactions have smaller numbers, it tells what is posted late there, too.
    """
    assert [] == read(dsn, admin_at(0))[0]
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE usage_feed_state SET mark_xid = '9000000000000000'")
    for later in (600, 1200):
        assert [] == read(dsn, admin_at(later))[0]
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("SELECT complete_until FROM usage_feed_state")
        ((complete_until,),) = txn.fetchall()
    assert NOW + timedelta(seconds=300) == complete_until


def test_pages_of_any_size_tell_the_same(dsn, admin_at):
    """
    The order never changes, and a page may be asked for again.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for at in range(25):
            pay(txn, admin_at(at * 7000), random.Random(at).choice(["ACME", "SHOP"]), str(at))
    now = admin_at(10**6)
    everything, _ = read(dsn, now)
    told, key = [], 0
    while True:
        page, key = read(dsn, now, key, limit=4)
        told += page
        if not page:
            break

    assert everything == told == [str(at) for at in range(25)]


def test_a_backlog_is_numbered_piece_by_piece(dsn, admin_at, monkeypatch):
    """
    A long past is never sorted at once, and nothing of it is lost or told twice.
    """
    monkeypatch.setattr(usage, "AT_ONCE", 3)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for at in range(20):
            pay(txn, admin_at(at * 40_000), "ACME", str(at))
            pay(txn, admin_at(at * 40_000), "SHOP", f"{at}b")  # at the very same moment
    told, key = [], 0
    for _ in range(60):
        page, key = read(dsn, admin_at(10**6), key, limit=2)
        told += page

    assert {1} == set(Counter(told).values())
    assert 40 == len(told)


def test_bound_readers_get_their_own_and_go_on_past_the_rest(dsn, admin_at):
    """
    A reseller reads its customers' postings.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for at in range(10):
            pay(txn, admin_at(at), "SHOP" if at % 5 == 0 else "ACME", str(at))
    reseller = replace(admin_at(9999), role=Role.RESELLER, account="RES")

    first, key = read(dsn, reseller, limit=1)
    second, end = read(dsn, reseller, key, limit=5)
    assert (["0"], ["5"], 10) == (first, second, end)


def test_exactly_once_under_fire(dsn, admin_at, monkeypatch):
    """
    Writers that commit when they like, and two readers that extend the feed against each other.

    What is held back for longer than the grace is told all the same: its transaction is seen to be open.
    """
    monkeypatch.setattr(usage, "GRACE", timedelta(milliseconds=100))
    done = Event()
    told: list[list[str]] = [[], []]

    def at_work():
        return replace(admin_at(0), now=datetime.now(UTC))

    def write(number: int) -> None:
        dice = random.Random(number)
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            for at in range(20):
                pay(txn, at_work(), f"A{number}", f"{number}/{at}")
                if dice.random() < 0.2:
                    done.wait(dice.random() / 2)
                connection.commit()

    def follow(number: int) -> None:
        key = 0
        while True:
            is_over = done.is_set()
            page, key = read(dsn, at_work(), key, limit=7)
            told[number] += page
            if is_over and not page:
                return

    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for number in range(6):
            add_account(txn, Account(code=f"A{number}", currency="USD"), admin_at(0))
    writers = [Thread(target=write, args=(number,)) for number in range(6)]
    readers = [Thread(target=follow, args=(number,)) for number in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)

    wanted = {f"{number}/{at}" for number in range(6) for at in range(20)}
    assert told[0] == told[1]
    assert (wanted, len(wanted)) == (set(told[0]), len(told[0]))
