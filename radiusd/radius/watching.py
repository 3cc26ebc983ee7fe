"""Look on at what arrives from some clients and what becomes of it; while nobody does, it costs one check."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from twisted.internet.interfaces import IReactorTime

MOST_KEPT = 200
"""Packets that one process keeps until they are fetched; what comes beyond is counted only."""

PATIENCE_S = 10.0
"""A request that has no answer for so long is told of as it is."""

Key = tuple[str, int, int, bytes]  # host, port, identifier, authenticator


class Outcome(StrEnum):
    """What became of a packet."""

    ANSWERED = "answered"
    ANSWERED_AGAIN = "answered again"  # a copy: it gets the answer that the first one got
    COPY = "copy"  # of a request that is being worked on
    DROPPED = "dropped"
    WAITS = "not answered yet"


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A packet that was watched. *at_s* is when it came, in seconds since 1970."""

    client_id: int
    port_kind: str
    at_s: float
    host: str
    port: int
    request: bytes
    outcome: str = ""
    reason: str = ""
    reply: bytes = b""
    took_us: int | None = None


class Watched(msgspec.Struct, frozen=True, array_like=True):
    """Packets, and by client how many more came than are kept."""

    packets: list[Seen]
    left_out: dict[int, int]

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.packets or self.left_out)


class Watch:
    """
    What the ports of one process tell of their packets; they ask ``is_on`` before each call.

    A packet has *arrived*; then in the same turn it is dropped, a copy, answered aside, or handed on, and of
    those that are handed on one is *answered* or *failed* some time.
    """

    __slots__ = ("_clock", "_done", "_left_out", "_now", "_open", "_until", "is_on")

    def __init__(self, clock: IReactorTime | None) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        self._now: Seen | None = None
        self._open: dict[Key, Seen] = {}
        self._done: list[Seen] = []
        self._left_out: dict[int, int] = {}
        self.is_on = False

    def follow(self, until: Mapping[int, float]) -> None:
        """Watch just these clients, each until that many seconds since 1970."""
        self._until = dict(until)
        self.is_on = bool(until)
        if not until:
            self._now = None
            self._open.clear()

    def take(self) -> Watched:
        """Return what became of the packets since the last time, and forget it."""
        now_s = self._seconds()
        for key, seen in list(self._open.items()):
            if now_s - seen.at_s > PATIENCE_S:
                del self._open[key]
                self._done.append(msgspec.structs.replace(seen, outcome=Outcome.WAITS.value))
        found = Watched(self._done, self._left_out)
        self._done, self._left_out = [], {}
        return found

    def arrived(self, client_id: int, port_kind: str, host: str, port: int, octets: bytes) -> None:
        """Note a packet, if its client is watched."""
        self._now = None
        until_s = self._until.get(client_id)
        if until_s is None:
            return
        now_s = self._seconds()
        if now_s >= until_s:
            return
        if len(self._done) + len(self._open) >= MOST_KEPT:
            self._left_out[client_id] = self._left_out.get(client_id, 0) + 1
            return
        self._now = Seen(client_id, port_kind, now_s, host, port, octets)

    def dropped(self, reason: str) -> None:
        """Note why the packet that has just arrived gets no answer."""
        self._end(Outcome.DROPPED, reason=reason)

    def copied(self, reply: bytes) -> None:
        """Note that the packet that has just arrived is a copy, and what it was answered, if anything."""
        self._end(Outcome.ANSWERED_AGAIN if reply else Outcome.COPY, reply)

    def aside(self, reply: bytes) -> None:
        """Note what the packet that has just arrived was answered at once."""
        self._end(Outcome.ANSWERED, reply)

    def handed_on(self, key: Key) -> None:
        """Note that the packet that has just arrived is worked on."""
        if self._now is not None:
            self._open[key] = self._now
            self._now = None

    def answered(self, key: Key, reply: bytes) -> None:
        """Note what a packet was answered that had been handed on."""
        self._close(key, Outcome.ANSWERED, reply)

    def failed(self, key: Key, reason: str) -> None:
        """Note why a packet gets no answer that had been handed on."""
        self._close(key, Outcome.DROPPED, reason=reason)

    def _close(self, key: Key, outcome: Outcome, reply: bytes = b"", reason: str = "") -> None:
        seen = self._open.pop(key, None)
        if seen is not None:
            self._now = seen
            self._end(outcome, reply, reason)

    def _end(self, outcome: Outcome, reply: bytes = b"", reason: str = "") -> None:
        seen, self._now = self._now, None
        if seen is not None:
            took_us = max(0, int((self._seconds() - seen.at_s) * 1_000_000))
            ended = msgspec.structs.replace(
                seen, outcome=outcome.value, reason=reason, reply=reply, took_us=took_us
            )
            self._done.append(ended)

    def _seconds(self) -> float:
        assert self._clock is not None, "nobody watches at what has no clock"
        return self._clock.seconds()


NOBODY_WATCHES = Watch(None)
"""What ports have that nobody looks at."""
