"""Makers for the RADIUS tests: a client, and a port whose wire is a list."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client, ClientTable
from radiusd.radius.counters import ClientCounters, Counters
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply
from radiusd.radius.udp import Answer, RadiusPort

VECTORS = Path(__file__).parents[2] / "vectors" / "radius"


class Desk:
    """
    A port with a clock, a log and a wire to look at; its handler keeps what it gets.

    With *reply* each request is answered at once.
    """

    def __init__(self, kind: PortKind, clients: tuple[Client, ...], reply: Reply | None) -> None:
        self.clock = Clock()
        self.lines: list[dict[str, Any]] = []
        self.sent: list[bytes] = []
        self.destinations: list[tuple[str, int]] = []
        self.requests: list[Packet] = []
        self.answers: list[Answer] = []
        self.reply = reply
        self.healthy = True
        self.fault: Exception | None = None
        self.port = RadiusPort(
            kind,
            ClientTable(clients).lookup,
            self.handle,
            DuplicateCache(self.clock),
            Counters(),
            self,
            lambda: self.healthy,
        )
        self.port.transport = self

    def handle(self, client: Client, packet: Packet, answer: Answer) -> None:
        self.requests.append(packet)
        self.answers.append(answer)
        if self.fault is not None:
            raise self.fault
        if self.reply is not None:
            answer(self.reply)

    def receive(self, datagram: bytes, host: str = "192.0.2.1", port: int = 40000) -> list[bytes]:
        """Let a datagram arrive and return what was sent meanwhile."""
        before = len(self.sent)
        self.port.datagramReceived(datagram, (host, port))
        return self.sent[before:]

    def write(self, octets: bytes, addr: tuple[str, int]) -> None:
        self.sent.append(octets)
        self.destinations.append(addr)

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    exception = warning

    @property
    def counts(self) -> ClientCounters:
        """The counters of client 1."""
        return self.port.counters.of(1)


@pytest.fixture
def a_client() -> Callable[..., Client]:
    """Make a client; what a test does not name is filled in."""

    def make(**fields: Any) -> Client:
        return Client(
            **{
                "id": 1,
                "name": "sbc-1",
                "networks": (ip_network("192.0.2.0/24"),),
                "secret": b"a secret of 24 octets...",
                "dialect": "rfc2866",
                **fields,
            }
        )

    return make


@pytest.fixture
def a_desk(a_client: Callable[..., Client]) -> Callable[..., Desk]:
    """Make a port for one client, unless others are named."""

    def make(kind: PortKind, *clients: Client, reply: Reply | None = None) -> Desk:
        return Desk(kind, clients or (a_client(),), reply)

    return make


@pytest.fixture(scope="session")
def captured() -> dict[str, bytes]:
    """Packets of real senders by name; their secret is ``testing123``."""
    lines = (VECTORS / "captured.txt").read_text().splitlines()
    words = [line for line in lines if line and not line.startswith("#")]
    return {name: bytes.fromhex(octets) for name, octets in zip(words[::2], words[1::2], strict=True)}
