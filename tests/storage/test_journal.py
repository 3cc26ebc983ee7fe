"""Events and attempts on a real database: what is written and corrected, and what two nodes make of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from radiusd.calls.events import Leg
from radiusd.errors import Refusal
from radiusd.storage.books_check import check_books
from radiusd.storage.database import Connection, Rows, finish
from radiusd.storage.duties import hold_duty, make_partitions, mend_channels
from radiusd.storage.journal import Ask, Outcome, Report, close_call, rematch_call
from radiusd.storage.open_calls import note_boot, open_calls_of
from tests.builders import (
    NOW,
    a_bucket,
    a_client,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_start,
    a_stop,
    a_virtual,
    an_account,
    an_attempt,
    an_interim,
    seconds,
)
from tests.node import Node, open_accounts, pay, rows, told_again

pytestmark = pytest.mark.postgres

TRUNK, DID = ServiceKind.TRUNK, ServiceKind.DID
Connect = Callable[..., Node]


@pytest.fixture
def connect(dsn: str) -> Iterator[Connect]:
    """Make nodes with rows for accounts 1 and 2; the books must add up when the test is over."""
    nodes = []
    open_accounts(dsn, 1, 2)

    def node(directory: Directory | None = None, *clients: Any, seed: int = 1) -> Node:
        nodes.append(Node(dsn, directory or a_directory(), *clients, seed=seed))
        return nodes[-1]

    yield node
    for made in nodes:
        made.close()
    with closing(psycopg2.connect(dsn)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


def test_a_call_from_attempt_to_stop(dsn: str, connect: Connect) -> None:
    """
    Each step writes what it says: a session, the hold, then the record, the posting and nothing open.
    """
    account = an_account(credit_limit_micros=0)
    plan = a_plan(1, a_bucket(1, 30))
    node = connect(a_directory(a_service(account=account, plan=plan, max_channels=1)))
    pay(dsn, 1, 60_000, NOW)

    assert 90 == node.ask(an_attempt()).session_timeout_s
    (session,) = rows(dsn, "session")
    assert ("authorized", 60_000, {"1/1/2026-11-01": 30}) == (
        session["state"],
        session["held_micros"],
        session["held_buckets"],
    )
    node.post(a_start(NOW + seconds(5)))
    assert ["started"] == [row["state"] for row in rows(dsn, "session")]
    node.post(a_stop(NOW + seconds(50), 45))

    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 45, 30, 15_000) == (
        cdr["status"],
        cdr["billed_s"],
        cdr["included_s"],
        cdr["total_micros"],
    )
    assert [-15_000] == [row["amount_micros"] for row in rows(dsn, "posting") if row["kind"] == "usage"]
    (balance,) = [row for row in rows(dsn, "balance", "1") if row["account_id"] == 1]
    assert (45_000, 0, 0) == (balance["balance_micros"], balance["held_micros"], balance["channels"])
    assert ([], [0]) == (rows(dsn, "session"), [row["used"] for row in rows(dsn, "channel", "1")])


def test_events_of_one_call_in_one_batch(dsn: str, connect: Connect) -> None:
    """
    All of a call waits in the queue of one lane: copies, a late note, a correction, in any order.
    """
    told = [
        a_stop(NOW + seconds(60), 60),
        a_start(NOW),
        an_interim(NOW + seconds(30), 30),
        a_stop(NOW + seconds(60), 60, source="again"),
        a_stop(NOW + seconds(70), 70),
    ]
    connect().post(*told)

    assert [(70_000, 70_000)] == [(row["duration_ms"], row["total_micros"]) for row in rows(dsn, "cdr")]


@pytest.mark.parametrize(
    "text", ["a\0b", "\\u0000", "\\\\u0000", "\\", '"', "é\u2028\U0001f4de", "x" * 4000, "{}"]
)
def test_odd_text_is_kept(dsn: str, connect: Connect, text: str) -> None:
    """
    Nothing that a packet can say breaks a batch; only NUL, which PostgreSQL has no room for, is replaced.
    """
    node = connect()
    node.post(a_start(calling=text, remote_ip=text, leg_id=text, call_id=text, flags=(text,)))
    node.post(a_stop(NOW + seconds(5), 5, calling=text, remote_ip=text, leg_id=text, call_id=text))

    (cdr,) = rows(dsn, "cdr")
    assert text.replace("\0", "\ufffd") == cdr["calling"] == cdr["remote_ip"] == cdr["flags"][0]
    assert [] == rows(dsn, "session")


def test_an_unmatched_call_is_mended(dsn: str, connect: Connect) -> None:
    """
    It waits for an admin; once somebody owns the trunk, it is charged.
    """
    node = connect()
    (outcome,) = node.post(a_stop(NOW, 60, trunk_in="tg9"))
    assert outcome is not None
    assert [(0, "unknown_caller")] == [(row["account_id"], row["reason"]) for row in rows(dsn, "queue")]

    node.directory = a_directory(a_service(TRUNK, "tg9", account=an_account(2)))
    assert "rematched" == node.do(outcome.call_id, rematch_call, NOW + timedelta(days=1))
    assert [] == rows(dsn, "queue")
    assert [(2, "answered", 60_000)] == [
        (row["account_id"], row["status"], row["total_micros"]) for row in rows(dsn, "cdr")
    ]


def test_an_unrated_call_is_mended(dsn: str, connect: Connect) -> None:
    """
    No rate for its destination: kept, then rated when there is one; in vain, it stays.
    """
    node = connect(a_directory(a_service(plan=a_plan(deck=a_deck(a_rate("1"))))))
    (outcome,) = node.post(a_stop(NOW, 60))
    assert outcome is not None
    node.do(outcome.call_id, rematch_call, NOW)
    assert ["no_rate"] == [row["reason"] for row in rows(dsn, "queue")]

    node.directory = a_directory()
    node.do(outcome.call_id, rematch_call, NOW)
    assert ([], ["answered"]) == (rows(dsn, "queue"), [row["status"] for row in rows(dsn, "cdr")])


def test_a_late_leg_moves_a_call_to_another_account(dsn: str, connect: Connect) -> None:
    """
    Charged to the trunk that the far leg named; taken back when the near leg names its own.
    """
    trunks = (
        a_service(TRUNK, f"tg{n}", n, account=an_account(n), plan=a_plan(n, a_bucket(n))) for n in (1, 2)
    )
    node = connect(a_directory(*trunks))
    node.post(a_stop(NOW, 60, leg=Leg.ORIGINATE, leg_id="2", trunk_in="tg2"))
    node.post(a_stop(NOW, 60, leg=Leg.ANSWER, leg_id="1", trunk_in="tg1"))

    assert [1] == [row["account_id"] for row in rows(dsn, "cdr")]
    assert [(1, 60), (2, 0)] == [(row["account_id"], row["used_s"]) for row in rows(dsn, "bucket")]


def test_a_boot_closes_the_clients_calls(dsn: str, connect: Connect) -> None:
    """
    Those that began before it; another client's stay; a late Stop corrects the time.
    """
    node = connect(None, a_client(1), a_client(2))
    node.post(a_start(NOW, client_id=1), a_start(NOW, client_id=2), a_start(NOW + seconds(99), call_id="c2"))
    boot = NOW + seconds(50)
    finish(note_boot(node.connection, 1, "", boot))
    for call in finish(open_calls_of(node.connection, 1, boot)):
        (row,) = [row for row in rows(dsn, "call") if row["begun_at"] == NOW and row["client_id"] == 1]
        assert call.begun_at == NOW
        assert "accounting_on" == node.do(str(row["call_id"]), close_call("accounting_on", boot), boot)

    assert [("accounting_on", 50_000)] == [(row["reason"], row["total_micros"]) for row in rows(dsn, "cdr")]
    assert 2 == len(rows(dsn, "session"))
    node.post(a_stop(NOW + seconds(40), 40, client_id=1, received_at=NOW + timedelta(hours=1)))
    assert [("", 40_000)] == [(row["reason"], row["total_micros"]) for row in rows(dsn, "cdr")]


def test_a_client_that_is_gone_is_told_so(connect: Connect) -> None:
    """
    Its events are not taken; the others of the batch are.
    """
    outcomes = connect().post(a_stop(call_id="c1", client_id=9), a_stop(call_id="c2"))

    assert [True, False] == [outcome is None for outcome in outcomes]


def test_what_broke_leaves_nothing_behind(dsn: str, connect: Connect) -> None:
    """
    A connection that was refused a batch is used again.
    """
    node = connect()

    class Broken(Report):
        __slots__ = ()

        def decide(self, *_: Any) -> Outcome:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        node.settle([Report(a_stop()), Broken(a_stop(call_id="c2"))], NOW)
    assert [] == rows(dsn, "cdr")
    node.post(a_stop())
    assert 1 == len(rows(dsn, "cdr"))


def test_counters_are_mended_to_the_count_of_sessions(dsn: str, connect: Connect) -> None:
    """
    Somebody has edited rows by hand: the sweeper says what was wrong, once.
    """
    node = connect()
    node.post(a_start())
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE channel SET used = 7; UPDATE balance SET channels = 9 WHERE account_id = 1")

    assert {(1, 1, 7, 1), (1, 0, 9, 1)} == set(finish(mend_channels(node.connection)))
    assert [] == finish(mend_channels(node.connection))


def test_partitions_are_made_ahead(dsn: str, connect: Connect) -> None:
    """
    This month's and the next three, once; and rows go into them.
    """
    node = connect()
    december = NOW + timedelta(days=30)
    made = finish(make_partitions(node.connection, december))
    try:
        assert ["cdr_2026_12", "cdr_2027_01", "cdr_2027_02", "cdr_2027_03"] == made[:4]
        assert [] == finish(make_partitions(node.connection, december))
        node.post(a_stop(december, 60))
        assert 1 == len(rows(dsn, "cdr_2026_12"))
        assert 1 == len(rows(dsn, "posting_2026_12"))
    finally:
        drop = "; ".join(f"DROP TABLE {name}" for name in made)
        finish(node.connection.run(f"DELETE FROM call; UPDATE balance SET balance_micros = 0; {drop}"))


def test_a_duty_has_one_owner(connect: Connect) -> None:
    """
    Until its time is over, or it is held on.
    """
    txn = connect().connection
    until = NOW + seconds(10)

    assert finish(hold_duty(txn, "tend", "a", NOW, until))
    assert not finish(hold_duty(txn, "tend", "b", NOW + seconds(9), until))
    assert finish(hold_duty(txn, "tend", "a", NOW + seconds(9), until + seconds(10)))
    assert not finish(hold_duty(txn, "tend", "b", NOW + seconds(15), until))
    assert finish(hold_duty(txn, "tend", "b", NOW + seconds(21), until + seconds(20)))


def at_once(*jobs: Callable[[], Any]) -> None:
    """Do all *jobs*, each in a thread; what one raises is raised."""
    failures: list[BaseException] = []

    def run(job: Callable[[], Any]) -> None:
        try:
            job()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_trunk_of_thirty_admits_thirty(dsn: str, connect: Connect) -> None:
    """
    Two hundred attempts over four connections at the same instant: exactly thirty are let in.
    """
    directory = a_directory(a_service(max_channels=30))
    answers: list[Refusal | None] = []

    def caller(number: int) -> Callable[[], None]:
        node = connect(directory, seed=number)

        def call() -> None:
            for first in range(0, 50, 5):
                batch = [Ask(an_attempt(call_id=f"{number}-{first + n}")) for n in range(5)]
                for outcome in node.settle(batch, NOW):
                    assert outcome is not None
                    assert outcome.decision is not None
                    answers.append(outcome.decision.refusal)

        return call

    at_once(*(caller(number) for number in range(4)))

    assert (30, 170) == (answers.count(None), answers.count(Refusal.TRUNK_FULL))
    assert ([30], 30) == ([row["used"] for row in rows(dsn, "channel", "1")], len(rows(dsn, "session")))


def test_fifty_calls_at_once_spend_no_second_twice(dsn: str, connect: Connect) -> None:
    """
    Virtual numbers and their primary DID share one bucket; what it pays is what it had, the rest is money.
    """
    did = a_service(DID, "15125550100", 1, plan=a_plan(1, a_bucket(1, 1000)))
    numbers = [a_virtual(f"1512555{9900 + n}", did, 2 + n) for n in range(9)]
    directory = a_directory(did, *numbers)
    client = a_client(asserts_numbers=True)

    def caller(number: int) -> Callable[[], None]:
        node = connect(directory, client, seed=number)

        def call() -> None:
            for n in range(number, 50, 4):
                call_id, calling = f"c{n}", [did, *numbers][n % 10].name
                node.post(a_start(NOW, call_id=call_id, calling=calling, trunk_in=""))
                node.post(a_stop(NOW + seconds(60), 60, call_id=call_id, calling=calling, trunk_in=""))

        return call

    at_once(*(caller(number) for number in range(4)))

    assert [(1000, 1000, 0)] == [(r["included_s"], r["used_s"], r["held_s"]) for r in rows(dsn, "bucket")]
    cdrs = rows(dsn, "cdr")
    assert (50, 1000, 2_000_000) == (
        len(cdrs),
        sum(row["included_s"] for row in cdrs),
        sum(row["total_micros"] for row in cdrs),
    )


def test_two_nodes_hear_of_the_same_calls(dsn: str, connect: Connect) -> None:
    """
    Every event comes to both, as a switch that fails over sends it: each call is charged once.
    """
    directory = a_directory()

    def hear(number: int) -> Callable[[], None]:
        node = connect(directory, seed=number)

        def listen() -> None:
            for n in range(40):
                told = [a_start(NOW, call_id=f"c{n}"), a_stop(NOW + seconds(60), 60, call_id=f"c{n}")]
                node.post(*(told_again(event, str(number)) for event in told[:: 1 if number else -1]))

        return listen

    at_once(hear(0), hear(1))

    assert 40 == len(rows(dsn, "cdr")) == len(rows(dsn, "posting"))


class Paused:
    """A connection that does something before it sends a statement that contains *word*."""

    def __init__(self, txn: Connection, word: str, before: Callable[[], None]) -> None:
        self._txn = txn
        self._word = word
        self._before = before

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql*."""
        if self._word in sql:
            self._before()
        return await self._txn.run(sql, args)


