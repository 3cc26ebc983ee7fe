"""Join all the parts: database, catalogue, lanes, ledger, ports, workers, clock. Nobody imports it."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import signal
import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall

from radiusd import logs
from radiusd.dialects.registry import DIALECTS
from radiusd.errors import BadSettings
from radiusd.front import Front, read_tls_files
from radiusd.garbage import spare_what_stays
from radiusd.handlers.boots import Boots
from radiusd.handlers.clock import Clock
from radiusd.handlers.coa_paths import CoaPaths
from radiusd.handlers.collecting import CollectorProcess
from radiusd.handlers.disconnects import Disconnects
from radiusd.handlers.exporting import Exporting
from radiusd.handlers.habits import HabitWriter
from radiusd.handlers.ledger import Ledger
from radiusd.handlers.time_changes import TimeChanges
from radiusd.handlers.watching import Eyes, PacketWatching
from radiusd.http import site
from radiusd.metrics import Metrics, PacketCounts, lane_metrics, packet_metrics
from radiusd.radius.clients import Client
from radiusd.radius.nonces import NonceMaker
from radiusd.sd_notify import READY, STOPPING, WATCHDOG, notify, watchdog_interval_s
from radiusd.settings import Settings, read_settings
from radiusd.sockets import open_socket
from radiusd.storage import migrations
from radiusd.storage.catalogue import Catalogue
from radiusd.storage.catalogue_watch import CatalogueWatch
from radiusd.storage.control import ControlConnection
from radiusd.storage.database import PolledConnection
from radiusd.storage.duties import make_partitions_now
from radiusd.storage.group_commit import Lane, Lanes
from radiusd.storage.journal import Journal
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import KeyUnusable, Sealer, make_key
from radiusd.worker import Worker
from radiusd.workers import Workers

UNFIT = (migrations.SchemaBehind, migrations.SchemaRefused, migrations.ServerUnfit)
"""What is wrong with a database that must be mended by an admin."""

PATIENCE_S = 5.0
"""An attempt that has waited longer is not decided: its switch has stopped waiting."""

LANES = 2
"""Lanes of each kind: while the batch of one is being committed, the other's is decided."""

LONGEST_DRAIN_S = 10.0
DATABASE_LOOK_S = 0.5


