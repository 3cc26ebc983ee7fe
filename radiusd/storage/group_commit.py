"""
A lane: one connection, one batch under way, and a bounded queue behind it.

The batch is whatever has queued while the last commit was under way; no timer waits for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg2
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from radiusd.crash_points import crash_point
from radiusd.errors import NotDurable
from radiusd.storage.database import AGAIN, LOCK_TIMEOUT, PolledConnection, is_trouble
from radiusd.storage.journal import Journal, Outcome, Work
from radiusd.storage.ledger import STATEMENTS

MOST_AT_ONCE = 400
"""Pieces of work in one transaction: beyond a few hundred a larger one saves nothing and delays the first."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.2
"""Pauses before a failed batch or connection is tried again; each is twice the one before."""

ASIDE_S = 0.5
"""How long work whose rows others hold waits beside the queue, so that the rest gets past it."""

Done = Callable[[Outcome | None], None]
Entry = tuple[Work, Done, float]  # the last: since when it waits


class Log(Protocol):
    """What a lane says."""

    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


@dataclass(slots=True)
class Counts:
    """What a lane has done, as plain numbers for metrics."""

    settled: int = 0
    batches: int = 0
    tried_again: int = 0
    shed: int = 0
    stale: int = 0
    broken: int = 0
    set_aside: int = 0


