"""
Run the embedded PostgreSQL as a service of its own: ``tollwire db run``, under systemd or in a terminal.

Servers with the same home are its guests. It needs no reactor: it waits for a signal, and looks after the
database in between. Where another process owns the home already, it is a guest too and stands by.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event

import structlog

from radiusd.sd_notify import READY, STOPPING, notify
from radiusd.storage.postgres import EmbeddedPostgres

LOOK_EVERY_S = 1.0
logger = structlog.get_logger()


def run(home: Path, bin_dir: Path | None = None, ready: Callable[[str], object] = print) -> None:
    """
    Serve the database in *home* until SIGTERM or SIGINT, and revive it whenever it dies.

    *ready* is called with the DSN once. To be called in the main thread of a process that has no other
    use for the two signals. Before the database is ready they end the process as ever, and it too.

    Raises:
        TollwireError: It cannot be started or revived; systemd's Restart= has the next turn.
    """
    with EmbeddedPostgres(home, bin_dir) as server:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        ready(server.dsn)
        notify(READY, f"STATUS=serving {home}")
        while not stop.wait(LOOK_EVERY_S):
            if server.restart_if_dead():
                logger.warning(
                    "database had died or lost its owner; it runs again", pid=server.postmaster_pid
                )
        notify(STOPPING)
