"""Legs of one call that several switches report: one call, paid once, by what the first switch says."""

from datetime import datetime
from itertools import permutations

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.calls.facts import add_up
from tests.builders import NOW, a_call_event, a_client, a_directory, a_service, an_account, seconds
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres

INGRESS, EGRESS = 1, 2
SHARED = "A3C41D2E5F1011F18C21B7D044AA9E10"
DIRECTORY = a_directory(
    # Both switches have a trunk TG-1; only the first one's is the customer's.
    a_service(ServiceKind.TRUNK, "TG-1", 1, client_id=INGRESS),
    a_service(ServiceKind.TRUNK, "TG-1", 2, client_id=EGRESS, account=an_account(2)),
)


def a_leg(client_id: int, leg: Leg, kind: Kind, at: datetime, **fields: object) -> CallEvent:
    told: dict[str, object] = {
        "client_id": client_id,
        "call_id": SHARED,
        "leg_id": f"{client_id}-{leg.value}",
        "leg": leg,
        "group": "core",
        "source": f"192.0.2.{client_id}:1813/7",
        "calling": "442071234567",
        "called": "15551230000",
        "trunk_in": "",
        "setup_at": NOW,
    }
    return a_call_event(kind, at, **(told | fields))


def the_legs(group: str = "core") -> list[CallEvent]:
    """Each switch reports the end of both its legs; the second one's clock is fast."""
    answered = {"status": Status.ANSWERED, "connect_at": NOW + seconds(6), "group": group}
    stop = Kind.STOP
    at = NOW + seconds(72)
    return [
        a_leg(INGRESS, Leg.ANSWER, stop, at, duration_ms=66_000, trunk_in="TG-1", **answered),
        a_leg(INGRESS, Leg.ORIGINATE, stop, at, duration_ms=66_100, dest_ip="192.0.2.2", **answered),
        a_leg(
            EGRESS,
            Leg.ANSWER,
            stop,
            at,
            duration_ms=70_000,
            remote_ip="192.0.2.1",
            trunk_in="TG-1",
            called="0015551230000",
            **answered | {"setup_at": NOW - seconds(1)},
        ),
        a_leg(
            EGRESS,
            Leg.ORIGINATE,
            stop,
            at,
            duration_ms=66_200,
            dest_ip="203.0.113.40",
            trunk_out="CARRIER-B",
            **answered,
        ),
    ]


@pytest.fixture
def node(dsn: str) -> Node:
    open_accounts(dsn, 1, 2)
    return Node(dsn, DIRECTORY, a_client(INGRESS), a_client(EGRESS))


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_the_first_switch_decides_and_the_last_tells_where_it_went(
    node: Node, dsn: str, order: tuple[int, ...]
) -> None:
    """
    One record, in whichever order they report; the second switch has the first on its caller's side.
    """
    legs = the_legs()
    for index in order:
        node.post(legs[index], now=NOW + seconds(80))
    node.close()

    (cdr,) = rows(dsn, "cdr")
    assert (1, 66, "answered") == (cdr["account_id"], cdr["billed_s"], cdr["status"])
    assert ("TG-1", "CARRIER-B", "15551230000") == (cdr["trunk_in"], cdr["trunk_out"], cdr["called"])
    assert [] == rows(dsn, "session")


def test_without_a_group_each_switch_speaks_for_itself(node: Node, dsn: str) -> None:
    """
    The same id from another switch is another call: nobody speaks for a stranger's.
    """
    node.post(*the_legs(group=""), now=NOW + seconds(80))
    node.close()

    assert [1, 2] == sorted(cdr["account_id"] for cdr in rows(dsn, "cdr"))


def test_short_ids_stay_each_switchs_own(node: Node, dsn: str) -> None:
    """
    Session ids that count up from 1 are the same on all switches.
    """
    for client_id in (INGRESS, EGRESS):
        stop = a_leg(client_id, Leg.ANSWER, Kind.STOP, NOW + seconds(72), call_id="501", trunk_in="TG-1")
        node.post(stop, now=NOW + seconds(80))
    node.close()

    assert 2 == len(rows(dsn, "cdr"))


def test_where_addresses_do_not_tell_the_first_to_see_the_call_is_first() -> None:
    """
    A switch that only reports its leg towards a callee is never it.
    """
    legs = [
        a_leg(EGRESS, Leg.ANSWER, Kind.STOP, NOW, setup_at=NOW, remote_ip="198.51.100.9", trunk_in="B"),
        a_leg(INGRESS, Leg.ANSWER, Kind.STOP, NOW, setup_at=NOW - seconds(0.2), trunk_in="A"),
        a_leg(3, Leg.ORIGINATE, Kind.STOP, NOW, setup_at=NOW - seconds(1), trunk_in="C"),
    ]

    assert "A" == add_up(tuple(legs), authorized=False).identity.trunk


def test_of_several_routes_the_one_that_was_answered_is_on_record() -> None:
    """
    One switch tried three ways; the second one was answered.
    """
    tries = [
        a_leg(
            INGRESS,
            Leg.ORIGINATE,
            Kind.STOP,
            NOW + seconds(index),
            leg_id=f"route-{name}",
            setup_at=NOW + seconds(index),
            status=Status.ANSWERED if name == "b" else Status.FAILED,
            duration_ms=60_000 if name == "b" else 0,
            dest_ip=f"203.0.113.{index}",
            trunk_out=f"OUT-{name}",
        )
        for index, name in enumerate("cba")
    ]
    answer = a_leg(INGRESS, Leg.ANSWER, Kind.STOP, NOW + seconds(70), duration_ms=60_500, trunk_in="TG-1")
    call = add_up((answer, *tries), authorized=False)

    assert ("203.0.113.1", "OUT-b", 60_500) == (call.dest_ip, call.identity.trunk_out, call.duration_ms)
    unanswered = add_up((tries[0], tries[2]), authorized=False)
    assert ("203.0.113.2", "OUT-a") == (unanswered.dest_ip, unanswered.identity.trunk_out)
