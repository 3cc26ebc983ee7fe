"""RADIUS over TCP and TLS as a sender writes it, with Python's own ssl: not what the server is made of."""

from __future__ import annotations

import select
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

from tests.acceptance.wire import ACCOUNTING_REQUEST, ANSWER_LIMIT_S, SILENCE_S, Answer, Sender
from tests.authority import Authority

SERVER_NAME = "radius.example"
TLS_SECRET = b"radsec"


class StreamSender(Sender):
    """A switch with a connection to each port that it uses; *context* puts it inside TLS."""

    def __init__(
        self,
        source: str,
        secret: bytes,
        auth_port: int,
        acct_port: int,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.secret = secret if context is None else TLS_SECRET
        self.auth_port, self.acct_port = auth_port, acct_port
        self.server = "::1" if ":" in source else "127.0.0.1"
        self._source = source
        self._context = context
        self._connections: dict[int, Connection] = {}

    def connection(self, port: int = 0) -> Connection:
        """Return the connection to *port*, made when there is none."""
        port = port or self.auth_port
        if port not in self._connections:
            self._connections[port] = Connection(self._source, self.server, port, self._context)
        return self._connections[port]

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def send(self, packet: bytes, port: int = 0) -> None:
        """Send *packet* to the port that its code belongs to, or to *port*."""
        usual = self.acct_port if packet[:1] == bytes((ACCOUNTING_REQUEST,)) else self.auth_port
        self.connection(port or usual).send(packet)

    def get_nothing(self, packet: bytes, port: int = 0) -> None:
        """See to it that *packet* is not answered: what is sent after it is, or the connection is closed."""
        port = port or (self.acct_port if packet[:1] == bytes((ACCOUNTING_REQUEST,)) else self.auth_port)
        connection = self.connection(port)
        after = self._harmless(port)
        self.send(packet, port)
        with suppress(OSError):
            self.send(after, port)
        answer = None
        until = time.monotonic() + ANSWER_LIMIT_S
        while answer is None and not connection.is_closed and time.monotonic() < until:
            answer = self.receive(0.1)
        if answer is None:
            assert connection.is_closed, "neither closed nor answered"
            self._connections.pop(port, connection).close()
            return
        assert answer.is_signed_for(after, self.secret)
        assert [] == self.collect(SILENCE_S)

    def receive(self, limit_s: float) -> Answer | None:
        """Return the next answer on any connection, None when none comes in time."""
        until = time.monotonic() + limit_s
        while True:
            for port, connection in self._connections.items():
                packet = connection.next_packet()
                if packet is not None:
                    return Answer(packet, (self.server, port))
            left_s = until - time.monotonic()
            if left_s <= 0 or not self._connections:
                return None
            readable, _, _ = select.select([one.socket for one in self._connections.values()], [], [], left_s)
            for connection in self._connections.values():
                if connection.socket in readable:
                    connection.read()
            for port, connection in list(self._connections.items()):
                if connection.is_closed and not connection.has_packet:
                    self._connections.pop(port).close()  # it is made anew when it is needed


class Connection:
    """One connection, from the address *source*."""

    def __init__(self, source: str, server: str, port: int, context: ssl.SSLContext | None = None) -> None:
        plain = socket.create_connection((server, port), timeout=5, source_address=(source, 0))
        self.socket = plain if context is None else context.wrap_socket(plain, server_hostname=SERVER_NAME)
        self.is_closed = False
        self._heard = b""

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """Send *octets* in one write."""
        self.socket.sendall(octets)

    def read(self) -> None:
        """Take what has come."""
        try:
            octets = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            octets = b""
        self.is_closed = self.is_closed or not octets
        self._heard += octets

    @property
    def has_packet(self) -> bool:
        """Whether a whole packet has come that was not taken yet."""
        return 4 <= len(self._heard) >= int.from_bytes(self._heard[2:4], "big")

    def next_packet(self) -> bytes | None:
        """Return the next whole packet that has come."""
        if not self.has_packet:
            return None
        length = int.from_bytes(self._heard[2:4], "big")
        packet, self._heard = self._heard[:length], self._heard[length:]
        return packet

    def packets(self, count: int, limit_s: float = 5.0) -> list[bytes]:
        """Return the next *count* packets; fail when they do not come in time."""
        until = time.monotonic() + limit_s
        found: list[bytes] = []
        while len(found) < count:
            packet = self.next_packet()
            if packet is not None:
                found.append(packet)
                continue
            assert not self.is_closed, f"closed after {len(found)} packets"
            assert time.monotonic() < until, f"{len(found)} packets of {count} within {limit_s} s"
            if select.select([self.socket], [], [], 0.1)[0]:
                self.read()
        return found

    def hear_packet(self, limit_s: float) -> bytes:
        """Return the next packet, nothing when it is closed or none comes in time."""
        until = time.monotonic() + limit_s
        while not self.has_packet and not self.is_closed and time.monotonic() < until:
            if select.select([self.socket], [], [], 0.1)[0]:
                self.read()
        return self.next_packet() or b""

    def is_cut_off(self, limit_s: float = 5.0) -> bool:
        """Return whether the server closes it in time, having sent nothing."""
        return not self.hear_out(limit_s) and self.is_closed

    def hear_out(self, limit_s: float = 5.0) -> bytes:
        """Return what comes until the server closes it, or the time is over."""
        until = time.monotonic() + limit_s
        while not self.is_closed and time.monotonic() < until:
            if select.select([self.socket], [], [], 0.1)[0]:
                self.read()
        return self._heard


def client_context(authority: Authority, name: str = "", believes: Path | None = None) -> ssl.SSLContext:
    """Return what a client does TLS with: the certificate *name* of *authority*, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(believes or authority.path)
    if name:
        context.load_cert_chain(authority.pem_of(name), authority.key_of(name))
    return context
