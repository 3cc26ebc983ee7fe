"""INVITE server transactions (RFC 3261, 17.2.1): one answer, given again until it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

T1_S = 0.5  # the round trip that everybody reckons with
T2_S = 4.0  # the longest wait between two copies of a response
T4_S = 5.0  # how long a message may be on its way
TRYING_S = 0.2  # after it the other side must hear that we are at work
ACK_S = 64 * T1_S

MOST_TRANSACTIONS = 50_000


class State(Enum):
    """
    How far a transaction has come.
    """

    PROCEEDING = "proceeding"  # no final answer yet
    COMPLETED = "completed"  # answered, not acknowledged
    CONFIRMED = "confirmed"  # acknowledged; copies of the ACK are absorbed
    TERMINATED = "terminated"


Key = tuple[object, ...]


class Transactions:
    """
    The INVITEs of the last seconds; when there are too many no new one is taken.
    """

    def __init__(self, clock: Any, most: int = MOST_TRANSACTIONS) -> None:
        self.clock = clock
        self._most = most
        self._open: dict[Key, Transaction] = {}

    def __len__(self) -> int:
        return len(self._open)

    def find(self, key: Key) -> Transaction | None:
        """Return the transaction *key*."""
        return self._open.get(key)

    def begin(
        self, key: Key, send: Callable[[bytes], None], trying: bytes, *, is_reliable: bool
    ) -> Transaction | None:
        """
        Begin the transaction *key*; None when there are too many.

        *trying* is sent when no final answer comes within 200 ms. *is_reliable*: the transport sees to it
        that what is sent arrives, so nothing is sent twice.
        """
        if len(self._open) >= self._most:
            return None
        transaction = self._open[key] = Transaction(self, key, send, trying, is_reliable)
        return transaction

    def ended(self, key: Key) -> None:
        """Forget a transaction."""
        self._open.pop(key, None)

    def close(self) -> None:
        """Forget all of them."""
        for transaction in list(self._open.values()):
            transaction.end()


class Transaction:
    """
    One INVITE and its answer. *unacknowledged* is called when no ACK came for 32 seconds.
    """

    __slots__ = (
        "_again_s",
        "_key",
        "_last",
        "_owner",
        "_resending",
        "_send",
        "_timer",
        "is_reliable",
        "state",
        "unacknowledged",
        "user",
    )

    def __init__(
        self, owner: Transactions, key: Key, send: Callable[[bytes], None], trying: bytes, is_reliable: bool
    ) -> None:
        self.state = State.PROCEEDING
        self.is_reliable = is_reliable
        self.unacknowledged: Callable[[], None] | None = None
        self.user: Any = None  # whoever answers it
        self._owner = owner
        self._key = key
        self._send = send
        self._last = b""
        self._again_s = T1_S
        self._resending: Any = None
        self._timer: Any = owner.clock.callLater(TRYING_S, self._try, trying)

    def received_again(self) -> None:
        """Answer a copy of the INVITE by what was sent last, if anything was."""
        if self._last and self.state in (State.PROCEEDING, State.COMPLETED):
            self._send(self._last)

    def respond(self, response: bytes) -> bool:
        """Send the final *response*; return False when there was one already."""
        if self.state is not State.PROCEEDING:
            return False
        self.state = State.COMPLETED
        self._cancel()
        self._last = response
        self._send(response)
        clock = self._owner.clock
        if not self.is_reliable:
            self._resending = clock.callLater(self._again_s, self._resend)
        self._timer = clock.callLater(ACK_S, self._give_up)
        return True

    def acknowledged(self) -> None:
        """Take the ACK."""
        if self.state is not State.COMPLETED:
            return
        self.state = State.CONFIRMED
        self._cancel()
        if self.is_reliable:
            self.end()
        else:
            self._timer = self._owner.clock.callLater(T4_S, self.end)

    def end(self) -> None:
        """Forget it."""
        self._cancel()
        self.state = State.TERMINATED
        self._owner.ended(self._key)

    def _try(self, trying: bytes) -> None:
        self._timer = None
        self._last = trying
        self._send(trying)

    def _resend(self) -> None:
        self._again_s = min(2 * self._again_s, T2_S)
        self._resending = self._owner.clock.callLater(self._again_s, self._resend)
        self._send(self._last)

    def _give_up(self) -> None:
        self._timer = None
        self.end()
        if self.unacknowledged is not None:
            self.unacknowledged()

    def _cancel(self) -> None:
        for timer in (self._timer, self._resending):
            if timer is not None and timer.active():
                timer.cancel()
        self._timer = self._resending = None
