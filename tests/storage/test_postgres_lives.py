"""The embedded PostgreSQL as it lives: started, shared, killed, revived."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import psycopg2
import pytest

from radiusd.storage.postgres_cluster import PostgresFailed, processes_in
from tests.storage.embedded import Make, ask

pytestmark = pytest.mark.postgres
PATIENCE_S = 20.0

# A process that owns or shares a server until its standard input ends; it says who it is when it is ready.
HOLDER = """
import sys
from pathlib import Path
from threading import Thread
from radiusd.storage.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
server.start()
print("owner" if server.is_owner else "guest", server.postmaster_pid, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def hold(home: Path, pg_bin: Path | None) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start processes that hold a server; they are killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def one() -> subprocess.Popen[str]:
        arguments = [str(home)] + ([str(pg_bin)] if pg_bin else [])
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", HOLDER, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()
    wait_until(lambda: not processes_in(home / "pg"))


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds; fail the test when it does not for too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def role_and_pid(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Return what a holder says when it is ready."""
    assert process.stdout is not None
    role, pid = process.stdout.readline().split()
    return role, int(pid)


def kill(pid: int | None) -> None:
    """Kill the process *pid*, which must be there, without warning."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_first_start_gives_a_server_that_keeps_what_it_says(make_server: Make):
    """
    It checks its pages, waits for the disk, sorts as the code does, and answers on no port.
    """
    dsn = make_server().start()

    for setting, expected in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": "256MB",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
    }.items():
        assert (setting, expected) == (setting, ask(dsn, f"SELECT current_setting('{setting}')"))
    assert "C.UTF-8" == ask(dsn, "SELECT datcollate FROM pg_database WHERE datname = current_database()")
    assert "sslmode=disable" in dsn


def test_data_outlives_a_stop(make_server: Make):
    """
    What was written is there at the next start.
    """
    server = make_server()
    ask(server.start(), "CREATE TABLE kept AS SELECT 7 AS x; SELECT 1")
    server.stop()
    assert server.postmaster_pid is None
    assert not server.is_owner

    assert 7 == ask(server.start(), "SELECT x FROM kept")


def test_others_attach_as_guests(make_server: Make):
    """
    The second gets the first's server, and letting go of it harms nobody.
    """
    owner, guest = make_server(), make_server()

    assert owner.start() == guest.start()
    assert (True, False) == (owner.is_owner, guest.is_owner)
    assert owner.postmaster_pid == guest.postmaster_pid
    guest.stop()
    assert 1 == ask(owner.dsn, "SELECT 1")
    assert not guest.restart_if_dead()


def test_started_many_times_at_once_it_is_one_server(hold: Callable[[], subprocess.Popen[str]], home: Path):
    """
    Of four processes that begin together on a new home, one makes it and three attach.
    """
    processes = [hold() for _ in range(4)]
    said = [role_and_pid(process) for process in processes]

    assert ["guest", "guest", "guest", "owner"] == sorted(role for role, _ in said)
    assert 1 == len({pid for _, pid in said})


def test_the_server_dies_with_its_owner(hold: Callable[[], subprocess.Popen[str]], home: Path):
    """
    kill -9 of the owner shuts the server down properly: no process is left, and no recovery is needed.
    """
    owner = hold()
    _, postmaster = role_and_pid(owner)
    assert postmaster in processes_in(home / "pg")

    owner.kill()

    wait_until(lambda: not processes_in(home / "pg"))
    assert "database system is shut down" in (home / "postgres.log").read_text()


def test_a_guest_takes_over_from_a_dead_owner(hold: Callable[[], subprocess.Popen[str]], make_server: Make):
    """
    At the guest's next look the owner is gone: it owns the home then, and runs the server.
    """
    owner = hold()
    role_and_pid(owner)
    guest = make_server()
    guest.start()
    owner.kill()
    owner.wait()

    assert guest.restart_if_dead()

    assert guest.is_owner
    assert 1 == ask(guest.dsn, "SELECT 1")


def test_recovers_from_a_killed_postmaster(make_server: Make):
    """
    After kill -9 in the middle of work the owner revives the server, and every commit is there.
    """
    server = make_server()
    dsn = server.start()
    ask(dsn, "CREATE TABLE t (x integer); SELECT 1")
    assert not server.restart_if_dead()
    committed = 0
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        for committed in range(1, 301):
            cursor.execute("INSERT INTO t VALUES (%s)", (committed,))
            conn.commit()
        cursor.execute("INSERT INTO t VALUES (0)")  # never committed
        kill(server.postmaster_pid)
        wait_until(lambda: server.postmaster_pid is None)

        assert server.restart_if_dead()

    assert committed == ask(dsn, "SELECT count(*) FROM t")
    assert "automatic recovery in progress" in (server.home / "postgres.log").read_text()


def test_an_orphan_at_work_does_not_block_the_revival(make_server: Make):
    """
    A killed postmaster's backend in a long statement is cancelled, instead of holding the data for an hour.
    """
    server = make_server()
    with closing(psycopg2.connect(server.start(), async_=True)) as conn:
        while conn.poll() != psycopg2.extensions.POLL_OK:
            pass
        busy = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
        conn.cursor().execute(busy)
        wait_until(
            lambda: 1 == ask(server.dsn, f"SELECT count(*) FROM pg_stat_activity WHERE query = '{busy}'")
        )
        kill(server.postmaster_pid)
        wait_until(lambda: server.postmaster_pid is None)
        begun = time.monotonic()

        assert server.restart_if_dead()

    assert time.monotonic() - begun < PATIENCE_S


def test_owner_and_server_killed_together(hold: Callable[[], subprocess.Popen[str]], make_server: Make):
    """
    As in a power cut: the next start recovers by itself.
    """
    owner = hold()
    _, postmaster = role_and_pid(owner)
    kill(postmaster)
    owner.kill()
    owner.wait()

    assert 1 == ask(make_server().start(), "SELECT 1")


def test_a_kill_in_initdb_leaves_no_half_made_data(
    hold: Callable[[], subprocess.Popen[str]], make_server, home
):
    """
    The data directory gets its name when it is whole; the next start makes it anew.
    """
    owner = hold()
    wait_until(lambda: any(home.glob(".pg.new.*/PG_VERSION")))
    owner.kill()
    owner.wait()
    assert not (home / "pg").exists()

    assert 1 == ask(make_server().start(), "SELECT 1")


def test_a_pid_file_that_names_a_stranger_is_not_believed(make_server: Make):
    """
    After a container's reboot the number in the file is soon another process's.
    """
    server = make_server()
    server.start()
    pid_file = server.data / "postmaster.pid"
    text = pid_file.read_text()
    kill(server.postmaster_pid)
    wait_until(lambda: server.postmaster_pid is None)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(text.replace(text.split("\n", 1)[0], str(stranger.pid), 1))

        assert server.restart_if_dead()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_thread_that_starts_it_may_end(make_server: Make):
    """
    The kernel ties a child to the *thread* that made it; a server started from a passing one stays.
    """
    server = make_server()
    starter = Thread(target=server.start)
    starter.start()
    starter.join()
    time.sleep(0.3)  # the shutdown would take 0.02 s

    assert 1 == ask(server.dsn, "SELECT 1")


def test_the_environment_does_not_leak_in(make_server: Make, monkeypatch: pytest.MonkeyPatch):
    """
    A shell's PG variables change neither the server nor the way to it.
    """
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "x", "PGSSLMODE": "require"}.items():
        monkeypatch.setenv(name, value)

    assert 1 == ask(make_server().start(), "SELECT 1")


def test_a_bad_setting_is_told_in_postgres_own_words(make_server: Make):
    """
    The operator's slip in postgresql.conf is in the message, and the home is free again.
    """
    server = make_server()
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = plenty\n")

    with pytest.raises(PostgresFailed, match='invalid value for parameter "max_connections"'):
        server.start()
    assert not server.is_owner


def test_a_long_log_is_put_aside(make_server: Make, home: Path):
    """
    The log does not fill the disk: beyond 10 MB a start begins a new one and keeps the last.
    """
    home.mkdir(mode=0o700)
    (home / "postgres.log").write_bytes(b"x" * 10_000_001)

    make_server().start()

    assert 10_000_001 == (home / "postgres.log.1").stat().st_size
    assert (home / "postgres.log").stat().st_size < 100_000
