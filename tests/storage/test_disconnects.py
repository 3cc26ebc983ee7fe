"""Rows of calls to be cut, on a real database: one server at a time, none forgotten, none for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from radiusd.storage.database import finish
from radiusd.storage.disconnects import ask_by_state
from radiusd.storage.switch_queue import (
    TAKEN_FOR,
    Later,
    Queue,
    Wanted,
    note_closed,
    note_outcome,
    take_due,
)
from tests.builders import (
    NOW,
    a_client,
    a_directory,
    a_service,
    a_start,
    a_stop,
    an_account,
    seconds,
)
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres


@pytest.fixture
def nodes(dsn: str) -> Iterator[tuple[Node, Node]]:
    """Two nodes, on which a call is up that is over its account's limit."""
    open_accounts(dsn, 1)
    directory = a_directory(a_service(account=an_account(max_channels=0)))
    client = a_client(cut_off="disconnect")
    made = Node(dsn, directory, client, seed=1), Node(dsn, directory, client, seed=2)
    made[0].post(a_start())
    yield made
    for node in made:
        node.close()


def take(node: Node, after_s: float) -> list[Wanted]:
    return finish(take_due(node.connection, Queue.CUTS, NOW + seconds(after_s), 10))


def test_a_row_has_one_owner_until_it_must_be_dead(nodes: tuple[Node, Node]) -> None:
    """
    The row is there with the call. While one node asks, no other does; when it is silent, another takes over.
    """
    one, other = nodes
    (wanted,) = take(one, 1)

    assert ("over_limit", "ask", 1, True) == (wanted.reason, wanted.phase, wanted.tries, wanted.is_open)
    assert ["c1"] == [event.call_id for event in wanted.events]
    assert [] == take(other, 2)
    (again,) = take(other, 1 + TAKEN_FOR.total_seconds())
    assert (wanted.call_id, 2) == (again.call_id, again.tries)


def test_what_was_agreed_is_closed_once(nodes: tuple[Node, Node]) -> None:
    """
    It comes up once more, to close the call unless its Stop did, and is done then.
    """
    one, other = nodes
    (wanted,) = take(one, 1)
    finish(note_outcome(one.connection, wanted, "ack", NOW + seconds(2), close_at=NOW + seconds(7)))

    assert [] == take(other, 6)
    one.post(a_stop(NOW + seconds(3), 3))
    (closing,) = take(other, 7)
    assert ("close", 1, NOW + seconds(2), False) == (
        closing.phase,
        closing.tries,
        closing.answered_at,
        closing.is_open,
    )
    finish(note_closed(other.connection, closing))
    assert [] == take(one, 1000)


@pytest.mark.parametrize(("after_s", "asked"), [(30, 0), (61, 1)])
def test_a_silent_switch_is_asked_again_when_the_reason_still_stands(
    dsn: str, nodes: tuple[Node, Node], after_s: int, asked: int
) -> None:
    """
    Only then, and not at once: every look at the call says so again.
    """
    one, _ = nodes
    (wanted,) = take(one, 0)
    finish(note_outcome(one.connection, wanted, "no_answer", NOW, later=Later(again_at=NOW + seconds(60))))
    assert [] == take(one, 100)

    finish(one.connection.run("UPDATE session SET expires_at = %s", (NOW,)))
    one.tend(NOW + seconds(after_s))

    assert asked == len(take(one, after_s))


def test_a_refusal_is_final(nodes: tuple[Node, Node]) -> None:
    """
    A switch that does not want to is not asked every minute.
    """
    one, _ = nodes
    (wanted,) = take(one, 0)
    finish(note_outcome(one.connection, wanted, "nak", NOW, error_cause=501))

    finish(one.connection.run("UPDATE session SET expires_at = %s", (NOW,)))
    one.tend(NOW + seconds(500))

    assert [] == take(one, 500)


@pytest.mark.parametrize(
    ("account", "ended", "reasons", "expected"),
    [
        ("active", False, "{suspended,service_ended}", []),
        ("suspended", False, "{suspended}", ["suspended"]),
        ("suspended", False, "{no_credit}", []),
        ("active", True, "{service_ended}", ["service_ended"]),
        ("active", True, "{suspended}", []),
    ],
)
def test_the_state_of_things_cuts_calls(
    dsn: str, account: str, ended: bool, reasons: str, expected: list[str]
) -> None:
    """
    It is looked up as it is now, as often as wanted; each call is asked for once.
    """
    node = Node(dsn, a_directory(a_service()))
    open_accounts(dsn, 1)
    finish(
        node.connection.run(
            """
            INSERT INTO client (id, name, secret_sealed, dialect, cut_off, cut_off_for)
                OVERRIDING SYSTEM VALUE VALUES (1, 'sbc', '', 'rfc2866', 'disconnect', %s);
            INSERT INTO account (id, code, name, currency, status)
                OVERRIDING SYSTEM VALUE VALUES (1, 'A1', '', 'USD', %s);
            INSERT INTO deck (id, name, currency) OVERRIDING SYSTEM VALUE VALUES (1, 'd', 'USD');
            INSERT INTO plan (id, code, name, deck_id) OVERRIDING SYSTEM VALUE VALUES (1, 'p', '', 1);
            INSERT INTO service (id, account_id, kind, name, plan_id, activated_at, ended_at)
                OVERRIDING SYSTEM VALUE VALUES (1, 1, 'trunk', 'tg1', 1, '2020-01-01', %s)
            """,
            (reasons, account, NOW if ended else None),
        )
    )
    node.post(a_start())

    for second in (1, 2, 3):
        finish(ask_by_state(node.connection, NOW + seconds(second)))

    assert expected == [row["reason"] for row in rows(dsn, "disconnect")]
    node.close()
