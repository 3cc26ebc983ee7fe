"""
One data directory and the postmaster that serves it: made, launched, waited for, ended.

Who may do that, and when, is decided in ``postgres.py``; here it is done.
"""

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn

from radiusd.errors import TollwireError
from radiusd.storage.postgres_binaries import Binaries
from radiusd.storage.postgres_home import SOCKET_NAME, Identity, child_command

SUPERUSER = DATABASE = "tollwire"
UNFINISHED = ".pg.new."
INITDB_LIMIT_S = 120
STOP_LIMIT_S = 60  # the fast shutdown's checkpoint
LEFTOVER_LIMIT_S = 60  # how long processes of an earlier run may take to end
POLL_S = 0.02
LOG_MAX_BYTES = 10_000_000
LOG_TAIL_BYTES = 2_000

# What our promises rest on; given on the command line, where no file can override it.
REQUIRED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",  # only the socket's name: nothing listens on TCP
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # statements hold calls: who called whom, and a megabyte of them
}
# What an operator may tune, in pg/postgresql.conf.
TUNABLE = """
# Written by tollwire when it made this directory: a small box with many short transactions.
max_connections = 100
shared_buffers = 256MB
effective_cache_size = 1GB
min_wal_size = 256MB
max_wal_size = 1GB                  # bounds what a start after a crash has to replay
wal_compression = on
checkpoint_timeout = 15min
jit = off                           # a statement of a millisecond does not repay compiling
log_lock_waits = on
log_line_prefix = '%m [%p] '
"""


class PostgresFailed(TollwireError):
    """The embedded server did not start; the text carries PostgreSQL's own words and where its log is."""


def dsn_of(run_dir: Path, database: str = DATABASE) -> str:
    """
    Return the libpq address of the server whose socket is in *run_dir*.

    Without ``sslmode`` libpq looks for certificates in $HOME, and fails when those are closed to us.
    """
    return make_dsn(
        host=str(run_dir), port=5432, user=SUPERUSER, dbname=database, sslmode="disable", connect_timeout=5
    )


def why_silent(dsn: str) -> str | None:
    """
    Return None when the server at *dsn* takes a connection, else its reason in one line.
    """
    try:
        psycopg2.connect(dsn).close()
    except psycopg2.OperationalError as error:
        return " ".join(str(error).split())
    return None


class Cluster:
    """
    The data in *home*/pg, served by *binaries* as *identity* over a socket in *run_dir*.

    Whoever uses it holds the home's lock, so nobody else starts a server on the same data.
    """

    def __init__(self, home: Path, run_dir: Path, binaries: Binaries, identity: Identity) -> None:
        self.data = home / "pg"
        self.log_path = home / "postgres.log"
        self.run_dir = run_dir
        self.binaries = binaries
        self.identity = identity
        self._child: subprocess.Popen[bytes] | None = None
        # The kernel sends PDEATHSIG when the *thread* that made the child ends: it gets one that stays.
        self._parent_thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-parent")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def launch(self, deadline: float) -> None:
        """
        Serve the data, made anew if there is none, and return when the server answers.

        *deadline* is in ``time.monotonic()`` seconds.

        Raises:
            PostgresFailed: It did not come up; it has been ended.
        """
        if not self.data.exists():
            self._initdb()
        self._end_leftovers()
        self._rotate_log()
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._child = self._parent_thread.submit(self._spawn).result()
        try:
            self._wait_until_it_answers(self._child, deadline, log_start)
            self._create_database()
        except BaseException:
            self._end_child()
            raise

    def end(self) -> None:
        """
        Shut the server down: open transactions are rolled back, a checkpoint is written.
        """
        self._end_child()
        self._parent_thread.shutdown()

    def _initdb(self) -> None:
        """Make the data directory under another name: a kill leaves none that is half made."""
        for left in self.data.parent.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: the initdb of a process that was killed just now may still be writing to its.
        unfinished = self.data.with_name(f"{UNFINISHED}{os.getpid()}")
        unfinished.mkdir(mode=0o700)
        self.identity.give(unfinished)
        arguments = [
            "-D", str(unfinished), f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C.UTF-8",
            "--data-checksums", "--auth-local=trust", "--auth-host=reject", "--no-instructions",
        ]  # fmt: skip
        command = child_command(self.identity, self.binaries.program("initdb"), *arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._environment(), timeout=INITDB_LIMIT_S
        )
        if done.returncode != 0:
            reason = done.stderr.strip() or done.stdout.strip()
            raise PostgresFailed(f"initdb cannot make {self.data}: {reason}")
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write(TUNABLE)
        unfinished.rename(self.data)

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {**REQUIRED, "unix_socket_directories": _quoted_for_list(self.run_dir)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = self.binaries.program("postgres")
        with open(os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            return subprocess.Popen(
                child_command(self.identity, program, "-D", str(self.data), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,  # Ctrl-C on our terminal is for us
            )

    def _environment(self) -> dict[str, str]:
        """Return what the programs need, and nothing that could redirect them (PGDATA, LD_PRELOAD ...)."""
        return {"PATH": f"{self.binaries.bin_dir}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def _wait_until_it_answers(self, child: subprocess.Popen[bytes], deadline: float, log_start: int) -> None:
        dsn = dsn_of(self.run_dir, "postgres")
        while (reason := why_silent(dsn)) is not None:
            if child.poll() is not None:
                raise PostgresFailed(f"PostgreSQL ended at its start: {self._log_since(log_start)}")
            if time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL runs and does not answer: {reason}; see {self.log_path}")
            time.sleep(POLL_S)

    def _create_database(self) -> None:
        with closing(psycopg2.connect(dsn_of(self.run_dir, "postgres"))) as connection:
            connection.autocommit = True  # CREATE DATABASE takes no transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")

    def _end_child(self) -> None:
        if self._child is None:
            return
        for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, the kernel's
            if self._child.poll() is None:
                self._child.send_signal(sign)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_LIMIT_S)
                break
        self._child = None

    def _end_leftovers(self) -> None:
        """
        Wait for processes of an earlier run to end, then clear away what would be taken for one.

        They outlive an owner or a postmaster that was killed, by milliseconds or by a long statement.
        SIGINT shuts a postmaster down and cancels an orphan's statement.
        """
        deadline = time.monotonic() + LEFTOVER_LIMIT_S
        while leftovers := processes_in(self.data):
            if time.monotonic() > deadline:
                raise PostgresFailed(f"processes {leftovers} of an earlier run use {self.data}: end them")
            for pid in leftovers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            time.sleep(POLL_S)
        # Nobody serves this data. But PostgreSQL would believe a lock file whose number another
        # process has by now, or a zombie that nobody reaps: both are usual in containers.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.run_dir / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _rotate_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_MAX_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def _log_since(self, start: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(start, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return f"{log.read().decode(errors='replace').strip()} ({self.log_path})"


def processes_in(data: Path) -> list[int]:
    """
    Return the ids of the PostgreSQL processes that work in the folder *data*, as every one of them does.
    """
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended, it is a zombie, or it is none of ours
            if process.name.isdecimal() and (process / "exe").readlink().name.startswith("postgres"):
                if (process / "cwd").samefile(data):
                    found.append(int(process.name))
    return found


def _quoted_for_list(folder: Path) -> str:
    """Write *folder* for a setting that is a list of names: it may hold spaces and commas."""
    return '"{}"'.format(str(folder).replace('"', '""'))
