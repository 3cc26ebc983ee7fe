"""Many pieces of work over several connections at once: what an import does to the books."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Self

import psycopg2

from radiusd.calls.rows import NOBODY
from radiusd.errors import NotDurable
from radiusd.storage.catalogue import Catalogue
from radiusd.storage.database import SESSION_OPTIONS
from radiusd.storage.journal import Journal, Outcome, Work
from radiusd.storage.ledger import STATEMENTS
from radiusd.storage.overlapped import OverlappedConnection
from radiusd.storage.single import settle_patiently

LANES = 2
NAME = "tollwire import"
Settled = Outcome | Exception | None


class _Lane:
    """A connection that carries one transaction at a time."""

    def __init__(self, dsn: str) -> None:
        self.connection = OverlappedConnection(dsn, NAME, SESSION_OPTIONS)
        self.turn = asyncio.Lock()


class LanedJournal:
    """
    The journals of an import: while the database writes for one of them, another one decides.

    As in the server, the accounts that a piece of work is about choose its lane, so lanes rarely meet.
    Several batches may be settled at once, by tasks of one loop of asyncio. It is open within ``async
    with``, which raises psycopg2.Error when the database cannot be reached. *notes* is a connection for
    what is written down beside the books.
    """

    notes: OverlappedConnection

    def __init__(self, dsn: str, catalogue: Catalogue, randomness: random.Random) -> None:
        self._dsn = dsn
        clients = {client.id: client for client in catalogue.clients.clients}
        self._journal = Journal(lambda: catalogue.directory, clients.get, randomness, remembers=0)
        self._lanes: list[_Lane] = []

    async def __aenter__(self) -> Self:
        self._lanes = [_Lane(self._dsn) for _ in range(LANES)]
        self.notes = OverlappedConnection(self._dsn, NAME)
        try:
            await self.notes.open()
            for lane in self._lanes:
                await lane.connection.open(STATEMENTS)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self.notes.close()
        for lane in self._lanes:
            lane.connection.close()

    async def settle(self, batch: Sequence[Work], now: datetime) -> list[Settled]:
        """
        Return what came of *batch*, committed.

        An exception stands for a piece that the books cannot bear; it costs no other.

        Raises:
            psycopg2.Error, NotDurable: The database is away, or servers kept rows locked; some lanes may
                have committed theirs. Try again, which books nothing twice.
        """
        places: list[list[int]] = [[] for _ in self._lanes]
        for place, work in enumerate(batch):
            places[self._home(work, now) % LANES].append(place)
        settled = await asyncio.gather(
            *(
                self._in_turn(lane, [batch[place] for place in of_lane], now)
                for lane, of_lane in zip(self._lanes, places, strict=True)
            ),
            return_exceptions=True,  # when one has failed the others are waited for: they are of this batch
        )
        outcomes: list[Settled] = [None] * len(batch)
        for found, of_lane in zip(settled, places, strict=True):
            if isinstance(found, BaseException):
                raise found
            for place, outcome in zip(of_lane, found, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _home(self, work: Work, now: datetime) -> int:
        try:
            return self._journal.home(work, now)
        except Exception:  # settling it tells
            return NOBODY

    async def _in_turn(self, lane: _Lane, works: Sequence[Work], now: datetime) -> list[Settled]:
        async with lane.turn:
            return await self._settle(lane, works, now)

    async def _settle(self, lane: _Lane, works: Sequence[Work], now: datetime) -> list[Settled]:
        """Settle *works* in one lane; those that break it are found by halves."""
        try:
            return list(await settle_patiently(self._journal, lane.connection, works, now, asyncio.sleep))
        except (psycopg2.OperationalError, psycopg2.InterfaceError, NotDurable):
            raise  # the database is away: nothing is wrong with the work
        except Exception as error:
            if len(works) == 1:
                return [error]
        half = len(works) // 2
        return await self._settle(lane, works[:half], now) + await self._settle(lane, works[half:], now)
