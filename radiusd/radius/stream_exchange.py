"""Ask a RADIUS server once over TCP or TLS, waiting for the answer: for ``tollwire radius test``."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from radiusd.radius.client import NoAnswer
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.framing import Framer
from radiusd.radius.packet import Packet
from radiusd.radius.request import BadAnswer, BadRequest, read_answer

LIMIT_S = 10.0
_CLOSED = {
    False: "a server does so with who is no client of its, or signs with another secret",
    True: "a server does so with who shows no certificate, or one that is no client's",
}


def client_context(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """
    Return what :func:`exchange_over_stream` does TLS with: whom to believe, and who we are.

    Raises:
        BadRequest: A file cannot be used; the message has its path.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise BadRequest(f"{ca}: no certificates in PEM: {_why(error)}") from error
    if certificate is None:
        return context
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        files = f"{certificate} and {key}" if key else str(certificate)
        raise BadRequest(f"{files}: no certificate with its key in PEM: {_why(error)}") from error
    return context


def exchange_over_stream(
    host: str,
    port: int,
    request: bytes,
    secret: bytes,
    context: ssl.SSLContext | None = None,
    server_name: str = "",
    limit_s: float = LIMIT_S,
    seconds: Callable[[], float] = time.monotonic,
) -> Packet:
    """
    Send the signed *request* and return its answer, waiting for it; not for a process with a reactor.

    Args:
        context: What to do TLS with; None: bare TCP.
        server_name: Whose certificate the server must show; empty: that of *host*.

    Raises:
        NoAnswer: None came that could be believed, or there is no connection to be had.
    """
    until_s = seconds() + limit_s
    try:
        with socket.create_connection((host, port), timeout=limit_s) as plain:
            if context is None:
                return _ask(plain, request, secret, lambda: until_s - seconds())
            with context.wrap_socket(plain, server_hostname=server_name or host) as inside:
                return _ask(inside, request, secret, lambda: until_s - seconds())
    except TimeoutError as error:
        raise NoAnswer(f"no answer from {host} port {port} within {limit_s:g} s") from error
    except (EOFError, ConnectionResetError, BrokenPipeError) as error:
        raise NoAnswer(f"{host} port {port} closed the connection; {_CLOSED[context is not None]}") from error
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"{host} port {port}: no right certificate: {error.verify_message}") from error
    except (BadAnswer, MalformedPacket) as error:
        raise NoAnswer(f"{host} port {port} answered, but {error}") from error
    except ssl.SSLError as error:
        raise NoAnswer(f"{host} port {port}: no TLS: {_why(error)}; {_CLOSED[True]}") from error
    except OSError as error:
        raise NoAnswer(f"{host} port {port}: {_why(error)}; is the server running?") from error


def _ask(asking: socket.socket, request: bytes, secret: bytes, left_s: Callable[[], float]) -> Packet:
    framer = Framer()
    asking.sendall(request)
    while (wait_s := left_s()) > 0:
        asking.settimeout(wait_s)
        octets = asking.recv(65_536)
        if not octets:
            raise EOFError
        for packet in framer.packets(octets):
            if packet[1] == request[1]:
                return read_answer(packet, request, secret)
    raise TimeoutError


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error)
