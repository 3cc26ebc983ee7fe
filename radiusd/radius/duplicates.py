"""Recognise a request that is sent again, so that it is done once and answered alike (RFC 5080, 2.2.2)."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Protocol

KEEP_S = 30.0  # RFC 5080, 2.2.2, asks for 5 to 30 s

# At 20,000 requests a second this is still 6 s, more than the RFC's least; about 60 MB when full.
MAX_ENTRIES = 131_072


class Clock(Protocol):
    """
    The reactor, or a test's clock.
    """

    def seconds(self) -> float:
        """Return the time in seconds, never going back."""


class Standing(Enum):
    """
    How far a request has come that was not answered yet.
    """

    NEW = "new"
    PENDING = "pending"


_NEW = Standing.NEW
_PENDING = Standing.PENDING


class _Entry:
    __slots__ = ("authenticator", "expires_at_s", "reply")

    def __init__(self, authenticator: bytes, expires_at_s: float) -> None:
        self.authenticator = authenticator
        self.expires_at_s = expires_at_s
        self.reply: bytes | None = None


class DuplicateCache:
    """
    The requests of the last seconds on one port, with their answers.

    A request is known by the source address, source port, Identifier and Request
    Authenticator. One source and Identifier has one entry: a new authenticator
    there means that the sender has given up the old request. Only packets whose
    signature was checked may come here, or a forger could empty it.

    When it is full the oldest entry goes.
    """

    def __init__(self, clock: Clock, keep_s: float = KEEP_S, max_entries: int = MAX_ENTRIES) -> None:
        self.clock = clock
        self._keep_s = keep_s
        self._max_entries = max_entries
        # In the order of expiry, which is that of the last change: all are kept for the same time.
        self._entries: OrderedDict[tuple[str, int, int], _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def admit(self, host: str, port: int, identifier: int, authenticator: bytes) -> Standing | bytes:
        """
        Return where a request that has just arrived stands.

        ``Standing.NEW`` makes it pending: do it, and call :meth:`settle` or
        :meth:`forget`. ``Standing.PENDING`` means do nothing. Octets are the
        answer that was given; send them again.
        """
        now_s = self.clock.seconds()
        entries = self._entries
        self._expire(now_s)
        key = (host, port, identifier)
        entry = entries.get(key)
        if entry is not None:
            if entry.authenticator == authenticator:
                return _PENDING if entry.reply is None else entry.reply
            del entries[key]
        elif len(entries) >= self._max_entries:
            entries.popitem(last=False)
        entries[key] = _Entry(authenticator, now_s + self._keep_s)
        return _NEW

    def age_s(self, host: str, port: int, identifier: int) -> float:
        """Return how long ago the request that holds an Identifier came, or was answered if it was."""
        entry = self._entries.get((host, port, identifier))
        return 0.0 if entry is None else self._keep_s - (entry.expires_at_s - self.clock.seconds())

    def settle(self, host: str, port: int, identifier: int, authenticator: bytes, reply: bytes) -> bool:
        """
        Keep *reply* for the copies of its request that may still come.

        Returns:
            Whether to send it: False when the request was answered before, or its
            sender has since used the Identifier for another one.
        """
        key = (host, port, identifier)
        entry = self._entries.get(key)
        if entry is None:
            return True  # pushed out of a full cache, or older than what is kept
        if entry.authenticator != authenticator or entry.reply is not None:
            return False
        entry.reply = reply
        entry.expires_at_s = self.clock.seconds() + self._keep_s
        self._entries.move_to_end(key)
        return True

    def forget(self, host: str, port: int, identifier: int, authenticator: bytes) -> None:
        """Let the next copy of a request that got no answer count as new."""
        key = (host, port, identifier)
        entry = self._entries.get(key)
        if entry is not None and entry.authenticator == authenticator and entry.reply is None:
            del self._entries[key]

    def _expire(self, now_s: float) -> None:
        entries = self._entries
        while entries:
            key = next(iter(entries))
            if entries[key].expires_at_s > now_s:
                return
            del entries[key]
