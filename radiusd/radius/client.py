"""Ask a RADIUS server over UDP, as a switch does: for ``tollwire radius test`` and for load tests."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.dictionary import ParseError as DictionaryError
from pyrad.tools import EncodeAttr
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from radiusd.radius.assigned import MAX_VALUE_OCTETS, MAX_VENDOR_VALUE_OCTETS, Attribute
from radiusd.radius.packet import Packet
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import BadAnswer, BadRequest, Request, RequestFailed, read_answer

WAITS_S = (2.0, 2.0, 2.0, 2.0)
"""How long each copy of a request waits for its answer: what most switches are set to."""

_IDENTIFIERS = 256
_MAX_DATAGRAM_OCTETS = 65_535
_NUMBERS = frozenset({"integer", "signed", "short", "byte", "integer64", "date"})


class NoAnswer(RequestFailed):
    """
    Nothing came in time, or nothing that could be believed.
    """


def load_dictionary(path: Path) -> Dictionary:
    """
    Return the attribute dictionary at *path*.

    Raises:
        BadRequest: There is none, or it cannot be read; the message has its file and line.
    """
    try:
        return Dictionary(str(path))
    except (OSError, DictionaryError) as error:
        raise BadRequest(f"dictionary: {error}") from error


def encode_attributes(
    dictionary: Dictionary, pairs: Iterable[tuple[str, str | int | bytes]]
) -> list[ReplyAttribute]:
    """
    Return the (name, value) *pairs* as attributes; a vendor's as Vendor-Specific.

    A number may be given by its name in the dictionary; octets as text in hex after
    ``0x``; bytes go out as they are.

    Raises:
        BadRequest: A name is not in the dictionary, or a value does not fit its type.
    """
    return [_encode(dictionary, name, value) for name, value in pairs]


def exchange(
    host: str,
    port: int,
    request: bytes,
    secret: bytes,
    waits_s: Sequence[float] = WAITS_S,
    seconds: Callable[[], float] = time.monotonic,
) -> Packet:
    """
    Send the signed *request* and return its answer, waiting for it; not for a process with a reactor.

    A copy goes out after each of *waits_s*, with the same octets from the same port.

    Raises:
        NoAnswer: None came that could be believed, or nothing listens there.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise NoAnswer(f"{host}: {error.strerror}") from error
    doubt: BadAnswer | None = None
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(address)
            for wait_s in waits_s:
                asking.send(request)
                until_s = seconds() + wait_s
                while (left_s := until_s - seconds()) > 0:
                    asking.settimeout(left_s)
                    try:
                        return read_answer(asking.recv(_MAX_DATAGRAM_OCTETS), request, secret)
                    except TimeoutError:
                        break
                    except BadAnswer as error:
                        doubt = error
        except OSError as error:
            raise NoAnswer(f"{host} port {port}: {error.strerror}; is the server running?") from error
    raise _no_answer(host, port, waits_s, doubt)


