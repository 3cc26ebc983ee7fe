"""The home of the embedded PostgreSQL: what it may be called, who may come near, and whom root becomes."""

import os
import pwd
import shutil
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2 import DatabaseError

from radiusd.storage import postgres_home
from radiusd.storage.postgres_cluster import PostgresFailed
from radiusd.storage.postgres_home import HomeUnusable
from tests.storage.embedded import Make, ask

pytestmark = pytest.mark.postgres
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_nobody_else_may_come_near(make_server: Make, home: Path):
    """
    The socket asks for no password, so its folder, the data and the log are closed to others.
    """
    server = make_server()
    server.start()

    for path in (home, server.data, server.run_dir):
        assert (path, 0o700) == (path, stat.S_IMODE(path.stat().st_mode))
    assert 0 == (home / "postgres.log").stat().st_mode & 0o077


def test_the_log_tells_errors_and_not_whose_calls_they_are_about(make_server: Make, home: Path):
    """
    A statement holds the calls of a batch. Many a message would come with all of it, and fill the disk.
    """
    server = make_server()
    server.start()
    with pytest.raises(DatabaseError):
        ask(server.dsn, "SELECT 1 / (length('442071838750') - 12)")

    log = (home / "postgres.log").read_text()
    assert "ERROR:  division by zero" in log
    assert "442071838750" not in log


def test_folders_above_the_home_stay_as_they_are(make_server: Make, short_dir: Path):
    """
    A closed folder is not opened for the server's sake, not even by root.
    """
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)

    make_server(closed / "deep" / "home").start()

    assert 0o700 == stat.S_IMODE(closed.stat().st_mode)


def test_a_home_with_a_long_name_gets_a_short_socket(make_server: Make, short_dir: Path):
    """
    A Unix socket's name ends at 107 octets; every process finds the same short folder, closed to others.
    """
    deep = short_dir.joinpath(*["a-folder-with-a-name-that-goes-on"] * 4, 'ünï, "quoted"')
    owner, guest = make_server(deep), make_server(deep)

    assert owner.start() == guest.start()
    assert not owner.run_dir.is_relative_to(deep)
    assert 0o700 == stat.S_IMODE(owner.run_dir.stat().st_mode)
    owner.stop()
    shutil.rmtree(owner.run_dir)


def test_a_strangers_socket_folder_is_refused(make_server: Make, short_dir: Path):
    """
    Below /tmp somebody could wait for us with a false server.
    """
    deep = short_dir.joinpath(*["a-folder-with-a-name-that-goes-on"] * 4)
    server = make_server(deep)
    server.run_dir.mkdir()
    server.run_dir.chmod(0o777)

    with pytest.raises(HomeUnusable, match="must be a folder of mode 700"):
        server.start()
    server.run_dir.rmdir()


@pytest.mark.parametrize(("name", "socket_inside"), [('it\'s a "home"', True), ("home, sweet", False)])
def test_a_home_may_have_any_name(make_server: Make, short_dir: Path, name: str, socket_inside: bool):
    """
    It reaches PostgreSQL in a list and libpq in a DSN: both are quoted, and libpq cannot take a comma.
    """
    server = make_server(short_dir / name)

    assert 1 == ask(server.start(), "SELECT 1")
    assert socket_inside == server.run_dir.is_relative_to(server.home)
    server.stop()
    shutil.rmtree(server.run_dir)


def test_the_socket_limit_is_the_kernels(short_dir: Path):
    """
    A name of 107 octets can be bound, one of 108 cannot.
    """
    longest = str(short_dir / "x").ljust(postgres_home.SOCKET_PATH_MAX, "x")

    with closing(socket.socket(socket.AF_UNIX)) as taken, closing(socket.socket(socket.AF_UNIX)) as refused:
        taken.bind(longest)
        with pytest.raises(OSError, match="too long"):
            refused.bind(longest + "xx")


def test_foreign_data_is_refused(make_server: Make, home: Path):
    """
    A folder pg/ of something else is left alone.
    """
    (home / "pg").mkdir(parents=True)
    (home / "pg" / "letters").touch()

    with pytest.raises(HomeUnusable, match="it has no PG_VERSION"):
        make_server().start()
    assert (home / "pg" / "letters").exists()


@as_root
@pytest.mark.parametrize("existing", [False, True], ids=["a new home", "a home that root has made"])
def test_root_without_namespaces_becomes_another_user(make_server, home, monkeypatch, existing: bool):
    """
    Where user namespaces are refused, PostgreSQL runs as a service user, from programs that it can reach.
    """
    monkeypatch.setattr(postgres_home, "namespaces_work", lambda: False)
    if existing:
        home.mkdir(mode=0o700)
    server = make_server()

    assert 1 == ask(server.start(), "SELECT 1")

    user = postgres_home.first_service_user()
    assert user.pw_uid == Path(f"/proc/{server.postmaster_pid}").stat().st_uid
    server.stop()
    assert 1 == ask(server.start(), "SELECT 1")  # its data's owner decides now


@as_root
def test_root_serves_a_users_data_as_that_user(make_server: Make, home: Path):
    """
    No file of the user's becomes root's, so that the user can go on without root.
    """
    nobody = pwd.getpwnam("nobody")
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    server = make_server()

    server.start()

    assert nobody.pw_uid == Path(f"/proc/{server.postmaster_pid}").stat().st_uid
    assert {nobody.pw_uid} == {path.stat().st_uid for path in server.data.rglob("*")}


@as_root
def test_root_in_a_namespace_keeps_everything_its_own(make_server: Make):
    """
    No user is made and nothing is given away: on disk all is root's, and PostgreSQL is not uid 0 to itself.
    """
    if not postgres_home.namespaces_work():
        pytest.skip("this kernel or container refuses user namespaces")
    server = make_server()

    server.start()

    assert {0} == {path.stat().st_uid for path in server.data.rglob("*")}
    assert "65534" == Path(f"/proc/{server.postmaster_pid}/uid_map").read_text().split()[0]


@as_root
def test_a_closed_folder_above_is_named(make_server: Make, short_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """
    The service user cannot pass it, and we do not open it: the message names it and what to do.
    """
    monkeypatch.setattr(postgres_home, "namespaces_work", lambda: False)
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(PostgresFailed, match=f"{closed} is closed to it.*/var/lib/tollwire"):
        make_server(closed / "home").start()
    assert 0o700 == stat.S_IMODE(closed.stat().st_mode)
