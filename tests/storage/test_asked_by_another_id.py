"""A switch that asks about a call by one id, reports it by another, and nowhere says that they are one."""

from contextlib import closing
from datetime import datetime

import psycopg2
import pytest

from radiusd.calls.authorization import Attempt
from radiusd.calls.claims import ServiceKind
from radiusd.calls.events import CallEvent, Kind, Status
from radiusd.storage.books_check import check_books
from radiusd.storage.trails import find_calls
from tests.builders import NOW, a_call_event, a_client, a_directory, a_service, an_attempt, seconds
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres

DIRECTORY = a_directory(a_service(ServiceKind.TRUNK, "tg1", max_channels=2))
TOGETHER = ("15125550100 442071838750 asked 1",)


@pytest.fixture
def node(dsn: str) -> Node:
    open_accounts(dsn, 1)
    return Node(dsn, DIRECTORY, a_client(1, dialect="eltex-smg", setup_ttl_s=60))


def a_question(call_id: str, at: datetime = NOW) -> Attempt:
    return an_attempt(at, call_id=call_id, asked=TOGETHER)


def a_record(kind: Kind, call_id: str, at: datetime, **fields: object) -> CallEvent:
    when = {"setup_at": NOW, "connect_at": NOW + seconds(6)}
    return a_call_event(
        kind, at, **{"call_id": call_id, "asked": TOGETHER, "status": Status.ANSWERED, **when, **fields}
    )


def a_stop(call_id: str) -> CallEvent:
    at = NOW + seconds(72)
    return a_record(Kind.STOP, call_id, at, disconnect_at=at, duration_ms=66_000)


def used(dsn: str) -> list[int]:
    return [channel["used"] for channel in rows(dsn, "channel")]


def test_the_first_record_takes_over_what_was_asked_for(node: Node, dsn: str) -> None:
    """
    One call, one channel, one record; it is found by both ids, and what the answer granted bounds it.
    """
    decision = node.ask(a_question("asked-1"))
    (held,) = rows(dsn, "session")
    assert [1] == used(dsn)

    node.post(a_record(Kind.START, "told-1", NOW + seconds(6)))
    (session,) = rows(dsn, "session")
    assert ([1], "started") == (used(dsn), session["state"])
    assert (held["granted_s"], held["call_id"]) == (session["granted_s"], session["call_id"])

    node.post(a_stop("told-1"))
    node.close()
    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 66, decision.call_id) == (cdr["status"], cdr["billed_s"], cdr["call_id"])
    assert ([0], []) == (used(dsn), rows(dsn, "session"))
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        for name in ("asked-1", "told-1"):
            assert [decision.call_id] == [trail.call_id for trail in find_calls(txn, name, 10)]
        assert [decision.call_id] == [trail.call_id for trail in find_calls(txn, "told-1", 10, NOW)]
        assert [] == find_calls(txn, "told-1", 10, NOW + seconds(60))
    with closing(psycopg2.connect(dsn)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


def test_two_calls_with_the_same_numbers_are_two(node: Node, dsn: str) -> None:
    """
    Each first record takes one question, and each further one the call that it belongs to.
    """
    first, second = node.ask(a_question("asked-1")), node.ask(a_question("asked-2", NOW + seconds(1)))
    assert (None, None, [2]) == (first.refusal, second.refusal, used(dsn))

    node.post(*(a_record(Kind.START, name, NOW + seconds(6)) for name in ("told-1", "told-2")))
    assert ([2], {first.call_id, second.call_id}) == (
        used(dsn),
        {session["call_id"] for session in rows(dsn, "session")},
    )
    node.post(a_stop("told-1"))
    assert [1] == used(dsn)
    node.post(a_stop("told-2"))
    node.post(a_stop("told-2"))
    node.close()
    assert ([66, 66], [0]) == ([cdr["billed_s"] for cdr in rows(dsn, "cdr")], used(dsn))


def test_a_question_that_has_lapsed_is_taken_over_as_well(node: Node, dsn: str) -> None:
    """
    A call that rings for longer than we hold is one call all the same.
    """
    node.ask(a_question("asked-1"))
    assert ["lapsed"] == node.tend(NOW + seconds(61))

    node.post(a_record(Kind.START, "told-1", NOW + seconds(90)))
    assert [1] == used(dsn)
    node.post(a_stop("told-1"), now=NOW + seconds(100))
    node.close()
    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 66) == (cdr["status"], cdr["billed_s"])


def test_what_was_refused_is_taken_over_by_nothing(node: Node, dsn: str) -> None:
    """
    The refusal stays on record, and a call that is made all the same is charged.
    """
    node.directory = a_directory(a_service(ServiceKind.TRUNK, "tg1", max_channels=0))
    assert node.ask(a_question("asked-1")).refusal is not None

    node.post(a_stop("told-1"))
    node.close()
    assert ["answered", "refused"] == sorted(cdr["status"] for cdr in rows(dsn, "cdr"))


def test_it_is_asked_once_more_and_reported_twice(node: Node, dsn: str) -> None:
    """
    What is said again changes nothing.
    """
    decisions = [node.ask(a_question("asked-1")).call_id for _ in range(2)]
    for _ in range(2):
        node.post(a_record(Kind.START, "told-1", NOW + seconds(6)))
    node.close()
    assert (1, [1]) == (len(set(decisions)), used(dsn))
    assert 3 == len(rows(dsn, "call"))


def a_named_record(kind: Kind, at: datetime, **fields: object) -> CallEvent:
    """A record of the call 1 2 3 4 that says by which ids it may have been asked for."""
    return a_record(kind, "1 2 3 4", at, **{"asked": ("000B5571", "5 6 7 8"), **fields})


@pytest.mark.parametrize("asked_by", ["000B5571", "5 6 7 8"])
@pytest.mark.parametrize("has_start", [True, False])
def test_a_call_is_asked_for_by_any_id_that_its_records_name(
    node: Node, dsn: str, asked_by: str, has_start: bool
) -> None:
    """
    By the session id or another conference id: one call, one channel, one record, a Start or none.
    """
    decision = node.ask(an_attempt(NOW, call_id=asked_by))
    assert [1] == used(dsn)

    if has_start:
        node.post(a_named_record(Kind.START, NOW + seconds(6)))
        assert [1] == used(dsn)
    end = NOW + seconds(72)
    node.post(a_named_record(Kind.STOP, end, disconnect_at=end, duration_ms=66_000))
    node.close()
    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 66, decision.call_id) == (cdr["status"], cdr["billed_s"], cdr["call_id"])
    assert ([0], []) == (used(dsn), rows(dsn, "session"))


def test_it_is_asked_about_by_both_ids(node: Node, dsn: str) -> None:
    """
    Once before the call, by its session id, and once more by its conference id when it is up.
    """
    first = node.ask(an_attempt(NOW, call_id="000B5571"))
    node.post(a_named_record(Kind.START, NOW + seconds(6)))

    again = node.ask(an_attempt(NOW + seconds(8), call_id="1 2 3 4"))

    assert (first.call_id, [1]) == (again.call_id, used(dsn))


@pytest.mark.parametrize("later_s", [-10, 310])
def test_a_session_id_that_is_used_again_is_another_call(node: Node, dsn: str, later_s: int) -> None:
    """
    Ids that count up come round: a record that is not of the minutes after the question is another call's.
    """
    decision = node.ask(an_attempt(NOW, call_id="000B5571"))
    at = NOW + seconds(later_s)

    node.post(a_named_record(Kind.START, at, setup_at=at, connect_at=at))

    assert {decision.call_id} < {session["call_id"] for session in rows(dsn, "session")}
    assert [2] == used(dsn)
