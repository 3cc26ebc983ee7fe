"""From the packets that switches sent to the books: dialect, journal and records together."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radiusd.calls.authorization import Attempt
from radiusd.calls.directory import ServiceKind
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
)


def packets_of(dialect: str, case: str) -> list[dict[str, Any]]:
    """Return the packets of a printed or captured call."""
    cases = json.loads((FOLDER / f"{dialect}.json").read_text(encoding="utf-8"))
    packets: list[dict[str, Any]] = next(each["packets"] for each in cases if case == each["id"])
    return packets


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
        told = [read(dialect, client, sent) for sent in packets_of(dialect, case)]
        for work, arrived in told[::-1] if backwards else told:
            node.settle([work], max(arrived for _, arrived in told) if backwards else arrived)
        node.close()
        assert [] == rows(dsn, "session")
        (cdr,) = rows(dsn, "cdr")
        (row,) = rows(dsn, "call")
        return cdr, add_up(read_facts(_text(row["facts"])), authorized=False)

    return hear


def _text(facts: Any) -> str:
    return facts if isinstance(facts, str) else json.dumps(facts)


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
