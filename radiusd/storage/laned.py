"""Many pieces of work over several connections that block: what an import does to the books."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

import psycopg2

from radiusd.errors import NotDurable
from radiusd.storage.catalogue import Catalogue
from radiusd.storage.journal import Outcome, Work
from radiusd.storage.single import SingleJournal

LANES = 2
Settled = Outcome | Exception | None


class LanedJournal:
    """
    The journals of an import: while the database writes for one of them, another one decides.

    As in the server, the accounts that a piece of work is about choose its lane, so lanes rarely meet.

    Raises:
        psycopg2.Error: The database cannot be reached.
    """

    def __init__(self, dsn: str, catalogue: Catalogue, randomness: random.Random) -> None:
        self._lanes = [SingleJournal(dsn, catalogue, randomness) for _ in range(LANES)]
        self._threads = ThreadPoolExecutor(LANES, "lane")

    def settle(self, batch: Sequence[Work], now: datetime) -> list[Settled]:
        """
        Return what came of *batch*, committed.

        An exception stands for a piece that the books cannot bear; it costs no other.

        Raises:
            psycopg2.Error, NotDurable: The database is away, or servers kept rows locked; some lanes may
                have committed theirs. Try again, which books nothing twice.
        """
        places: list[list[int]] = [[] for _ in self._lanes]
        for place, work in enumerate(batch):
            places[self._lanes[0].home(work, now) % LANES].append(place)
        under_way = [
            self._threads.submit(_settle, lane, [batch[place] for place in of_lane], now)
            for lane, of_lane in zip(self._lanes, places, strict=True)
        ]
        wait(under_way)  # also when one has failed: nobody else may use its connection before
        outcomes: list[Settled] = [None] * len(batch)
        for settled, of_lane in zip(under_way, places, strict=True):
            for place, outcome in zip(of_lane, settled.result(), strict=True):
                outcomes[place] = outcome
        return outcomes

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        for lane in self._lanes:
            lane.close()


def _settle(lane: SingleJournal, works: Sequence[Work], now: datetime) -> list[Settled]:
    """Settle *works* in one lane; those that break it are found by halves."""
    try:
        return list(lane.settle(works, now))
    except (psycopg2.OperationalError, psycopg2.InterfaceError, NotDurable):
        raise  # the database is away: nothing is wrong with the work
    except Exception as error:
        if len(works) == 1:
            return [error]
    half = len(works) // 2
    return _settle(lane, works[:half], now) + _settle(lane, works[half:], now)
