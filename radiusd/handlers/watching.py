"""Let admins look on at a client's packets: the database tells whom to watch, and is told what was seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg2
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from radiusd.errors import NotDurable
from radiusd.radius.watching import Seen, Watched
from radiusd.storage.control import ControlConnection
from radiusd.storage.ids import RANDOM_BYTES, uuid7
from radiusd.storage.secrets import Sealer
from radiusd.storage.watches import PacketRow, forget_packets, watched_clients, write_packets

LAST_LOOKS = 3
"""What workers have seen by the end of a watch is told by the look after the next."""

LOOK_S = 1.0
"""How soon a watch begins, and how often what was seen is written."""

FORGET_S = 60.0
"""How often old packets are removed while nobody watches: passwords may be in them."""


class Eyes(Protocol):
    """What watches packets, in this process or in workers."""

    def follow(self, until: Mapping[int, float]) -> None:
        """Watch just these clients, each until so many seconds since 1970."""

    def take(self) -> Watched:
        """Return what was seen since the last time."""


class PacketWatching:
    """
    Asks the database every second whom to watch.

    While somebody is watched, what was seen is written each time: bounded by what processes keep, and by
    what the table keeps of each client. Packets are sealed: a password may be in them.
    """

    def __init__(
        self,
        reactor: Any,
        control: ControlConnection,
        sealer: Sealer,
        eyes: Callable[[], Eyes | None],
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._control = control
        self._sealer = sealer
        self._eyes = eyes
        self._log = log
        self._is_on = False
        self._looks_left = 0
        self._forget_due_s = 0.0
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Begin to ask."""
        self._looking.start(LOOK_S, now=False)

    def stop(self) -> None:
        """Ask no more."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._step())

    async def _step(self) -> None:
        # It runs for ever: whatever goes wrong is said here, so that the next look happens.
        try:
            await self._tend()
        except (psycopg2.Error, NotDurable):
            pass  # the lanes say so in the log; who watches sees nothing new meanwhile
        except Exception as error:
            self._log.error("packets cannot be watched", error=repr(error))

    async def _tend(self) -> None:
        eyes = self._eyes()
        if eyes is None:
            return
        now = datetime.fromtimestamp(self._reactor.seconds(), UTC)
        until = await watched_clients(self._control, now)
        self._looks_left = LAST_LOOKS if until else max(0, self._looks_left - 1)
        if self._looks_left:
            eyes.follow(until)  # said each time: a worker may be new
            seen = eyes.take()
            if seen:
                await write_packets(
                    self._control, [self._row(each) for each in seen.packets], dict(seen.left_out)
                )
        if self._looks_left or self._reactor.seconds() >= self._forget_due_s:
            self._forget_due_s = self._reactor.seconds() + FORGET_S
            await forget_packets(self._control, now)
        if bool(until) is not self._is_on:
            self._is_on = bool(until)
            self._log.info("packets are watched", clients=sorted(until))

    def _row(self, seen: Seen) -> PacketRow:
        at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seen.at_s)
        return PacketRow(
            client_id=seen.client_id,
            id=str(uuid7(at, os.urandom(RANDOM_BYTES))),
            at=at,
            port_kind=seen.port_kind,
            host=seen.host,
            port=seen.port,
            outcome=seen.outcome,
            reason=seen.reason,
            took_us=seen.took_us,
            request=self._sealer.seal(seen.request),
            reply=self._sealer.seal(seen.reply) if seen.reply else b"",
        )
