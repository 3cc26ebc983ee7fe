"""The sockets that the server listens on: bound once, shared with workers by inheritance."""

from __future__ import annotations

import socket

from radiusd.errors import BadSettings
from radiusd.settings import Listener, Settings
from radiusd.sip.own_places import OwnPlaces, remembered

RECEIVE_BUFFER = 4 * 1024 * 1024
"""What the kernel keeps for us of datagrams while we are busy: some ten thousand requests."""

BACKLOG = 128
"""Connections that the kernel keeps for us until we take them."""


def open_socket(listener: Listener) -> socket.socket:
    """
    Return a bound socket that other workers may share the port with; one for connections listens already.

    Raises:
        BadSettings: The address is not this host's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    kind = socket.SOCK_STREAM if listener.is_stream else socket.SOCK_DGRAM
    try:
        sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if listener.is_stream:
            # Connections of a server that has just ended still linger; they are no server's.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            # One port for both, as senders see one server; IPv4 shows as ::ffff:a.b.c.d.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((listener.address, listener.port_number))
        if listener.is_stream:
            sock.listen(BACKLOG)
    except OSError as error:
        where = f"{listener.transport.upper()} {listener.address} port {listener.port_number}"
        raise BadSettings(
            f"listeners: cannot bind {where}: {error.strerror}; is another server on it?"
        ) from error
    sock.setblocking(False)
    return sock


def own_places(settings: Settings) -> OwnPlaces:
    """Return the places that lead to our SIP ports."""
    listening = tuple((one.address, one.port_number) for one in settings.listeners if one.kind == "sip")
    names = frozenset(host.strip("[]").lower() for host in settings.sip.own_hosts)
    return OwnPlaces(listening, names, remembered(is_local))


def is_local(address: str) -> bool:
    """Tell whether *address* is one of this machine: only such a one can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True
