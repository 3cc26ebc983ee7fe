"""Tell systemd that we are ready, alive and ending (sd_notify(3)): one datagram each, no library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say *states* to the socket that ``$NOTIFY_SOCKET`` names; False when nobody is there to hear it."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path  # "@": an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto("\n".join(states).encode(), address)
        except OSError:
            return False  # whoever asked to be told is gone
    return True


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to say WATCHDOG: half of what ``$WATCHDOG_USEC`` allows; None when nobody asks."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdecimal() and int(microseconds) else None
