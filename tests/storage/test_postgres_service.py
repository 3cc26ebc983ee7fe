"""The embedded PostgreSQL as a service: ready for systemd, revived when killed, ended by SIGTERM."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.postgres_cluster import processes_in

pytestmark = pytest.mark.postgres
PATIENCE_S = 20.0
SERVICE = """
import sys
from pathlib import Path
from radiusd.storage.postgres_service import run
bin_dir = Path(sys.argv[2]) if sys.argv[2:] else None
run(Path(sys.argv[1]), bin_dir, ready=lambda dsn: print(dsn, flush=True))
"""


@pytest.fixture
def notices(short_dir: Path) -> Iterator[socket.socket]:
    """systemd's end of the notification socket."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(short_dir / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


@pytest.fixture
def service(short_dir: Path, pg_bin: Path | None, notices: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """The service in a process of its own, told where systemd listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(short_dir / "home"), *([str(pg_bin)] if pg_bin else [])],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NOTIFY_SOCKET": str(short_dir / "notify")},
    )
    yield process
    process.kill()
    process.communicate()
    deadline = time.monotonic() + PATIENCE_S
    while processes_in(short_dir / "home" / "pg") and time.monotonic() < deadline:
        time.sleep(0.01)


def test_tells_systemd_and_lives_until_sigterm(
    service: subprocess.Popen[str], notices: socket.socket, short_dir
):
    """
    READY comes when the database answers; SIGTERM ends both with exit code 0.
    """
    assert notices.recv(1000).startswith(b"READY=1\n")
    assert service.stdout is not None
    psycopg2.connect(service.stdout.readline()).close()

    service.send_signal(signal.SIGTERM)

    assert b"STOPPING=1" == notices.recv(1000)
    assert 0 == service.wait(PATIENCE_S)
    assert [] == processes_in(short_dir / "home" / "pg")


def test_revives_a_killed_database(service: subprocess.Popen[str], notices: socket.socket, short_dir: Path):
    """
    kill -9 of the postmaster costs about a second.
    """
    notices.recv(1000)
    guest = EmbeddedPostgres(short_dir / "home")
    guest.start()
    first = guest.postmaster_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    deadline = time.monotonic() + PATIENCE_S
    while guest.postmaster_pid in (None, first) and time.monotonic() < deadline:
        time.sleep(0.02)
    psycopg2.connect(guest.start()).close()
    assert first != guest.postmaster_pid
    assert not guest.is_owner


def test_stands_by_for_another_owner(request: pytest.FixtureRequest, short_dir: Path, pg_bin: Path | None):
    """
    A restart of this unit finds a server that took over meanwhile; when that one ends, it is our turn.
    """
    with EmbeddedPostgres(short_dir / "home", pg_bin) as other:
        notices: socket.socket = request.getfixturevalue("notices")
        request.getfixturevalue("service")
        assert notices.recv(1000).startswith(b"READY=1\n")
        first = other.postmaster_pid

    guest = EmbeddedPostgres(short_dir / "home", pg_bin)
    deadline = time.monotonic() + PATIENCE_S
    while guest.postmaster_pid in (None, first) and time.monotonic() < deadline:
        time.sleep(0.02)
    psycopg2.connect(guest.start()).close()
    assert not guest.is_owner
