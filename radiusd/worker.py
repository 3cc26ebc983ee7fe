"""A front worker: sockets, clients and dialects in a process of its own; the ledger is another process."""

from __future__ import annotations

import signal
import socket
from typing import Any

import psycopg2
from twisted.internet.task import LoopingCall

from radiusd.channel import Counted, Given, Saw, WorkerEnd
from radiusd.errors import TollwireError
from radiusd.front import Front
from radiusd.metrics import Metrics
from radiusd.radius.clients import ClientTable
from radiusd.radius.nonces import NonceMaker
from radiusd.settings import Settings
from radiusd.storage.catalogue import load_clients
from radiusd.storage.secrets import Sealer

LONGEST_DRAIN_S = 10.0

COUNT_S = 2.0
"""How often the ledger process, which Prometheus asks, is told what was counted here."""


class Worker:
    """One front process. *way* is its end of the socket pair that leads to the ledger."""

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        dsn: str,
        sealer: Sealer,
        nonce_key: bytes,
        way: socket.socket,
        sockets: list[socket.socket],
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._dsn = dsn
        self._sealer = sealer
        self._log = log
        self._sockets = sockets
        self._clients = self._load_clients()
        self._channel = WorkerEnd(reactor, self._stop, self._reload_clients, self._follow)
        way.setblocking(False)
        reactor.adoptStreamConnection(way.fileno(), socket.AF_UNIX, Given(self._channel))
        way.close()
        nonces = NonceMaker(nonce_key)
        self._front = Front(reactor, settings, lambda: self._clients, self._channel, nonces, Metrics(), log)

    def run(self) -> None:
        """Serve until the ledger process is gone or says so by SIGTERM."""
        self._front.listen(self._settings.listeners, self._sockets)
        self._reactor.callWhenRunning(self._take_signals)
        self._reactor.run(installSignalHandlers=False)

    def _count(self) -> None:
        self._channel.say(Counted(self._front.packet_counts()))

    def _follow(self, until: dict[int, float]) -> None:
        """Hand over what was seen of the watched clients, and watch from now on those that are named."""
        watch = self._front.watch
        seen = watch.take()
        if seen:
            self._channel.say(Saw(seen))
        watch.follow(until)

    def _take_signals(self) -> None:
        counting = LoopingCall(self._count)
        counting.clock = self._reactor
        counting.start(COUNT_S)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to handle
        signal.signal(
            signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._front.read_certificates)
        )
        signal.signal(signal.SIGTERM, lambda *_: self._reactor.callFromThread(self._drain))

    def _drain(self, waited_s: float = 0.0) -> None:
        """Read no more, answer what is under way, end."""
        if not waited_s:
            self._front.stop_listening()
        if self._channel.waiting and waited_s < LONGEST_DRAIN_S:
            self._reactor.callLater(0.05, self._drain, waited_s + 0.05)
        else:
            self._stop()

    def _stop(self) -> None:
        self._front.close()
        if self._reactor.running:
            self._reactor.stop()

    def _load_clients(self) -> ClientTable:
        connection = psycopg2.connect(self._dsn, connect_timeout=5)
        try:
            with connection, connection.cursor() as txn:
                return load_clients(txn, self._sealer)
        finally:
            connection.close()

    def _reload_clients(self) -> None:
        try:
            self._clients = self._load_clients()
        except (psycopg2.Error, TollwireError) as error:
            self._log.error("clients not loaded; the old ones stay", error=str(error).strip())
