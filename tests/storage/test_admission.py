"""Limits beyond channels on a real database, with several nodes at once: none is ever exceeded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from fractions import Fraction

import psycopg2
import pytest

from radiusd.calls.directory import Directory
from radiusd.calls.policies import Guards, Level, Policy
from radiusd.calls.rows import Balance
from radiusd.storage.books_check import check_books
from radiusd.storage.database import Rows, finish
from radiusd.storage.disconnects import ask_by_state
from radiusd.storage.journal import Ask
from tests.builders import (
    NOW,
    a_client,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_start,
    a_stop,
    an_account,
    an_attempt,
    seconds,
)
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres

NODES = 3
Together = Callable[[Directory, Callable[[Node, random.Random, int], None]], None]


@pytest.fixture
def together(dsn: str) -> Iterator[Together]:
    """Let several nodes do the same at once, each in a thread; the books must add up in the end."""
    open_accounts(dsn, 1)

    def run(directory: Directory, work: Callable[[Node, random.Random, int], None]) -> None:
        failed: list[BaseException] = []

        def one(number: int) -> None:
            node = Node(dsn, directory, a_client(max_call_s=60), seed=number)
            try:
                work(node, random.Random(number), number)
            except BaseException as error:
                failed.append(error)
            finally:
                node.close()

        threads = [threading.Thread(target=one, args=(number,)) for number in range(NODES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [] == failed

    yield run
    with closing(psycopg2.connect(dsn)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


@pytest.mark.parametrize("cps_milli", [700, 5000])
@pytest.mark.parametrize("whose", ["account", "trunk"])
def test_calls_per_second_hold_over_all_nodes(together: Together, cps_milli: int, whose: str) -> None:
    """
    Whoever asks, with clocks that differ: in T seconds at most R*T + max(R, 1) are admitted.
    """
    admitted: list[datetime] = []
    on_account = {"max_cps_milli": cps_milli} if whose == "account" else {}
    on_trunk = {} if on_account else {"max_cps_milli": cps_milli}
    directory = a_directory(a_service(account=an_account(**on_account), **on_trunk))

    def work(node: Node, chance: random.Random, number: int) -> None:
        at_s = number * 0.05
        for n in range(40):
            at_s += chance.choice((0, 0.001, 0.03, 0.2, 1.1))
            at = NOW + seconds(at_s)
            if node.ask(an_attempt(at, call_id=f"{number}-{n}")).refusal is None:
                admitted.append(at)

    together(directory, work)

    rate = Fraction(cps_milli, 1000)
    admitted.sort()
    assert len(admitted) >= rate * 5
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            elapsed = Fraction((admitted[last] - begin) // seconds(0.000001), 1_000_000)
            assert last - first + 1 <= rate * elapsed + max(rate, 1)


def test_a_spend_limit_holds_over_all_nodes(dsn: str, together: Together) -> None:
    """
    At every moment what is spent today and what open calls hold are within the limit, and at the end too.
    """
    limit = 1_000_000
    account = an_account(daily_limit_micros=limit, monthly_limit_micros=limit + 50_000)
    plan = a_plan(deck=a_deck(a_rate("", "0.06", initial=6, increment=6)))
    most: list[int] = []

    def work(node: Node, chance: random.Random, number: int) -> None:
        for n in range(25):
            call, at = f"{number}-{n}", NOW + seconds(n)
            decision = node.ask(an_attempt(at, call_id=call))
            (row,) = finish(
                node.connection.run(
                    "SELECT held_micros, (gauges ->> 'day_micros')::bigint FROM balance WHERE account_id = 1"
                )
            )
            most.append(row[0] + (row[1] or 0))
            if decision.refusal is None:
                lasted = chance.randint(1, decision.session_timeout_s or 1)
                node.post(a_start(at, call_id=call))
                node.post(a_stop(at + seconds(lasted), lasted, call_id=call))
                if chance.random() < 0.2:  # the switch tells a shorter one later
                    late = at + seconds(lasted + 90)
                    node.post(a_stop(late, 1, call_id=call, disconnect_at=at + seconds(1)))

    together(a_directory(a_service(account=account, plan=plan)), work)

    assert max(most) <= limit
    spent = -sum(row["amount_micros"] for row in rows(dsn, "posting"))
    (balance,) = [row for row in rows(dsn, "balance", "1") if row["account_id"] == 1]
    assert 0.9 * limit < spent <= limit
    assert (spent, spent) == (balance["gauges"]["day_micros"], balance["gauges"]["month_micros"])


def test_guards_hold_over_all_nodes(together: Together) -> None:
    """
    A burst that comes over several nodes is one burst.
    """
    accepted: list[str] = []
    policy = Policy("p", guards=Guards(distinct=Level(None, 8), window_s=3600, block_s=3600))

    def work(node: Node, chance: random.Random, number: int) -> None:
        for n in range(15):
            called = f"4420718{number}{n * 3:03}"
            attempt = an_attempt(NOW + seconds(n), call_id=f"{number}-{n}", called=called)
            if node.ask(attempt).refusal is None:
                accepted.append(called)

    together(a_directory(a_service(account=an_account(policy=policy))), work)

    assert 7 == len(set(accepted))


def test_closed_guards_cut_the_calls_of_the_burst(dsn: str) -> None:
    """
    Those that began within the window; what was up before goes on.
    """
    policy = Policy("p", guards=Guards(distinct=Level(None, 3), window_s=60, block_s=100))
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory(a_service(account=an_account(policy=policy))))
    finish(
        node.connection.run(
            """
            INSERT INTO client (id, name, secret_sealed, dialect, cut_off)
                OVERRIDING SYSTEM VALUE VALUES (1, 'sbc', '', 'rfc2866', 'disconnect');
            INSERT INTO account (id, code, name, currency) OVERRIDING SYSTEM VALUE VALUES (1, 'A1', '', 'USD')
            """
        )
    )
    for second, number in ((-100, "4411"), (0, "4422"), (1, "4433"), (2, "4444")):
        at = NOW + seconds(second)
        if node.ask(an_attempt(at, call_id=number, called=number)).refusal is None:
            node.post(a_start(at, call_id=number, called=number))

    finish(ask_by_state(node.connection, NOW + seconds(3)))
    node.close()

    cut = {row["call_id"] for row in rows(dsn, "disconnect")}
    assert ["4422", "4433"] == [row["called"] for row in rows(dsn, "session") if row["call_id"] in cut]


def test_a_row_without_any_of_it_stays_small(dsn: str) -> None:
    """
    Nothing is written for accounts that are not watched.
    """
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory())
    node.ask(an_attempt())
    node.post(a_start(), a_stop(NOW + seconds(60), 60))
    node.close()

    (balance,) = [row for row in rows(dsn, "balance", "1") if row["account_id"] == 1]
    assert (None, None) == (balance["gauges"], balance["paced_until"])
    assert {"gauges", "paced_until"} < set(Balance.__struct_fields__)


class Heard:
    """A connection that keeps what was sent over it."""

    def __init__(self, node: Node) -> None:
        self._connection = node.connection
        self.sent: list[str] = []

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql*, and remember it."""
        self.sent.append(sql)
        return await self._connection.run(sql, args)


def test_none_of_it_takes_a_statement_of_its_own(dsn: str) -> None:
    """
    The account that has all of it sends what the plain one sends: two strings for an attempt.
    """
    policy = Policy("p", max_call_micros=10**9, guards=Guards(distinct=Level(5, 10)))
    limits = {"max_cps_milli": 1000, "daily_limit_micros": 10**9, "monthly_limit_micros": 10**9}
    open_accounts(dsn, 1)
    sent = []
    for seed, account in ((1, an_account()), (2, an_account(policy=policy, **limits))):
        node = Node(dsn, a_directory(a_service(account=account, max_channels=5)), seed=seed)
        heard = Heard(node)
        node.settle([Ask(an_attempt(call_id=f"c{seed}"))], NOW, heard)
        node.close()
        sent.append(heard.sent)

    assert 2 == len(sent[0])
    assert sent[0] == sent[1]
