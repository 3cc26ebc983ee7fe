"""
FreeRADIUS 3.2 with rlm_sql on PostgreSQL: the server that ours is compared with.

Schema and queries are the package's own. Tuned as its documents advise: as many threads as connections
(32), no modules but those that the work needs. It runs as our child on loopback ports, from a folder of
its own; Debian's service and its configuration are left alone.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extras import execute_values

from bench.processes import free_udp_ports
from bench.workloads import Site

PROGRAM = "freeradius"
PACKAGE = Path("/etc/freeradius/3.0")
QUERIES = PACKAGE / "mods-config/sql/main/postgresql/queries.conf"
SCHEMA = PACKAGE / "mods-config/sql/main/postgresql/schema.sql"
THREADS = 32
RECEIVE_OCTETS = 4 << 20  # the kernel's default holds some 160 packets: a window of 1024 would overflow it
SIMULTANEOUS_USE = 1_000_000  # counted for every call, and never reached
START_LIMIT_S = 15.0
POLL_S = 0.05

CONFIGURATION = """
prefix = /usr
confdir = {home}
raddbdir = {home}
logdir = {home}
run_dir = {home}
libdir = /usr/lib/freeradius
name = radiusd
pidfile = {home}/radiusd.pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
proxy_requests = no
log {{
    destination = files
    file = {home}/radius.log
    auth = no
}}
security {{
    max_attributes = 200
    reject_delay = 1
    status_server = yes
}}
thread pool {{
    start_servers = {threads}
    max_servers = {threads}
    min_spare_servers = {threads}
    max_spare_servers = {threads}
    max_queue_size = 65536
    max_requests_per_server = 0
    auto_limit_acct = no
}}
client bench {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
    require_message_authenticator = yes
}}
modules {{
    expr {{
    }}
    pap {{
    }}
    sql {{
        dialect = "postgresql"
        driver = "rlm_sql_postgresql"
        radius_db = "{dsn}"
        acct_table1 = "radacct"
        acct_table2 = "radacct"
        postauth_table = "radpostauth"
        authcheck_table = "radcheck"
        groupcheck_table = "radgroupcheck"
        authreply_table = "radreply"
        groupreply_table = "radgroupreply"
        usergroup_table = "radusergroup"
        client_table = "nas"
        group_attribute = "SQL-Group"
        delete_stale_sessions = yes
        pool {{
            start = {threads}
            min = {threads}
            max = {threads}
            spare = 0
            uses = 0
            lifetime = 0
            idle_timeout = 0
        }}
        $INCLUDE {queries}
    }}
}}
policy {{
    $INCLUDE {package}/policy.d/accounting
}}
server bench {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {auth_port}
        recv_buff = {receive_octets}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {acct_port}
        recv_buff = {receive_octets}
    }}
    authorize {{
        sql
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
    session {{
        sql
    }}
    preacct {{
        acct_unique
    }}
    accounting {{
        sql
    }}
}}
"""


class FreeRadiusFailed(Exception):
    """It is not installed, or did not start; the text has its own words."""


class FreeRadius:
    """
    A running FreeRADIUS on the database at *dsn*, with its files in *home*.
    """

    name = "FreeRADIUS"

    def __init__(self, home: Path, dsn: str, site: Site, *, index_open_calls: bool = False) -> None:
        self.home = home
        self.dsn = dsn
        self.site = site
        self.index_open_calls = index_open_calls
        self.auth_port, self.acct_port = free_udp_ports(2)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._child is not None, "not started"
        return self._child.pid

    def start(self) -> None:
        """
        Provision the database and start the server.

        Raises:
            FreeRadiusFailed: It is not installed, or did not come up.
        """
        if shutil.which(PROGRAM) is None or not SCHEMA.exists():
            raise FreeRadiusFailed("not installed: apt install freeradius freeradius-postgresql")
        self._provision()
        self.home.mkdir(parents=True, exist_ok=True)
        # The dictionaries are found by the -D default; this file may add to them and must exist.
        (self.home / "dictionary").write_text("")
        configuration = CONFIGURATION.format(
            home=self.home,
            threads=THREADS,
            secret=self.site.secret.decode(),
            dsn=self.dsn,
            queries=QUERIES,
            package=PACKAGE,
            auth_port=self.auth_port,
            acct_port=self.acct_port,
            receive_octets=RECEIVE_OCTETS,
        )
        (self.home / "radiusd.conf").write_text(configuration)
        (self.home / "radiusd.conf").chmod(0o600)
        output = (self.home / "output.log").open("wb")
        self._child = subprocess.Popen(
            [PROGRAM, "-f", "-d", str(self.home), "-n", "radiusd"], stdout=output, stderr=output
        )
        output.close()
        self._wait_until_ready()

    def stop(self) -> None:
        """End the server."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait(timeout=START_LIMIT_S)
            self._child = None

    def clear(self) -> None:
        """Forget all calls, so that a round does not pay for the rows of the one before."""
        with closing(psycopg2.connect(self.dsn)) as conn:
            conn.autocommit = True
            with conn.cursor() as txn:
                txn.execute("TRUNCATE radacct")
                txn.execute("VACUUM ANALYZE radacct")

    def analyse(self) -> None:
        """Let the planner know how many calls are on file, as autovacuum does in time."""
        with closing(psycopg2.connect(self.dsn)) as conn:
            conn.autocommit = True
            with conn.cursor() as txn:
                txn.execute("VACUUM ANALYZE radacct")

    def ended_calls(self) -> int:
        """Return how many calls have ended in the database."""
        with closing(psycopg2.connect(self.dsn)) as conn, conn.cursor() as txn:
            txn.execute("SELECT count(*) FROM radacct WHERE acctstoptime IS NOT NULL")
            (count,) = txn.fetchone() or (0,)
            return int(count)

    def _provision(self) -> None:
        checks = [
            row
            for trunk in range(self.site.trunks)
            for row in (
                (self.site.user(trunk), "Cleartext-Password", ":=", self.site.password),
                (self.site.user(trunk), "Simultaneous-Use", ":=", str(SIMULTANEOUS_USE)),
            )
        ]
        with closing(psycopg2.connect(self.dsn)) as conn, conn, conn.cursor() as txn:
            txn.execute(SCHEMA.read_text())
            if self.index_open_calls:
                txn.execute("CREATE INDEX bench_open ON radacct (UserName) WHERE AcctStopTime IS NULL")
            execute_values(txn, "INSERT INTO radcheck (UserName, Attribute, op, Value) VALUES %s", checks)

    def _wait_until_ready(self) -> None:
        assert self._child is not None
        log = self.home / "radius.log"
        deadline = time.monotonic() + START_LIMIT_S
        while not (log.exists() and "Ready to process requests" in log.read_text()):
            if self._child.poll() is not None or time.monotonic() > deadline:
                said = [path.read_text() for path in (self.home / "output.log", log) if path.exists()]
                self.stop()
                raise FreeRadiusFailed("did not start:\n" + "\n".join(said)[-2000:])
            time.sleep(POLL_S)
