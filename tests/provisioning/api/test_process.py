"""The process of console and API: what it waits for when it ends, and what it says when it cannot go on."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from threading import Thread

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from provisioning.roles import Role
from radiusd.storage.migrations import migrate
from tests.acceptance.process import wait_for
from tests.provisioning.api.conftest import Api, Said, start_console, token_for

pytestmark = pytest.mark.postgres


def test_it_answers_what_is_under_way_before_it_ends(dsn, database, site, tmp_path):
    """
    SIGTERM closes the port; a long request that has begun is done and answered.
    """
    console = start_console(database, tmp_path)
    api = Api(console.port, token_for(dsn, site, Role.OPERATOR))
    rows = "".join(f"1512{at:07},USD\n" for at in range(12_000))
    said: list[Said] = []
    asking = Thread(target=lambda: said.append(api("POST", "/numbers/import", f"number,currency\n{rows}")))
    asking.start()
    wait_for(lambda: said or _is_importing(dsn), 60)
    console.process.send_signal(signal.SIGTERM)

    asking.join(30)
    assert 0 == console.process.wait(20)
    assert (200, 12_000) == (said[0].status, said[0].json["added"])
    with pytest.raises(ConnectionRefusedError):
        api("GET", "/me")


def _is_importing(dsn: str) -> bool:
    with psycopg2.connect(dsn) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tollwire console'"
            " AND state <> 'idle' AND query LIKE 'COPY%'"
        )
        busy = txn.fetchone() != (0,)
    connection.close()
    return busy


def test_connections_are_bounded(database, tmp_path):
    """
    Whoever opens many and says nothing keeps others out for a while, and nothing more.
    """
    console = start_console(database, tmp_path, connections=5)
    api = Api(console.port, "tollwire_guess")
    wait_for(lambda: _is_served(api), 10)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", console.port), timeout=10))
        assert not _is_served(api)
    wait_for(lambda: _is_served(api), 10)
    console.process.send_signal(signal.SIGTERM)
    assert 0 == console.process.wait(20)


def _is_served(api: Api) -> bool:
    try:
        return api("GET", "/me").status == 401
    except (http.client.HTTPException, OSError):
        return False


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("port = 0\n", "console.port must be from 1 to 65535"),
        ("threads = 1000\n", "console.threads must be from 1 to 64"),
        ('proxy = "nginx"\n', "console.proxy must be an address or network"),
        ("requests_per_minute = 0\n", "console.requests_per_minute must be at least 1"),
        ("colour = 1\n", "unknown field `colour`"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_line(tmp_path, lines, words):
    """
    Exit code 78, with the file and the line.
    """
    config = tmp_path / "tollwire.toml"
    config.write_text(f'[database]\ndsn = "dbname=none"\n[console]\n{lines}')
    done = _run(config)

    assert 78 == done.returncode
    assert f"{config}:4: " in done.stderr
    assert words in done.stderr


def test_a_port_that_is_taken_is_told(database, tmp_path):
    """
    Exit code 78: to try again would not help.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = tmp_path / "tollwire.toml"
        config.write_text(
            f'key_file = "{tmp_path}/key"\n[database]\ndsn = "{database}"\n'
            f"[console]\nport = {other.getsockname()[1]}\n"
        )
        done = _run(config)

    assert (78, True) == (done.returncode, "console.port: " in done.stderr)


def _run(config) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provisioning.cli", "console", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ})


def test_a_database_that_goes_away_is_told_and_comes_back(database, tmp_path):
    """
    503 while it is away; when it answers again, so do we.
    """
    name = f"away_{os.getpid()}"
    admin = psycopg2.connect(database)
    admin.autocommit = True
    txn = admin.cursor()
    txn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        dsn = make_dsn(**{**parse_dsn(database), "dbname": name})
        migrate(dsn)
        console = start_console(dsn, tmp_path)
        api = Api(console.port, "tollwire_guess")
        assert 401 == api("GET", "/me").status
        txn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        txn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        said = api("GET", "/me", code=503)
        assert ("unreachable", "1") == (said.json["code"], said.headers["retry-after"])
        txn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
        assert 401 == api("GET", "/me").status
        console.process.send_signal(signal.SIGTERM)
        assert 0 == console.process.wait(20)
    finally:
        txn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        txn.close()
        admin.close()
