"""Receive requests over UDP, hand the believable ones on, and send the answers back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.protocol import DatagramProtocol

from radiusd.radius.admission import PortKind, admit
from radiusd.radius.assigned import Code
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import DiscardLog, Log
from radiusd.radius.discards import Discarded, Reason
from radiusd.radius.duplicates import DuplicateCache, Standing
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply
from radiusd.radius.signing import build_reply


class Answer(Protocol):
    """
    What a handler calls once, now or later, in the reactor's thread; None means: stay silent.

    *addr* is the address and port that the request came from, as the socket has them.
    """

    @property
    def addr(self) -> tuple[str, int]: ...

    def __call__(self, reply: Reply | None) -> None: ...


Handle = Callable[[Client, Packet, Answer], None]

# Bound once: to look a member up costs more than to compare it (Python 3.11).
_NEW = Standing.NEW
_STATUS_SERVER = int(Code.STATUS_SERVER)

_STATUS_REPLY = {
    PortKind.AUTH: Reply(Code.ACCESS_ACCEPT),
    PortKind.ACCT: Reply(Code.ACCOUNTING_RESPONSE),
}


class RadiusPort(DatagramProtocol):
    """
    One UDP port, for authorization or for accounting.

    A packet passes these gates in this order, and what fails one is counted,
    logged and never answered: a client has its source address; its length, code
    and signature are right (``admission``); it is no copy of an earlier one.
    Then *handle* gets it, together with a function to call with the answer.

    Answers leave from the address that the port is bound to. A host with several
    addresses needs one port on each of them: on a port bound to the wildcard the
    kernel picks the source, and a client drops what comes from a stranger.

    Args:
        find_client: Says which client an address belongs to.
        handle: Gets each new request; what it raises is logged and the request forgotten.
        is_healthy: While it says no, Status-Server gets no answer, so that
            switches take their traffic elsewhere (RFC 5997, 4.2).
    """

    def __init__(
        self,
        kind: PortKind,
        find_client: Callable[[str], Client | None],
        handle: Handle,
        duplicates: DuplicateCache,
        counters: Counters,
        log: Log,
        is_healthy: Callable[[], bool],
    ) -> None:
        self.kind = kind
        self.counters = counters
        self.duplicates = duplicates
        self.log = log
        self._find_client = find_client
        self._handle = handle
        self._discard_log = DiscardLog(log, duplicates.clock)
        self._is_healthy = is_healthy

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take one datagram; nothing in it can make this raise."""
        # A socket for both families shows an IPv4 sender so; to log and handler it is the IPv4 address.
        host = addr[0].removeprefix("::ffff:")
        client = self._find_client(host)
        if client is None:
            self.discard(None, host, Reason.UNKNOWN_CLIENT)
            return
        self.counters.arrived(client.id, datagram)
        try:
            packet = admit(self.kind, client, datagram)
        except Discarded as discarded:
            self.discard(client, host, discarded.reason)
            return
        exchange = _Exchange(self, client, packet, host, addr)
        if packet.code == _STATUS_SERVER:
            self._tell_status(exchange)
        else:
            self._admitted(exchange)

    def discard(self, client: Client | None, host: str, reason: Reason) -> None:
        """Count and log a packet that gets no answer."""
        if client is None:
            self.counters.discarded(None, reason)
            self._discard_log.discarded(reason, host, None)
        else:
            self.counters.discarded(client.id, reason)
            self._discard_log.discarded(reason, host, client.name)

    def send(self, octets: bytes, addr: tuple[str, int]) -> None:
        """Send *octets*, unless the port has been closed in the meantime."""
        if self.transport is not None:
            self.transport.write(octets, addr)

    def _tell_status(self, exchange: _Exchange) -> None:
        # Not remembered as a duplicate: the answer to the same octets is always the same.
        if self._is_healthy():
            exchange.send_status(_STATUS_REPLY[self.kind])
        else:
            self.discard(exchange.client, exchange.host, Reason.UNHEALTHY)

    def _admitted(self, exchange: _Exchange) -> None:
        """Hand on a request that has not been seen before."""
        packet = exchange.packet
        standing = self.duplicates.admit(*exchange.key)
        if standing is not _NEW:
            self.counters.duplicate(exchange.client.id)
            if isinstance(standing, bytes):
                self.send(standing, exchange.addr)
            return
        try:
            self._handle(exchange.client, packet, exchange)
        except Exception:
            self.log.exception(
                "request failed",
                client=exchange.client.name,
                source=exchange.host,
                code=packet.code,
                port=self.kind.value,
            )
            exchange.fail(Reason.HANDLER_FAILED)


class _Exchange:
    """
    One request and its way back; calling it answers the request, once.
    """

    __slots__ = ("_done", "_port", "addr", "client", "host", "key", "packet")

    def __init__(
        self, port: RadiusPort, client: Client, packet: Packet, host: str, addr: tuple[str, int]
    ) -> None:
        self._port = port
        self.client = client
        self.packet = packet
        self.host = host
        self.addr = addr
        self.key = (host, addr[1], packet.identifier, packet.authenticator)  # RFC 5080, 2.2.2
        self._done = False

    def __call__(self, reply: Reply | None) -> None:
        if self._done:
            return  # RFC 5080, 2.2.2: one request never gets two different answers
        if reply is None:
            self.fail(Reason.NOT_ANSWERED)
            return
        try:
            octets = build_reply(self.packet, reply, self.client.secret)
        except Discarded as discarded:
            self.fail(discarded.reason)
        except ValueError:
            self._port.log.exception("reply cannot be sent", client=self.client.name, code=reply.code)
            self.fail(Reason.HANDLER_FAILED)
        else:
            self._send(octets, reply.code)

    def fail(self, reason: Reason) -> None:
        """Stay silent, and let a retransmission try again."""
        if self._done:
            return
        self._done = True
        self._port.duplicates.forget(*self.key)
        self._port.discard(self.client, self.host, reason)

    def send_status(self, reply: Reply) -> None:
        """Answer a Status-Server, which counts neither as a request nor as a reply (RFC 5997, 4.5)."""
        self._done = True
        try:
            octets = build_reply(self.packet, reply, self.client.secret)
        except Discarded as discarded:
            self._port.discard(self.client, self.host, discarded.reason)
        else:
            self._port.send(octets, self.addr)

    def _send(self, octets: bytes, code: int) -> None:
        self._done = True
        if self._port.duplicates.settle(*self.key, octets):
            self._port.counters.replied(self.client.id, code)
            self._port.send(octets, self.addr)
