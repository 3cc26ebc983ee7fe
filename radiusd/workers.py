"""The front workers of a ledger process: started with their own sockets, and anew when they die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall

from radiusd.channel import ClientsChanged, Given, LedgerEnd, WatchThem
from radiusd.handlers.answers import Door
from radiusd.metrics import Metrics, PacketCounts
from radiusd.radius.watching import Watched
from radiusd.settings import Settings
from radiusd.sockets import open_socket

LOOK_S = 0.2
"""How soon a worker that has died is noticed."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    end: LedgerEnd
    connection: Any


class Workers:
    """
    Keeps ``settings.workers`` front processes running.

    Each has sockets of its own (SO_REUSEPORT): the kernel sends all packets of one source port to one of
    them, so copies of a request meet the same memory of duplicates. The parent holds every socket open, so
    what arrives while a worker is started anew waits in the kernel.
    """

    def __init__(
        self, reactor: Any, settings: Settings, config: str, door: Door, metrics: Metrics, log: Any
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._config = config
        self._door = door
        self._metrics = metrics
        self._gone: PacketCounts = []
        self._log = log
        self._sockets: list[list[socket.socket]] = []
        self._running: list[_Running] = []
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Open all sockets, then start the workers."""
        for _ in range(self._settings.workers):
            self._sockets.append([open_socket(listener) for listener in self._settings.listeners])
        self._running = [self._launch(number) for number in range(self._settings.workers)]
        self._looking.start(LOOK_S, now=False)

    def clients_changed(self) -> None:
        """Tell every worker to load the clients anew."""
        for worker in self._running:
            worker.end.say(ClientsChanged())

    def follow(self, until: Mapping[int, float]) -> None:
        """Let every worker watch just these clients, and tell what it has seen since the last time."""
        for worker in self._running:
            worker.end.say(WatchThem(dict(until)))

    def take(self) -> Watched:
        """Return what the workers have told of watched packets since the last time."""
        packets, left_out = [], Counter[int]()
        for worker in self._running:
            told, worker.end.seen = worker.end.seen, []
            for each in told:
                packets += each.packets
                left_out.update(each.left_out)
        return Watched(packets, dict(left_out))

    def read_certificates(self) -> None:
        """Tell every worker to read the certificates again."""
        for worker in self._running:
            worker.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Let the workers answer what they have read, and end."""
        if self._looking.running:
            self._looking.stop()
        for worker in self._running:
            worker.process.send_signal(signal.SIGTERM)

    @property
    def packet_counts(self) -> PacketCounts:
        """Return what the ports of all workers have counted, those that have ended included."""
        return [*self._gone, *(count for worker in self._running for count in worker.end.counts)]

    @property
    def are_gone(self) -> bool:
        """Tell whether all workers have ended."""
        return all(worker.process.poll() is not None for worker in self._running)

    @property
    def pids(self) -> list[int]:
        """Return the process ids."""
        return [worker.process.pid for worker in self._running]

    def _launch(self, number: int) -> _Running:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptors = [theirs.fileno(), *(sock.fileno() for sock in self._sockets[number])]
        process = subprocess.Popen(
            [sys.executable, "-m", "radiusd", self._config, ",".join(map(str, descriptors))],
            pass_fds=descriptors,
            env=os.environ,
        )
        theirs.close()
        ours.setblocking(False)
        end = LedgerEnd(self._reactor, self._door, self._metrics, self._log)
        connection = self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Given(end))
        ours.close()
        self._log.info("worker started", worker=number, pid=process.pid)
        return _Running(process, end, connection)

    def _look(self) -> None:
        for number, worker in enumerate(self._running):
            worker.end.tell_health()
            status = worker.process.poll()
            if status is not None:
                self._log.error("worker died", worker=number, pid=worker.process.pid, status=status)
                self._replace(number, worker)

    def _replace(self, number: int, worker: _Running) -> None:
        try:
            self._running[number] = self._launch(number)
        except OSError as error:  # no memory, no processes left: the next look tries again
            self._log.error("worker cannot be started", worker=number, error=str(error))
        else:
            self._gone += worker.end.counts
