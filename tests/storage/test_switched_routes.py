"""A call of Sippy's from question to end, over two routes: what it holds and costs, packet by packet."""

from datetime import datetime, timedelta

import pytest

from radiusd.calls.authorization import Attempt
from radiusd.calls.claims import ServiceKind
from radiusd.dialects.registry import DIALECTS
from tests.builders import a_client, a_directory, a_service, seconds
from tests.node import Node, open_accounts, rows
from tests.radiusd.dialects.vectors import a_packet

pytestmark = pytest.mark.postgres

SETUP = datetime.fromisoformat("2026-11-22T14:05:53Z")
CLIENT = a_client(1, dialect="sippy")
DIRECTORY = a_directory(a_service(ServiceKind.TRUNK, "tg1", 1, username="alice", max_channels=1))
SIPPY = DIALECTS["sippy"]
COMMON = (
    ("User-Name", "alice"),
    ("Calling-Station-Id", "442071234567"),
    ("Called-Station-Id", "15551230000"),
    ("Cisco-AVPair", "call-id=3c26-7f1a@198.51.100.20"),
)


def stamp(at_s: int) -> str:
    return f"{SETUP + timedelta(seconds=at_s):%H:%M:%S}.000 GMT Sun Nov 22 2026"


@pytest.fixture
def node(dsn: str) -> Node:
    open_accounts(dsn, 1)
    return Node(dsn, DIRECTORY, CLIENT)


def ask(node: Node) -> None:
    packet = a_packet("sippy", *COMMON, ("h323-remote-address", "198.51.100.20"), code=1)
    decision = node.ask(Attempt(SIPPY.read_attempt(packet, CLIENT, SETUP, "192.0.2.9:1/1"), True))
    assert decision.refusal is None


def tell(node: Node, kind: str, origin: str, far_end: str, at_s: int, *more: tuple[str, str]) -> None:
    """Report the leg *origin* to or from *far_end*; every packet comes twice."""
    packet = a_packet(
        "sippy",
        ("h323-call-origin", origin),
        *COMMON,
        ("Acct-Session-Id", "3c26-7f1a@198.51.100.20"),
        ("h323-remote-address", far_end),
        ("h323-setup-time", stamp(0)),
        *more,
        ("Acct-Status-Type", kind),
        ("Acct-Delay-Time", "1795356354"),
    )
    for identifier in (1, 2):
        at = SETUP + seconds(at_s)
        node.post(SIPPY.read_event(packet, CLIENT, at, f"192.0.2.9:40001/{identifier}"))


def stop(node: Node, origin: str, far_end: str, at_s: int, connected_at_s: int, cause: str) -> None:
    lasted_s = at_s - connected_at_s
    tell(
        node,
        "Stop",
        origin,
        far_end,
        at_s,
        ("h323-connect-time", stamp(connected_at_s)),
        ("h323-disconnect-time", stamp(at_s)),
        ("Acct-Session-Time", str(lasted_s)),
        ("h323-disconnect-cause", cause),
    )


def test_a_call_over_two_routes_holds_one_channel_and_costs_once(node: Node, dsn: str) -> None:
    """
    The first route is busy, the second answers; both legs report Start, Interim and Stop.
    """
    ask(node)
    stop(node, "originate", "203.0.113.40", at_s=3, connected_at_s=3, cause="11")
    for origin, far_end in (("originate", "203.0.113.41"), ("answer", "198.51.100.20")):
        tell(node, "Start", origin, far_end, 6, ("h323-connect-time", stamp(6)))
        assert [(1, False)] == [(each["seq"] + 1, each["over_limit"]) for each in rows(dsn, "session")]
        assert [1] == [channel["used"] for channel in rows(dsn, "channel")]
    for origin, far_end in (("originate", "203.0.113.41"), ("answer", "198.51.100.20")):
        tell(node, "Interim-Update", origin, far_end, 36, ("Acct-Session-Time", "1795371570"))
    stop(node, "originate", "203.0.113.41", at_s=72, connected_at_s=6, cause="10")
    assert 1 == len(rows(dsn, "session"))
    stop(node, "answer", "198.51.100.20", at_s=72, connected_at_s=6, cause="0")
    node.close()

    (cdr,) = rows(dsn, "cdr")
    assert ("answered", 66, 16) == (cdr["status"], cdr["billed_s"], cdr["cause"])
    assert ("442071234567", "198.51.100.20") == (cdr["calling"], cdr["remote_ip"])
    assert [0] == [channel["used"] for channel in rows(dsn, "channel")]
    assert [] == rows(dsn, "session")


def test_a_call_that_no_route_takes_costs_nothing(node: Node, dsn: str) -> None:
    """
    A Stop for each route and one for the caller's leg, and no Start.
    """
    ask(node)
    for far_end, at_s in (("203.0.113.40", 3), ("203.0.113.41", 5)):
        stop(node, "originate", far_end, at_s=at_s, connected_at_s=at_s, cause="22")
    stop(node, "answer", "198.51.100.20", at_s=5, connected_at_s=5, cause="22")
    node.close()

    (cdr,) = rows(dsn, "cdr")
    assert ("failed", 0, 34) == (cdr["status"], cdr["billed_s"], cdr["cause"])
    assert [] == rows(dsn, "session")