def test_an_account_that_was_not_foreseen_is_locked_before_it_is_changed(dsn: str, connect: Connect) -> None:
    """
    While one node waits for the caller's account, another begins the call, which has a second payer: what is
    paid to that one meanwhile is not lost.
    """
    called = a_service(
        DID, "442071838750", 2, account=an_account(2), plan=a_plan(2, inbound_deck=a_deck(id=9))
    )
    directory = a_directory(a_service(), called)
    first, second = connect(directory, seed=1), connect(directory, seed=2)
    is_waiting = threading.Event()
    waiter: list[threading.Thread] = []

    def pay_in_between() -> None:
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
            txn.execute("SET lock_timeout = 100")
            try:
                txn.execute("SELECT 1 FROM balance WHERE account_id = 2 FOR UPDATE")
            except psycopg2.errors.LockNotAvailable:
                return  # it is locked, as it should be
        pay(dsn, 2, 5_000_000, NOW)

    def wait_then_write() -> None:
        # The Stop does not name the called number, so only the caller's account is foreseen.
        work = [Report(a_stop(NOW + seconds(60), 60, called=""))]
        second.settle(work, NOW, Paused(second.connection, "COMMIT", pay_in_between))

    def begin_waiting() -> None:
        if not waiter:
            waiter.append(threading.Thread(target=wait_then_write))
            waiter[0].start()
            _until_somebody_waits(dsn)
            is_waiting.set()

    first.settle([Report(a_start(NOW))], NOW, Paused(first.connection, "COMMIT", begin_waiting))
    waiter[0].join()

    assert is_waiting.is_set()
    assert ["answered", "answered"] == [row["status"] for row in rows(dsn, "cdr")]


def _until_somebody_waits(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        for _ in range(2000):
            txn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if txn.fetchone() != (0,):
                return
    raise AssertionError("nobody waits for a lock")
