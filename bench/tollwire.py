"""Tollwire, provisioned and started as an operator does it, for the comparison with others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from bench.processes import NotReady, free_udp_ports, start_notifying
from bench.workloads import Site

# The command tollwire, run by the Python that runs us: so another Python can be measured too.
COMMAND = (sys.executable, "-c", "from provisioning.cli import main; main()")
STOP_LIMIT_S = 30.0

CONFIGURATION = """
workers = {workers}
key_file = "{home}/secret.key"

[database]
dsn = "{dsn}"

[[listeners]]
kind = "auth"
address = "127.0.0.1"
port = {auth_port}

[[listeners]]
kind = "acct"
address = "127.0.0.1"
port = {acct_port}

[log]
level = "warning"
"""


class TollwireFailed(Exception):
    """A command failed, or the server did not start; the text has its own words."""


class Tollwire:
    """
    A running Tollwire with *workers* front workers on the database at *dsn*, its files in *home*.
    """

    def __init__(self, home: Path, dsn: str, site: Site, workers: int) -> None:
        self.name = f"Tollwire, {workers} worker{'s' if workers > 1 else ''}"
        self.home = home
        self.dsn = dsn
        self.site = site
        self.workers = workers
        self.auth_port, self.acct_port = free_udp_ports(2)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        assert self._child is not None, "not started"
        return self._child.pid

    def start(self) -> None:
        """
        Migrate the database, provision it and start the server.

        Raises:
            TollwireFailed: One of these did not work.
        """
        configuration = CONFIGURATION.format(
            home=self.home,
            dsn=self.dsn,
            workers=self.workers,
            auth_port=self.auth_port,
            acct_port=self.acct_port,
        )
        (self.home / "tollwire.toml").write_text(configuration)
        (self.home / "deck.csv").write_text(_deck(self.site))
        (self.home / "site.toml").touch(mode=0o600)  # it holds secrets
        (self.home / "site.toml").write_text(_site_file(self.site))
        self.run("db", "migrate")
        self.run("apply", "--yes", str(self.home / "site.toml"))
        command = [*COMMAND, "serve", "--config", str(self.home / "tollwire.toml")]
        try:
            self._child = start_notifying(command, self.home, os.environ)
        except NotReady as error:
            raise TollwireFailed(str(error)) from error

    def stop(self) -> None:
        """End the server as an operator does."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            self._child.wait(STOP_LIMIT_S)
            self._child = None

    def clear(self) -> None:
        """Keep everything: its records are meant to stay."""

    def analyse(self) -> None:
        """Leave the database alone: the server asks for the plans it wants."""

    def ended_calls(self) -> int:
        """Return how many answered calls are on record, one for each payer; these calls have one."""
        with closing(psycopg2.connect(self.dsn)) as conn, conn.cursor() as txn:
            txn.execute("SELECT count(*) FROM cdr WHERE status = 'answered'")
            (count,) = txn.fetchone() or (0,)
            return int(count)

    def check_books(self) -> str:
        """Return ``right``, or what ``tollwire books check`` says of the rows that differ."""
        answer = self.run("books", "check", "--json", check=False)
        return "right" if json.loads(answer)["ok"] else answer

    def run(self, *arguments: str, check: bool = True) -> str:
        """
        Return what the command ``tollwire`` *arguments* printed.

        Raises:
            TollwireFailed: It exited with another code than 0, and *check* asks to mind.
        """
        command = [*COMMAND, *arguments, "--config", str(self.home / "tollwire.toml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise TollwireFailed(
                f"tollwire {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout + done.stderr


def _deck(site: Site) -> str:
    """Return the deck as CSV, with a rate for every called number of the workload."""
    rows = ["prefix,description,rate,connect_fee,initial,increment"]
    for index in range(site.prefixes):
        rows.append(f"{site.prefix(index)},Destination {index},0.{index % 90 + 10:03},0.001,6,6")
    return "\n".join(rows) + "\n"


def _site_file(site: Site) -> str:
    """Return the site file: an account and a trunk with a user for each carrier, every other one prepaid."""
    parts = [SITE_HEAD.format(secret=site.secret.decode(), minutes=INCLUDED_MINUTES)]
    for trunk in range(site.trunks):
        parts.append(
            SITE_CARRIER.format(
                code=f"C{trunk:03}",
                money="postpaid = true" if trunk % 2 else "opening_balance = 100000000",
                trunk=site.trunk_name(trunk),
                user=site.user(trunk),
                password=site.password,
            )
        )
    return "".join(parts)


# Every call attempt reserves the whole of the longest call; these last for all attempts of a run.
INCLUDED_MINUTES = 30_000_000

SITE_HEAD = """
[[client]]
name = "gw1"
networks = ["127.0.0.1"]
secret = "{secret}"
dialect = "cisco"

[[deck]]
name = "world"
currency = "USD"
file = "deck.csv"

[[destination]]
name = "North America"
prefixes = ["1"]

[[plan]]
code = "carrier"
deck = "world"

[[plan.bucket]]
name = "North America"
minutes = {minutes}
destinations = "North America"
"""

SITE_CARRIER = """
[[account]]
code = "{code}"
currency = "USD"
{money}

[[trunk]]
account = "{code}"
trunk = "{trunk}"
plan = "carrier"
client = "gw1"
max_channels = 100000
username = "{user}"
password = "{password}"
activated = 2020-01-01
"""
