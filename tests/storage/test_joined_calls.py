"""A switch that calls one call by two ids, and says in one record alone that they are the same."""

from contextlib import closing
from datetime import datetime
from itertools import permutations

import psycopg2
import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.storage.books_check import check_books
from radiusd.storage.trails import find_calls
from tests.builders import NOW, a_call_event, a_client, a_directory, a_service, seconds
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres

DIRECTORY = a_directory(a_service(ServiceKind.IP, "198.51.100.0/24", max_channels=1))


def an_event(kind: Kind, leg_id: str, at: datetime, **fields: object) -> CallEvent:
    return a_call_event(
        kind, at, **{"call_id": leg_id, "leg_id": leg_id, "calling": "1001", "trunk_in": "", **fields}
    )


STARTED = an_event(Kind.START, "A", NOW, status=Status.SETUP, remote_ip="198.51.100.20", duration_ms=None)
LINKED = an_event(
    Kind.START,
    "B",
    NOW + seconds(0.1),
    call_id="A",
    also=("B",),
    leg=Leg.ORIGINATE,
    status=Status.SETUP,
    dest_ip="203.0.113.40",
    duration_ms=None,
)
ENDED = {
    leg_id: an_event(
        Kind.STOP,
        leg_id,
        NOW + seconds(72),
        leg=leg,
        setup_at=NOW,
        connect_at=NOW + seconds(6),
        disconnect_at=NOW + seconds(72),
        duration_ms=66_000,
        status=Status.ANSWERED,
        **where,
    )
    for leg_id, leg, where in (
        ("A", Leg.ANSWER, {"remote_ip": "198.51.100.20"}),
        ("B", Leg.ORIGINATE, {"dest_ip": "203.0.113.40"}),
    )
}
TOLD = {"a": STARTED, "b": LINKED, "A": ENDED["A"], "B": ENDED["B"]}


@pytest.fixture
def node(dsn: str) -> Node:
    open_accounts(dsn, 1)
    return Node(dsn, DIRECTORY, a_client(1, dialect="freeswitch"))


@pytest.mark.parametrize("order", ["".join(order) for order in permutations(TOLD)])
def test_the_books_come_out_the_same_in_every_order(node: Node, dsn: str, order: str) -> None:
    """
    One record of 66 seconds, whichever of the four reports comes first; what was charged too early is undone.
    """
    for letter in order:
        node.post(TOLD[letter], now=NOW + seconds(80))
    node.close()

    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 66, 1) == (cdr["status"], cdr["billed_s"], cdr["account_id"])
    assert [] == rows(dsn, "session")
    assert ["ended", "lapsed"] == sorted(row["state"] for row in rows(dsn, "call"))
    with closing(psycopg2.connect(dsn)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


def test_a_batch_takes_them_all_at_once(node: Node, dsn: str) -> None:
    """
    What one report of a batch finds out, the next one knows.
    """
    node.post(*(TOLD[letter] for letter in "BabA"), now=NOW + seconds(80))
    node.close()

    (cdr,) = rows(dsn, "cdr")
    assert 66 == cdr["billed_s"]


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_call_is_found_by_each_of_its_ids(node: Node, dsn: str, name: str) -> None:
    """
    Once: what only leads to it is no call.
    """
    for letter in "BabA":
        node.post(TOLD[letter], now=NOW + seconds(80))
    node.close()

    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        assert ["ended"] == [trail.state for trail in find_calls(txn, name, 10)]


def test_both_legs_hold_one_channel(node: Node, dsn: str) -> None:
    """
    A trunk of one channel carries the call, and the end of the second leg frees nothing.
    """
    node.post(STARTED)
    node.post(LINKED)
    node.post(ENDED["B"])

    (session,) = rows(dsn, "session")
    assert not session["over_limit"]
    assert [1] == [channel["used"] for channel in rows(dsn, "channel")]
    node.post(ENDED["A"])
    node.close()
    assert [0] == [channel["used"] for channel in rows(dsn, "channel")]
