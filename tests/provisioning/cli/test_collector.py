"""The process that collects records: folders, streams both ways and posts, all of it once in the books."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg2
import pytest

from bench.processes import free_tcp_ports
from provisioning.cli.errors import Exit
from tests.provisioning.cli.conftest import Run
from tests.provisioning.cli.test_record_import import SITE, row

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance]

PATIENCE_S = 20.0
SOURCES = """
[[source]]
name = "smdr"
format = "avaya-ipoffice-smdr"
zone = "UTC"
tenant = "acme.pbx"
[[source]]
name = "switch"
format = "freeswitch-json"
tenant = "beta.pbx"
[[source]]
name = "proxy"
format = "kamailio-acc"
tenant = "acme.pbx"
"""
TABLE = """
CREATE SCHEMA proxy;
CREATE TABLE proxy.acc (id bigint PRIMARY KEY, method text, from_tag text, to_tag text, callid text,
    sip_code text, sip_reason text, time timestamp, src_user text, dst_user text)
"""
SMDR = "2026/01/05 10:00:{n:02},00:00:10,1,1001,O,13105550100,13105550100,,0,{n},0,E1001,Ann,T1,Line,0,0\r\n"


class Collector:
    """The process, its ports and its folder."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.smdr_port, self.pbx_port, self.post_port = free_tcp_ports(3)
        (folder / "password").write_text("let me in\n")
        (folder / "dsn").write_text(dsn + "\n")
        (folder / "collect.toml").write_text(
            f'key_file = "{folder}/secret.key"\n[database]\ndsn = "{dsn}"\n'
            f'[[collectors]]\nsource = "pbx"\nfolder = "{self.inbox}"\npattern = "*.csv"\n'
            'settle_s = 0.5\ndone = "old"\n'
            f'[[collectors]]\nsource = "smdr"\nlisten = "127.0.0.1:{self.smdr_port}"\n'
            f'connect = "127.0.0.1:{self.pbx_port}"\n'
            f'[[collectors]]\nsource = "switch"\npost = "127.0.0.1:{self.post_port}"\n'
            f'password_file = "{folder}/password"\n'
            f'[[collectors]]\nsource = "proxy"\ndsn_file = "{folder}/dsn"\ntable = "proxy.acc"\n'
        )
        self._folder = folder
        self.spool = folder / "records"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "radiusd.collector", str(self._folder / "collect.toml")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment, text=True
        )
        until(lambda: _answers(self.post_port))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()  # type: ignore[union-attr]

    def stop(self) -> int:
        """End it as the server does: its input ends."""
        assert self._process is not None
        self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode

    def post(self, document: dict[str, Any], password: str = "let me in") -> int:
        """Post a document as mod_json_cdr does, and return the status."""
        proof = base64.b64encode(f"tollwire:{password}".encode()).decode()
        request = Request(
            f"http://127.0.0.1:{self.post_port}/cdr",
            json.dumps(document).encode(),
            {"Authorization": f"Basic {proof}", "Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=PATIENCE_S) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


@pytest.fixture
def collector(run: Run, config: Path, dsn: str, tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "site.toml").write_text(SITE + SOURCES)
    result = run("apply", "site.toml", "--yes")
    assert Exit.OK == result.exit_code, result.output
    found = Collector(tmp_path, dsn)
    found.start()
    yield found
    assert 0 == found.stop()


@pytest.fixture
def balance(dsn: str) -> Callable[[str], int]:
    def read(code: str) -> int:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            txn.execute(
                "SELECT balance_micros FROM balance JOIN account ON id = account_id WHERE code = %s", (code,)
            )
            found = txn.fetchone()
            return int(found[0]) if found else 0

    return read


def test_files_in_a_folder_are_imported_and_moved(collector: Collector, balance: Any) -> None:
    """
    A file that has settled is in the books and out of the way; other files are left alone.
    """
    (collector.inbox / "Master.csv").write_text(row(1, 30))
    (collector.inbox / "notes.txt").write_text("not a record\n")

    until(lambda: (collector.inbox / "old" / "Master.csv").exists())

    assert -30_000 == balance("ACME")
    assert ["notes.txt", "old"] == sorted(path.name for path in collector.inbox.iterdir())


def test_lines_come_over_connections_both_ways(collector: Collector, balance: Any) -> None:
    """
    A PBX that connects to us and one that we connect to, in pieces and broken off: each line counts once.
    """
    lines = [SMDR.format(n=n).encode() for n in range(4)]
    with socket.create_server(("127.0.0.1", collector.pbx_port)) as pbx:
        pbx.settimeout(PATIENCE_S)
        with socket.create_connection(("127.0.0.1", collector.smdr_port)) as way:
            way.sendall(lines[0] + lines[1][:20])
            time.sleep(0.2)
            way.sendall(lines[1][20:])
        ours, _ = pbx.accept()
        with ours:
            ours.sendall(lines[2] + lines[0])
        again, _ = pbx.accept()  # it connects again
        with again:
            again.sendall(lines[3])

            until(lambda: balance("ACME") == -40_000)


def test_a_document_that_was_answered_survives_a_kill(collector: Collector, balance: Any) -> None:
    """
    Answered means kept: killed right after its answer, the collector imports the document when it is back.
    """
    times = {"start_epoch": "1767612466", "answer_epoch": "1767612470", "end_epoch": "1767612490"}
    variables = {"uuid": "u-1", "billsec": "20", "call_direction": "outbound", **times}
    profile = {"caller_id_number": "1001", "destination_number": "13105550100"}
    document = {"variables": variables, "callflow": [{"caller_profile": profile}]}

    assert 401 == collector.post(document, "something else")
    assert 200 == collector.post(document)
    collector.kill()
    collector.start()
    assert 200 == collector.post(document)

    until(lambda: balance("BETA") == -20_000)
    assert 0 == balance("ACME")


@pytest.fixture
def table(dsn: str) -> Iterator[Callable[..., None]]:
    """Insert a row into a proxy's accounting table."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute(TABLE)

            def insert(*values: object) -> None:
                txn.execute(
                    "INSERT INTO proxy.acc VALUES (%s, %s, 'a', 'b', 'c1@proxy', '200', 'OK', %s, %s, %s)",
                    values,
                )

            yield insert
            txn.execute("DROP SCHEMA proxy CASCADE")


def test_a_table_is_read_by_its_cursor(table: Any, collector: Collector, balance: Any) -> None:
    """
    A call's INVITE and BYE are read as they come; a row with a lower number, committed late, is not lost.
    """
    table(7, "BYE", "2026-01-05 12:01:10", None, None)
    until(lambda: (collector.spool / "proxy" / "cursor-proxy.acc@dsn").exists())

    table(5, "INVITE", "2026-01-05 12:00:10", "1001", "13105550100")
    table(8, "CANCEL", "2026-01-05 12:01:20", None, None)

    until(lambda: balance("ACME") == -60_000)


def test_a_table_that_counts_from_1_again_is_read_again(
    table: Any, collector: Collector, balance: Any, dsn: str
) -> None:
    """
    Emptied and made anew, its numbers are below the cursor: its calls are collected, the old ones not twice.
    """
    table(7, "INVITE", "2026-01-05 12:00:10", "1001", "13105550100")
    table(9, "BYE", "2026-01-05 12:01:10", None, None)
    until(lambda: balance("ACME") == -60_000)

    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE proxy.acc SET id = id - 6")
        txn.execute("INSERT INTO proxy.acc SELECT id + 1, method, from_tag, to_tag, 'c2@proxy', sip_code,"
                    " sip_reason, time + interval '1 h', src_user, dst_user FROM proxy.acc")  # fmt: skip

    until(lambda: balance("ACME") == -120_000)
    assert "4" == (collector.spool / "proxy" / "cursor-proxy.acc@dsn").read_text()


def test_a_file_that_cannot_be_moved_holds_up_no_other(collector: Collector, balance: Any) -> None:
    """
    Its records are in the books, it stays where it is, and the files behind it are imported.
    """
    (collector.inbox / "old").write_text("no folder\n")
    (collector.inbox / "a.csv").write_text(row(1, 30))
    (collector.inbox / "b.csv").write_text(row(2, 30))

    until(lambda: balance("ACME") == -60_000)
    assert (collector.inbox / "a.csv").exists()
