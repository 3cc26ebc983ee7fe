"""A NAS that takes Disconnect- and CoA-Requests (RFC 5176), without the server's code."""

from __future__ import annotations

import hashlib
import hmac
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.acceptance.stream_wire import TLS_SECRET
from tests.acceptance.wire import ACCT_SESSION_ID, UNSIGNED, attributes_of, tlv

DISCONNECT_REQUEST, COA_REQUEST = 40, 43  # an ACK is one more, a NAK two
ERROR_CAUSE = 101
DROP, ACK = -1, 0  # else an Error-Cause
FORGED = -2  # an ACK that is signed by another secret


@dataclass
class Nas:
    """Answers the requests for each session in turn by its *script*; whoever is not in it gets an ACK."""

    sock: socket.socket
    secret: bytes
    script: dict[str, list[int]] = field(default_factory=dict)
    seen: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    closed: bool = False

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.sock.getsockname()[1]
        return port

    def requests(self, session: str) -> list[tuple[bytes, tuple[str, int]]]:
        """Return what came for *session*, each with the address that it came from."""
        return [(octets, addr) for octets, addr in self.seen if session_of(octets) == session]

    def serve(self) -> None:
        """Answer until it is closed."""
        while not self.closed:
            if not select.select([self.sock], [], [], 0.1)[0]:
                continue
            octets, addr = self.sock.recvfrom(4096)
            self.seen.append((octets, addr))
            turns = self.script.get(session_of(octets), [])
            what = turns.pop(0) if turns else ACK
            if what != DROP:
                secret = b"another secret altogether" if what == FORGED else self.secret
                self.sock.sendto(_answer(octets, max(what, ACK), secret), addr)


def session_of(octets: bytes) -> str:
    """Return the Acct-Session-Id in a request."""
    return next((value.decode() for kind, value in attributes_of(octets) if kind == ACCT_SESSION_ID), "")


def is_signed(octets: bytes, secret: bytes) -> bool:
    """Tell whether a request has a right Request Authenticator and Message-Authenticator."""
    signed = hashlib.md5(octets[:4] + bytes(16) + octets[20:] + secret).digest()
    at = octets.index(UNSIGNED[:2], 20)
    blank = octets[:4] + bytes(16) + octets[20:at] + UNSIGNED + octets[at + 18 :]
    proof = hmac.digest(secret, blank, "md5")
    return hmac.compare_digest(signed, octets[4:20]) and hmac.compare_digest(proof, octets[at + 2 : at + 18])


def _answer(request: bytes, error_cause: int, secret: bytes) -> bytes:
    body = tlv(ERROR_CAUSE, error_cause) if error_cause else b""
    code = request[0] + (2 if error_cause else 1)
    head = bytes((code, request[1])) + (20 + len(body)).to_bytes(2, "big")
    return head + hashlib.md5(head + request[4:20] + body + secret).digest() + body


@contextmanager
def a_nas(address: str, secret: bytes, script: dict[str, Sequence[int]] | None = None) -> Iterator[Nas]:
    """Run a NAS on *address*, on a port of the kernel's choice."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 0))
    nas = Nas(sock, secret, {name: list(turns) for name, turns in (script or {}).items()})
    thread = threading.Thread(target=nas.serve, daemon=True)
    thread.start()
    try:
        yield nas
    finally:
        nas.closed = True
        thread.join()
        sock.close()


@contextmanager
def a_tls_nas(address: str, context: ssl.SSLContext) -> Iterator[Nas]:
    """Run a NAS inside TLS (RFC 6614) on *address*; it agrees to everything."""
    listening = socket.create_server((address, 0))
    nas = Nas(listening, TLS_SECRET)

    def talk(plain: socket.socket, addr: tuple[str, int]) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                while octets := connection.recv(4096):
                    nas.seen.append((octets, addr))
                    connection.sendall(_answer(octets, ACK, nas.secret))
        except OSError:  # a certificate that one of the two does not believe
            plain.close()

    def serve() -> None:
        while not nas.closed:
            if select.select([listening], [], [], 0.1)[0]:
                threading.Thread(target=talk, args=listening.accept(), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield nas
    finally:
        nas.closed = True
        thread.join()
        listening.close()
