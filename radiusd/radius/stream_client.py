"""Ask a RADIUS server over TCP or TLS (RFC 6613, 6614), many requests on one connection."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure

from radiusd.radius.client import NoAnswer
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.framing import Framer
from radiusd.radius.packet import Packet
from radiusd.radius.request import BadAnswer, BadRequest, Request, read_answer

LIMIT_S = 10.0
_IDENTIFIERS = 256
_PEM_END = b"-----END CERTIFICATE-----\n"


def endpoint_of(
    reactor: Any, host: str, port: int, tls: IOpenSSLClientConnectionCreator | None = None
) -> Any:
    """Return what connects to *host*; *tls* is from :func:`connection_creator`, None is bare TCP."""
    endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=LIMIT_S)
    return endpoint if tls is None else wrapClientTLS(tls, endpoint)


def connection_creator(
    server_name: str, ca: Path, certificate: Path, key: Path
) -> IOpenSSLClientConnectionCreator:
    """
    Return what a :class:`StreamClient` does TLS with; the server must show a certificate of *server_name*.

    Raises:
        OSError, ValueError: A file cannot be used.
    """
    try:
        believed = [Certificate.loadPEM(pem) for pem in _each(ca)]
        roots = trustRootFromCertificates(believed)  # type: ignore[no-untyped-call]  # of Twisted
        ours, *between = _each(certificate)
        mine = PrivateCertificate.loadPEM(ours + key.read_bytes())  # type: ignore[no-untyped-call]
        chain = [Certificate.loadPEM(pem).original for pem in between]
    except SSL.Error as error:
        raise ValueError(f"{ca}, {certificate}, {key}: OpenSSL cannot use one of them: {error}") from error
    options = {"extraCertChain": chain} if chain else None
    return optionsForClientTLS(server_name, roots, mine, extraCertificateOptions=options)


def _each(path: Path) -> list[bytes]:
    return [pem + _PEM_END for pem in path.read_bytes().split(_PEM_END) if pem.strip()]


class StreamClient:
    """
    Asks one server over one connection, which is made when it is needed, and anew when it was lost.

    Up to 256 requests are under way at a time; further ones wait for an Identifier. Nothing is sent twice
    on one connection (RFC 6613, 2.6.1).

    Args:
        endpoint: Makes the connection, see :func:`endpoint_of`.
        name: What messages call the server.
        limit_s: How long a request waits for its answer, the making of the connection included.
    """

    def __init__(
        self, reactor: Any, endpoint: Any, name: str, secret: bytes, limit_s: float = LIMIT_S
    ) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._name = name
        self._secret = secret
        self._limit_s = limit_s
        self._connection: _Connection | None = None
        self._connecting: Deferred[_Connection] | None = None
        self._free = deque(range(_IDENTIFIERS))
        self._pending: dict[int, _Pending] = {}
        self._queue: deque[_Pending] = deque()

    @property
    def is_busy(self) -> bool:
        """Tell whether a request waits for its answer."""
        return bool(self._pending or self._queue)

    def request(self, request: Request) -> Deferred[Packet]:
        """
        Send *request* and return its answer.

        The Deferred fails with :class:`BadRequest` or :class:`NoAnswer`.
        """
        pending = _Pending(request)
        pending.timer = self._reactor.callLater(self._limit_s, self._give_up, pending)
        self._queue.append(pending)
        self._send_queued()
        return pending.answer

    def close(self) -> None:
        """Close the connection; requests under way fail with NoAnswer."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._fail_all("the client was closed")

    def heard(self, connection: _Connection, packet: bytes) -> None:
        """Match an answer with its request; one that is wrong ends the connection (RFC 6613, 2.6.4)."""
        pending = self._pending.get(packet[1])
        if pending is None:
            return
        try:
            answer = read_answer(packet, pending.octets, self._secret)
        except BadAnswer as error:
            connection.abort()
            self.lost(connection, f"answered, but {error}")
            return
        self._finish(pending).callback(answer)
        self._send_queued()

    def lost(self, connection: _Connection, why: str) -> None:
        """Learn that the connection is gone."""
        if self._connection is connection:
            self._connection = None
            self._fail_all(f"{self._name}: {why}")

    def _send_queued(self) -> None:
        if self._connection is None:
            if self._queue and self._connecting is None:
                self._connect()
            return
        while self._queue and self._free:
            pending = self._queue.popleft()
            pending.identifier = self._free.popleft()
            try:
                pending.octets = pending.request.sign(pending.identifier, self._secret)
            except BadRequest as error:
                self._finish(pending).errback(error)
                continue
            self._pending[pending.identifier] = pending
            self._connection.transport.write(pending.octets)

    def _connect(self) -> None:
        connecting: Deferred[_Connection] = self._endpoint.connect(
            Factory.forProtocol(lambda: _Connection(self))
        )
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._not_connected)

    def _connected(self, connection: _Connection) -> None:
        self._connecting, self._connection = None, connection
        self._send_queued()

    def _not_connected(self, failure: Failure) -> None:
        self._connecting = None
        self._fail_all(f"{self._name}: no connection: {failure.getErrorMessage()}")

    def _give_up(self, pending: _Pending) -> None:
        pending.timer = None
        self._finish(pending).errback(NoAnswer(f"no answer from {self._name} within {self._limit_s:g} s"))
        self._send_queued()

    def _fail_all(self, why: str) -> None:
        for pending in [*self._pending.values(), *self._queue]:
            self._finish(pending).errback(NoAnswer(why))

    def _finish(self, pending: _Pending) -> Deferred[Packet]:
        if pending.timer is not None:
            pending.timer.cancel()
        if pending in self._queue:
            self._queue.remove(pending)
        if pending.identifier is not None:
            self._pending.pop(pending.identifier, None)
            self._free.append(pending.identifier)
        return pending.answer


class _Pending:
    """
    A request that waits for its answer.
    """

    __slots__ = ("answer", "identifier", "octets", "request", "timer")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.answer: Deferred[Packet] = Deferred()
        self.identifier: int | None = None
        self.octets = b""
        self.timer: Any = None


class _Connection(Protocol):
    transport: Any

    def __init__(self, client: StreamClient) -> None:
        self._client = client
        self._framer = Framer()

    def dataReceived(self, data: bytes) -> None:
        """Hand on the answers that are complete."""
        try:
            for packet in self._framer.packets(data):
                self._client.heard(self, packet)
        except MalformedPacket as error:
            self.abort()
            self._client.lost(self, f"answered, but {error}")

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the client."""
        self._client.lost(self, f"the connection was lost: {reason.getErrorMessage()}")
