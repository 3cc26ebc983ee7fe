"""
Tell systemd how we are: ready, alive, ending.

The protocol is one datagram of ``NAME=value`` lines to the socket that systemd names (sd_notify(3)).
Without systemd nothing is sent and nothing fails.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Say *states*, such as :data:`READY` or ``STATUS=draining``; return whether systemd was there to hear.

    It never blocks: the reactor calls it. A socket that is gone or full is no error of ours.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # a name in the abstract namespace, unix(7)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto("\n".join(states).encode(), address)
        except OSError:
            return False
    return True


def watchdog_interval_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """
    Return how often to say :data:`WATCHDOG`, in seconds; None when nobody waits for it.

    It is half of the unit's WatchdogSec, as sd_watchdog_enabled(3) advises. Children inherit the
    variables: WATCHDOG_PID says for which process they are meant (*pid*, else our own).
    """
    try:
        limit_us = int(environ.get("WATCHDOG_USEC", "0"))
        meant_for = int(environ.get("WATCHDOG_PID", "0"))
    except ValueError:
        return None
    if limit_us <= 0 or meant_for not in (0, os.getpid() if pid is None else pid):
        return None
    return limit_us / 2_000_000