class Lane:
    """
    Work goes in by :meth:`submit`, its outcome comes back once it is committed.

    None comes back when it was not taken: the queue is full, the work is too old to be of use
    (*patience_s*, None for work that never is), or it broke us. The sender is then not answered and
    sends again. While the database is away the lane keeps its queue and tries until it is back.
    """

    def __init__(
        self,
        name: str,
        reactor: Any,
        connect: Callable[[], PolledConnection],
        journal: Journal,
        log: Log,
        *,
        limit: int,
        patience_s: float | None = None,
    ) -> None:
        self.name = name
        self.counts = Counts()
        self.is_healthy = False
        self._reactor = reactor
        self._connect = connect
        self._journal = journal
        self._log = log
        self._limit = limit
        self._patience_s = patience_s
        self._queue: deque[Entry] = deque()
        self._connection: PolledConnection | None = None
        self._running: Deferred[None] | None = None
        self._stopping = False
        self._in_trouble = False
        self._aside = 0
        self._idle: list[Deferred[None]] = []

    @property
    def queued(self) -> int:
        """Return how much work waits."""
        return len(self._queue) + self._aside

    def start(self) -> None:
        """Connect, so that the first piece of work need not wait for it."""
        self._wake()

    def submit(self, work: Work, done: Done) -> None:
        """Queue *work*; *done* is called once, in the reactor, with its outcome or None."""
        if self.queued >= self._limit or self._stopping:
            self.counts.shed += 1
            done(None)
            return
        self._queue.append((work, done, self._reactor.seconds()))
        if self._running is None:
            self._wake()

    def drain(self) -> Deferred[None]:
        """Take no more work; return a Deferred that fires when the queue is empty and the lane is closed."""
        self._stopping = True
        finished: Deferred[None] = Deferred()
        self._idle.append(finished)
        if self._running is None and not self._aside:
            self._close()
        return finished

    def _wake(self) -> None:
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._broke)

    def _broke(self, failure: Any) -> None:
        self._log.error("lane stopped", lane=self.name, error=failure.getTraceback())
        self._running = None

    async def _run(self) -> None:
        await self._be_connected()
        while self._queue:
            batch = self._take()
            await self._settle(batch)
            # Let the reactor read what has arrived meanwhile: it is the next batch.
            await deferLater(self._reactor, 0)
        self._running = None
        if self._stopping and not self._aside:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        for finished in self._idle:
            finished.callback(None)
        self._idle.clear()

    def _take(self) -> list[Entry]:
        return self._fresh([self._queue.popleft() for _ in range(min(len(self._queue), MOST_AT_ONCE))])

    def _fresh(self, entries: list[Entry]) -> list[Entry]:
        """Return *entries* without those that are of no use any more."""
        if self._patience_s is None:
            return entries
        oldest_s = self._reactor.seconds() - self._patience_s
        for _, done, since_s in entries:
            if since_s < oldest_s:
                self.counts.stale += 1  # RFC 5080, 2.2.3: the switch has stopped waiting for it
                self._tell(done, None)
        return [entry for entry in entries if entry[2] >= oldest_s]

    async def _be_connected(self) -> PolledConnection:
        pause_s = FIRST_PAUSE_S
        while self._connection is None or not self._connection.is_open:
            connection = self._connect()
            try:
                await connection.open(STATEMENTS)
            except (psycopg2.Error, NotDurable) as error:
                connection.close()
                if self.is_healthy or pause_s == FIRST_PAUSE_S:
                    self._log.warning("database away", lane=self.name, error=str(error))
                self.is_healthy = False
                await deferLater(self._reactor, pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            self._connection = connection
        self.is_healthy = not self._in_trouble
        return self._connection

    async def _settle(self, batch: list[Entry]) -> None:
        """Settle *batch* however often the database makes us try; one piece that breaks us is put aside."""
        pause_s = FIRST_PAUSE_S
        while batch:
            connection = await self._be_connected()
            now = datetime.fromtimestamp(self._reactor.seconds(), UTC)
            try:
                outcomes = await self._journal.settle(connection, [entry[0] for entry in batch], now)
            except NotDurable as error:
                self._log.warning("batch tried again", lane=self.name, size=len(batch), error=str(error))
            except psycopg2.Error as error:
                if error.pgcode in AGAIN:
                    batch = await self._after_conflict(connection, batch, error.pgcode, now)
                elif is_trouble(error.pgcode):
                    self._suffer(connection, error)
                else:
                    await self._split(batch, error)
                    return
            except Exception as error:
                await self._split(batch, error)
                return
            else:
                self.is_healthy, self._in_trouble = True, False
                self.counts.batches += 1
                self.counts.settled += len(batch)
                crash_point("after-commit-before-send")
                for (_, done, _), outcome in zip(batch, outcomes, strict=True):
                    self._tell(done, outcome)
                crash_point("after-send")
                return
            self.counts.tried_again += 1
            await deferLater(self._reactor, pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            batch = self._fresh(batch)

    async def _after_conflict(
        self, connection: PolledConnection, batch: list[Entry], pgcode: str | None, now: datetime
    ) -> list[Entry]:
        """
        Roll back, and return what to try again at once.

        When a lock timed out, what needs the rows that others hold (a frozen node, an admin's open
        transaction) waits beside the queue, since everybody else's calls stand behind it.
        """
        await self._roll_back(connection)
        if pgcode != LOCK_TIMEOUT or not connection.is_open:
            return batch
        try:
            stuck = await self._journal.stuck(connection, [entry[0] for entry in batch], now)
        except (psycopg2.Error, NotDurable):
            await self._roll_back(connection)
            return batch
        aside = [entry for entry, is_stuck in zip(batch, stuck, strict=True) if is_stuck]
        if aside:
            self._aside += len(aside)
            self.counts.set_aside += len(aside)
            self._log.warning("rows are locked by others; their work waits", lane=self.name, size=len(aside))
            self._reactor.callLater(ASIDE_S, self._take_back, aside)
        return [entry for entry, is_stuck in zip(batch, stuck, strict=True) if not is_stuck]

    def _take_back(self, aside: list[Entry]) -> None:
        self._aside -= len(aside)
        self._queue.extendleft(reversed(aside))  # it has waited longest
        if self._running is None:
            self._wake()

    def _suffer(self, connection: PolledConnection, error: psycopg2.Error) -> None:
        """Give up a connection to a server that cannot write: full, shutting down, a standby."""
        if not self._in_trouble:
            self._log.error("database cannot write", lane=self.name, error=str(error).strip())
        self.is_healthy, self._in_trouble = False, True
        connection.close()

    async def _split(self, batch: list[Entry], error: Exception) -> None:
        """Find the piece that breaks us by settling each alone; log it whole and leave it unanswered."""
        if self._connection is not None and self._connection.is_open:
            await self._roll_back(self._connection)
        if len(batch) > 1:
            for entry in batch:
                await self._settle([entry])
            return
        work, done, _ = batch[0]
        self.counts.broken += 1
        self._log.error("work refused by the books", lane=self.name, work=repr(work), error=repr(error))
        self._tell(done, None)

    async def _roll_back(self, connection: PolledConnection) -> None:
        try:
            await connection.run("ROLLBACK")
        except (psycopg2.Error, NotDurable):
            connection.close()

    def _tell(self, done: Done, outcome: Outcome | None) -> None:
        try:
            done(outcome)
        except Exception as error:
            self._log.error("answer failed", lane=self.name, error=repr(error))


class Lanes:
    """
    Several lanes for one kind of work, so that one batch is decided while another is being committed.

    The accounts that a piece of work is about choose its lane: lanes rarely meet at a row, and where they
    do (a call between two accounts) the order of locks keeps them apart.
    """

    def __init__(self, reactor: Any, journal: Journal, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self._reactor = reactor
        self._journal = journal

    @property
    def is_healthy(self) -> bool:
        """Tell whether the database takes the work of every lane."""
        return all(lane.is_healthy for lane in self.lanes)

    @property
    def queued(self) -> int:
        """Return how much work waits."""
        return sum(lane.queued for lane in self.lanes)

    def start(self) -> None:
        """Connect."""
        for lane in self.lanes:
            lane.start()

    def submit(self, work: Work, done: Done) -> None:
        """Queue *work*; see :meth:`Lane.submit`."""
        now = datetime.fromtimestamp(self._reactor.seconds(), UTC)
        try:
            home = self._journal.home(work, now)
        except Exception:  # work that breaks us breaks the lane's batch, too: there it is found and told of
            home = 0
        self.lanes[home % len(self.lanes)].submit(work, done)

    def drain(self) -> Deferred[Any]:
        """Take no more work; return a Deferred that fires when all lanes are empty and closed."""
        return gatherResults([lane.drain() for lane in self.lanes])
