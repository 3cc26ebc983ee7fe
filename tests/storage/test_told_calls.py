"""From the packets that switches sent to the books: dialect, journal and records together."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radiusd.calls.authorization import Attempt
from radiusd.calls.claims import ServiceKind
from radiusd.calls.events import Kind
from radiusd.calls.facts import add_up, read_facts
from radiusd.dialects.registry import DIALECTS
from radiusd.radius.clients import Client
from radiusd.radius.packet import read_packet
from radiusd.storage.journal import Ask, Report, Work
from tests.builders import a_client, a_directory, a_service, an_account
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres

FOLDER = Path(__file__).parents[1] / "vectors" / "dialects"
SINCE = datetime(1990, 1, 1, tzinfo=UTC)  # some of these calls are twenty years old
DIRECTORY = a_directory(
    a_service(ServiceKind.TRUNK, "CARRIER-A", 1, activated_at=SINCE),
    a_service(ServiceKind.IP, "192.168.0.0/24", 2, account=an_account(2), activated_at=SINCE),
    a_service(ServiceKind.IP, "198.51.100.0/24", 3, activated_at=SINCE),
)


def case_of(dialect: str, id: str) -> dict[str, Any]:
    """Return a printed or captured call."""
    cases = json.loads((FOLDER / f"{dialect}.json").read_text(encoding="utf-8"))
    return next(case for case in cases if id == case["id"])


def read(dialect: str, client: Client, sent: dict[str, Any]) -> tuple[Work, datetime]:
    """Return what a packet tells, and when it arrived."""
    packet = read_packet(bytes.fromhex(sent["hex"]))
    arrived = datetime.fromisoformat(sent["received_at"]).astimezone(UTC)
    reader = DIALECTS[dialect].read_attempt if packet.code == 1 else DIALECTS[dialect].read_event
    event = reader(packet, client, arrived, "192.0.2.1:1813/1")
    return (Ask(Attempt(event, None)) if event.kind is Kind.AUTHORIZE else Report(event)), arrived


@pytest.fixture
def hear(dsn: str) -> Callable[..., tuple[dict[str, Any], Any]]:
    """Hear a call's packets, in order or backwards; return its one record, and the call itself."""

    def hear(dialect: str, case: str, *, backwards: bool, **settings: str) -> tuple[dict[str, Any], Any]:
        open_accounts(dsn, 1, 2)
        client = a_client(1, dialect=dialect, settings=settings)
        node = Node(dsn, DIRECTORY, client)
        told = case_of(dialect, case)
        works = [read(dialect, client, sent) for sent in told["packets"]]
        for work, arrived in works[::-1] if backwards else works:
            node.settle([work], max(arrived for _, arrived in works) if backwards else arrived)
        node.close()
        assert [] == rows(dsn, "session")
        (cdr,) = rows(dsn, "cdr")
        (row,) = [row for row in rows(dsn, "call") if row["state"] == "ended"]
        legs = {fact.leg_id for fact in read_facts(_text(row["facts"]))}
        assert told["expect_call"].get("legs", len(legs)) == len(legs)
        return cdr, add_up(read_facts(_text(row["facts"])), authorized=False)

    return hear


def _text(facts: Any) -> str:
    return facts if isinstance(facts, str) else json.dumps(facts)


CASES = [
    pytest.param(path.stem, case, id=case["id"])
    for path in sorted(FOLDER.glob("*.json"))
    if path.stem in DIALECTS
    for case in json.loads(path.read_text(encoding="utf-8"))
    if "expect_call" in case
]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_the_legs_of_a_call_are_one_call_charged_once(
    hear: Callable[..., tuple[dict[str, Any], Any]], dialect: str, case: dict[str, Any], backwards: bool
) -> None:
    """
    However many records tell of it, from whichever leg and in whichever order.
    """
    cdr, call = hear(dialect, case["id"], backwards=backwards, **case.get("client", {}))
    expected = case["expect_call"]

    billed_s = -(-cdr["duration_ms"] // 1000)
    least, most = expected.get("billable_seconds_between", [expected.get("billable_seconds")] * 2)
    assert least is None or least <= billed_s <= most
    for name in ("calling", "called", "remote_ip", "trunk_in", "trunk_out", "release_side"):
        assert expected.get(name, cdr[name]) == cdr[name], name
    assert expected.get("dest_ip", call.dest_ip) == call.dest_ip
    assert expected.get("status", "answered") == ("answered" if call.answered else "failed")


@pytest.mark.parametrize("backwards", [False, True])
def test_a_gateway_tells_of_both_legs(
    hear: Callable[..., tuple[dict[str, Any], Any]], backwards: bool
) -> None:
    """
    One call of 66 seconds, by the caller's leg; the other one adds where it went.
    """
    cdr, call = hear("cisco", "cisco-02", backwards=backwards)

    assert ("answered", 66, 1) == (cdr["status"], cdr["billed_s"], cdr["account_id"])
    assert ("442071234567", "0015551230000") == (cdr["calling"], cdr["called"])
    assert ("198.51.100.20", "203.0.113.40") == (cdr["remote_ip"], call.dest_ip)
    assert ("CARRIER-A", "CARRIER-B") == (cdr["trunk_in"], cdr["trunk_out"])


@pytest.mark.parametrize("backwards", [False, True])
def test_a_proxy_tells_that_the_callee_hung_up(
    hear: Callable[..., tuple[dict[str, Any], Any]], backwards: bool
) -> None:
    """
    Seven seconds between its stamps; the parties are those of the Start.
    """
    cdr, _ = hear("kamailio", "kamailio-01", backwards=backwards)

    assert ("answered", 7, "callee") == (cdr["status"], cdr["billed_s"], cdr["release_side"])
    assert ("101", "102", "192.168.0.11") == (cdr["calling"], cdr["called"], cdr["remote_ip"])