def run_server(reactor: Any, settings: Settings, config: Path) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Raises:
        BadSettings: A port or the database cannot be had.
    """
    log = logs.configure(settings.log)
    with ExitStack() as stack:
        embedded = None
        if settings.database.directory:
            embedded = stack.enter_context(EmbeddedPostgres(Path(settings.database.directory)))
        dsn = embedded.dsn if embedded else settings.database.dsn
        try:
            if embedded:
                migrations.migrate(dsn)
                make_partitions_now(dsn, datetime.fromtimestamp(reactor.seconds(), UTC))
            migrations.check(dsn)
            key = make_key(settings.key_path)
        except (*UNFIT, KeyUnusable) as error:
            raise BadSettings(str(error)) from error  # to try again will not help: exit code 78
        Server(reactor, settings, config, dsn, key, embedded, log).run()


def run_worker(reactor: Any, settings: Settings, descriptors: list[int]) -> None:
    """Run one front worker on descriptors that the server has opened."""
    log = logs.configure(settings.log)
    way, *sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    # The server owns the embedded database; here it is only attached to.
    dsn = settings.database.dsn or EmbeddedPostgres(Path(settings.database.directory)).start()
    key = make_key(settings.key_path)
    Worker(reactor, settings, dsn, Sealer(key), _nonce_key(key), way, sockets, log).run()


def _nonce_key(key: bytes) -> bytes:
    """Return the key of digest nonces: the same in all workers and nodes, and after a restart."""
    return hashlib.blake2b(key, person=b"tollwire nonces").digest()


class Server:
    """The ledger process, with a front in it or with front workers beside it."""

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        config: Path,
        dsn: str,
        key: bytes,
        embedded: EmbeddedPostgres | None,
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._config = config
        self._embedded = embedded
        self._log = log
        self._metrics = Metrics()
        self._clients: dict[int, Client] = {}
        sealer = Sealer(key)
        self._dsn = dsn
        self._control = ControlConnection(self._connect)
        self._watch = CatalogueWatch(reactor, dsn, sealer, self._control, log, self._catalogue_changed)
        journal = Journal(
            lambda: self._watch.current.directory,
            lambda number: self._clients.get(number),
            # Ids need to be different, not secret; the system's own generator costs a call each.
            random.Random(secrets.token_bytes(32)),
        )
        self._acct = self._lanes("acct", journal, patience_s=None)
        self._auth = self._lanes("auth", journal, patience_s=PATIENCE_S)
        boots = Boots(self._control, self._acct, log)
        self._ledger = Ledger(
            reactor,
            self._acct,
            self._auth,
            boots,
            lambda: self._watch.current.directory,
            sealer.open,
            lambda: self._watch.is_reachable,
        )
        self._paths = CoaPaths(reactor, settings.tls)
        asking = (
            reactor,
            self._control,
            self._acct,
            DIALECTS,
            lambda: self._clients,
            self._paths.path,
            self._metrics,
            log,
        )
        node = f"{socket.gethostname()}:{os.getpid()}"
        habits = HabitWriter(self._control, f"{node}:{int(reactor.seconds())}", self._packet_counts)
        self._collector = CollectorProcess(reactor, bool(settings.collectors), str(config), log)
        self._watching = PacketWatching(reactor, self._control, sealer, self._eyes, log)
        self._exporting = Exporting(reactor, settings.exports, str(config), log)
        self._clock = Clock(
            reactor,
            node,
            self._control,
            self._acct,
            Disconnects(*asking),
            TimeChanges(*asking, directory=lambda: self._watch.current.directory),
            habits,
            log,
        )
        self._nonces = NonceMaker(_nonce_key(key))
        self._front: Front | None = None
        self._workers: Workers | None = None
        self._looking = LoopingCall(self._look_at_database)
        self._looking.clock = reactor
        self._ending = False

    def run(self) -> None:
        """Open everything, serve, end."""
        settings = self._settings
        if settings.workers == 1:
            sockets = [open_socket(listener) for listener in settings.listeners]
            self._front = Front(
                self._reactor,
                settings,
                lambda: self._watch.current.clients,
                self._ledger,
                self._nonces,
                self._metrics,
                self._log,
            )
            self._front.listen(settings.listeners, sockets)
        else:
            read_tls_files(settings)  # each worker reads its own; what is wrong with them is told here
            self._workers = Workers(
                self._reactor, settings, str(self._config), self._ledger, self._metrics, self._log
            )
            self._workers.start()
        self._acct.start()
        self._auth.start()
        self._watch.start()
        self._clock.start()
        self._watching.start()
        self._exporting.start()
        self._collector.start()
        self._looking.start(DATABASE_LOOK_S, now=False)
        self._open_metrics()
        self._reactor.callWhenRunning(self._started)
        self._reactor.run(installSignalHandlers=False)

    def _started(self) -> None:
        for number, act in (
            (signal.SIGTERM, self._end),
            (signal.SIGINT, self._end),
            (signal.SIGHUP, self._read_again),
        ):
            signal.signal(number, lambda *_, act=act: self._reactor.callFromThread(act))
        spare_what_stays()
        self._log.info(
            "serving",
            listeners=[one.label for one in self._settings.listeners],
            workers=self._settings.workers,
            clients=len(self._clients),
        )
        notify(READY)
        interval_s = watchdog_interval_s()
        if interval_s is not None:
            self._alive = LoopingCall(notify, WATCHDOG)
            self._alive.clock = self._reactor
            self._alive.start(interval_s)

    def _lanes(self, kind: str, journal: Journal, patience_s: float | None) -> Lanes:
        limit = max(1, self._settings.queue_limit // LANES)
        lanes = [
            Lane(
                f"{kind}{number}",
                self._reactor,
                self._connect,
                journal,
                self._log,
                limit=limit,
                patience_s=patience_s,
            )
            for number in range(LANES)
        ]
        return Lanes(self._reactor, journal, lanes)

    def _connect(self) -> PolledConnection:
        return PolledConnection(self._reactor, self._dsn, self._settings.database.deadline_s)

    def _catalogue_changed(self, catalogue: Catalogue) -> None:
        self._clients = {client.id: client for client in catalogue.clients.clients}
        if self._workers is not None:
            self._workers.clients_changed()

    def _open_metrics(self) -> None:
        self._metrics.watch(lambda: lane_metrics((*self._acct.lanes, *self._auth.lanes)))
        self._metrics.watch(lambda: packet_metrics(self._client_name, self._packet_counts()))
        if not self._settings.metrics_address:
            return
        host, _, port = self._settings.metrics_address.rpartition(":")
        if not port.isdecimal():
            raise BadSettings(f"metrics_address: {self._settings.metrics_address!r} is not host:port")
        ready = site(self._metrics.registry, lambda: self._ledger.is_healthy)
        try:
            self._reactor.listenTCP(int(port), ready, interface=host.strip("[]"))
        except CannotListenError as error:
            raise BadSettings(f"metrics_address: {error}; is another server on it?") from error

    def _packet_counts(self) -> PacketCounts:
        if self._workers is not None:
            return self._workers.packet_counts
        return self._front.packet_counts() if self._front else []

    def _eyes(self) -> Eyes | None:
        """Return what watches packets: our own front, or the workers."""
        return self._workers or (self._front.watch if self._front else None)

    def _client_name(self, client_id: int) -> str:
        client = self._clients.get(client_id)
        return client.name if client else f"client {client_id}"

    def _look_at_database(self) -> None:
        """Start the embedded database anew when it has died; a server of the admin's own is not ours."""
        try:
            if self._embedded is not None and self._embedded.restart_if_dead():
                self._log.error("embedded database had died; it runs again")
        except Exception as error:
            self._log.error("embedded database cannot be started", error=str(error))

    def _read_again(self) -> None:
        """SIGHUP: check the configuration, and load the catalogue whatever its version."""
        try:
            fresh = read_settings(self._config)
        except BadSettings as error:
            self._log.error("configuration is wrong; the old one stays", error=str(error))
        else:
            if fresh != self._settings:
                logs.set_level(fresh.log)
                self._log.warning("configuration read; what is not the log level takes a restart")
        self._watch.reload()
        self._paths.read_certificates()
        if self._front is not None:
            self._front.read_certificates()
        if self._workers is not None:
            self._workers.read_certificates()

    def _end(self) -> None:
        """SIGTERM: read no more requests, answer those that are under way, close."""
        if self._ending:
            return
        self._ending = True
        notify(STOPPING)
        self._log.info("ending", queued=self._acct.queued + self._auth.queued)
        self._clock.stop()
        self._watching.stop()
        self._exporting.stop()
        self._collector.stop()
        self._watch.stop()
        if self._front is not None:
            self._front.stop_listening()
        if self._workers is not None:
            self._workers.stop()
        self._reactor.callLater(LONGEST_DRAIN_S, self._stop)
        self._wait_for_workers()

    def _wait_for_workers(self) -> None:
        if self._workers is not None and not self._workers.are_gone:
            self._reactor.callLater(0.05, self._wait_for_workers)
            return
        drained: Deferred[Any] = gatherResults([self._acct.drain(), self._auth.drain()])
        drained.addBoth(lambda _: self._stop())

    def _stop(self) -> None:
        try:
            if self._looking.running:
                self._looking.stop()
            self._paths.close()
            if self._front is not None:
                self._front.close()
            self._control.close()
        finally:  # whatever cannot be closed: a server that was told to end ends
            if self._reactor.running:
                self._reactor.stop()
