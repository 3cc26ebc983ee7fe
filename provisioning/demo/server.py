"""The demo's server: the real one, in a process of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radiusd.errors import TollwireError
from radiusd.storage.postgres_home import Identity, child_command

READY_LIMIT_S = 60
STOP_LIMIT_S = 20
POLL_S = 0.05
SHOWN_LOG_LINES = 8
_OURSELVES = Identity("same", os.geteuid(), os.getegid())


class ServerFailed(TollwireError):
    """The demo's server did not start; the text has the end of its log."""


@contextmanager
def running_server(config: Path, log: Path) -> Iterator[None]:
    """
    Run ``tollwire serve`` as long as the block lasts; it is ready when the block begins.

    Raises:
        ServerFailed: It ended, or was not ready in time.
    """
    name = f"tollwire-demo-{secrets.token_hex(8)}"
    serve = ("-m", "provisioning.cli", "serve", "--config", str(config))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, log.open("ab") as written:
        ready.bind("\0" + name)
        ready.settimeout(POLL_S)
        server = subprocess.Popen(
            # It ends with us, even by kill -9: that is what PostgreSQL's starter is for.
            child_command(_OURSELVES, sys.executable, *serve),
            env={**os.environ, "NOTIFY_SOCKET": "@" + name},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            # Ctrl-C is for us: we let the calls end first, and then the server.
            start_new_session=True,
        )
        try:
            _wait_until_ready(server, ready, log)
            yield
        finally:
            _stop(server)


def _wait_until_ready(server: subprocess.Popen[bytes], ready: socket.socket, log: Path) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline:
        try:
            if b"READY=1" in ready.recv(4096).splitlines():
                return
        except TimeoutError:
            pass
        if server.poll() is not None:
            raise ServerFailed(f"the server ended with {server.returncode}: {_end_of(log)}")
    raise ServerFailed(f"the server was not ready within {READY_LIMIT_S} s: {_end_of(log)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        server.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
    return " / ".join(lines) + f" (all of it: {log})"
