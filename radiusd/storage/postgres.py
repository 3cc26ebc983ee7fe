"""
A PostgreSQL of our own for people who have none: started, shared, revived and stopped.

One process owns the server by a file lock and is its parent; others with the same home attach to it as
guests. The server ends with its owner, even by kill -9. It listens on a Unix socket in a closed folder
and nowhere else, which is why it asks nobody for a password.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from radiusd.storage import postgres_home
from radiusd.storage.postgres_binaries import copy_privately, find_binaries
from radiusd.storage.postgres_cluster import POLL_S, Cluster, PostgresFailed, dsn_of, why_silent

START_LIMIT_S = 600  # recovery replays up to max_wal_size: minutes on a slow disk


class EmbeddedPostgres:
    """
    The embedded server in *home*, with the programs in *bin_dir* or the first that are found.

    Its methods block, for minutes when there is much to recover: call them before the reactor runs or
    from a thread, one at a time. A process made by fork without exec would keep the owner's lock.
    """

    def __init__(self, home: Path, bin_dir: Path | None = None) -> None:
        self.home = home.expanduser().resolve()
        self.data = self.home / "pg"
        self.run_dir = postgres_home.run_dir(self.home)
        self.bin_dir = bin_dir
        self._lock: IO[str] | None = None
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The server's address for libpq."""
        return dsn_of(self.run_dir)

    @property
    def is_owner(self) -> bool:
        """Whether the server is our child and ends with us."""
        return self._lock is not None

    @property
    def postmaster_pid(self) -> int | None:
        """The id of the server's first process, or None when none runs."""
        if self._cluster is not None:
            return self._cluster.pid
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):  # none runs, or it is just writing the file
            return None

    def start(self) -> str:
        """
        Return the DSN of a server that answers: ours, or that of the process which owns the home.

        Raises:
            PostgresFailed: It refused to start, or did not answer in time.
            HomeUnusable: The folder, or the user we are, cannot run it.
            BinariesMissing: No fitting programs are installed.
        """
        postgres_home.make_home(self.home)
        deadline = time.monotonic() + START_LIMIT_S
        while not self.is_owner and not self._take_lock():
            reason = self._why_silent()
            if reason is None:
                return self.dsn
            if time.monotonic() > deadline:
                raise PostgresFailed(f"the owner of {self.home} runs, its server does not answer: {reason}")
            time.sleep(POLL_S)
        self._launch_or_let_go(deadline)
        return self.dsn

    def stop(self) -> None:
        """
        Shut the server down if it is ours, and give up the home. A guest only lets go of it.
        """
        if self._cluster is not None:
            self._cluster.end()
            self._cluster = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart_if_dead(self) -> bool:
        """
        Start the server again if it has died, and return whether we did.

        A guest does so only when the owner is dead too; it is the owner then.

        Raises:
            PostgresFailed: As :meth:`start`; it may be tried again.
        """
        if self._cluster is not None and self._cluster.pid is not None:
            return False
        if not self.is_owner and not self._take_lock():
            return False
        self._launch_or_let_go(time.monotonic() + START_LIMIT_S)
        return True

    def _take_lock(self) -> bool:
        """Become the owner unless another process is; the kernel frees the lock of one that dies."""
        lock = open(os.open(self.home / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        lock.truncate()
        lock.write(f"{os.getpid()}\n")  # for people who look; nothing reads it
        lock.flush()
        self._lock = lock
        return True

    def _launch_or_let_go(self, deadline: float) -> None:
        """Launch the server; after a failure nothing of ours runs, and the home is free."""
        try:
            if self._cluster is None:
                self._cluster = self._make_cluster()
            self._cluster.launch(deadline)
        except BaseException:
            self.stop()
            raise

    def _make_cluster(self) -> Cluster:
        identity = postgres_home.choose_identity(self.home)
        postgres_home.give_new_home(self.home, identity)
        binaries = find_binaries(self.home, self.bin_dir, self._major_of_data())
        if identity.is_another_user:
            binaries = copy_privately(binaries, self.home, (identity.uid, identity.gid))
        postgres_home.make_private(self.run_dir, identity)
        return Cluster(self.home, self.run_dir, binaries, identity)

    def _major_of_data(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            if not self.data.exists():
                return None
            raise postgres_home.HomeUnusable(
                f"{self.data} is no PostgreSQL data: it has no PG_VERSION; move it away or name another home"
            ) from None

    def _why_silent(self) -> str | None:
        """Return why the owner's server does not take a connection yet; None when it does."""
        if not self.run_dir.exists():
            return "it is being made"
        postgres_home.require_private(self.run_dir, self.home.stat().st_uid)
        return why_silent(self.dsn)
