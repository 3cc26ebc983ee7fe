"""The real ``tollwire serve``, run over loopback as an operator runs it: configured, provisioned, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.processes import free_udp_ports, start_notifying, tree_of

COMMAND = Path(sys.executable).with_name("tollwire")
STOP_LIMIT_S = 30.0
POLL_S = 0.1

CONFIGURATION = """
workers = {workers}
key_file = "{key_file}"

[database]
{database}

[[listeners]]
kind = "auth"
address = "{address}"
port = {auth_port}

[[listeners]]
kind = "acct"
address = "{address}"
port = {acct_port}
{more}
"""


class Server:
    """
    A Tollwire of its own in *home*, with an embedded PostgreSQL from *pg_bin* or the first that is found.

    With *dsn* it is a node beside others on that database, whose *key_file* it shares. It is configured at
    once and runs from :meth:`start` to :meth:`stop`; commands work all the time. *address* ``::`` listens to
    IPv4 and IPv6. *more* is TOML that ends the configuration.
    """

    def __init__(
        self,
        home: Path,
        pg_bin: Path | None,
        workers: int = 1,
        dsn: str = "",
        key_file: Path | None = None,
        address: str = "127.0.0.1",
        more: str = "",
    ) -> None:
        self.home = home
        self.dsn = dsn
        self.address = address
        self.more = more
        self.key_file = key_file or home / "secret.key"
        self.config = home / "tollwire.toml"
        self.auth_port, self.acct_port = free_udp_ports(2)
        self._environment = os.environ | ({"TOLLWIRE_PG_BIN": str(pg_bin)} if pg_bin else {})
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(workers)

    @property
    def pid(self) -> int:
        """The process id of ``tollwire serve`` itself."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the server was started and not ended by us."""
        return self._process is not None

    def configure(self, workers: int) -> None:
        """Write the configuration; it counts from the next start."""
        self.config.write_text(
            CONFIGURATION.format(
                workers=workers,
                key_file=self.key_file,
                database=f'dsn = "{self.dsn}"' if self.dsn else f'directory = "{self.home}/db"',
                address=self.address,
                auth_port=self.auth_port,
                acct_port=self.acct_port,
                more=self.more,
            )
        )

    def apply(self, site: str) -> str:
        """Provision what the *site* file says, and return what the command printed."""
        path = self.home / "site.toml"
        path.touch(mode=0o600)  # it holds secrets
        path.write_text(site)
        self.run("db", "migrate")
        return self.run("apply", "--yes", str(path))

    def start(self, **environment: str) -> None:
        """Start the server, with *environment* besides ours, and return when it says that it is ready."""
        command = [str(COMMAND), "serve", "--config", str(self.config)]
        self._process = start_notifying(command, self.home, self._environment | environment)

    def stop(self) -> int:
        """End the server by SIGTERM and return its exit code."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_LIMIT_S)
        finally:
            self.kill()

    def wait_for_death(self, limit_s: float = 5.0) -> int | None:
        """Return the exit code of a server that ends by itself, None when it does not in time."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the server by SIGKILL, if it runs; return when its PostgreSQL and workers, too, have ended."""
        if self._process is not None:
            family = tree_of(self._process.pid)
            self._process.kill()
            self._process.wait()
            self._process = None
            wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), STOP_LIMIT_S)

    def children(self) -> dict[int, str]:
        """Return the command lines of the server's child processes by pid."""
        found = {}
        for folder in Path("/proc").iterdir():
            with suppress(OSError, IndexError):
                if folder.name.isdecimal() and self.pid == _parent_of(folder):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.home / "output.log").read_text(errors="replace")

    def run(self, *arguments: str, exits: int = 0) -> str:
        """Return what ``tollwire`` *arguments* printed, seeing to it that it exits with *exits*."""
        command = [str(COMMAND), *arguments, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)
        assert exits == done.returncode, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the JSON that ``tollwire`` *arguments* printed: a list of rows."""
        rows = json.loads(self.run(*arguments, "--json"))
        assert isinstance(rows, list)
        return rows

    def check_books(self) -> None:
        """See to it that the books are right."""
        self.run("books", "check")


def wait_for(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    """Return once *condition* has held; after *limit_s* let its last value fail the test."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    assert found


def _parent_of(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
