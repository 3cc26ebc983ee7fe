"""The sockets and what stands right behind them: everything up to the ledger's door, in each worker."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from radiusd.dialects.registry import DIALECTS
from radiusd.errors import BadSettings
from radiusd.handlers.access import AccessHandler
from radiusd.handlers.accounting import AccountingHandler
from radiusd.handlers.answers import Door
from radiusd.metrics import Metrics
from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.datagrams import DatagramSocket
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.nonces import NonceMaker
from radiusd.radius.packet import Packet
from radiusd.radius.udp import Answer, RadiusPort
from radiusd.settings import Listener, Settings

RECEIVE_BUFFER = 4 * 1024 * 1024
"""What the kernel keeps for us while we are busy: some ten thousand requests."""


def open_socket(listener: Listener) -> socket.socket:
    """
    Return a bound socket that other workers may share the port with.

    Raises:
        BadSettings: The address is not this host's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            # One port for both, as senders see one server; IPv4 shows as ::ffff:a.b.c.d.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((listener.address, listener.udp_port))
    except OSError as error:
        where = f"UDP {listener.address} port {listener.udp_port}"
        raise BadSettings(
            f"listeners: cannot bind {where}: {error.strerror}; is another server on it?"
        ) from error
    sock.setblocking(False)
    return sock


class Front:
    """
    The RADIUS ports of one process.

    *find_client* is asked for every packet; *door* leads to the ledger, here or in another process.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        find_client: Callable[[str], Client | None],
        door: Door,
        nonces: NonceMaker,
        metrics: Metrics,
        log: Any,
    ) -> None:
        self.ports: list[RadiusPort] = []
        self._reactor = reactor
        self._find_client = find_client
        self._door = door
        self._log = log
        self._listening: list[DatagramSocket] = []
        access = AccessHandler(reactor, DIALECTS, door, nonces, settings.reject_delay_s, metrics, log)
        accounting = AccountingHandler(reactor, DIALECTS, door, metrics, log)
        self._handlers: dict[PortKind, Any] = {PortKind.AUTH: access, PortKind.ACCT: accounting}

    def listen(self, listeners: Sequence[Listener], sockets: Sequence[socket.socket]) -> None:
        """Take requests from *sockets*, which were opened for *listeners*."""
        for listener, sock in zip(listeners, sockets, strict=True):
            kind = PortKind(listener.kind)
            port = RadiusPort(
                kind,
                self._find_client,
                self._handle(kind),
                DuplicateCache(self._reactor),
                Counters(),
                self._log,
                lambda: self._door.is_healthy,
            )
            self.ports.append(port)
            listening = DatagramSocket(self._reactor, sock, port)
            listening.start()
            self._listening.append(listening)

    def stop_listening(self) -> None:
        """Read no more requests; answers under way still go out until :meth:`close`."""
        for listening in self._listening:
            listening.stop_reading()

    def close(self) -> None:
        """Close the sockets."""
        for listening in self._listening:
            listening.close()
        self._listening.clear()

    def _handle(self, kind: PortKind) -> Callable[[Client, Packet, Answer], None]:
        handler = self._handlers[kind]

        def handle(client: Client, packet: Packet, answer: Answer) -> None:
            host, port = answer.addr[:2]
            # An IPv6 socket shows IPv4 senders so; people know them without it.
            source = f"{host.removeprefix('::ffff:')}:{port}/{packet.identifier}"
            handler.handle(client, packet, answer, source)

        return handle
