"""New times of calls that are up, on a real database: found once, overtaken by newer, told until answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from twisted.internet import task
from twisted.internet.defer import succeed

from radiusd.calls import times
from radiusd.calls.policies import Policy
from radiusd.dialects.registry import DIALECTS
from radiusd.handlers.time_changes import TimeChanges
from radiusd.radius.assigned import Code
from radiusd.radius.packet import Packet
from radiusd.storage.database import finish
from radiusd.storage.switch_queue import Later, Queue, Wanted, note_outcome, take_due
from radiusd.storage.time_changes import News, credit_news, note_seen, note_spent
from tests.builders import (
    NOW,
    a_client,
    a_directory,
    a_service,
    a_start,
    a_stop,
    an_account,
    an_attempt,
    seconds,
)
from tests.node import Node, open_accounts, pay, rows

pytestmark = pytest.mark.postgres

POLICY = "INSERT INTO policy (name, max_call_micros) VALUES ('dear', 1000000) ON CONFLICT DO NOTHING"


@pytest.fixture
def node(dsn: str) -> Iterator[Node]:
    """A call of 90 seconds is up; a second costs 1000 micro-units, and its client takes new times."""
    open_accounts(dsn, 1)
    directory = a_directory(a_service(account=an_account(credit_limit_micros=0)))
    made = Node(dsn, directory, a_client(tell_time="coa"))
    finish(
        made.connection.run(
            """
            INSERT INTO client (id, name, secret_sealed, dialect, tell_time)
                OVERRIDING SYSTEM VALUE VALUES (1, 'sbc', '', 'rfc2866', 'coa');
            INSERT INTO account (id, code, name, currency, credit_limit_micros)
                OVERRIDING SYSTEM VALUE VALUES (1, 'A1', '', 'USD', 0)
            """
        )
    )
    pay(dsn, 1, 90_000, NOW)
    assert 90 == made.ask(an_attempt()).session_timeout_s
    made.post(a_start())
    yield made
    made.close()


def look(node: Node, after_s: float) -> list[str]:
    """Go through the calls of accounts with news, as the server does, and return what was done with each."""
    now = NOW + seconds(after_s)
    finish(note_spent(node.connection))
    done = []
    for news in finish(credit_news(node.connection, node.directory.accounts)):
        for call in news.calls:
            ((call_id,),) = finish(
                node.connection.run(
                    "SELECT call_id::text FROM call WHERE call_key = %s::bytea AND seq = %s",
                    (call.call_key, call.seq),
                )
            )
            done.append(node.do(call_id, times.reckon, now))
        finish(note_seen(node.connection, news, now))
    return done


def take(node: Node, after_s: float) -> list[Wanted]:
    return finish(take_due(node.connection, Queue.TIMES, NOW + seconds(after_s), 10))


def test_an_account_with_more_to_spend_is_gone_through_once(dsn: str, node: Node) -> None:
    """
    The first time, since nothing is known of it; then when it has more, or less than nothing.
    """
    assert ["as before"] == look(node, 1)
    assert [] == look(node, 4)

    pay(dsn, 1, 60_000, NOW)
    assert ["longer"] == look(node, 7)
    assert [] == look(node, 10)
    pay(dsn, 1, 5_000, NOW)
    assert ["longer"] == look(node, 13)  # its switch has not agreed to the time before
    assert [155] == [wanted.timeout_s for wanted in take(node, 13)]

    pay(dsn, 1, -100_000, NOW)
    assert ["shorter"] == look(node, 16)
    look(node, 19)  # what the call holds no longer may be news for others
    assert [] == look(node, 22)
    assert [55] == [row["timeout_s"] for row in rows(dsn, "time_change")]


def test_what_was_spent_is_noticed_when_it_comes_back(dsn: str, node: Node) -> None:
    """
    Less is no news, but from there more is.
    """
    pay(dsn, 1, 60_000, NOW)
    look(node, 1)
    pay(dsn, 1, 20_000, NOW)
    finish(node.connection.run("UPDATE credit_seen SET free_micros = 1000000"))
    assert [] == look(node, 4)
    pay(dsn, 1, 20_000, NOW)

    assert ["longer"] == look(node, 7)


def test_other_limits_are_news(dsn: str, node: Node) -> None:
    """
    Those of the day, the month and the policy as much as credit; once the node's directory has them, too.

    The call would be reckoned by the old ones before, and never again.
    """
    look(node, 1)
    (account,) = node.directory.accounts.values()
    policy = Policy("dear", max_call_micros=1_000_000)
    for change, changed in (
        ("daily_limit_micros = 1000000", {"daily_limit_micros": 1_000_000}),
        ("monthly_limit_micros = 1000000", {"monthly_limit_micros": 1_000_000}),
        ("policy_id = (SELECT id FROM policy)", {"policy": policy}),
        ("credit_limit_micros = 50000", {"credit_limit_micros": 50_000}),
    ):
        finish(node.connection.run(f"{POLICY}; UPDATE account SET {change}"))
        assert [] == look(node, 2)

        account = dataclasses.replace(account, **changed)
        node.directory = a_directory(a_service(account=account))
        assert ["longer" if "credit_limit_micros" in changed else "as before"] == look(node, 3)
        assert [] == look(node, 4)


def test_an_answer_to_a_time_that_was_overtaken_does_not_count(dsn: str, node: Node) -> None:
    """
    The newer one is told as soon as it is known, whatever is under way.
    """
    pay(dsn, 1, 60_000, NOW)
    look(node, 1)
    (first,) = take(node, 1)
    assert (150, NOW, True) == (first.timeout_s, first.connect_at, first.is_open)
    pay(dsn, 1, 60_000, NOW)
    look(node, 2)

    finish(note_outcome(node.connection, first, "ack", NOW + seconds(3)))

    (second,) = take(node, 3)
    assert (210, 1) == (second.timeout_s, second.tries)
    finish(note_outcome(node.connection, second, "ack", NOW + seconds(4)))
    assert [] == take(node, 1000)
    assert [(210, "ack", "done")] == [
        (row["timeout_s"], row["outcome"], row["phase"]) for row in rows(dsn, "time_change")
    ]


def test_an_answer_that_the_books_did_not_take_is_asked_for_again(node: Node, dsn: str) -> None:
    """
    A full queue, say: with a note of the answer the switch's new time would be lost.
    """
    pay(dsn, 1, 60_000, NOW)
    look(node, 1)
    path, lanes, log = Mock(), Mock(), Mock()
    path.request.return_value = succeed(Packet(Code.COA_ACK, 1, bytes(16), b"", ()))
    lanes.submit.side_effect = lambda task, done: done(None)
    clock = task.Clock()
    clock.advance((NOW + seconds(2)).timestamp())
    client = a_client(tell_time="coa", coa_address="192.0.2.1")
    changes = TimeChanges(
        clock, node.connection, lanes, DIALECTS, lambda: {1: client}, lambda *_: path, Mock(), log,
        directory=Mock(),
    )  # fmt: skip

    finish(changes.look(NOW + seconds(2)))

    assert 1 == path.request.call_count
    log.warning.assert_called_once()
    assert [] == take(node, 30)
    assert [(150, "ask")] == [(wanted.timeout_s, wanted.phase) for wanted in take(node, 60)]


def test_a_switch_that_does_not_answer_is_told_again(dsn: str, node: Node) -> None:
    """
    Without anybody looking at the call: the wish itself stays due.
    """
    pay(dsn, 1, 60_000, NOW)
    look(node, 1)
    (wanted,) = take(node, 1)
    later = Later(ask_at=NOW + seconds(61))
    finish(note_outcome(node.connection, wanted, "no_answer", NOW + seconds(31), later=later))

    assert [] == take(node, 60)
    assert [2] == [again.tries for again in take(node, 61)]


def test_a_switch_that_refuses_is_told_no_other_time_of_the_call(dsn: str, node: Node) -> None:
    """
    Its money is given back, and what was given back is no news for this call.
    """
    look(node, 1)
    pay(dsn, 1, 60_000, NOW)
    look(node, 2)
    (wanted,) = take(node, 2)
    assert "refused" == node.do(wanted.call_id, times.refused, NOW + seconds(3))
    finish(note_outcome(node.connection, wanted, "nak", NOW + seconds(3), error_cause=401))

    assert [] == look(node, 6)
    pay(dsn, 1, 60_000, NOW)
    assert [] == look(node, 9)
    assert [90_000] == [row["held_micros"] for row in rows(dsn, "balance") if row["account_id"] == 1]


def test_a_call_that_has_ended_meanwhile_is_known_as_that(dsn: str, node: Node) -> None:
    """
    Its switch is not asked.
    """
    pay(dsn, 1, 60_000, NOW)
    look(node, 1)
    node.post(a_stop(NOW + seconds(2), 2))

    (wanted,) = take(node, 3)
    assert (False, None) == (wanted.is_open, wanted.connect_at)
    none: list[News] = finish(credit_news(node.connection, node.directory.accounts))
    assert [] == none