class RadiusClient(DatagramProtocol):
    """
    Asks one server from one port, up to 256 requests at a time; further ones wait for an Identifier.

    Args:
        reactor: Listens and calls later.
        host: The server's address, not a name.
        waits_s: How long each copy of a request waits for its answer.
        plan_waits_s: Says so anew for every request, in place of *waits_s*.

    Raises:
        ValueError: *host* is no IP address.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        secret: bytes,
        waits_s: Sequence[float] = WAITS_S,
        plan_waits_s: Callable[[], Sequence[float]] | None = None,
    ) -> None:
        self._family = ipaddress.ip_address(host).version
        self._reactor = reactor
        self._host = host
        self._port = port
        self._secret = secret
        self._plan_waits_s = plan_waits_s or (lambda: tuple(waits_s))
        # First freed, first used again: a late answer then rarely meets a new request.
        self._free = deque(range(_IDENTIFIERS))
        self._pending: dict[int, _Pending] = {}
        self._queue: deque[tuple[Request, Deferred[Packet]]] = deque()
        self._listening: Any = None

    def open(self) -> None:
        """Bind a port of the kernel's choice."""
        self._listening = self._reactor.listenUDP(0, self, interface="::" if self._family == 6 else "")

    def close(self) -> Any:
        """Stop; requests under way fail with NoAnswer. Return what ``stopListening`` does."""
        for pending in list(self._pending.values()):
            self._finish(pending).errback(NoAnswer("the client was closed"))
        while self._queue:
            self._queue.popleft()[1].errback(NoAnswer("the client was closed"))
        return self._listening.stopListening()

    @property
    def is_busy(self) -> bool:
        """Tell whether a request waits for its answer."""
        return bool(self._pending or self._queue)

    def startProtocol(self) -> None:
        """Take datagrams from the server alone, and hear when nothing listens there."""
        port: Any = self.transport
        port.connect(self._host, self._port)

    def request(self, request: Request) -> Deferred[Packet]:
        """
        Send *request* and return its answer.

        The Deferred fails with :class:`BadRequest` or :class:`NoAnswer`.
        """
        answer: Deferred[Packet] = Deferred()
        if self._free:
            self._begin(request, answer)
        else:
            self._queue.append((request, answer))
        return answer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Match an answer with its request; ignore what cannot be believed."""
        pending = self._pending.get(datagram[1]) if len(datagram) > 1 else None
        if pending is None:
            return
        try:
            answer = read_answer(datagram, pending.octets, self._secret)
        except BadAnswer as doubt:
            pending.doubt = doubt
            return
        self._finish(pending).callback(answer)
        self._next()

    def connectionRefused(self) -> None:
        """Go on: a server that restarts is back before the last copy is sent."""

    def _begin(self, request: Request, answer: Deferred[Packet]) -> None:
        identifier = self._free.popleft()
        try:
            octets = request.sign(identifier, self._secret)
        except BadRequest as error:
            self._free.append(identifier)
            answer.errback(error)
            return
        waits_s = self._plan_waits_s()
        pending = self._pending[identifier] = _Pending(identifier, octets, answer, waits_s)
        self._send(pending)

    def _send(self, pending: _Pending) -> None:
        """Send the next copy, or give up when all were sent."""
        if pending.sent == len(pending.waits_s):
            failure = _no_answer(self._host, self._port, pending.waits_s, pending.doubt)
            pending.timer = None
            self._finish(pending).errback(failure)
            self._next()
            return
        port: Any = self.transport  # connected, so it needs no address
        port.write(pending.octets)
        pending.timer = self._reactor.callLater(pending.waits_s[pending.sent], self._send, pending)
        pending.sent += 1

    def _finish(self, pending: _Pending) -> Deferred[Packet]:
        if pending.timer is not None:
            pending.timer.cancel()
        del self._pending[pending.identifier]
        self._free.append(pending.identifier)
        return pending.answer

    def _next(self) -> None:
        if self._queue and self._free:
            self._begin(*self._queue.popleft())


class _Pending:
    """
    A request that waits for its answer.
    """

    __slots__ = ("answer", "doubt", "identifier", "octets", "sent", "timer", "waits_s")

    def __init__(
        self, identifier: int, octets: bytes, answer: Deferred[Packet], waits_s: Sequence[float]
    ) -> None:
        self.identifier = identifier
        self.octets = octets
        self.answer = answer
        self.waits_s = waits_s
        self.sent = 0
        self.timer: Any = None
        self.doubt: BadAnswer | None = None


def _no_answer(host: str, port: int, waits_s: Sequence[float], doubt: BadAnswer | None) -> NoAnswer:
    if doubt is not None:
        return NoAnswer(f"{host} port {port} answered, but {doubt}")
    return NoAnswer(
        f"no answer from {host} port {port} to {len(waits_s)} copies in {sum(waits_s):g} s; a server drops"
        " what comes from an unknown address, is signed with another secret, or has no Message-Authenticator"
    )


def _encode(dictionary: Dictionary, name: str, value: str | int | bytes) -> ReplyAttribute:
    known = dictionary.attributes.get(name)
    if known is None:
        raise BadRequest(f"attribute {name} is not in the dictionary")
    try:
        octets = _encode_value(known, value)
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest(f"attribute {name}: {value!r} is no {known.type}: {error}") from error
    limit = MAX_VENDOR_VALUE_OCTETS if known.vendor else MAX_VALUE_OCTETS
    if len(octets) > limit:
        raise BadRequest(f"attribute {name} has {len(octets)} octets, and at most {limit} fit")
    if not known.vendor:
        return known.code, octets
    vendor: int = dictionary.vendors.GetForward(known.vendor)
    return Attribute.VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + bytes(
        (known.code, len(octets) + 2)
    ) + octets


def _encode_value(known: Any, value: str | int | bytes) -> bytes:
    """Return *value* as the octets of the dictionary's attribute *known*."""
    if isinstance(value, bytes):
        return value
    if known.type in _NUMBERS:
        if isinstance(value, str):
            value = known.values.GetForward(value) if known.values.HasForward(value) else int(value, 0)
            if isinstance(value, bytes):  # named values are kept encoded
                return value
        return bytes(EncodeAttr(known.type, value))
    text = str(value)
    if known.type == "octets":  # not by pyrad, which takes a text of digits for a number
        return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()
    return bytes(EncodeAttr(known.type, text))
